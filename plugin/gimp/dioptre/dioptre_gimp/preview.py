"""The left side of a dialog: the views, the brush tools, the picture and the status."""

from __future__ import annotations

from collections.abc import Callable

from dioptre_link.editing import brush, picking, scene, traits, views
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image
from dioptre_link.editing.picking import Click, Mark
from dioptre_link.editing.state import Phase, Point, State, Store, Tool
from dioptre_link.editing.viewport import STEP
from dioptre_link.language import Message, translated
from dioptre_link.operation import PLACES, Kind

from . import drawing
from .canvas import Canvas, Marker
from .controls import no_wheel
from .toolkit import Gdk, GdkPixbuf, Gtk, Pango, add_class, choice_button, pack, progress_bar, small_button

SLIDER_PX = 90


class BrushRow(Gtk.Box):
    """Row of tool buttons that renders the dialog's state and forwards the user's input."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__(spacing=6)
        self._store = store
        self._quiet = False
        self._buttons: dict[Tool, Gtk.RadioButton] = {}
        group = Gtk.Box()
        add_class(group, "linked")
        for tool in Tool:
            label, tip = (words(store.state.operation, tool) for words in (brush.label, brush.tip))
            button = choice_button(self._buttons.get(Tool.POINT), label, tip)
            button.connect("toggled", self._chose, tool)
            group.pack_start(button, False, False, 0)
            self._buttons[tool] = button
        self._size = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0.0, 1.0, 0.05)
        self._size.set_draw_value(False)
        self._size.set_size_request(SLIDER_PX, -1)
        self._size.set_tooltip_text(translated("Brush size (or Ctrl+scroll over the picture)"))
        self._size.get_accessible().set_name(translated("Brush size"))
        self._size.connect("value-changed", self._sized)
        no_wheel(self._size)
        self._removal = Gtk.Box(valign=Gtk.Align.CENTER)
        add_class(self._removal, "linked")
        for text, words, change in (
            ("↶", "Undo the last stroke (Ctrl+Z in the picture)", brush.undone),
            (translated("Clear strokes"), "Remove all strokes", brush.cleared),
        ):
            button = small_button(text, translated(words), lambda by=change: store.set(by(store.state)))
            self._removal.pack_start(button, False, False, 0)
        self._sizes = pack(Gtk.Box(spacing=6), Gtk.Label(label=translated("Size")), self._size)
        self._rest = pack(Gtk.Box(spacing=6), self._sizes)
        self._rest.pack_end(self._removal, False, False, 0)
        pack(self, group, self._rest, fills=self._rest)
        store.observe(lambda _, state: self._render(state))
        self._render(store.state)

    def _render(self, state: State) -> None:
        self._quiet = True
        self._buttons[state.brush.tool].set_active(True)
        self._size.set_value(brush.slider_place(state.brush.radius))
        self._quiet = False
        self._sizes.set_sensitive(state.brush.paints)
        strokes = state.working or bool(brush.strokes(state))
        self._removal.set_sensitive(strokes)
        # Two short rows, of which one comes when it is needed, leave more of the canvas in sight than a long one.
        self.set_orientation(Gtk.Orientation.VERTICAL if state.on_canvas else Gtk.Orientation.HORIZONTAL)
        self._rest.set_visible(strokes or state.brush.paints or not state.on_canvas)
        self.set_sensitive(not state.working)

    def _chose(self, button: Gtk.RadioButton, tool: Tool) -> None:
        if not self._quiet and button.get_active():
            self._store.set(brush.chose(self._store.state, tool))

    def _sized(self, slider: Gtk.Scale) -> None:
        if not self._quiet:
            radius = brush.radius_at(slider.get_value())
            self._store.set(brush.sized(self._store.state, radius))


MNEMONICS = {
    "after": "a",
    "split": "p",
    "depth": "e",
    "focus": "f",
    "confidence": "f",
    "place": "w",
    "selected": "a",
    "cut_out": "p",
}
"""Mnemonics of the views; r, c, o, s and l belong to the buttons of GIMP's dialogs. A label without its letter gets
none.
"""


FOLDED_PX = (440, 150)  # Width and height of the preview while the canvas shows it, too; marks stay visible.
LEAST_WIDTH_PX = 520  # Minimum width of the preview in pixels, so that the text below it fits.


class Preview(Gtk.Box):
    """Column of view buttons, the picture, a progress bar and text, with a fixed size."""

    def __init__(
        self,
        store: Store[State],
        size: tuple[int, int],
        layer_size: tuple[int, int],
        on_zoom: Callable[[], None],
        *,
        names: tuple[str, ...] = (),
        on_click: Callable[[float, float, Click], None] | None = None,
        marked: Callable[[State], State] = lambda state: state,
    ) -> None:
        """Build the preview.

        Args:
            store: The dialog's state.
            size: Width and height of the picture on the screen, in pixels.
            layer_size: Width and height of the layer, in pixels.
            on_zoom: Called when the zoom changes.
            names: Names of the views to offer; empty for all views of the operation.
            on_click: Called for a click, with a place as fractions of the layer's sides; by default, the click
                changes the state.
            marked: Returns the state whose places are marked, and that says what a click does.
        """
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._store, self._layer_size = store, layer_size
        self._on_click, self._marked = on_click, marked
        own = tuple(view.name for view in views.views_of(store.state.operation))
        self._names = tuple(name for name in names or own if name != views.BEFORE)  # A button shows it while held.
        self._own: GdkPixbuf.Pixbuf | None = None  # The reduced original layer.
        self._selection: Image | None = None
        self._divider = 0.5
        self._overlay = brush.Overlay()
        self._painting = brush.Painting(lambda change: store.set(change(store.state)), lambda: layer_size)
        self._paints = on_click is None and brush.is_offered(store.state)
        self._rings = {mark: drawing.ring(mark.value) for mark in Mark}
        self._dot = drawing.dot()
        self._buttons: dict[str, Gtk.RadioButton] = {}
        self._size = (max(size[0], LEAST_WIDTH_PX), size[1])
        self.canvas = Canvas(self._size, self._clicked, on_zoom)
        self.canvas.get_accessible().set_name(translated("Preview"))
        self.canvas.viewport.on_divider = self._move_divider
        if on_click is None:
            self.canvas.viewport.on_mark = self._moved
        if store.state.operation.at_marks:
            self.canvas.viewport.on_notches = lambda by: self._change(lambda state: states.scrolled(state, by))
        self._waiting = Waiting()
        overlay = Gtk.Overlay()
        overlay.add(self.canvas)
        overlay.add_overlay(self._waiting)
        overlay.set_overlay_pass_through(self._waiting, True)
        frame = Gtk.Frame()
        add_class(frame, "dioptre-frame")
        frame.add(overlay)
        self.canvas.connect("focus-in-event", lambda *_: add_class(frame, "dioptre-focused"))
        self.canvas.connect("focus-out-event", lambda *_: frame.get_style_context().remove_class("dioptre-focused"))
        self._status = Status(layer_size)
        tools = [BrushRow(store)] if self._paints else []
        pack(self, self._top_row(), *tools, frame, self._status, fills=frame)
        store.observe(self._render)
        self.connect("realize", self._watch_key)
        self.show_all()

    def show_layer(self, picture: GdkPixbuf.Pixbuf, selection: Image | None = None) -> None:
        """Show the original layer at any resolution, and outline the selection that the operation works within."""
        self._own, self._selection = picture, selection
        self._render(None, self._store.state)

    # -- views and zoom ------------------------------------------------------------------------------------------

    def _top_row(self) -> Gtk.Box:
        row = Gtk.Box(spacing=6)
        group = Gtk.Box()
        add_class(group, "linked")
        first = None
        for view in (views.VIEWS[name] for name in self._names):
            label = _with_key(translated(view.label), MNEMONICS.get(view.name, ""))
            button = choice_button(first, label, translated(view.tip))
            button.set_active(view.name == self._store.state.view)
            button.connect("toggled", self._chose, view.name)
            group.pack_start(button, False, False, 0)
            self._buttons[view.name] = button
            first = first or button
        held = Gtk.Button(label=translated(views.VIEWS[views.BEFORE].label))
        add_class(held, "dioptre-view")
        held.set_tooltip_text(translated("Hold to compare (key: Y)."))
        held.connect("pressed", lambda _: self._compare(holds=True))
        held.connect("released", lambda _: self._compare(holds=False))
        pack(row, group, held)
        zoom = self._zoom = Gtk.Box()
        add_class(zoom, "linked")
        ways = (
            ("-", "Zoom out", 1 / STEP),
            (translated("Fit"), "Show the whole picture", 0.0),
            ("+", "Zoom in", STEP),
        )
        zooms = self.canvas.viewport
        for label, name, factor in ways:
            button = small_button(label, translated(name), lambda by=factor: zooms.set_zoom(zooms.zoom * by))
            zoom.pack_start(button, False, False, 0)
        row.pack_end(zoom, False, False, 0)
        return row

    def _chose(self, button: Gtk.RadioButton, name: str) -> None:
        if button.get_active():
            self._store.set(states.chose_view(self._store.state, name))

    def _compare(self, *, holds: bool) -> None:
        self._store.set(states.compared(self._store.state, holds=holds))

    def _watch_key(self, _: Gtk.Widget) -> None:
        def turned(_window: Gtk.Window, event: Gdk.EventKey) -> bool:
            others = event.state & (Gdk.ModifierType.CONTROL_MASK | Gdk.ModifierType.MOD1_MASK)
            if Gdk.keyval_to_lower(event.keyval) != Gdk.KEY_y or others:
                return False
            self._compare(holds=event.type == Gdk.EventType.KEY_PRESS)
            return True

        window = self.get_toplevel()
        window.connect("key-press-event", turned)
        window.connect("key-release-event", turned)
        window.connect("focus-out-event", lambda *_: self._compare(holds=False))

    def _clicked(self, x: float, y: float, click: Click) -> None:
        state = self._store.state
        if traits.enlarges(state.operation) and state.view != views.PLACE:
            return
        if self._on_click is None:
            self._change(lambda state: states.clicked(state, x, y, self._layer_size, click=click))
        elif not state.working:
            self._on_click(x, y, click)

    def _change(self, change: Callable[[State], State]) -> None:
        """Change the state as the user asked for in the picture, unless the result is being computed."""
        if not self._store.state.working:
            self._store.set(change(self._store.state))

    def _moved(self, number: int, place: Point) -> None:
        self._change(lambda state: states.moved(state, number, place, self._layer_size))

    def _boxed(self, start: Point, end: Point) -> None:
        self._change(lambda state: states.boxed(state, start, end, self._layer_size))

    # -- drawing -------------------------------------------------------------------------------------------------

    def _render(self, old: State | None, state: State) -> None:
        self._status.render(state, self._marked(state))
        self._waiting.render(state)
        button = self._buttons.get(state.view)
        if button is not None and not button.get_active():
            button.set_active(True)
        if old is None or old.on_canvas != state.on_canvas:
            self._zoom.set_visible(not state.on_canvas)
            self.canvas.set_size(FOLDED_PX if state.on_canvas else self._size)
        if self._paints:
            painting = self._painting if brush.is_active(state) else None
            self.canvas.set_brush(painting, brush.SEEN * state.brush.radius)
        if old is not None and _drawn_of(old) == _drawn_of(state):
            return
        marked = scene.marks_of(self._marked(state), self._layer_size)
        self.canvas.viewport.marks = [place for place, mark in marked.rings if mark is not Mark.AUTOMATIC]
        if self._on_click is None and picking.box_of(state.operation) is not None:
            self.canvas.set_box(self._boxed, marked.box)
        picture = self._picture(state)
        if picture is not None:
            if self._paints and (painted := self._overlay.picture(state, self._layer_size)) is not None:
                picture = drawing.opaque(picture)
                drawing.lay_over(picture, drawing.coloured(painted, brush.COLOURS), smooth=True)
            if self._selection is not None:
                picture = drawing.opaque(picture)
                outline = drawing.coloured(scene.outline(self._selection), scene.EDGE)
                drawing.lay_over(picture, outline, smooth=False)
            self.canvas.viewport.divider = self._divider if state.view == views.SPLIT else None
            worded = tuple(marked.worded)
            dots = tuple((place, self._dot) for place in marked.dots)
            self.canvas.show_picture(picture, (*self._markers(state, marked), *dots), worded)

    def _move_divider(self, at: float) -> None:
        self._divider = at
        self._render(None, self._store.state)

    def _picture(self, state: State) -> GdkPixbuf.Pixbuf | None:
        """Return the picture of the chosen view, or the layer itself until that picture has been computed."""
        before = None if state.shown is None else state.shown.before
        own = self._own if before is None else drawing.pixbuf_of(before)
        image = scene.picture_of(state)
        picture = own if image is None else drawing.pixbuf_of(image)
        if state.view == views.PLACE:
            return self._own
        if state.view == views.SPLIT and own is not None and picture is not None:
            return drawing.split(own, picture, self._divider)
        if picture is not None and (over := scene.overlays(state)):
            picture = drawing.opaque(picture)
            for one in over:
                drawing.lay_over(picture, drawing.coloured(one.image, one.colours), smooth=one.smooth)
        return picture

    def _markers(self, state: State, marked: scene.Marks) -> tuple[Marker, ...]:
        if traits.enlarges(state.operation):
            return ((state.place, self._rings[Mark.CHOSEN]),) if state.view == views.PLACE else ()
        return tuple((place, self._rings[mark]) for place, mark in marked.rings)


def _drawn_of(state: State) -> tuple[object, ...]:
    """Return the values that the canvas's picture depends on; it is drawn again when they change."""
    kinds = (*PLACES, Kind.DISTANCES)
    places = [state.options.get(one.name) for one in state.operation.parameters if one.kind in kinds]
    worded = state.options.get(state.operation.at_marks)
    what = state.shown, state.view, tuple(places), worded, state.place, state.sharp, state.replaces
    waits = state.brush.paints or traits.selects(state.operation)
    return *what, state.brush, brush.strokes(state), waits and state.phase


