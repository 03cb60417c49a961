"""One row per option. A row renders the dialog's state and forwards the user's input; it stores no value itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dioptre_link.catalogue.focus import FOCAL_DISPARITY
from dioptre_link.editing import bokeh, distances, picking, scales, scene
from dioptre_link.editing import state as states
from dioptre_link.editing.state import State, Store
from dioptre_link.errors import UsageError
from dioptre_link.language import Message, translated
from dioptre_link.operation import LISTS, Kind, Parameter

from . import drawing
from .toolkit import Gdk, Gtk, Pango, add_class, small_button

LABEL_CHARS = 20
VALUE_CHARS = 8  # Enough for a value with its unit, such as 300.0 px.
COLOURS = {"temperature": "dioptre-blue-amber", "tint": "dioptre-green-magenta"}
AUTOMATIC = "Auto"


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

    def render(self, state: State) -> None:
        self._quiet = True
        try:
            self.show_state(state)
        finally:
            self._quiet = False

    def show_state(self, state: State) -> None:
        raise NotImplementedError

    def send(self, value: Any) -> None:
        if not self._quiet:
            set_options(self.store, {self.parameter.name: value})


class NumberRow(Row):
    """Slider and entry for a number, with a checkbox for "automatic" if the option is optional."""

    def __init__(
        self, store: Store[State], parameter: Parameter, nick: str, scale: scales.Scale | None = None
    ) -> None:
        super().__init__(store, parameter, nick)
        self._scale = scale or scales.scale_of(parameter)
        self._slider = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0.0, 1.0, 0.02)
        self._slider.set_draw_value(False)
        self._slider.set_increments(0.02, 0.1)
        if parameter.name in COLOURS:
            add_class(self._slider, COLOURS[parameter.name])
        self._slider.connect("value-changed", lambda it: self.send(self._typed(self._scale.value(it.get_value()))))
        no_wheel(self._slider)
        self._entry = Gtk.Entry(xalign=1.0)
        self._entry.set_width_chars(VALUE_CHARS)
        self._entry.set_max_width_chars(VALUE_CHARS)
        self._entry.connect("activate", self._entered)
        self._entry.connect("focus-out-event", self._entered)
        self.label.set_mnemonic_widget(self._slider)
        self.pack_start(self.label, False, False, 0)
        self.pack_start(self._slider, True, True, 0)
        self.pack_start(self._entry, False, False, 0)
        self.name(self._slider)
        self.name(self._entry)
        self._tick: Gtk.CheckButton | None = None
        if parameter.default is None:
            self._tick = Gtk.CheckButton(label=translated(AUTOMATIC))
            self._tick.set_tooltip_text(translated("Determine from the picture"))
            self._tick.connect("toggled", self._ticked)
            self.name(self._tick, f"{translated(parameter.label)}: {translated(AUTOMATIC)}")
            self.pack_start(self._tick, False, False, 0)

    def show_state(self, state: State) -> None:
        value = self._value(state)
        if self._tick is not None:
            self._tick.set_active(state.options[self.parameter.name] is None)
        if value is not None:
            self._slider.set_value(self._scale.position(value))
        if value is None or not self._entry.has_focus():
            self._entry.set_text(self._text(value))

    def _value(self, state: State) -> float | None:
        """Return the user's value, or else the one that the preview decided; None if it is not known."""
        given = state.options[self.parameter.name]
        value = state.automatic.get(self.parameter.name) if given is None else given
        return None if value is None else float(value)

    def _text(self, value: float | None) -> str:
        if value is None:
            return ""
        text = f"{value:.{self._scale.digits}f}"
        return f"f/{text}" if self._scale.backwards else f"{text} {self.parameter.unit}".strip()

    def _typed(self, value: float) -> float | int:
        return round(value) if self.parameter.kind is Kind.INTEGER else round(value, self._scale.digits)

    def _entered(self, *_: object) -> bool:
        """Apply a typed number, or restore the current value if it is invalid."""
        shown = self._text(self._value(self.store.state))
        text, before = (_number(each, self.parameter.unit) for each in (self._entry.get_text(), shown))
        try:
            value = self._scale.typed(float(text))
        except ValueError:
            value = None
        if value is not None and text != before:
            self.send(self._typed(value))
        self._entry.set_text(self._text(self._value(self.store.state)))
        return False

    def _ticked(self, tick: Gtk.CheckButton) -> None:
        position = 0.5 if self._value(self.store.state) is None else self._slider.get_value()
        self.send(None if tick.get_active() else self._typed(self._scale.value(position)))


def _number(text: str, unit: str) -> str:
    """Return the number in an entry's text without its unit."""
    return text.strip().removeprefix("f/").removesuffix(unit).strip().replace(",", ".")


