"""Translates between an operation's options and the arguments and config of a GIMP procedure.

GIMP's numbers cannot be empty, so an optional number uses a value below its range to mean "automatic"
(`automatic_value`, usually -1). A point becomes two numbers, `NAME-x` and `NAME-y`. Lists of points and of
distances and a box are text, as on the command line. Strokes are text, in the JSON format of recipes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dioptre_link.catalogue import IN_EDITORS
from dioptre_link.editing import state as states
from dioptre_link.editing import traits
from dioptre_link.editing.state import State, Store
from dioptre_link.errors import UsageError
from dioptre_link.language import Message, translated
from dioptre_link.operation import LISTS, Kind, Operation, Parameter
from dioptre_link.presets import preset, presets
from dioptre_link.recipe import Recipe

from .document import Gimp, GLib, GObject

AUTOMATIC = "automatic"  # Extra choice that stands for None in an optional choice or yes/no option.
DEPTH_LAYER = "depth-layer"
WHOLE_IMAGE = "whole-image"
ON_CANVAS = "on-canvas"
AFTER_STROKE, SNAPS = "update-after-stroke", "snap-strokes"
MAX_POINT_PX = float(1 << 19)  # Largest coordinate of a point: twice the longest side of a GIMP image.

_FLAGS = GObject.ParamFlags.READWRITE


def automatic_value(parameter: Parameter) -> float:
    """Return the number that means "automatic" for a parameter, below the range of its values."""
    return -1.0 if parameter.minimum is None or parameter.minimum >= 0 else parameter.minimum - 1


def names(parameter: Parameter) -> tuple[str, ...]:
    """Return the names of the GIMP arguments that hold one parameter."""
    name = parameter.name.replace("_", "-")
    return (f"{name}-x", f"{name}-y") if parameter.kind is Kind.POINT else (name,)


def add_arguments(procedure: Gimp.Procedure, operation: Operation) -> None:
    """Add an argument to `procedure` for each option, and for the depth layer if the operation takes one."""
    nicks = nicknames(operation)
    for parameter in operation.parameters:
        _ADDERS[parameter.kind](procedure, parameter, nicks[parameter.name])
    if traits.enlarges(operation):
        words = translated(
            "Enlarge the whole image: layers, masks, channels, paths, guides and selection. No: add an "
            "enlarged copy of this layer above it"
        )
        procedure.add_boolean_argument(WHOLE_IMAGE, translated("The whole _image"), words, True, _FLAGS)
    else:
        add_canvas_argument(procedure)
    if traits.takes_depth(operation):
        add_depth_argument(procedure)


def add_canvas_argument(procedure: Gimp.Procedure) -> None:
    """Add the switch of the preview on the canvas, which belongs to the dialog and not to the operation."""
    words = translated("Preview the result in the document itself, on a temporary layer")
    procedure.add_boolean_aux_argument(ON_CANVAS, translated("Show on the can_vas"), words, False, _FLAGS)


def add_painting_arguments(procedure: Gimp.Procedure) -> None:
    """Add the switches of the window beside the canvas while the user paints on a depth layer."""
    words = translated("Let what you paint on the depth end at the edges of the photo")
    procedure.add_boolean_aux_argument(SNAPS, translated("Snap strokes to _edges"), words, False, _FLAGS)
    words = translated("While you paint on the depth, show the result of each stroke")
    procedure.add_boolean_aux_argument(AFTER_STROKE, translated("Update after each _stroke"), words, False, _FLAGS)


def add_depth_argument(procedure: Gimp.Procedure) -> None:
    words = translated(
        "Grey layer: white is nearest, black is farthest. None: the depth layer that Dioptre created for this layer"
    )
    procedure.add_layer_argument(DEPTH_LAYER, translated("_Depth layer"), words, True, _FLAGS)


def menu_labels() -> dict[str, str]:
    """Return the menu label of each operation, with a mnemonic that no other entry of the menu uses."""
    taken = set("cehu")  # Mnemonics of Recipe, Edit, Edit depth and Update.
    # The two that select share their first letter with Super-resolution, which gets it.
    in_turn = sorted(IN_EDITORS.values(), key=traits.selects)
    return {operation.name: _with_key(translated(operation.title), taken) for operation in in_turn}


def nicknames(operation: Operation) -> dict[str, str]:
    """Return each option's label with a unique mnemonic (the letter after "_") if a letter is free."""
    # Mnemonics of Help, Reset, Cancel, OK, Save, Load, depth layer, More options and new group.
    taken = set("hrcosldmn")
    taken |= set("aepfvwtu")  # Mnemonics of a dialog's views, canvas switch, preset and blur amount.
    taken |= {"i"} if traits.enlarges(operation) else set()
    nicks = {}
    for parameter in sorted(operation.parameters, key=lambda parameter: not parameter.simple):
        label = translated(parameter.label)  # Strokes have no row in a dialog.
        nicks[parameter.name] = label if parameter.kind is Kind.STROKES else _with_key(label, taken)
    return nicks


