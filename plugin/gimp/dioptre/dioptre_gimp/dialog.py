"""An operation's dialog, which combines the state, its views, the previews and the result.

The dialog never blocks: reading layers, waiting for the worker and creating layers run in steps from GLib's main
loop. Only the last step changes the document, so Cancel leaves it untouched.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from dioptre_link.client import Worker
from dioptre_link.editing import brush, traits
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image, Steps
from dioptre_link.editing.recipes import presets_of, with_preset
from dioptre_link.editing.request import DETAIL_SHAPE, Request
from dioptre_link.editing.state import State, Store
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.language import translated
from dioptre_link.operation import Input, Operation, Role

from . import arguments, drawing, sources, transfer
from .arguments import Binding
from .document import LOG, Gimp, GLib, GObject, find_linked, has_selection, logger, read_small_selection, size_of
from .downloads import Downloads
from .enlarge import run_image
from .jobs import run_sent
from .layers import Outcome
from .on_canvas import OnCanvas
from .options import Panel, depth_chooser, scrolled
from .preview import Preview
from .previews import Inputs, Previews
from .sources import Source, check_still_there
from .tiles import PICTURE_PX
from .toolkit import (
    MOST_PX,
    SMALL_PX,
    Driver,
    GimpUi,
    Gtk,
    Watch,
    add_columns,
    adds_tick,
    fitted,
    make_high,
    procedure_dialog,
    use_colours,
)
from .updating import Edited, run_sent_change

BINARY = "dioptre"
BRUSH_ROW_PX = 40  # Height in pixels of the row with the brush tools, including the gap below it.


def run_dialog(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    operation: Operation,
    source: Source,
    edited: Edited | None,
) -> Outcome:
    """Show the dialog until the run has finished.

    Args:
        procedure: The procedure whose settings the dialog edits.
        config: The procedure's settings.
        operation: The operation to run.
        source: The layers to work on.
        edited: The result that OK replaces, unless the user asks for a new one.

    Returns:
        The outcome of the run.

    Raises:
        Cancelled: The user closed the dialog.
    """
    GimpUi.init(BINARY)
    use_colours()
    store = Store(_first_state(config, operation, edited))
    with transfer.open_worker() as worker, ExitStack() as files:
        connecting = transfer.connect(worker)
        next(connecting, None)  # Start the worker now, so that it warms up while the dialog is built.
        binding = Binding(config, store)
        files.callback(binding.end)
        dialog = OperationDialog(
            procedure, config, store=store, source=source, worker=worker, files=files, edited=edited
        )
        try:
            return dialog.run(connecting)
        finally:
            dialog.close()


def _first_state(config: Gimp.ProcedureConfig, operation: Operation, edited: Edited | None) -> State:
    """Return the initial state, with the options of the last run or of the edited result.

    Options that belong to one picture, such as focus point and strokes, are reset to their defaults.
    """
    for parameter in operation.parameters:
        if parameter.of_one_picture:
            arguments.write_option(parameter, config, parameter.default)
    options = arguments.read_options(operation, config)
    if edited is None:
        return states.opened(operation, options)
    return states.opened(operation, edited.entry.chosen_options, replaces="" if edited.adds else edited.entry.id)


class OperationDialog:
    """One dialog, from opening to the result."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        *,
        store: Store[State],
        source: Source,
        worker: Worker,
        files: ExitStack,
        edited: Edited | None,
    ) -> None:
        self._config, self._store, self._source = config, store, source
        self._worker, self._files, self._edited = worker, files, edited
        self._operation = store.state.operation
        self._layer_size = size_of(source.picture)
        enlarges = traits.enlarges(self._operation)
        self._size = fitted(
            *self._layer_size,
            most_px=SMALL_PX if enlarges else MOST_PX,
            above_px=BRUSH_ROW_PX if brush.is_offered(store.state) else 0,
        )
        self._driver: Driver | None = None
        self._said: tuple[str, ...] = ()  # Messages that the user has already seen.
        self._outcome: Outcome | None = None
        self._loop: GLib.MainLoop | None = None
        layer = source.layer or source.picture
        self._dialog = procedure_dialog(procedure, config, self._operation.title, layer)
        # An enlargement shows a part of fixed shape.
        room = (SMALL_PX, round(SMALL_PX / DETAIL_SHAPE)) if enlarges else self._size
        self._preview = Preview(store, room, self._layer_size, lambda: self._previews.sharpen())
        self._previews = Previews(store, worker, self._longest_px)
        self._watch = Watch(lambda: check_still_there(self._source), self._lost)
        self._on_canvas: OnCanvas | None = None
        if traits.stays_in_place(self._operation):
            self._on_canvas = OnCanvas(store, self._dialog, config, lambda: self._source, self._replaced)
        self._side = self._make_side(source)
        columns = add_columns(self._dialog, self._preview, self._side)
        if self._on_canvas is not None:
            self._on_canvas.fold(columns, self._preview)
        store.observe(self._render)
        self._render(store.state, store.state)

    def run(self, connecting: Steps[None]) -> Outcome:
        """Run the dialog and return the outcome.

        Raises:
            Cancelled: The user closed the dialog.
        """
        self._open(self._source, connecting)
        while self._dialog.run():
            self._work()
            if self._outcome is not None:
                return self._outcome
        raise Cancelled

    def close(self) -> None:
        self._previews.stop()
        self._watch.end()
        if self._driver is not None:
            self._driver.stop()
        if self._on_canvas is not None:
            self._on_canvas.end()
        self._dialog.destroy()

    # -- the window ----------------------------------------------------------------------------------------------

    def _make_side(self, source: Source) -> Gtk.Box:
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        if traits.enlarges(self._operation):
            whole = self._dialog.get_widget(arguments.WHOLE_IMAGE, GObject.TYPE_NONE)
            side.pack_start(whole, False, False, 0)
        chooser = self._chooser(source)
        if chooser is not None and traits.works_by_depth(self._operation):
            side.pack_start(chooser, False, False, 0)
        panel = Panel(self._store, Downloads(self._store, self._files))
        self._presets = panel.presets
        side.pack_start(scrolled(panel), True, True, 0)
        if chooser is not None and not traits.works_by_depth(self._operation):
            side.pack_start(chooser, False, False, 0)
        adds = Role.RESULT in self._operation.outputs and not self._operation.places
        if adds and (words := sources.left_out(source)):
            # As wide as the rest.
            told = Gtk.Label(label=translated(words), xalign=0.0, wrap=True, max_width_chars=1)
            side.pack_start(told, False, False, 0)
        ticks = Gtk.Box(spacing=18)
        if self._on_canvas is not None:
            ticks.pack_start(self._on_canvas.switch, False, False, 0)
        if self._edited is not None:
            ticks.pack_start(self._replaces_row(self._edited), False, False, 0)
        side.pack_start(ticks, False, False, 0)
        make_high(side)
        return side

    def _replaced(self) -> Gimp.Layer | None:
        """Return the layer whose pixels OK replaces; None if it adds a layer."""
        if self._edited is None or not self._store.state.replaces:
            return None
        return find_linked(self._source.image, self._edited.entry.outputs.get(Role.RESULT.value))

    def _replaces_row(self, edited: Edited) -> Gtk.Widget:
        tick = adds_tick(active=not self._store.state.replaces)

        def toggled(_: Gtk.CheckButton) -> None:
            replaces = "" if tick.get_active() else edited.entry.id
            self._store.set(replace(self._store.state, replaces=replaces))
            self._open(self._source)

        tick.connect("toggled", toggled)
        return tick

    def _chooser(self, source: Source) -> Gtk.Widget | None:
        """Return the list for choosing the depth layer, or None if there is nothing to choose."""
        if not traits.takes_depth(self._operation):
            return None
        candidates: list[Gimp.Layer | None] = [*sources.depth_candidates(source)]
        if not candidates:
            return None
        if Input.DISPARITY in self._operation.optional_inputs:
            candidates.insert(0, None)
        estimates = Role.DEPTH in self._operation.outputs or traits.selects(self._operation)
        without = translated("Estimated from the picture" if estimates else "None")
        names = [without if layer is None else layer.get_name() for layer in candidates]
        tattoos = [None if layer is None else layer.get_tattoo() for layer in candidates]
        chosen = tattoos.index(None if source.depth is None else source.depth.get_tattoo())
        return depth_chooser(names, chosen, lambda at: self._open(replace(self._source, depth=candidates[at])))

    def _render(self, old: State, state: State) -> None:
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, state.can_make)
        self._side.set_sensitive(not state.working)

    def _lost(self, error: DioptreError) -> None:
        """Leave only Cancel, because the document or the layer is gone."""
        logger.info("%s: no result: %s", self._operation.title, error.message)
        self._previews.stop()
        if self._driver is not None and self._driver.running:
            self._driver.stop()
            self._quit()
        self._store.set(states.closed(self._store.state, error))

    def _longest_px(self) -> int:
        """Return the longest side of previews in pixels, which matches their size on the screen."""
        if traits.enlarges(self._operation):
            return SMALL_PX  # The preview is an enlarged crop; a larger one would take too long.
        if self._store.state.on_canvas:
            return min(MOST_PX * self._preview.get_scale_factor(), max(self._layer_size))
        zoom = min(self._preview.canvas.viewport.zoom, 2.0)
        seen = round(max(self._size) * self._preview.get_scale_factor() * (1.0 if zoom < 1.3 else zoom))
        return min(seen, max(self._layer_size))

    # -- before OK -----------------------------------------------------------------------------------------------

    def _open(self, source: Source, connecting: Steps[None] | None = None) -> None:
        """Show the layer immediately, then send it to the worker."""
        if self._edited is not None:  # A selection limits a new result only.
            now = self._edited.source_for(adds=not self._store.state.replaces)
            source = replace(now, depth=source.depth)
        self._source = source
        selection = None
        if source.takes_selection and has_selection(source.image):
            data = read_small_selection(source.image, source.picture, self._size)
            selection = Image(width=self._size[0], height=self._size[1], channels=1, data=data)
        inputs = self._inputs = Inputs(source, self._worker, self._files, self._size)
        self._preview.show_layer(drawing.pixbuf_of(inputs.small), selection)
        self._store.set(states.reading(self._store.state))
        self._previews.open(inputs, self._reading(inputs, connecting))
        if self._presets is not None:
            names = presets_of(self._operation)
            self._previews.picture(names, self._picture_request, self._presets.show_picture, inputs.small)

    def _picture_request(self, name: str) -> Request:
        state = self._store.state
        options = with_preset(state.options, name, self._operation)
        return self._inputs.request(replace(state, options=options, on_canvas=False), PICTURE_PX)

    def _reading(self, inputs: Inputs, connecting: Steps[None] | None) -> Steps[None]:
        if connecting is not None:
            yield from connecting
        self._worker.expect(self._operation.name)
        networks = yield from transfer.in_thread(self._worker.networks, "Starting Dioptre")
        self._store.set(states.listed(self._store.state, networks))
        yield from inputs.read()

    # -- after OK ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Compute and insert the result; Cancel and Escape stop the run and return to the settings."""
        self._said = self._store.state.shown.messages if self._store.state.shown is not None else ()
        self._previews.forget()
        self._store.set(states.working(self._store.state))
        self._dialog.show()
        self._dialog.set_focus(None)  # Otherwise, Cancel would have it, and Return would end the run.
        self._loop = GLib.MainLoop()
        handler = self._dialog.connect("response", self._responded)
        self._driver = Driver(
            self._work_steps(),
            on_done=self._worked,
            on_error=self._failed,
            on_step=lambda step: self._store.set(states.stepped(self._store.state, step)),
        )
        self._loop.run()
        self._dialog.disconnect(handler)
        if self._outcome is None and self._inputs.has_been_read:
            self._previews.resume()
        elif self._outcome is None:
            self._open(self._source)

    def _work_steps(self) -> Steps[Outcome]:
        state = self._store.state
        sent = yield from self._inputs.for_result(self._previews.session)
        if arguments.means_whole_image(self._operation, self._config):
            outcome = yield from run_image(self._worker, self._operation, state.options, self._source)
        elif self._edited is not None and state.replaces:
            change = self._edited.change(self._operation, dict(state.options), self._source)
            outcome = yield from run_sent_change(self._worker, change, sent)
        else:
            outcome = yield from run_sent(self._worker, self._operation, state.options, self._source, sent)
        return replace(outcome, messages=tuple(words for words in outcome.messages if words not in self._said))

    def _responded(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response in (Gtk.ResponseType.CANCEL, Gtk.ResponseType.CLOSE, Gtk.ResponseType.DELETE_EVENT):
            assert self._driver is not None
            self._driver.stop()
            self._failed(Cancelled())

    def _worked(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._quit()

    def _failed(self, error: Exception) -> None:
        logger.info("%s: no result: %s", self._operation.title, type(error).__name__)
        self._store.set(states.failed(self._store.state, LOG.told(error)))
        self._quit()

    def _quit(self) -> None:
        assert self._loop is not None
        self._loop.quit()
