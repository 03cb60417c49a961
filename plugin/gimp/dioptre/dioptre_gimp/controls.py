"""One row per option. A row renders the dialog's state and forwards the user's input; it stores no value itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dioptre_link.editing import bokeh, distances, rows
from dioptre_link.editing import state as states
from dioptre_link.editing.state import State, Store
from dioptre_link.errors import UsageError
from dioptre_link.language import translated
from dioptre_link.operation import Kind, Parameter

from . import drawing
from .toolkit import Gdk, Gtk, Pango, add_class, pack, small_button

LABEL_CHARS = 20
VALUE_CHARS = 8  # Enough for a value with its unit, such as 300.0 px.
COLOURS = {"temperature": "dioptre-blue-amber", "tint": "dioptre-green-magenta"}


def set_options(store: Store[State], values: Mapping[str, Any]) -> None:
    """Apply the user's values as one change; if any value is invalid, change nothing."""
    with suppress(UsageError):
        store.set(states.changed_all(store.state, values))


def no_wheel(widget: Gtk.Widget) -> None:
    """Let the wheel scroll the list of options instead of changing the unfocused option under the pointer."""

    def scrolled(_widget: Gtk.Widget, _event: Gdk.EventScroll) -> bool:
        if not widget.has_focus():
            widget.stop_emission_by_name("scroll-event")
        return False

    widget.connect("scroll-event", scrolled)


def choice_box(labels: Sequence[str]) -> Gtk.ComboBoxText:
    """Return a list of choices, which shortens labels that are too long for it."""
    box = Gtk.ComboBoxText()
    for label in labels:
        box.append_text(label)
    for cell in box.get_cells():
        cell.set_property("ellipsize", Pango.EllipsizeMode.END)
    no_wheel(box)
    return box


class Row(Gtk.Box):
    """Row with a label. `render` is called for every new state."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(spacing=6)
        self.store, self.parameter = store, parameter
        self._quiet = False
        self.label = Gtk.Label(label=nick, use_underline=True, xalign=0.0, wrap=True)
        self.label.set_width_chars(LABEL_CHARS)
        self.label.set_max_width_chars(LABEL_CHARS)
        self.set_tooltip_text(translated(parameter.help))

    def name(self, widget: Gtk.Widget, words: str = "") -> None:
        """Set the name and description that screen readers announce."""
        accessible = widget.get_accessible()
        accessible.set_name(words or translated(self.parameter.label))
        accessible.set_description(translated(self.parameter.help))

    def add_label(self, widget: Gtk.Widget) -> None:
        """Begin the row with its label, whose mnemonic leads to `widget`."""
        self.label.set_mnemonic_widget(widget)
        self.pack_start(self.label, False, False, 0)

    def automatic_tick(self, on_toggle: Callable[[Gtk.CheckButton], None]) -> Gtk.CheckButton:
        """Return a checkbox that makes the option automatic."""
        tick = Gtk.CheckButton(label=translated(rows.AUTOMATIC))
        tick.set_tooltip_text(translated(rows.HELP_AUTOMATIC))
        tick.connect("toggled", on_toggle)
        self.name(tick, rows.automatic_name(self.parameter))
        return tick

    def render(self, state: State) -> None:
        self._quiet = True
        try:
            self.show_state(state)
        finally:
            self._quiet = False

    def show_state(self, state: State) -> None:
        raise NotImplementedError

    def send(self, changes: Mapping[str, Any]) -> None:
        if not self._quiet:
            set_options(self.store, changes)


class Entry(Gtk.Entry):
    """The text of a row, which returns to the current value if it is not a number."""

    def __init__(self, store: Store[State], row: rows.Number | rows.Distance) -> None:
        super().__init__(xalign=1.0, width_chars=VALUE_CHARS, max_width_chars=VALUE_CHARS)
        self._store, self._row = store, row
        self.connect("activate", self._entered)
        self.connect("focus-out-event", self._entered)

    def render(self, state: State, *, edited: bool) -> None:
        """Show a value, unless the user is typing one and it is still `edited`."""
        if not (edited and self.has_focus()):
            self.set_text(self._row.text(state))

    def _entered(self, *_: object) -> bool:
        set_options(self._store, self._row.typed(self.get_text(), self._store.state))
        self.set_text(self._row.text(self._store.state))
        return False


class NumberRow(Row):
    """Slider and entry for a number, with a checkbox for "automatic" if the option is optional."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._row = rows.Number(parameter)
        self._slider = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0.0, 1.0, 0.02)
        self._slider.set_draw_value(False)
        self._slider.set_increments(0.02, 0.1)
        if parameter.name in COLOURS:
            add_class(self._slider, COLOURS[parameter.name])
        self._slider.connect("value-changed", lambda slider: self.send(self._row.slid(slider.get_value())))
        no_wheel(self._slider)
        self._entry = Entry(store, self._row)
        self.add_label(self._slider)
        pack(self, self._slider, self._entry, fills=self._slider)
        self.name(self._slider)
        self.name(self._entry)
        self._tick: Gtk.CheckButton | None = None
        if parameter.default is None:
            self._tick = self.automatic_tick(
                lambda tick: self.send(self._row.ticked(tick.get_active(), self.store.state))
            )
            self.pack_start(self._tick, False, False, 0)

    def show_state(self, state: State) -> None:
        place = self._row.place(state)
        if self._tick is not None:
            self._tick.set_active(self._row.is_automatic(state))
        if place is not None:
            self._slider.set_value(place)
        self._entry.render(state, edited=place is not None)


