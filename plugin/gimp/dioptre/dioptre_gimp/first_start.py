"""The dialog that installs the compute core: an explanation, a button and a progress bar."""

from __future__ import annotations

from dioptre_link.editing import first_start
from dioptre_link.editing.events import Step
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.language import translated

from .document import LOG
from .toolkit import Driver, GimpUi, Gtk, add_contents, chosen_in, progress_bar, use_colours

BINARY = "dioptre"
WORDS_CHARS = 60
INSTALL, FIND = 1, 2  # Dialog responses.


def set_up() -> None:
    """Show the dialog until the compute core is installed.

    Raises:
        Cancelled: The user closed the dialog.
    """
    GimpUi.init(BINARY)
    use_colours()
    FirstStartDialog().run()


class FirstStartDialog:
    """The installation window; it never blocks, so Cancel works while packages download."""

    def __init__(self) -> None:
        self._driver: Driver | None = None
        self._is_done = False
        self._dialog = Gtk.Dialog(title="Dioptre")
        self._dialog.set_default_size(460, -1)
        self._dialog.add_button(translated(first_start.FIND), FIND).set_tooltip_text(
            translated(first_start.FIND_TIP)
        )
        self._dialog.add_button(translated("Cancel"), Gtk.ResponseType.CANCEL)
        self._dialog.add_button(translated(first_start.INSTALL), INSTALL)
        self._dialog.set_default_response(INSTALL)
        self._title = Gtk.Label(xalign=0.0)
        self._title.set_markup(f"<b>{translated(first_start.TITLE)}</b>")
        self._words = Gtk.Label(
            label=translated(first_start.TEXT), xalign=0.0, wrap=True, max_width_chars=WORDS_CHARS, selectable=True
        )
        self._words.set_can_focus(False)
        self._bar = progress_bar(no_show_all=True)
        add_contents(self._dialog, self._title, self._words, self._bar, spacing=12)
        self._dialog.show_all()

    def run(self) -> None:
        """Run until the compute core is installed, then close the window.

        Raises:
            Cancelled: The user closed the window.
        """
        try:
            while not self._is_done:
                response = self._dialog.run()
                if response == INSTALL:
                    self._begin()
                elif response == FIND:
                    self._choose()
                elif not self._is_done:
                    raise Cancelled
        finally:
            if self._driver is not None:
                self._driver.stop()
            self._dialog.destroy()

    def _begin(self) -> None:
        self._show_running(True)
        self._driver = Driver(
            first_start.install(), on_done=self._installed, on_error=self._failed, on_step=self._progress
        )

    def _show_running(self, running: bool) -> None:
        self._bar.set_visible(running)
        for response in (INSTALL, FIND):
            self._dialog.set_response_sensitive(response, not running)

    def _progress(self, step: Step) -> None:
        self._bar.set_fraction(step.fraction)
        self._words.set_text(f"{translated(step.phase)}…")

    def _installed(self, _nothing: object) -> None:
        self._is_done = True
        self._dialog.response(Gtk.ResponseType.OK)

    def _failed(self, error: Exception) -> None:
        self._driver = None
        self._show_running(False)
        self._say(error)

    def _choose(self) -> None:
        chooser = Gtk.FileChooserDialog(
            title=translated(first_start.FIND), parent=self._dialog, action=Gtk.FileChooserAction.SELECT_FOLDER
        )
        if (folder := chosen_in(chooser, translated("Choose"))) is None:
            return
        try:
            first_start.adopt(folder)
        except (DioptreError, OSError) as error:
            self._say(error)
        else:
            self._is_done = True

    def _say(self, error: Exception) -> None:
        self._words.set_text(LOG.told(error).shown)
