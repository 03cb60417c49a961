"""The small window beside GIMP's canvas while the user paints on a depth layer there: how it follows the strokes.

It never blocks GIMP, and closes when Update or an undo ends Edit depth. Closing it is Update, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from dioptre_link.client import Worker
from dioptre_link.editing.events import Step, Steps
from dioptre_link.editing.strokes import LOOK_MS, SEEN_PX, Strokes
from dioptre_link.language import translated
from dioptre_link.operation import Role
from dioptre_link.records import Entry

from . import arguments, depth_editing, updating
from .document import LOG, Gimp, GLib, logger, record_of, size_of, undo_step
from .jobs import snap_strokes
from .sources import Source
from .toolkit import Driver, Gdk, GimpUi, Gtk, add_contents, place_beside, progress_bar, use_colours

UPDATE = 1  # Response of the button.
WORDS_CHARS = 40


class PaintingWindow:
    """One window, from Edit depth to its end."""

    def __init__(self, config: Gimp.ProcedureConfig, image: Gimp.Image, depth: Gimp.Layer, worker: Worker) -> None:
        """Build the window.

        Args:
            config: The settings of the procedure, which keep the switches.
            image: The image.
            depth: The depth layer that the user paints on.
            worker: The worker.
        """
        GimpUi.init("dioptre")
        use_colours()
        self._image, self._depth, self._worker = image, depth, worker
        self._before: Gimp.Layer | None = None  # The layer without its latest strokes, and what identifies it.
        self._before_is = b""
        self._used = self._pixels()  # What identifies the pixels that the results were made with.
        self._strokes = Strokes(self._used)
        self._made = ""  # When the newest result was updated here.
        self._undone = False
        self._began = b""  # What identifies the pixels that the running update began with.
        self._driver: Driver | None = None
        self._loop = GLib.MainLoop()
        self._window = Gtk.Dialog(title=translated("Edit depth"))
        self._window.add_button(translated("_Update"), UPDATE)
        self._words = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=WORDS_CHARS)
        self._bar = progress_bar()
        self._say(translated("Paint, then choose Update. White is near (orange), black is far (blue)."))
        self._after_stroke = GimpUi.prop_check_button_new(config, arguments.AFTER_STROKE, None)
        self._snaps = GimpUi.prop_check_button_new(config, arguments.SNAPS, None)
        add_contents(self._window, self._words, self._snaps, self._after_stroke, self._bar)
        self._window.connect("response", self._responded)
        self._window.connect("delete-event", lambda *_: True)  # It closes when Edit depth has ended.
        GimpUi.window_set_transient(self._window)

    def run(self) -> None:
        """Show the window until Edit depth ends."""
        self._window.set_focus_on_map(False)  # The canvas needs the keys.
        self._window.show_all()
        place_beside(self._window)
        self._timer = GLib.timeout_add(LOOK_MS, self._look)
        logger.info("Painting on %s", self._depth.get_name())
        self._loop.run()
        GLib.source_remove(self._timer)
        self._stop()
        if self._before is not None and self._before.is_valid():
            self._before.delete()
        self._window.destroy()

    def _look(self) -> bool:
        """Follow the strokes if the last one is over; close the window if Edit depth is."""
        valid = self._depth.is_valid()
        if self._driver is not None and valid and self._is_taken_back():
            self._stop()
            self._say(translated("You took back the stroke, so the result stays as it was."))
        if not valid or not depth_editing.is_under_way(self._image):
            if self._driver is None:  # An update goes on to the other results of this depth.
                self._loop.quit()
            return True
        busy, now = self._driver is not None, self._pixels()
        follows = (self._snaps.get_active() or self._after_stroke.get_active()) and self._result() is not None
        over = self._strokes.are_over(now, pressed=_is_pressed(), waits=busy or not follows)
        if self._made and not busy and not over and self._undone != (self._updated_at() < self._made):
            self._undone = not self._undone
            words = translated("The update was undone. Undo once more to take the stroke back, too.")
            self._say(words if self._undone else "")
        if self._strokes.is_known and not busy and now != self._before_is:
            self._keep(now)
        if over:
            self._start(self._follow())
        self._timer = GLib.timeout_add(LOOK_MS, self._look)  # After GIMP's answer, which may take long.
        return False

    def _pixels(self) -> bytes:
        """Return what identifies the pixels of the reduced layer."""
        width, height = size_of(self._depth)
        scale = min(1.0, SEEN_PX / max(width, height))
        seen, *_ = self._depth.get_thumbnail_data(max(1, round(width * scale)), max(1, round(height * scale)))
        return hashlib.sha256(seen.get_data()).digest()

    def _keep(self, now: bytes) -> None:
        """Keep the layer as it is before the next strokes; GIMP copies pixels only when they change."""
        before, self._before, self._before_is = self._before, self._depth.copy(), now
        if before is not None:
            before.delete()

    def _result(self) -> Entry | None:
        """Return the newest result that uses the layer."""
        record = record_of(self._image)
        found = (entry for entry in reversed(record.readable()) if record.concerns(entry, self._depth))
        return next((entry for entry in found if Role.RESULT.value in entry.outputs), None)

    def _updated_at(self) -> str:
        """Return when the newest result that uses the layer was updated; an undo leads to an earlier time."""
        result = self._result()
        return "" if result is None else result.when

    def _responded(self, _window: Gtk.Dialog, response: int) -> None:
        """Update the results and end; if they need nothing, or could not be updated, closing only ends."""
        self._stop()
        used, self._used = self._used, self._pixels()
        if record_of(self._image).to_update([self._depth]) and (response == UPDATE or self._used != used):
            self._start(self._update(None))
        else:
            result, record = self._result(), record_of(self._image)
            top = record.top(result) if result is not None and record.layers(result) else self._depth
            with undo_step(self._image):
                depth_editing.end(self._image, result, top)
            Gimp.displays_flush()

    def _stop(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver = None

    def _is_taken_back(self) -> bool:
        return self._strokes.are_undone(self._began, self._pixels())

    def _start(self, steps: Steps[str]) -> None:
        self._began = self._pixels()
        self._driver = Driver(steps, on_done=self._say, on_error=self._failed, on_step=self._show)

    def _follow(self) -> Steps[str]:
        """Snap the strokes to edges and update the results, as far as the user wants it; return what to say."""
        updates = self._after_stroke.get_active()
        result = self._result()
        if self._snaps.get_active() and self._before is not None and result is not None:
            photo = record_of(self._image).picture(result)
            source = Source(image=self._image, picture=photo, depth=self._depth)
            snapped = yield from snap_strokes(self._worker, source, self._before, self._may_apply)
            if snapped is None:
                return ""
            self._began = self._pixels()
            self._strokes.follow(self._began)
            Gimp.displays_flush()
            logger.info("Snapped strokes to edges")
        if not updates:
            return ""
        return (yield from self._update(lambda: self._strokes.rest and not self._is_taken_back()))

    def _may_apply(self) -> bool:
        return not _is_pressed() and self._strokes.knows(self._pixels())

    def _update(self, rests: Callable[[], bool] | None) -> Steps[str]:
        now = self._pixels()
        updated = yield from updating.update(self._worker, self._image, [self._depth], rests)
        self._used, self._made, self._undone = now, self._updated_at(), False
        Gimp.displays_flush()
        logger.info("%s", updated.summary)
        return " ".join(map(translated, (*updated.outcome.messages, updated.summary)))

    def _show(self, step: Step) -> None:
        self._bar.set_fraction(step.fraction)

    def _failed(self, error: Exception) -> None:
        self._say(LOG.told(error).shown)

    def _say(self, words: str) -> None:
        self._driver = None
        self._bar.set_fraction(0.0)
        self._words.set_text(words)


def _is_pressed() -> bool:
    """Return whether the left button of the pointer is down, also outside this window, where the system tells."""
    root, seat = Gdk.get_default_root_window(), Gdk.Display.get_default().get_default_seat()
    *_, mask = root.get_device_position(seat.get_pointer())
    return bool(mask & Gdk.ModifierType.BUTTON1_MASK)