def _with_key(label: str, taken: set[str]) -> str:
    """Put "_" before the first letter of the label that is not in `taken`, and add that letter to `taken`."""
    free = [place for place, letter in enumerate(label) if letter.isalpha() and letter.lower() not in taken]
    if not free:
        return label
    taken.add(label[free[0]].lower())
    return f"{label[: free[0]]}_{label[free[0] :]}"


def read_options(operation: Operation, config: Gimp.ProcedureConfig) -> dict[str, Any]:
    """Return the validated options in `config`.

    Raises:
        UsageError: An option is invalid.
    """
    return operation.check({p.name: read_one(p, config) for p in operation.parameters})


def means_whole_image(operation: Operation, config: Gimp.ProcedureConfig) -> bool:
    """Return whether the run enlarges the whole image instead of only the layer."""
    return traits.enlarges(operation) and bool(config.get_property(WHOLE_IMAGE))


def write_option(parameter: Parameter, config: Gimp.ProcedureConfig, value: Any) -> None:
    """Set one option. Both coordinates of a point change together, so observers never see one without the other."""
    with config.freeze_notify():
        for name, one in zip(names(parameter), _gimp_values(parameter, value), strict=True):
            config.set_property(name, one)


def write_options(operation: Operation, config: Gimp.ProcedureConfig, options: Mapping[str, Any]) -> None:
    """Set every option in `options`, for example the options of an earlier result."""
    with config.freeze_notify():
        for parameter in operation.parameters:
            if parameter.name in options:
                write_option(parameter, config, options[parameter.name])


def read_one(parameter: Parameter, config: Gimp.ProcedureConfig) -> Any:
    """Return the value of one option without further validation, or None if the option is automatic."""
    values = [config.get_property(name) for name in names(parameter)]
    if parameter.kind in LISTS:
        return values[0] or ()  # GIMP returns None for an empty string.
    if parameter.kind is Kind.BOX:
        return values[0] or None
    if parameter.default is None:
        if parameter.kind in (Kind.CHOICE, Kind.BOOLEAN):
            return None if values[0] == AUTOMATIC else values[0]
        automatic = -1.0 if parameter.kind is Kind.POINT else automatic_value(parameter)
        given = [value != automatic for value in values]
        if not any(given):
            return None
        if not all(given):
            raise UsageError(
                "{label}: only one coordinate is set.",
                hint="Specify both coordinates or neither.",
                label=Message(parameter.label),
            )
    return tuple(values) if parameter.kind is Kind.POINT else values[0]


