"""GTK, the few colours that GIMP's themes lack, sizes that fit the screen, and jobs driven by the main loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gdk as Gdk  # noqa: E402  (the versions must be named first)
from gi.repository import GdkPixbuf as GdkPixbuf  # noqa: E402
from gi.repository import GimpUi as GimpUi  # noqa: E402
from gi.repository import GLib  # noqa: E402
from gi.repository import Gtk as Gtk  # noqa: E402
from gi.repository import Pango as Pango  # noqa: E402

from dioptre_link.editing.events import Step  # noqa: E402
from dioptre_link.errors import RefusedError  # noqa: E402
from dioptre_link.language import translated  # noqa: E402

from .document import Gimp  # noqa: E402

try:
    gi.require_foreign("cairo")
    HAS_CAIRO = True
except ImportError:  # Without Cairo, pictures look coarser on high-resolution screens.
    HAS_CAIRO = False

_CSS = b"""
.dioptre-view:checked, .dioptre-shape:checked {
    background-image: none; background-color: #2f6fbd; color: #ffffff; font-weight: bold;
}
.dioptre-view:checked label { color: #ffffff; }
.dioptre-view { padding: 3px 9px; min-height: 0; }
.dioptre-shape { padding: 2px; min-width: 0; min-height: 0; }
.dioptre-waiting { background-color: rgba(20, 20, 20, 0.8); color: #ffffff;
    padding: 10px 16px; border-radius: 6px; }
.dioptre-tag { background-color: rgba(0, 0, 0, 0.67); color: #6ec8ff; padding: 0 3px; }
frame.dioptre-frame > border { border: 2px solid transparent; border-radius: 0; }
frame.dioptre-focused > border { border-color: #2f6fbd; }
progressbar.dioptre-bar trough, progressbar.dioptre-bar progress { min-height: 8px; border-radius: 4px; }
progressbar.dioptre-bar progress { background-image: none; background-color: #2f6fbd; border: none; }
.dioptre-recipes flowboxchild { padding: 0; }
.dioptre-recipes flowboxchild * { background-color: transparent; background-image: none; }
.dioptre-recipes flowboxchild:selected { background-image: none; background-color: #2f6fbd; }
.dioptre-recipes flowboxchild:selected label { color: #ffffff; }
.dioptre-small { padding: 1px 6px; min-height: 0; }
scale.dioptre-blue-amber trough, scale.dioptre-green-magenta trough { min-height: 8px; border: none; }
scale.dioptre-blue-amber trough { background-image: linear-gradient(to right, #3a7bd5, #d8d8d8, #f0a030); }
scale.dioptre-green-magenta trough { background-image: linear-gradient(to right, #3aa655, #d8d8d8, #c83aa6); }
scale.dioptre-blue-amber highlight, scale.dioptre-green-magenta highlight { background: none; border: none; }
"""


def add_class(widget: Gtk.Widget, name: str) -> None:
    widget.get_style_context().add_class(name)


def pack(box: Gtk.Box, *widgets: Gtk.Widget, fills: Gtk.Widget | None = None) -> Gtk.Box:
    """Add widgets to a box in this order, of which one may take the room that is left; return the box."""
    for widget in widgets:
        box.pack_start(widget, widget is fills, True, 0)
    return box


def add_columns(dialog: Gtk.Dialog, preview: Gtk.Widget, side: Gtk.Widget) -> Gtk.Box:
    """Fill a dialog with the preview and the options beside it; return the box that holds both."""
    columns = pack(Gtk.Box(spacing=12, border_width=12), preview, side, fills=preview)
    dialog.get_content_area().pack_start(columns, True, True, 0)
    columns.show_all()
    return columns


def add_contents(dialog: Gtk.Dialog, *widgets: Gtk.Widget, spacing: int = 8) -> None:
    """Fill a dialog with widgets below each other."""
    rows = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=spacing, border_width=12)
    dialog.get_content_area().pack_start(pack(rows, *widgets), True, True, 0)


def progress_bar(**properties: Any) -> Gtk.ProgressBar:
    """Return a thin progress bar with these properties."""
    bar = Gtk.ProgressBar(**properties)
    add_class(bar, "dioptre-bar")
    bar.get_accessible().set_name(translated("Progress"))
    return bar


def small_button(text: str, tip: str, on_click: Callable[..., object]) -> Gtk.Button:
    """Return a narrow button, whose tooltip screen readers announce."""
    button = Gtk.Button(label=text)
    add_class(button, "dioptre-small")
    button.set_tooltip_text(tip)
    button.get_accessible().set_name(tip)
    button.connect("clicked", lambda _: on_click())
    return button


def choice_button(first: Gtk.RadioButton | None, label: str, tip: str) -> Gtk.RadioButton:
    """Return one of several buttons of which one is pressed; `first` is the first of them."""
    button = Gtk.RadioButton.new_with_mnemonic_from_widget(first, label)
    button.set_mode(False)
    add_class(button, "dioptre-view")
    button.set_tooltip_text(tip)
    button.get_accessible().set_description(tip)
    return button


def use_colours() -> None:
    """Use these colours in all dialogs of this process."""
    provider = Gtk.CssProvider()
    provider.load_from_data(_CSS)
    Gtk.StyleContext.add_provider_for_screen(
        Gdk.Screen.get_default(), provider, Gtk.STYLE_PROVIDER_PRIORITY_USER + 1
    )


def procedure_dialog(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, words: str, layer: Gimp.Layer
) -> GimpUi.ProcedureDialog:
    """Return the dialog of a procedure, which names the layer that it works on."""
    dialog = GimpUi.ProcedureDialog.new(procedure, config, f"{translated(words)}: {layer.get_name()}")
    if (button := dialog.get_widget_for_response(Gtk.ResponseType.HELP)) is not None:
        button.hide()  # GIMP's help has no page for it.
    return dialog


def adds_tick(*, active: bool) -> Gtk.CheckButton:
    """Return the box to tick for a new result instead of one in the place of the earlier one."""
    tick = Gtk.CheckButton(label=translated("Add as a _new group"), use_underline=True, active=active)
    tick.set_tooltip_text(translated("Keep the earlier result and add the new one above it"))
    return tick


def ask_for_file(title: str, suggested: Path) -> Path | None:
    """Let the user choose a file to write, which may replace another; return None if the user declined."""
    GimpUi.init("dioptre")
    chooser = Gtk.FileChooserDialog(title=title, action=Gtk.FileChooserAction.SAVE)
    chooser.set_do_overwrite_confirmation(True)
    chooser.set_current_folder(str(suggested.parent))
    chooser.set_current_name(suggested.name)
    return chosen_in(chooser, translated("Export"))


def chosen_in(chooser: Gtk.FileChooserDialog, label: str) -> Path | None:
    """Let the user choose, with a button of this label; return None if the user declined."""
    chooser.add_buttons(translated("Cancel"), Gtk.ResponseType.CANCEL, label, Gtk.ResponseType.OK)
    chooser.set_default_response(Gtk.ResponseType.OK)
    chosen = chooser.get_filename() if chooser.run() == Gtk.ResponseType.OK else None
    chooser.destroy()
    return None if chosen is None else Path(chosen)


def inform(words: str, hint: str, offer: str = "") -> bool:
    """Show why an operation cannot start, which GIMP's own message would call an error.

    Args:
        words: The reason.
        hint: What to do about it.
        offer: Label of a button that does it; "" for no such button.

    Returns:
        Whether the user chose the offer.
    """
    GimpUi.init("dioptre")
    dialog = Gtk.MessageDialog(
        title="Dioptre",
        message_type=Gtk.MessageType.INFO,
        buttons=Gtk.ButtonsType.CANCEL if offer else Gtk.ButtonsType.OK,
        text=words,
        secondary_text=hint,
    )
    if offer:
        dialog.add_button(offer, Gtk.ResponseType.ACCEPT)
        dialog.set_default_response(Gtk.ResponseType.ACCEPT)
    GimpUi.window_set_transient(dialog)
    accepted = dialog.run() == Gtk.ResponseType.ACCEPT
    dialog.destroy()
    return accepted


AROUND_PX = 278  # Height in pixels of the dialog's title, settings, buttons and progress bar.
BESIDE_PX = 726  # Width in pixels of the options, plus a strip of canvas that stays visible next to the dialog.
LEAST_HIGH_PX = 240
SIDE_PX = 560  # Height in pixels of the options, where the screen has room.
TITLE_PX = 40  # Height in pixels of a window's title and frame.
SMALL_PX = 640  # Longest side, in pixels, of a preview that fits a laptop screen next to the options.
MOST_PX = 1200  # Longest side, in pixels, of a preview that can still be blurred quickly.


def fitted(width: int, height: int, *, most_px: int = MOST_PX, above_px: int = 0) -> tuple[int, int]:
    """Return the size of a picture's preview on this screen.

    Args:
        width: Width of the picture, in pixels.
        height: Height of the picture, in pixels.
        most_px: Limit for the longest side.
        above_px: Height of additional rows above the preview.

    Returns:
        Width and height of the preview, in pixels.
    """
    longest = min(max(int(_workarea().width) - BESIDE_PX, SMALL_PX), most_px)
    room_px = max(int(_workarea().height) - AROUND_PX, LEAST_HIGH_PX)
    scale = min(1.0, longest / max(width, height), (room_px - above_px) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def make_high(side: Gtk.Widget) -> None:
    """Let the options be seen beside a picture of any shape."""
    side.set_size_request(-1, min(SIDE_PX, max(int(_workarea().height) - AROUND_PX, LEAST_HIGH_PX)))


def place_beside(window: Gtk.Window, width: int = 0) -> None:
    """Move the window, which has a width or else its natural one, to the screen's right edge, off the canvas."""
    area = _workarea()
    window.move(area.x + area.width - (width or window.get_preferred_width().natural_width), area.y)


def make_tall(window: Gtk.Window) -> None:
    """Make the window as narrow as it can be and as tall as the screen, beside the canvas."""
    width = window.get_preferred_width().minimum_width
    window.resize(width, _workarea().height - TITLE_PX)
    place_beside(window, width)


def _workarea() -> Gdk.Rectangle:
    display = Gdk.Display.get_default()
    monitor = display.get_primary_monitor() or display.get_monitor(0)
    return monitor.get_workarea()


SLICE_S = 0.02  # Longest time before control returns to the main loop, which keeps the interface responsive.
WATCH_MS = 300  # Interval for checking that the document is still open; each check is one call of GIMP.
WAIT_MS = 15  # Interval for polling the worker: an imperceptible delay, and only 66 system calls a second.


class Driver:
    """One running job. Unless stopped, it ends with exactly one call of `on_done(outcome)` or `on_error(error)`."""

    def __init__(
        self,
        steps: Generator[Any, None, Any],
        *,
        on_done: Callable[[Any], None],
        on_error: Callable[[Exception], None],
        on_step: Callable[[Any], None] | None = None,
    ) -> None:
        self._steps = steps
        self._on_done = on_done
        self._on_error = on_error
        self._on_step = on_step
        self._source: int | None = GLib.idle_add(self._go)

    @property
    def running(self) -> bool:
        return self._source is not None

    def stop(self) -> None:
        """Stop and cancel the worker's job; no callback runs after this."""
        if self._source is not None:
            GLib.source_remove(self._source)
            self._source = None
            self._steps.close()

    def _go(self) -> bool:
        """Run for one time slice and schedule the next."""
        self._source = None
        until = time.monotonic() + SLICE_S
        step: Any = None
        try:
            while time.monotonic() < until:
                step = next(self._steps)
                if not isinstance(step, Step):
                    break  # The step is an event to display.
                if step.waiting:
                    break
        except StopIteration as end:
            self._on_done(end.value)
            return False
        except Exception as error:  # noqa: BLE001  (whatever ends the job is reported to the caller)
            self._on_error(error)
            return False
        if isinstance(step, Step) and step.waiting:
            self._source = GLib.timeout_add(WAIT_MS, self._go)
        else:
            self._source = GLib.idle_add(self._go)
        if step is not None and self._on_step is not None:
            self._on_step(step)
        return False


class Watch:
    """Calls `check` regularly until it raises a RefusedError, which goes to `on_lost` once."""

    def __init__(self, check: Callable[[], None], on_lost: Callable[[RefusedError], None]) -> None:
        self._check, self._on_lost = check, on_lost
        self._source: int | None = GLib.timeout_add(WATCH_MS, self._look)

    def end(self) -> None:
        if self._source is not None:
            GLib.source_remove(self._source)
            self._source = None

    def _look(self) -> bool:
        try:
            self._check()
        except RefusedError as error:
            self._source = None
            self._on_lost(error)
            return False
        return True
