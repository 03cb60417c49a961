"""The preview on GIMP's canvas: a temporary, locked layer in the place of the result, outside the undo history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dioptre_link.editing import scene, traits, views
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Step, Steps
from dioptre_link.editing.state import State, Store
from dioptre_link.language import Message, translated
from dioptre_link.operation import Role

from . import arguments, drawing, layers
from .document import (
    LOG,
    Gimp,
    GObject,
    bands,
    clear_preview,
    hold,
    logger,
    mark_preview,
    new_layer,
    size_of,
    take_over_look,
    unrecorded,
)
from .sources import Source, check_still_there
from .toolkit import Driver, GdkPixbuf, GimpUi, Gtk, make_high, make_tall

NAME = Message("Dioptre: preview")


class OnCanvas:
    """Shows a dialog's preview on the canvas while the switch is on.

    Attributes:
        switch: The check box that turns it on.
    """

    def __init__(
        self,
        store: Store[State],
        dialog: GimpUi.ProcedureDialog,
        config: Gimp.ProcedureConfig,
        source_of: Callable[[], Source],
        replaced: Callable[[], Gimp.Layer | None] = lambda: None,
    ) -> None:
        """Follow the state.

        Args:
            store: The dialog's state.
            dialog: The dialog.
            config: Its settings, which keep the switch.
            source_of: Returns the layers that the dialog works on.
            replaced: Returns the layer whose pixels OK replaces; None if OK adds a layer.
        """
        self._store, self._source_of, self._replaced = store, source_of, replaced
        self._driver: Driver | None = None
        self._layer: Gimp.Layer | None = None
        self._top: Gimp.Layer | None = None  # The layer itself, or the group that holds it.
        self._hidden: list[Gimp.Layer] = []
        self._place: object = None  # Where the layer is.
        self._written: object = None  # What the layer's pixels show.
        self._stood: tuple[int, int] | None = None  # Where the window was before it stood beside the canvas.
        self._seen: object = (False, None)  # What the canvas shows.
        self.switch = dialog.get_widget(arguments.ON_CANVAS, GObject.TYPE_NONE)
        config.connect(f"notify::{arguments.ON_CANVAS}", lambda *_: self._switched(config))
        self._switched(config)
        self._forget = store.observe(self._changed)

    def fold(self, columns: Gtk.Box, preview: Gtk.Widget) -> None:
        """Put the small preview above the options, at the screen's edge, while the canvas shows the large one.

        The row of buttons for saved settings is left out then.
        """

        def render(old: State | None, state: State) -> None:
            if (old is not None and old.on_canvas) == state.on_canvas:
                return
            on, window = state.on_canvas, columns.get_toplevel()
            columns.set_orientation(Gtk.Orientation.VERTICAL if on else Gtk.Orientation.HORIZONTAL)
            columns.set_child_packing(preview, not on, True, 0, Gtk.PackType.START)
            side = columns.get_children()[1]
            columns.set_child_packing(side, on, True, 0, Gtk.PackType.START)
            side.set_size_request(-1, -1) if on else make_high(side)
            for row in columns.get_parent().get_children():
                if isinstance(row, Gtk.Container) and any(
                    isinstance(one, Gtk.Button) for one in row.get_children()
                ):
                    row.set_visible(not on)
            if on:
                self._stood = window.get_position() if window.get_visible() else None
                make_tall(window)
            else:
                window.resize(1, 1)
                if self._stood is not None:
                    window.move(*self._stood)

        self._store.observe(render)
        render(None, self._store.state)

    def end(self) -> None:
        """Remove the layer."""
        self._forget()
        self._stop()
        if (image := self._source_of().image).is_valid():
            clear_preview(image)
            Gimp.displays_flush()

    def _stop(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver = self._written = None

    def _switched(self, config: Gimp.ProcedureConfig) -> None:
        on = bool(config.get_property(arguments.ON_CANVAS))
        self._store.set(states.showed_on_canvas(self._store.state, on=on))

    def _changed(self, old: State, state: State) -> None:
        if state.working != old.working:  # The result removes the layer, and may fail after that.
            self._stop()
            self._seen = None
        if self._driver is None and not state.working and _seen_of(state) != self._seen:
            self._driver = Driver(self._steps(state), on_done=self._showed, on_error=self._failed)

    def _showed(self, _: None) -> None:
        self._driver = None
        self._changed(self._store.state, self._store.state)

    def _failed(self, error: Exception) -> None:
        self._driver = self._written = None
        logger.info("No preview on the canvas: %s", LOG.told(error).message)

    def _steps(self, state: State) -> Steps[None]:
        source = self._source_of()
        check_still_there(source)
        replaced = self._replaced()
        self._seen = wanted, content = _seen_of(state)
        place = _role_of(state), source.picture.get_id(), None if replaced is None else replaced.get_id()
        if not wanted or place != self._place:
            clear_preview(source.image)
            self._place = place
        if self._top is not None and not self._top.is_valid():
            self._layer = self._top = self._written = None
        if content is not None and content != self._written:
            yield from self._write(source, state)
            self._written = content
        if self._top is not None and self._top.is_valid():
            self._set_visible(source.image, visible=content is not None)
        Gimp.displays_flush()

    def _write(self, source: Source, state: State) -> Steps[None]:
        """Fill the layer, and insert it if it is not on the canvas yet."""
        alpha = source.picture.has_alpha() or traits.selects(state.operation)
        layer = self._layer or new_layer(source.image, translated(NAME), size_of(source.picture), alpha=alpha)
        self._lock(source.image, locked=False)
        for _ in _filled(layer, _picture(state)):
            yield Step(fraction=0.0, phase="Creating layers")
            check_still_there(source)
            if not layer.is_valid():  # GIMP would terminate the plug-in.
                return
        layer.update(0, 0, *size_of(layer))
        if self._layer is None:
            self._insert(source, state, layer)
        self._lock(source.image, locked=True)

    def _insert(self, source: Source, state: State, layer: Gimp.Layer) -> None:
        image, replaced, role = source.image, self._replaced(), _role_of(state)
        selected = image.get_selected_layers()
        one = layers.Filled(layer=layer, role=role, visible=True, sha256="")
        with unrecorded(image):
            hold(image)
            takes_place = role is Role.RESULT and not source.plain
            covered = replaced or (source.picture if takes_place else None)
            hides = [each for each in (covered, source.layer) if each is not None and each.get_visible()]
            if replaced is not None:
                self._top = layer
                replaced.set_visible(False)
                place = image.get_item_position(replaced)
                layers.put(image, one, replaced.get_parent(), place, replaced.get_offsets()[1:])
                take_over_look(image, replaced, layer)
            else:
                self._top = layers.insert(source, state.operation, [one])
                self._top.set_name(translated(NAME))
            mark_preview(image, self._top, hides)
            self._top.set_lock_position(True)
        image.set_selected_layers(selected)
        self._layer, self._hidden = layer, hides

    def _lock(self, image: Gimp.Image, *, locked: bool) -> None:
        """Lock the layer, or unlock it, because GIMP terminates a plug-in that writes to a locked one."""
        if self._top is not None:
            with unrecorded(image):
                self._top.set_lock_content(locked)

    def _set_visible(self, image: Gimp.Image, *, visible: bool) -> None:
        with unrecorded(image):
            for layer, wanted in ((self._top, visible), *((one, not visible) for one in self._hidden)):
                if layer.is_valid() and layer.get_visible() != wanted:
                    layer.set_visible(wanted)


def _role_of(state: State) -> Role:
    """Return the role by which the layer is inserted; values and selections never replace the picture."""
    return Role.RESULT if Role.RESULT in state.operation.outputs else Role.CONFIDENCE


def _seen_of(state: State) -> tuple[bool, object]:
    """Return whether the layer is wanted, and what it shows, as a value to compare; None hides it."""
    hidden = not state.on_canvas or traits.enlarges(state.operation) or state.view == views.BEFORE
    if hidden or state.shown is None or scene.stands_in(state):
        return state.on_canvas, None
    return True, (scene.picture_of(state), scene.overlays(state), state.operation, state.replaces)


def _picture(state: State) -> GdkPixbuf.Pixbuf:
    """Return the picture of the chosen view; of a selection only its colour, over the layer itself."""
    image, over = scene.picture_of(state), scene.overlays(state)
    if image is None:
        return drawing.coloured(over[0].image, over[0].colours)
    picture = drawing.pixbuf_of(image)
    for one in over:
        drawing.lay_over(picture, drawing.coloured(one.image, one.colours), smooth=one.smooth)
    return picture


def _filled(layer: Gimp.Layer, picture: GdkPixbuf.Pixbuf) -> Iterator[None]:
    """Fill the layer with the picture, enlarged to its size, one band per step."""
    width, height = size_of(layer)
    across, down = width / picture.get_width(), height / picture.get_height()
    if not picture.get_has_alpha():
        picture = picture.add_alpha(False, 0, 0, 0)  # GdkPixbuf pads the rows of three channels.
    buffer = layer.get_buffer()
    for band in bands(width, height):
        rows = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, width, band.height)
        size, kind = (width, band.height), GdkPixbuf.InterpType.BILINEAR
        picture.scale(rows, 0, 0, *size, 0.0, -band.y, across, down, kind)
        buffer.set(band, "R'G'B'A u8", rows.read_pixel_bytes().get_data())
        yield
    buffer.flush()