def _gimp_values(parameter: Parameter, value: Any) -> tuple[Any, ...]:
    if parameter.kind is Kind.POINT:
        return (-1.0, -1.0) if value is None else (float(value[0]), float(value[1]))
    if parameter.kind is Kind.POINTS:
        return (" ".join(f"{x:g},{y:g}" for x, y in value),)
    if parameter.kind is Kind.DISTANCES:
        return (" ".join(f"{x:g},{y:g},{metres:g}" for x, y, metres in value),)
    if parameter.kind is Kind.BOX:
        return ("" if value is None else ",".join(f"{side:g}" for side in value),)
    if parameter.kind is Kind.STROKES:
        return (json.dumps(value, separators=(",", ":")) if value else "",)
    if parameter.kind in (Kind.CHOICE, Kind.BOOLEAN) and parameter.default is None:
        return (AUTOMATIC if value is None else {True: "yes", False: "no"}.get(value, value),)
    if value is None:
        value = automatic_value(parameter)
    return (int(value) if parameter.kind is Kind.INTEGER else value,)


def _help(parameter: Parameter) -> str:
    unit = " " + translated(f"In {parameter.unit}.") if parameter.unit else ""
    text = translated(parameter.help)
    if parameter.default is not None or parameter.kind in (Kind.CHOICE, Kind.BOOLEAN):
        return text + unit
    automatic = -1.0 if parameter.kind is Kind.POINT else automatic_value(parameter)
    return f"{text}{unit} {translated(f'{automatic:g}: not set')}"


def _limits(parameter: Parameter) -> tuple[float, float, float]:
    low = -1e9 if parameter.minimum is None else parameter.minimum
    high = 1e9 if parameter.maximum is None else parameter.maximum
    if parameter.default is None:
        automatic = automatic_value(parameter)
        return min(low, automatic), high, automatic
    return low, high, parameter.default


def _add_number(procedure: Gimp.Procedure, parameter: Parameter, nick: str) -> None:
    whole = parameter.kind is Kind.INTEGER
    add, kind = (procedure.add_int_argument, int) if whole else (procedure.add_double_argument, float)
    add(*names(parameter), nick, _help(parameter), *map(kind, _limits(parameter)), _FLAGS)


def _add_boolean(procedure: Gimp.Procedure, parameter: Parameter, nick: str) -> None:
    if parameter.default is None:
        _add_choices(procedure, parameter, nick, {"yes": translated("Yes"), "no": translated("No")})
        return
    procedure.add_boolean_argument(*names(parameter), nick, _help(parameter), parameter.default, _FLAGS)


def _add_choice(procedure: Gimp.Procedure, parameter: Parameter, nick: str) -> None:
    shown = {value: translated(parameter.shown_choice(value)) for value in parameter.choices}
    _add_choices(procedure, parameter, nick, shown)


def _add_choices(procedure: Gimp.Procedure, parameter: Parameter, nick: str, shown: Mapping[str, str]) -> None:
    choice = Gimp.Choice.new()
    if parameter.default is None:
        choice.add(AUTOMATIC, 0, translated("Automatic"), "")
    for number, (value, label) in enumerate(shown.items(), start=1):
        choice.add(value, number, label, "")
    default = AUTOMATIC if parameter.default is None else parameter.default
    procedure.add_choice_argument(*names(parameter), nick, _help(parameter), choice, default, _FLAGS)


def _add_point(procedure: Gimp.Procedure, parameter: Parameter, nick: str) -> None:
    for name, axis in zip(names(parameter), ("x", "y"), strict=True):
        procedure.add_double_argument(
            name,
            f"{nick} {axis}",
            f"{_help(parameter)}. {translated('In pixels from the top left of the layer')}",
            -1.0 if parameter.default is None else -MAX_POINT_PX,
            MAX_POINT_PX,
            -1.0 if parameter.default is None else parameter.default["xy".index(axis)],
            _FLAGS,
        )


_TEXTS = {
    Kind.STROKES: Message("In JSON, as in a recipe"),
    Kind.POINTS: Message("As x,y pairs separated by spaces, in pixels of the layer"),
    Kind.DISTANCES: Message("As x,y,metres separated by spaces; x and y are in pixels of the layer"),
    Kind.BOX: Message("As left,top,right,bottom in pixels of the layer"),
}


