"""The dialog of an operation: options, live preview, progress and Cancel.

It never waits: reading layers, asking the worker and making layers are steps from GLib's main loop. The document
is changed by the last step only, so Cancel leaves it as it was.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import GimpUi, Gtk  # noqa: E402  (the versions must be named first)

from dioptre_link.buffers import Buffer  # noqa: E402
from dioptre_link.client import Result, Stored, Worker  # noqa: E402
from dioptre_link.errors import Cancelled, DioptreError, UsageError  # noqa: E402
from dioptre_link.language import translated  # noqa: E402
from dioptre_link.operations import OPERATIONS, Input, Kind, Operation, Parameter, Role  # noqa: E402
from dioptre_link.wire import PixelFormat  # noqa: E402

from . import arguments, jobs, pixels, sources  # noqa: E402
from .detail import Detail  # noqa: E402
from .driver import Driver  # noqa: E402
from .enlarge import run_image  # noqa: E402
from .host import Gimp, GLib, GObject  # noqa: E402
from .log import logger  # noqa: E402
from .panel import Panel, scrolled  # noqa: E402
from .preview import (  # noqa: E402
    BEFORE,
    CONFIDENCE,
    DEPTH,
    FOCUS,
    PLACE,
    RESULT,
    Plane,
    Preview,
    pixbuf_from_rgb,
)
from .run import Outcome, run_sent  # noqa: E402
from .screen import MOST_PX, SMALL_PX, fitted  # noqa: E402
from .sources import Source  # noqa: E402

PREVIEW_FORMAT = PixelFormat("u8", 4)
USES_THE_POINT = "match"  # the choice that a click means
SAME_BY_NUMBER = ("focal_disparity", "temperature", "tint", "value")  # given before, they would hide a click
LEAST_PX = 16  # of a preview, for the worker
COVERED = 128  # of 255: such a point belongs to the subject
SETTLE_MS = 30  # a moved slider sends many changes: the preview follows the last one
PATIENCE_S = 1.0  # a preview this young is not given up: a slider that keeps moving would never show anything
BINARY = "dioptre"


def run_dialog(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, described: Operation, source: Source
) -> Outcome:
    """Show the dialog until there is a result. Raises Cancelled, or what went wrong."""
    GimpUi.init(BINARY)
    for parameter in arguments.automatic_parameters(described):
        arguments.write_option(parameter, config, None)  # the last picture's focus is not this one's
    with jobs.open_worker() as worker, ExitStack() as files:
        connecting = jobs.connect(worker)
        next(connecting, None)  # a worker that must be started warms up while the dialog is made
        dialog = OperationDialog(procedure, config, described, source, worker, files, connecting)
        try:
            return dialog.run()
        finally:
            dialog.close()


class OperationDialog:
    """One dialog, from opening to the result."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        described: Operation,
        source: Source,
        worker: Worker,
        files: ExitStack,
        connecting: jobs.Steps[None],
    ) -> None:
        self._config, self._operation, self._source = config, described, source
        self._worker, self._files, self._connecting = worker, files, connecting
        self._sent: jobs.Sent | None = None
        self._depth: Buffer | Stored | None = None  # at any size; None until it is known
        self._driver: Driver | None = None
        self._preview_driver: Driver | None = None
        self._said: tuple[str, ...] = ()  # to the user already
        self._subject: Stored | None = None  # as found for the point below
        self._subject_point: Any = None
        self._subject_alpha: Plane | None = None
        self._warm = False
        self._settling: int | None = None
        self._asked_s = 0.0  # when the running preview was asked for
        self._drafting = False
        self._failure: Exception | None = None
        self._outcome: Outcome | None = None
        self._loop: GLib.MainLoop | None = None
        self._point = next((p for p in described.parameters if p.kind is Kind.POINT), None)

        enlarges = arguments.enlarges(described)
        most_px = SMALL_PX if enlarges else MOST_PX  # a place is enlarged to no more, as that takes long
        self._size = fitted(source.picture.get_width(), source.picture.get_height(), most_px=most_px)
        self._dialog = GimpUi.ProcedureDialog.new(procedure, config, translated(described.title))
        self._dialog.set_default_size(max(self._size[0], SMALL_PX) + 400, 560)
        if (button := self._dialog.get_widget_for_response(Gtk.ResponseType.HELP)) is not None:
            button.hide()  # there is no page in GIMP's own help
        self._detail = Detail(worker, described, source.picture) if enlarges else None
        clickable = self._point is not None or self._detail is not None
        self._preview = Preview(self._views(), self._size, self._clicked if clickable else None)
        self._panel = Panel(self._dialog, config, described, self._changed)
        self._bar = Gtk.ProgressBar(show_text=True)
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        if enlarges:
            side.pack_start(self._dialog.get_widget(arguments.WHOLE_IMAGE, GObject.TYPE_NONE), False, False, 0)
        self._chooser = self._depth_chooser()
        main = sources.works_by_depth(described)
        for part in (self._chooser, scrolled(self._panel)) if main else (scrolled(self._panel), self._chooser):
            if part is not None:
                side.pack_start(part, part is not self._chooser, True, 0)
        side.pack_end(self._bar, False, False, 0)
        columns = Gtk.Box(spacing=12, border_width=12)
        columns.pack_start(self._preview, True, True, 0)
        columns.pack_start(side, False, False, 0)
        self._dialog.get_content_area().pack_start(columns, True, True, 0)
        columns.show_all()
        self._bar.set_no_show_all(True)
        self._bar.hide()

    def run(self) -> Outcome:
        """Until the result is there. Raises Cancelled, or what went wrong after OK."""
        self._prepare()
        if not self._dialog.run():
            raise Cancelled
        options = arguments.read_options(self._operation, self._config)
        self._work(options)
        if self._failure is not None:
            raise self._failure
        assert self._outcome is not None
        return self._outcome

    def close(self) -> None:
        for driver in (self._driver, self._preview_driver):
            if driver is not None:
                driver.stop()
        if self._settling is not None:
            GLib.source_remove(self._settling)
            self._settling = None
        self._dialog.destroy()

    # -- before OK -----------------------------------------------------------------------------------------------

    def _views(self) -> tuple[str, ...]:
        if Role.RESULT not in self._operation.outputs:
            return (DEPTH, BEFORE, CONFIDENCE) if Role.CONFIDENCE in self._operation.outputs else (DEPTH, BEFORE)
        if self._detail is not None:
            return (RESULT, BEFORE, PLACE)
        return (RESULT, BEFORE, DEPTH, FOCUS) if sources.works_by_depth(self._operation) else (RESULT, BEFORE)

    def _prepare(self) -> None:
        """Show the layer at once, then hand it to the worker."""
        self._show_layers()
        self._preview.say(translated("Starting Dioptre"), busy=True)
        self._driver = Driver(
            self._send(),
            on_done=self._prepared,
            on_error=self._preview_failed,
            on_step=self._show_step,
        )

    def _show_layers(self) -> None:
        picture, depth = self._source.picture, self._source.depth
        size = self._size
        whole = BEFORE if self._detail is None else PLACE
        self._preview.show_picture(whole, pixbuf_from_rgb(*size, 4, pixels.read_small(picture, size)))
        if depth is not None:
            self._preview.show_depth(Plane(*size, pixels.read_small(depth, size, grey=True)))

    def _depth_chooser(self) -> Gtk.Widget | None:
        """Which layer is the depth, for operations that take one."""
        if not arguments.takes_depth(self._operation):
            return None
        candidates: list[Gimp.Layer | None] = [*sources.depth_candidates(self._source)]
        if not candidates and not sources.works_by_depth(self._operation):
            return None
        box = Gtk.ComboBoxText()
        if Input.DISPARITY in self._operation.optional_inputs:
            candidates.insert(0, None)
        without = translated("Estimated from the picture" if Role.DEPTH in self._operation.outputs else "None")
        for layer in candidates:
            box.append_text(without if layer is None else layer.get_name())
        chosen = None if self._source.depth is None else self._source.depth.get_tattoo()
        box.set_active([None if one is None else one.get_tattoo() for one in candidates].index(chosen))
        box.connect("changed", lambda *_: self._use_depth(candidates[box.get_active()]))
        row = Gtk.Box(spacing=6)
        row.pack_start(Gtk.Label(label=translated("Depth layer")), False, False, 0)
        row.pack_start(box, True, True, 0)
        return row

    def _use_depth(self, depth: Gimp.Layer | None) -> None:
        """Another depth layer was chosen: hand everything over again."""
        for driver in (self._driver, self._preview_driver):
            if driver is not None:
                driver.stop()
        self._source = replace(self._source, depth=depth)
        self._sent = self._depth = self._subject = None
        self._prepare()

    def _send(self) -> jobs.Steps[jobs.Sent]:
        yield from self._connecting
        self._worker.expect(self._operation.name)
        sent = yield from jobs.send(self._worker, self._source, self._files)
        inputs = dict(sent.inputs)
        for name in ("picture", "disparity", "selection"):
            given = inputs.get(name)
            if isinstance(given, Buffer):
                store = partial(self._worker.store, f"{name}-full", name, given)
                stored = yield from jobs.in_thread(store, "Handing over the picture")
                if name == "disparity":
                    self._depth = stored
                if name != "disparity" or "disparity_exact" not in inputs:
                    inputs[name] = stored
        return replace(sent, inputs=inputs)

    def _prepared(self, sent: jobs.Sent) -> None:
        self._sent = sent
        self._ask_preview()

    def _changed(self, parameter: Parameter) -> None:
        if self._source.depth is None and parameter.group == "Depth":
            self._depth = self._subject = None
        if parameter is self._point:
            self._show_marker()
        self._settle()

    def _settle(self) -> None:
        if self._settling is None:
            self._settling = GLib.timeout_add(SETTLE_MS, self._settled)

    def _settled(self) -> bool:
        running = self._preview_driver is not None and self._preview_driver.running
        young = time.monotonic() - self._asked_s < PATIENCE_S
        if running and (self._drafting or (young and not self._can_draft())):
            return True
        self._settling = None
        if self._sent is not None:
            self._ask_preview()
        return False

    def _clicked(self, x: float, y: float) -> None:
        picture = self._source.picture
        if self._detail is not None:
            self._detail_clicked(x, y)
            return
        assert self._point is not None
        with self._config.freeze_notify():  # x and y change together
            point = (x * (picture.get_width() - 1), y * (picture.get_height() - 1))
            arguments.write_option(self._point, self._config, point)
            for parameter in self._operation.parameters:
                if parameter.name in SAME_BY_NUMBER:
                    arguments.write_option(parameter, self._config, None)
                elif USES_THE_POINT in parameter.choices:
                    arguments.write_option(parameter, self._config, USES_THE_POINT)

    def _detail_clicked(self, x: float, y: float) -> None:
        assert self._detail is not None
        if self._preview.view == PLACE:
            self._preview.show_marker(PLACE, (x, y))
            self._detail.move(x, y)
            self._settle()

    def _show_marker(self) -> None:
        assert self._point is not None
        point = arguments.read_one(self._point, self._config)
        picture = self._source.picture
        shown = None if point is None else (point[0] / picture.get_width(), point[1] / picture.get_height())
        for view in self._views():
            self._preview.show_marker(view, shown)

    def _ask_preview(self) -> None:
        """Ask for a preview with the options as they are; the one before it is given up."""
        assert self._sent is not None
        if self._preview_driver is not None:
            self._preview_driver.stop()
        try:
            options = arguments.read_options(self._operation, self._config)
        except UsageError as error:
            self._preview.say(f"{translated(error.message)} {translated(error.hint)}")
            return
        self._asked_s = time.monotonic()
        self._preview_driver = Driver(
            self._preview_steps(options),
            on_done=self._show_result,
            on_error=self._preview_failed,
            on_step=self._show_step,
        )

    def _preview_steps(self, options: dict[str, Any]) -> jobs.Steps[Result]:
        if self._detail is not None:
            self._preview.show_picture(BEFORE, self._detail.before(options))
            return (yield from self._detail.steps(options))
        point = None if self._point is None else options[self._point.name]
        moved = point != self._subject_point
        if self._can_draft():
            yield from self._quick_steps(options, point, moved=moved)
        result = yield from self._preview_job(self._operation, options, find_subject=moved)  # as the result will
        self._subject_point = point
        return result

    def _quick_steps(self, options: dict[str, Any], point: Any, *, moved: bool) -> jobs.Steps[None]:
        """Show a draft at once. What is looked for is known already, or left out.

        A new focus point on the known subject: the same subject, also in full. Elsewhere: the lens alone.
        """
        described = self._operation
        on_subject = self._is_on_subject(point)
        if moved and Input.SUBJECT in self._inputs() and not on_subject:
            described = OPERATIONS["lens_blur"]
            options = {one.name: options[one.name] for one in described.parameters if one.name in options}
        self._drafting = True
        try:
            self._show_result((yield from self._preview_job(described, options, draft=True)), draft=True)
        finally:
            self._drafting = False
        if moved and on_subject:
            self._show_result((yield from self._preview_job(described, options)))

    def _is_on_subject(self, point: Any) -> bool:
        if point is None or self._subject is None or self._subject_alpha is None:
            return False
        picture = self._source.picture
        return self._subject_alpha.at(point[0] / picture.get_width(), point[1] / picture.get_height()) >= COVERED

    def _inputs(self) -> tuple[Input, ...]:
        return self._operation.inputs + self._operation.optional_inputs

    def _preview_job(
        self, described: Operation, options: dict[str, Any], *, draft: bool = False, find_subject: bool = False
    ) -> jobs.Steps[Result]:
        """find_subject: look for it at the point, though one is known."""
        assert self._sent is not None
        began = time.monotonic()
        longest_px = max(LEAST_PX, *self._size)
        inputs: dict[str, Buffer | Stored] = {"picture": self._sent.inputs["picture"]}
        keep: dict[Role, str] = {}
        if arguments.takes_depth(described) and self._depth is not None:
            inputs["disparity"] = self._depth
        elif Role.DEPTH in described.outputs:
            keep[Role.DEPTH] = "preview-depth"
        if Input.SUBJECT in described.optional_inputs and self._subject is not None and not find_subject:
            inputs["subject"] = self._subject
        elif Input.SUBJECT in described.optional_inputs:
            keep[Role.SUBJECT] = "preview-subject"
        if "selection" in self._sent.inputs:
            inputs["selection"] = self._sent.inputs["selection"]
        if Role.CONFIDENCE in described.outputs:
            options = {**options, "confidence": True}
        job = self._worker.submit(
            described.name,
            options,
            inputs,
            colour_format=PREVIEW_FORMAT,
            depth_dtype="u8",
            roles=(Role.RESULT, Role.DEPTH, Role.CONFIDENCE, *keep),
            keep=keep,
            preview_px=longest_px,
            draft=draft,
            supersede="preview",
            opened_file=jobs.opened_file(described, self._source),
        )
        result = yield from jobs.follow(job)
        what = "Draft" if draft else "Preview"
        logger.info("%s by %s, %d px: %.3f s", what, described.name, longest_px, time.monotonic() - began)
        if Role.DEPTH in keep and arguments.takes_depth(described):
            self._depth = self._worker.stored("preview-depth")
        if Role.SUBJECT in keep:
            self._subject = self._worker.stored("preview-subject")
        return result

    def _show_step(self, step: jobs.Step) -> None:
        self._preview.say(translated(step.phase), busy=True)

    def _show_result(self, result: Result, *, draft: bool = False) -> None:
        for layer in result.layers:
            with layer.buffer as buffer:
                size = buffer.pixels
                if layer.role is Role.RESULT:
                    data = buffer.read_rows(0, size.height)
                    made = pixbuf_from_rgb(size.width, size.height, size.format.channels, data)
                    self._preview.show_picture(RESULT, made)
                elif layer.role is Role.DEPTH and not draft:
                    self._preview.show_depth(_plane(buffer))
                elif layer.role is Role.CONFIDENCE and not draft:
                    self._preview.show_confidence(_plane(buffer))
                elif layer.role is Role.SUBJECT:
                    self._subject_alpha = _plane(buffer)
        if draft:
            return
        values = result.values
        self._panel.show_values(values)
        if "focal_disparity" in values:
            middle, reach = values["focal_disparity"], values.get("focus_range", 0.0)
            self._preview.show_sharp((middle - reach, middle + reach))
        words = " ".join(map(translated, result.messages))
        if not words and self._detail is not None:
            words = self._detail.words(arguments.read_options(self._operation, self._config))
        self._said = result.messages
        if not words and self._point is not None:
            words = translated(f"Click in the picture: {self._point.label}.")
        self._preview.say(words)
        self._warm_up()

    def _warm_up(self) -> None:
        """Once, after the first preview: a draft that nobody sees, so that the first moved slider is quick."""
        if self._warm or not self._can_draft():
            return
        self._warm = True
        options = arguments.read_options(self._operation, self._config)
        self._preview_driver = Driver(
            self._preview_job(self._operation, options, draft=True),
            on_done=lambda result: result.delete(),
            on_error=lambda error: logger.info("No draft: %s", error),
        )

    def _can_draft(self) -> bool:
        """Whether everything that takes long is known already."""
        if not self._operation.drafts:
            return False
        return self._depth is not None and (self._subject is not None or Input.SUBJECT not in self._inputs())

    def _preview_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            return
        words = str(error)
        if isinstance(error, DioptreError):
            words = f"{translated(error.message)} {translated(error.hint)}"
        self._preview.say(words.strip())
        if not isinstance(error, DioptreError):
            raise error

    # -- after OK ------------------------------------------------------------------------------------------------

    def _work(self, options: dict[str, Any]) -> None:
        """Compute and insert the result, with a progress bar; Cancel, Escape and closing the window stop it."""
        if self._preview_driver is not None:
            self._preview_driver.stop()
        if self._sent is None and self._driver is not None:
            self._driver.stop()
            self._driver = None
        self._panel.set_sensitive(False)
        if self._chooser is not None:
            self._chooser.set_sensitive(False)
        self._preview.set_sensitive(False)
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, False)
        self._bar.show()
        self._dialog.show()
        self._loop = GLib.MainLoop()
        handler = self._dialog.connect("response", self._responded)
        self._driver = Driver(
            self._work_steps(options), on_done=self._worked, on_error=self._failed, on_step=self._show_progress
        )
        self._loop.run()
        self._dialog.disconnect(handler)

    def _work_steps(self, options: dict[str, Any]) -> jobs.Steps[Outcome]:
        sent = self._sent
        if sent is None or (yield from jobs.changed(self._source, sent)):  # somebody painted meanwhile
            sent = yield from self._send()
        if arguments.means_whole_image(self._operation, self._config):
            outcome = yield from run_image(self._worker, self._operation, options, self._source)
        else:
            outcome = yield from run_sent(self._worker, self._operation, options, self._source, sent)
        return replace(outcome, messages=tuple(words for words in outcome.messages if words not in self._said))

    def _show_progress(self, step: jobs.Step) -> None:
        self._bar.set_fraction(min(step.fraction, 1.0))
        self._bar.set_text(translated(step.phase))

    def _responded(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response in (Gtk.ResponseType.CANCEL, Gtk.ResponseType.CLOSE, Gtk.ResponseType.DELETE_EVENT):
            assert self._driver is not None
            self._driver.stop()
            self._failed(Cancelled())

    def _worked(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._quit()

    def _failed(self, error: Exception) -> None:
        self._failure = error
        self._quit()

    def _quit(self) -> None:
        assert self._loop is not None
        self._loop.quit()


def _plane(buffer: Buffer) -> Plane:
    """The last channel of a small picture: of a subject, its coverage."""
    size = buffer.pixels
    channels = size.format.channels
    return Plane(size.width, size.height, buffer.read_rows(0, size.height)[channels - 1 :: channels])
