"""The right side of a dialog: the few options that most pictures need, with the rest under More options."""

from __future__ import annotations

from typing import Any

from dioptre_link.catalogue.blur import F_NUMBER
from dioptre_link.catalogue.focus import FOCUS_RANGE
from dioptre_link.catalogue.limit import FARTHEST
from dioptre_link.editing import bokeh, distances, scales, traits
from dioptre_link.editing.recipes import preset_in, presets_of, with_preset
from dioptre_link.editing.sections import FEW, sections
from dioptre_link.editing.state import State, Store
from dioptre_link.language import translated
from dioptre_link.operation import Kind, Parameter

from . import arguments, drawing
from .controls import LABEL_CHARS, DistanceRow, NumberRow, Row, ShapesRow, choice_box, row_of, set_options
from .document import GLib
from .downloads import Downloads, OfferBox
from .focus_row import FocusRow
from .histogram import LimitRow
from .tiles import Tiles
from .toolkit import Gtk

WIDTH_PX = 440
APERTURE_PX = 64
BLUR, RANGE = F_NUMBER, FOCUS_RANGE


def scrolled(panel: Gtk.Widget) -> Gtk.ScrolledWindow:
    """Put `panel` into a window with a permanent scrollbar, so that nothing moves when More options opens."""
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
        rows = distances.rows(operation)
        first = [parameter for parameter in rows if parameter.simple]
        others = [parameter for parameter in rows if not parameter.simple]
        if not first:
            first, others = others, []
        self.presets = PresetTiles(store) if presets_of(operation) else None
        if self.presets is not None:
            label = Gtk.Label(label=translated("Prese_ts"), use_underline=True, xalign=0.0)
            label.set_mnemonic_widget(self.presets)
            self.pack_start(label, False, False, 0)
            self._add(self, self.presets)
        for parameter in sorted(first, key=lambda one: one.name != BLUR) if traits.focuses(operation) else first:
            self._add_row(self, parameter, self._first_row(parameter))
            if parameter.name == BLUR and bokeh.has_shapes(operation):
                self._add(self, ShapesRow(store))
        if others:
            more = Gtk.Expander(label=translated("_More options"), use_underline=True)
            inside = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_top=6)
            self._add_sections(inside, others)
            more.add(inside)
            self.pack_start(more, False, False, 0)
        self.show_all()
        store.observe(self._changed)
        self._render(store.state)

    def _changed(self, old: State, state: State) -> None:
        """Render the state unless only its progress changed, which no row shows."""
        same = old.options is state.options and old.decided is state.decided and old.shown is state.shown
        same = same and old.networks is state.networks and old.fetch is state.fetch
        if not same or old.working != state.working:
            self._render(state)

    def _render(self, state: State) -> None:
        self.set_sensitive(not state.working)
        for row in self._rows:
            row.render(state)
            if isinstance(row, Row):
                row.set_sensitive(row.parameter.applies(state.options))

    def _add(self, box: Gtk.Box, row: AnyRow) -> None:
        self._rows.append(row)
        box.pack_start(row, False, False, 0)

    def _add_row(self, box: Gtk.Box, parameter: Parameter, row: Row) -> None:
        """Add a row, a distance or a histogram above it, and the offer of a network below it."""
        if distances.is_entry(parameter):
            self._add(box, DistanceRow(self._store))
        if parameter.name == FARTHEST:
            self._add(box, LimitRow(self._store))
        self._add(box, row)
        if parameter.kind is Kind.CHOICE or parameter.refined_by:
            self._add(box, OfferBox(parameter.name, self._downloads))

    def _first_row(self, parameter: Parameter) -> Row:
        nick = self._nicks[parameter.name]
        if parameter.name == BLUR:
            label = translated("Bl_ur amount")
            return NumberRow(self._store, parameter, label, scales.blur_amount(parameter))
        if parameter.name == RANGE and traits.focuses(self._store.state.operation):
            return FocusRow(self._store, parameter, nick)
        return row_of(self._store, parameter, nick)

    def _add_sections(self, box: Gtk.Box, parameters: list[Parameter]) -> None:
        """Add the sections: all of them under headings, or many options as expanders of which one is open."""
        expanders: list[Gtk.Expander] = []
        for title, members in sections(parameters):
            inside = box
            heading = f"<b>{GLib.markup_escape_text(translated(title))}</b>"
            if len(parameters) > FEW:
                inside = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_top=6)
                expanders.append(Gtk.Expander(label=heading, use_markup=True, expanded=not expanders))
                expanders[-1].add(inside)
                box.pack_start(expanders[-1], False, False, 0)
            elif title:
                label = Gtk.Label(xalign=0.0)
                label.set_markup(heading)
                box.pack_start(label, False, False, 0)
            for parameter in members:
                self._add_row(inside, parameter, row_of(self._store, parameter, self._nicks[parameter.name]))
            if set(bokeh.SHAPED) <= {parameter.name for parameter in members}:
                self._add(inside, DiscRow())

        def opened(expander: Gtk.Expander, _property: object) -> None:
            for other in expanders if expander.get_expanded() else ():
                other.set_expanded(other is expander)

        for expander in expanders:
            expander.connect("notify::expanded", opened)


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

    def __init__(self) -> None:
        super().__init__(spacing=12)
        self.set_halign(Gtk.Align.CENTER)
        self._drawn: dict[str, Any] = {}
        self._pictures = {bokeh.CENTRE: Gtk.Image(), bokeh.CORNER: Gtk.Image()}
        words_of = (translated("in the middle"), translated("in the corner"))
        for picture, words in zip(self._pictures.values(), words_of, strict=True):
            column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
            column.pack_start(picture, False, False, 0)
            column.pack_start(Gtk.Label(label=words), False, False, 0)
            self.pack_start(column, False, False, 0)

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
    row = Gtk.Box(spacing=6, margin_end=18)
    row.pack_start(label, False, False, 0)
    row.pack_start(box, True, True, 0)
    return row


AnyRow = Row | LimitRow | ShapesRow | PresetTiles | DiscRow | OfferBox