class Waiting(Gtk.Label):
    """Words over the picture that say that the result has not been computed yet; they ignore clicks."""

    def __init__(self) -> None:
        super().__init__(halign=Gtk.Align.CENTER, valign=Gtk.Align.CENTER, no_show_all=True)
        add_class(self, "dioptre-waiting")

    def render(self, state: State) -> None:
        words = scene.sign(state)
        waits = state.shown is None or state.phase is Phase.MISSING
        self.set_text(words)
        self.set_visible(bool(words) and waits and state.view not in (views.BEFORE, views.PLACE))


class Status(Gtk.Box):
    """Progress bar and text below the picture; together they always have the same height."""

    def __init__(self, layer_size: tuple[int, int]) -> None:
        super().__init__(spacing=10)
        self._layer_size = layer_size
        self._bar = progress_bar(valign=Gtk.Align.CENTER, no_show_all=True)
        self._bar.set_size_request(150, -1)
        self._words = Gtk.Label(xalign=0.0, wrap=True, lines=3, ellipsize=Pango.EllipsizeMode.END)
        self._words.set_width_chars(20)
        self._words.set_size_request(-1, 3 * self._words.create_pango_layout("Ay").get_pixel_size()[1])
        pack(self, self._words, self._bar, fills=self._words)

    def render(self, state: State, marked: State) -> None:
        self._bar.set_visible(state.busy)  # The progress bar is hidden when idle, because the text needs the space.
        if state.busy and state.fraction <= 0.0:
            self._bar.pulse()
        else:
            self._bar.set_fraction(min(max(state.fraction, 0.0), 1.0) if state.busy else 0.0)
        words = " ".join(translated(part) for part in (state.message, state.hint) if part)
        if not words and state.busy:
            words = translated("Computing the preview…")
        if not words:
            words = hint(state if traits.enlarges(state.operation) else marked, self._layer_size)
            if state.on_canvas:  # The canvas is locked.
                words = f"{translated('In this small picture:')} {words}"
        self._words.set_text(words)
        self._words.set_tooltip_text(words)


def hint(state: State, layer_size: tuple[int, int]) -> str:
    """Return the hint on what a click in the picture does; for an enlargement, it includes the sizes in pixels."""
    if traits.enlarges(state.operation):
        on_map = state.view == views.PLACE
        what = (
            Message("This is only the middle of it.")
            if state.fixed
            else Message("Click the area to preview.")
            if on_map
            else Message("This is only a part of it; choose another in the “Whole layer” view.")
        )
        width, height = (round(side * state.operation.scale(state.options)) for side in layer_size)
        return f"{layer_size[0]} × {layer_size[1]} → {width} × {height} px. {translated(what)}"
    if state.brush.paints:
        return brush.tip(state.operation, state.brush.tool)
    words = picking.hint(state.operation, chosen=state.point is not None)
    if traits.films(state.operation):
        words = f"{words} {translated('OK opens the film as an image: export it as .gif or .webp, as animation.')}"
    return words or translated("Scroll to zoom, drag to pan.")


def _with_key(label: str, key: str) -> str:
    place = label.lower().find(key) if key else -1
    return label if place < 0 else f"{label[:place]}_{label[place:]}"
