"""The right side of a dialog: the few options that most pictures need, with the rest under More options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dioptre_link.catalogue.blur import F_NUMBER
from dioptre_link.catalogue.focus import FOCUS_RANGE
from dioptre_link.editing import bokeh
from dioptre_link.editing.recipes import preset_in, presets_of, with_preset
from dioptre_link.editing.rows import label_of
from dioptre_link.editing.sections import Extra, Part, Rows, rows_of
from dioptre_link.editing.state import State, Store
from dioptre_link.language import translated
from dioptre_link.operation import Kind

from . import arguments, drawing
from .controls import LABEL_CHARS, DistanceRow, Row, ShapesRow, choice_box, row_of, set_options
from .document import GLib
from .downloads import Downloads, OfferBox
from .focus_row import FocusRow
from .histogram import LimitRow
from .tiles import Tiles
from .toolkit import Gtk, pack

WIDTH_PX = 440
APERTURE_PX = 64


def scrolled(panel: Gtk.Widget) -> Gtk.ScrolledWindow:
    """Put `panel` into a window with a permanent scrollbar, so that More options makes nothing narrower."""
    window = Gtk.ScrolledWindow(overlay_scrolling=False)
    window.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.ALWAYS)
    window.add(panel)
    return window


class Panel(Gtk.Box):
    """Rows for all options of an operation."""

    def __init__(self, store: Store[State], downloads: Downloads) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_end=6)
        self.set_size_request(WIDTH_PX, -1)
        self._store, self._downloads = store, downloads
        operation = store.state.operation
        self._nicks = arguments.nicknames(operation)
        self._rows: list[AnyRow] = []
        rows = rows_of(operation)
        self.presets = PresetTiles(store) if presets_of(operation) else None
        self._tiles = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.pack_start(self._tiles, False, False, 0)
        if self.presets is not None:
            label = Gtk.Label(label=translated("Prese_ts"), use_underline=True, xalign=0.0)
            label.set_mnemonic_widget(self.presets)
            self._tiles.pack_start(label, False, False, 0)
            self._add(self._tiles, self.presets)
        self._add_parts(self, rows.first)
        if rows.further:
            more = Gtk.Expander(label=translated("_More options"), use_underline=True)
            inside = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_top=6)
            self._add_sections(inside, rows)
            more.add(inside)
            more.connect("notify::expanded", self._opened)
            self.pack_start(more, False, False, 0)
        self.show_all()
        store.observe(self._changed)
        self._render(store.state)

    def _changed(self, old: State, state: State) -> None:
        """Render the state unless only its progress changed, which no row shows."""
        same = old.options is state.options and old.decided is state.decided and old.shown is state.shown
        same = same and old.networks is state.networks and old.fetch is state.fetch
        same = same and old.on_canvas == state.on_canvas
        if not same or old.working != state.working:
            self._render(state)

    def _render(self, state: State) -> None:
        self.set_sensitive(not state.working)
        self.reorder_child(self._tiles, -1 if state.on_canvas else 0)  # Little room is left for the options there.
        for row in self._rows:
            row.render(state)
            if isinstance(row, Row):
                row.set_sensitive(state.working or row.parameter.applies(state.options))

    def _add(self, box: Gtk.Box, row: AnyRow) -> None:
        self._rows.append(row)
        box.pack_start(row, False, False, 0)

    def _add_parts(self, box: Gtk.Box, parts: Sequence[Part]) -> None:
        """Add rows with the offer of a network below each that needs one; that of a finer network comes last."""
        finer: list[str] = []
        for part in parts:
            if isinstance(part, Extra):
                self._add(box, EXTRAS[part](self._store))
                continue
            nick = label_of(part) if part.name == F_NUMBER else self._nicks[part.name]
            self._add(box, (FocusRow if part.name == FOCUS_RANGE else row_of)(self._store, part, nick))
            if part.refined_by:
                finer.append(part.name)
            elif part.kind is Kind.CHOICE:
                self._add(box, OfferBox(part.name, self._downloads))
        for name in finer:
            self._add(box, OfferBox(name, self._downloads))

    def _add_sections(self, box: Gtk.Box, rows: Rows) -> None:
        """Add the sections: all of them under headings, or many options as expanders of which one is open."""
        expanders: list[Gtk.Expander] = []
        for title, parts in rows.further:
            inside = box
            heading = f"<b>{GLib.markup_escape_text(translated(title))}</b>"
            if rows.folds:
                inside = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_top=6)
                expanders.append(Gtk.Expander(label=heading, use_markup=True, expanded=not expanders))
                expanders[-1].add(inside)
                box.pack_start(expanders[-1], False, False, 0)
            elif title:
                label = Gtk.Label(xalign=0.0)
                label.set_markup(heading)
                box.pack_start(label, False, False, 0)
            self._add_parts(inside, parts)

        def opened(expander: Gtk.Expander, _property: object) -> None:
            for other in expanders if expander.get_expanded() else ():
                other.set_expanded(other is expander)

        for expander in expanders:
            expander.connect("notify::expanded", opened)
            expander.connect("notify::expanded", self._opened)

    def _opened(self, expander: Gtk.Expander, _property: object) -> None:
        """Scroll to what was opened, once it has its place."""

        def scroll() -> None:
            place = expander.translate_coordinates(self, 0, 0)
            if place is not None and expander.get_expanded():  # The dialog may be gone meanwhile.
                window.get_vadjustment().set_value(place[1])

        def placed(inside: Gtk.Widget, _area: object) -> None:
            inside.disconnect(handler)
            GLib.idle_add(scroll)

        if expander.get_expanded():
            window = self.get_ancestor(Gtk.ScrolledWindow)
            handler = expander.get_child().connect("size-allocate", placed)


class PresetTiles(Tiles):
    """Tiles of presets, which set all options except clicked places and strokes."""

    def __init__(self, store: Store[State]) -> None:
        operation = store.state.operation
        super().__init__(
            presets_of(operation),
            lambda name: set_options(store, with_preset(store.state.options, name, operation)),
        )

    def render(self, state: State) -> None:
        self.choose(preset_in(state.options, state.operation) or None)


class DiscRow(Gtk.Box):
    """Pictures of the disc that an out-of-focus light becomes: one at the picture's centre and one in a corner."""

    def __init__(self, _store: Store[State]) -> None:
        super().__init__(spacing=12)
        self.set_halign(Gtk.Align.CENTER)
        self._drawn: dict[str, Any] = {}
        self._pictures = {bokeh.CENTRE: Gtk.Image(), bokeh.CORNER: Gtk.Image()}
        words_of = (translated("in the middle"), translated("in the corner"))
        for picture, words in zip(self._pictures.values(), words_of, strict=True):
            column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
            pack(self, pack(column, picture, Gtk.Label(label=words)))

    def render(self, state: State) -> None:
        options = {name: state.options[name] for name in bokeh.OPTIONS}
        if options == self._drawn:
            return
        self._drawn = options
        for field, picture in self._pictures.items():
            values = bokeh.disc(APERTURE_PX, options, field=field)
            picture.set_from_pixbuf(drawing.pixbuf_from_rgb(APERTURE_PX, APERTURE_PX, 1, values))


def depth_chooser(names: list[str], chosen: int, on_choose: Any) -> Gtk.Box:
    """Return a list of the layers that can serve as depth."""
    box = choice_box(names)
    box.set_active(chosen)
    box.connect("changed", lambda _: on_choose(box.get_active()))
    label = Gtk.Label(label=translated("_Depth layer"), use_underline=True, xalign=0.0)
    label.set_width_chars(LABEL_CHARS)
    label.set_mnemonic_widget(box)
    box.get_accessible().set_name(translated("Depth layer"))
    return pack(Gtk.Box(spacing=6, margin_end=18), label, box, fills=box)


AnyRow = Row | LimitRow | ShapesRow | PresetTiles | DiscRow | DistanceRow | OfferBox
EXTRAS: Mapping[Extra, Callable[[Store[State]], AnyRow]] = {
    Extra.DISTANCE: DistanceRow,
    Extra.LIMIT: LimitRow,
    Extra.SHAPES: ShapesRow,
    Extra.DISC: DiscRow,
}
