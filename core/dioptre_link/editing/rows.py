"""What an option's row shows of a state, and which options the user's input changes.

    row = rows.Number(parameter)
    row.text(state), row.place(state)                 # "f/2.0", and a position on the slider from 0 to 1
    store.set(changed_all(state, row.typed("2,8", state)))

Both editors' widgets show these rows; none keeps a value of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..catalogue.blur import F_NUMBER, MAX_RADIUS
from ..language import Message, translated
from ..operation import DISTANCE_LIMITS_M, LISTS, Kind, Parameter
from . import distances, picking, scales, scene
from .state import State

Changes = Mapping[str, Any]

AUTOMATIC = Message("Auto")
HELP_AUTOMATIC = Message("Determine from the picture")


def label_of(parameter: Parameter) -> str:
    """Return the label of an option's row in the user's language; "_" may precede a mnemonic."""
    return translated(Message("Bl_ur amount") if parameter.name == F_NUMBER else parameter.label)


def automatic_name(parameter: Parameter) -> str:
    """Return the name of the control that makes an option automatic, for screen readers."""
    return f"{translated(parameter.label)}: {translated(AUTOMATIC)}"


class Number:
    """A number, with a slider.

    Attributes:
        parameter: the option.
        scale: the slider, whose right end is the strongest blur for the f-number.
        prefix: text before the number.
        suffix: text after it.
        digits, step, least, most: as in `Scale`.
    """

    def __init__(self, parameter: Parameter) -> None:
        is_blur = parameter.name == F_NUMBER
        self.parameter = parameter
        self.scale = scales.blur_amount(parameter) if is_blur else scales.scale_of(parameter)
        self.prefix = "f/" if is_blur else ""
        self.suffix = f" {parameter.unit}" if parameter.unit and not is_blur else ""
        self.digits, self.step = self.scale.digits, self.scale.step
        self.least, self.most = self.scale.least, self.scale.most

    def value(self, state: State) -> float | None:
        """Return the user's number, or else the one that the preview decided; None if it is not known.

        The preview also decides the limit of a number that the picture limits. A radius overrides the f-number.
        """
        if self.parameter.name == F_NUMBER and state.options.get(MAX_RADIUS) is not None:
            return None
        given, decided = state.options[self.parameter.name], state.automatic.get(self.parameter.name)
        if given is None or (self.parameter.within_picture and decided is not None):
            given = decided if given is None else min(given, decided)
        return None if given is None else float(given)

    def is_automatic(self, state: State) -> bool:
        """Return whether the user leaves the number to the preview."""
        return state.options[self.parameter.name] is None

    def place(self, state: State) -> float | None:
        """Return the position on the slider, 0 to 1; None if the number is not known."""
        value = self.value(state)
        return None if value is None else self.scale.position(value)

    def text(self, state: State) -> str:
        """Return the text to show; "" while there is no value."""
        value = self.value(state)
        return "" if value is None else f"{self.prefix}{value:.{self.digits}f}{self.suffix}"

    def slid(self, place: float) -> Changes:
        """Return the option that changes when the slider moves to a position from 0 to 1."""
        return self.entered(self.scale.value(place))

    def typed(self, text: str, state: State) -> Changes:
        """Return the options that change; none if the text is not a number or was not edited."""
        number = _edited(text, self.text(state), self.prefix, self.suffix)
        return {} if number is None else self.entered(number)

    def entered(self, number: float) -> Changes:
        """Return the option that changes when the user chooses a number; it has the digits that are shown."""
        number = self.scale.typed(round(number, self.digits))  # A limit may have more digits.
        return {self.parameter.name: round(number) if self.parameter.kind is Kind.INTEGER else number}

    def ticked(self, automatic: bool, state: State) -> Changes:
        """Return the option that changes with the checkbox; without it, the number stays what it is."""
        value = self.value(state)
        known = self.scale.value(0.5) if value is None else value
        return {self.parameter.name: None} if automatic else self.entered(known)


class Distance:
    """The distance of the focus in metres; see `distances`."""

    prefix, suffix, digits, step = "", " m", 2, 0.1
    least, most = DISTANCE_LIMITS_M

    def text(self, state: State) -> str:
        """Return the text to show; "" while there is no value."""
        shown = distances.shown_m(state)
        return "" if shown is None else f"{shown:.{self.digits}f}{self.suffix}"

    def typed(self, text: str, state: State) -> Changes:
        """Return the options that change; none if the text is not a number or was not edited."""
        number = _edited(text, self.text(state), self.prefix, self.suffix)
        return {} if number is None else distances.entered(state, number)


def _edited(text: str, shown: str, prefix: str, suffix: str) -> float | None:
    """Return the number that was typed, with or without its unit; None for no number, or the one that was shown."""
    number, before = (
        each.strip().removeprefix(prefix).removesuffix(suffix.strip()).strip().replace(",", ".")
        for each in (text, shown)
    )
    try:
        return None if number == before else float(number)
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class Button:
    """A button beside the words of a row.

    Attributes:
        text: its text, in the user's language.
        help: what it does, in the user's language.
        name: the option and the button, for screen readers.
        changes: the options that it changes, which it is enabled for.
    """

    text: str
    help: str
    name: str
    changes: Callable[[State], Changes]

    def enabled(self, state: State) -> bool:
        """Return whether the button would change an option."""
        return any(state.options[name] != value for name, value in self.changes(state).items())


class Places:
    """Clicked points, a box or known distances as text, with buttons that remove them.

    Attributes:
        parameter: the option.
        buttons: the buttons, from left to right.
    """

    def __init__(self, parameter: Parameter) -> None:
        self.parameter, name = parameter, parameter.name
        if parameter.kind is Kind.POINT:
            self.buttons = [
                Button(
                    text=translated(AUTOMATIC),
                    help=translated(HELP_AUTOMATIC),
                    name=automatic_name(parameter),
                    changes=lambda state: {**state.operation.resets, name: None},
                )
            ]
            return
        self.buttons = [self._remover(translated("Clear"), translated("Remove everything"), 0)]
        if parameter.kind in LISTS:
            self.buttons.insert(0, self._remover("↶", translated("Remove the last point"), -1))

    def _remover(self, text: str, words: str, end: int) -> Button:
        """Return a button that keeps the places before `end`."""
        name, label = self.parameter.name, translated(self.parameter.label)

        def changes(state: State) -> Changes:
            return {name: (state.options[name] or ())[:end] or self.parameter.default}

        return Button(text=text, help=words, name=f"{label}: {words}", changes=changes)

    def text(self, state: State) -> str:
        """Return what the user chose, or what is chosen automatically, in the user's language."""
        value = state.options[self.parameter.name]
        if self.parameter.kind is not Kind.POINT:
            return picking.words_of(self.parameter, value)
        return scene.automatic_words(state) if value is None else f"{value[0]:.0f}, {value[1]:.0f} px"