def _add_text(procedure: Gimp.Procedure, parameter: Parameter, nick: str) -> None:
    text = f"{translated(parameter.help)} {translated(_TEXTS[parameter.kind])}"
    procedure.add_string_argument(*names(parameter), nick, text, "", _FLAGS)


_ADDERS = {
    Kind.FLOAT: _add_number,
    Kind.INTEGER: _add_number,
    Kind.BOOLEAN: _add_boolean,
    Kind.CHOICE: _add_choice,
    Kind.POINT: _add_point,
    **dict.fromkeys(_TEXTS, _add_text),
}


class Binding:
    """Two-way binding between settings and state, active until `end` is called."""

    def __init__(self, config: Gimp.ProcedureConfig, store: Store[State]) -> None:
        self._config, self._store = config, store
        self._writing = False
        self._reading: int | None = None
        write_options(store.state.operation, config, store.state.options)
        self._handler: int = config.connect("notify", self._noticed)
        self._forget = store.observe(self._write)

    def end(self) -> None:
        self._config.disconnect(self._handler)
        self._forget()
        if self._reading is not None:
            GLib.source_remove(self._reading)

    def _write(self, old: State, state: State) -> None:
        if old.options is state.options:
            return
        changed = {name: value for name, value in state.options.items() if old.options[name] != value}
        self._writing = True
        try:
            write_options(state.operation, self._config, changed)
        finally:
            self._writing = False

    def _noticed(self, *_: object) -> None:
        """Schedule a single read of the settings, which runs after GIMP has set all values."""
        if not self._writing and self._reading is None:
            self._reading = GLib.idle_add(self._read)

    def _read(self) -> bool:
        self._reading = None
        state = self._store.state
        try:
            state = states.changed_all(state, read_options(state.operation, self._config))
        # Ignore invalid settings: saved ones may hold only one coordinate of a point.
        except UsageError:
            return False
        self._store.set(state)
        return False


PRESET, FILE = "preset", "file"
FROM_FILE = "file"  # The choice that uses the recipe file instead of a preset.


def add_recipe_arguments(procedure: Gimp.Procedure) -> None:
    choice = Gimp.Choice.new()
    choice.add(FROM_FILE, 0, translated("From the file"), "")
    for number, (name, recipe) in enumerate(presets().items(), start=1):
        choice.add(name, number, translated(recipe.title), translated(recipe.description))
    help_text = translated("A recipe that comes with Dioptre, or the file below")
    procedure.add_choice_argument(PRESET, translated("Reci_pe"), help_text, choice, FROM_FILE, _FLAGS)
    help_text = translated("A recipe as a .json file; every run of Dioptre saves one")
    action = Gimp.FileChooserAction.OPEN
    procedure.add_file_argument(FILE, translated("_File"), help_text, action, True, None, _FLAGS)
    add_canvas_argument(procedure)
    add_depth_argument(procedure)


def add_export_argument(procedure: Gimp.Procedure) -> None:
    action = Gimp.FileChooserAction.SAVE
    procedure.add_file_argument(FILE, translated("_File"), translated("A JPEG"), action, True, None, _FLAGS)


def chosen_file(config: Gimp.ProcedureConfig) -> Path | None:
    """Return the chosen file of a recipe, or to export to; None if there is none."""
    file = config.get_property(FILE)
    return None if file is None or file.get_path() is None else Path(file.get_path())


def is_recipe_unchosen(config: Gimp.ProcedureConfig) -> bool:
    """Return whether neither a preset nor a file is chosen."""
    return bool(config.get_property(PRESET) == FROM_FILE and config.get_property(FILE) is None)


def chosen_recipe(config: Gimp.ProcedureConfig) -> Recipe:
    """Return the chosen recipe.

    Raises:
        UsageError: No recipe is chosen.
        RecipeError: The recipe is invalid.
    """
    name = config.get_property(PRESET)
    if name != FROM_FILE:
        return preset(name)
    if (file := chosen_file(config)) is None:
        raise UsageError("No recipe is selected.", hint="Choose a recipe that comes with Dioptre, or a file.")
    return Recipe.read(file)