class ChoiceRow(Row):
    """List of choices."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        choices = parameter.choices
        self._box = choice_box([translated(parameter.shown_choice(value)) for value in choices])
        self._box.connect("changed", lambda box: self.send({parameter.name: choices[box.get_active()]}))
        self.add_label(self._box)
        self.name(self._box)
        self.pack_start(self._box, True, True, 0)

    def show_state(self, state: State) -> None:
        self._box.set_active(self.parameter.choices.index(state.options[self.parameter.name]))


class TickRow(Row):
    """Checkbox for a yes/no option."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._tick = Gtk.CheckButton(label=nick, use_underline=True)
        self._tick.connect("toggled", lambda tick: self.send({parameter.name: tick.get_active()}))
        self.name(self._tick)
        self.pack_start(self._tick, True, True, 0)

    def show_state(self, state: State) -> None:
        self._tick.set_active(state.options[self.parameter.name])


class PlacesRow(Row):
    """Shows what was clicked in the preview, with buttons that remove it."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._row = rows.Places(parameter)
        self._words = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        self._buttons = [
            small_button(one.text, one.help, lambda one=one: self.send(one.changes(store.state)))
            for one in self._row.buttons
        ]
        self.add_label(self._buttons[-1])
        self.pack_start(self._words, True, True, 0)
        for one, button in zip(self._row.buttons, self._buttons, strict=True):
            self.name(button, one.name)
            self.pack_start(button, False, False, 0)

    def show_state(self, state: State) -> None:
        self._words.set_text(self._row.text(state))
        for one, button in zip(self._row.buttons, self._buttons, strict=True):
            button.set_sensitive(state.working or one.enabled(state))  # GTK draws it as if awake in a grey row.


def row_of(store: Store[State], parameter: Parameter, nick: str) -> Row:
    """Return the row that suits the parameter's kind."""
    kinds = {Kind.FLOAT: NumberRow, Kind.INTEGER: NumberRow, Kind.CHOICE: ChoiceRow, Kind.BOOLEAN: TickRow}
    return kinds.get(parameter.kind, PlacesRow)(store, parameter, nick)


PICTURE_PX = 36


class ShapesRow(Gtk.Box):
    """A button for each shape; none is active if the options match no shape."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__(spacing=2)
        self._store = store
        self._quiet = False
        self._buttons: dict[str, Gtk.ToggleButton] = {}
        for shape in bokeh.SHAPES:
            button = Gtk.ToggleButton()
            picture = drawing.pixbuf_from_rgb(PICTURE_PX, PICTURE_PX, 1, shape.picture(PICTURE_PX))
            button.add(Gtk.Image.new_from_pixbuf(picture))
            button.set_tooltip_text(f"{translated(shape.label)}: {translated(shape.tip)}")
            button.get_accessible().set_name(translated(shape.label))
            add_class(button, "dioptre-shape")
            button.connect("toggled", self._chose, shape)
            self._buttons[shape.name] = button
            self.pack_start(button, True, True, 0)
        self.get_accessible().set_name(translated("Bokeh"))

    def render(self, state: State) -> None:
        chosen = bokeh.shape_of(state.options)
        self._quiet = True
        for name, button in self._buttons.items():
            button.set_active(chosen is not None and chosen.name == name)
        self._quiet = False

    def _chose(self, button: Gtk.ToggleButton, shape: bokeh.Shape) -> None:
        if self._quiet:
            return
        set_options(self._store, dict(shape.options))
        self.render(self._store.state)  # Clicking the active shape must not switch it off.


class DistanceRow(Gtk.Box):
    """Entry that shows the distance of the focus point on the current scale, and takes the true one."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__(spacing=6)
        self._entry = Entry(store, rows.Distance())
        accessible = self._entry.get_accessible()
        accessible.set_name(translated(distances.LABEL))
        accessible.set_description(translated(distances.HELP))
        label = Gtk.Label(label=translated(distances.LABEL), xalign=0.0)
        self.set_tooltip_text(translated(distances.HELP))
        self.pack_start(label, False, False, 0)
        self.pack_end(self._entry, False, False, 0)
        self._point = store.state.point

    def render(self, state: State) -> None:
        self._entry.render(state, edited=state.point == self._point)
        self._point = state.point
        self._entry.set_sensitive(distances.can_enter(state))