class ChoiceRow(Row):
    """List of choices; also used for optional yes/no options."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._values: list[Any] = [] if parameter.default is not None else [None]
        labels = [] if parameter.default is not None else [translated(AUTOMATIC)]
        if parameter.kind is Kind.BOOLEAN:
            self._values += [True, False]
            labels += [translated("Yes"), translated("No")]
        else:
            self._values += parameter.choices
            labels += [translated(parameter.shown_choice(value)) for value in parameter.choices]
        self._box = choice_box(labels)
        self._box.connect("changed", lambda box: self.send(self._values[box.get_active()]))
        self.label.set_mnemonic_widget(self._box)
        self.name(self._box)
        self.pack_start(self.label, False, False, 0)
        self.pack_start(self._box, True, True, 0)

    def show_state(self, state: State) -> None:
        self._box.set_active(self._values.index(state.options[self.parameter.name]))


class TickRow(Row):
    """Checkbox for a yes/no option."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._tick = Gtk.CheckButton(label=nick, use_underline=True)
        self._tick.connect("toggled", lambda tick: self.send(tick.get_active()))
        self.name(self._tick)
        self.pack_start(self._tick, True, True, 0)

    def show_state(self, state: State) -> None:
        self._tick.set_active(state.options[self.parameter.name])


class PointRow(Row):
    """Shows the point clicked in the preview, with a button that resets the option to automatic."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._where = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        self._clear = small_button(translated(AUTOMATIC), translated("Clear the point"), self._forget)
        self.label.set_mnemonic_widget(self._clear)
        self.name(self._clear, f"{translated(parameter.label)}: {translated(AUTOMATIC)}")
        self.pack_start(self.label, False, False, 0)
        self.pack_start(self._where, True, True, 0)
        self.pack_start(self._clear, False, False, 0)

    def show_state(self, state: State) -> None:
        point = state.options[self.parameter.name]
        self._where.set_text(
            scene.automatic_words(state) if point is None else f"{point[0]:.0f}, {point[1]:.0f} px"
        )
        self._clear.set_sensitive(point is not None or state.options.get(FOCAL_DISPARITY) is not None)

    def _forget(self) -> None:
        known = self.store.state.options
        set_options(self.store, {name: None for name in (self.parameter.name, FOCAL_DISPARITY) if name in known})


class PlacesRow(Row):
    """Shows the number of clicked points or the box, with buttons that remove the last point or everything."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._words = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        self._undo = self._button("↶", Message("Remove the last point"), lambda: self._value()[:-1])
        self._clear = self._button(translated("Clear"), Message("Remove everything"), lambda: parameter.default)
        self.label.set_mnemonic_widget(self._clear)
        self.pack_start(self.label, False, False, 0)
        self.pack_start(self._words, True, True, 0)
        if parameter.kind in LISTS:
            self.pack_start(self._undo, False, False, 0)
        self.pack_start(self._clear, False, False, 0)

    def _button(self, text: str, words: str, change: Callable[[], Any]) -> Gtk.Button:
        button = small_button(text, translated(words), lambda: self.send(change()))
        self.name(button, f"{translated(self.parameter.label)}: {translated(words)}")
        return button

    def _value(self) -> Any:
        return self.store.state.options[self.parameter.name]

    def show_state(self, state: State) -> None:
        value = state.options[self.parameter.name]
        self._words.set_text(picking.words_of(self.parameter, value))
        self._undo.set_sensitive(bool(value))
        self._clear.set_sensitive(bool(value))


def row_of(store: Store[State], parameter: Parameter, nick: str) -> Row:
    """Return the row that suits the parameter's kind."""
    kinds: dict[Kind, Callable[[Store[State], Parameter, str], Row]] = {
        Kind.POINT: PointRow,
        Kind.POINTS: PlacesRow,
        Kind.DISTANCES: PlacesRow,
        Kind.BOX: PlacesRow,
        Kind.FLOAT: NumberRow,
        Kind.INTEGER: NumberRow,
        Kind.CHOICE: ChoiceRow,
        Kind.BOOLEAN: TickRow if parameter.default is not None else ChoiceRow,
    }
    return kinds[parameter.kind](store, parameter, nick)


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
        self._store = store
        self._entry = Gtk.Entry(xalign=1.0)
        self._entry.set_width_chars(VALUE_CHARS)
        self._entry.set_max_width_chars(VALUE_CHARS)
        self._entry.connect("activate", self._entered)
        self._entry.connect("focus-out-event", self._entered)
        accessible = self._entry.get_accessible()
        accessible.set_name(translated(distances.LABEL))
        accessible.set_description(translated(distances.HELP))
        label = Gtk.Label(label=translated(distances.LABEL), xalign=0.0)
        self.set_tooltip_text(translated(distances.HELP))
        self.pack_start(label, False, False, 0)
        self.pack_end(self._entry, False, False, 0)
        self._point = store.state.point

    def render(self, state: State) -> None:
        moved, self._point = state.point != self._point, state.point
        if moved or not self._entry.has_focus():
            self._entry.set_text(_text(state))
        self._entry.set_sensitive(distances.can_enter(state))

    def _entered(self, *_: object) -> bool:
        """Apply a typed distance, or restore the current one if it is not a number."""
        text, state = _number(self._entry.get_text(), "m"), self._store.state
        if text != _text(state).removesuffix(" m"):
            try:
                set_options(self._store, distances.entered(state, float(text)))
            except ValueError:
                self._entry.set_text(_text(state))
        return False


def _text(state: State) -> str:
    shown = distances.shown_m(state)
    return "" if shown is None else f"{shown:.2f} m"
