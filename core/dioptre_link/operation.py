"""Descriptions of operations: their options with types, kinds and ranges, their inputs and their outputs."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from inspect import get_annotations
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin

from .errors import UsageError
from .language import Message
from .strokes import Strokes, checked_strokes

AUTO = "auto"
MOST_POINTS = 100
"""Largest number of points in an option of kind POINTS or DISTANCES."""
DISTANCE_LIMITS_M = (0.01, 10000.0)
"""Smallest and largest distance in an option of kind DISTANCES."""


class Kind(Enum):
    """The kind of values that a parameter takes.

    A POINT is (x, y) in pixels of the input picture, from its top left corner. POINTS is any number of them; the
    default is none. A BOX is (left, top, right, bottom) in pixels. STROKES are strokes of a brush: see
    `strokes`. DISTANCES are any number of (x, y, metres): points of the picture and their distances.
    """

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    POINT = "point"
    POINTS = "points"
    BOX = "box"
    STROKES = "strokes"
    DISTANCES = "distances"


PLACES = (Kind.POINT, Kind.POINTS, Kind.BOX)
"""Kinds whose values are positions in the picture."""

LISTS = (Kind.POINTS, Kind.STROKES, Kind.DISTANCES)
"""Kinds whose values are lists, empty by default."""

Point = tuple[float, float]
Points = tuple[Point, ...]
Box = tuple[float, float, float, float]
Distances = tuple[tuple[float, float, float], ...]

_KINDS: dict[Any, Kind] = {
    float: Kind.FLOAT,
    int: Kind.INTEGER,
    bool: Kind.BOOLEAN,
    Point: Kind.POINT,
    Points: Kind.POINTS,
    Box: Kind.BOX,
    Strokes: Kind.STROKES,
    Distances: Kind.DISTANCES,
}
"""The kinds of options by the types of their values. An option with choices is a CHOICE."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One option of an operation. `default=None` means that the value is chosen automatically."""

    name: str
    kind: Kind
    label: str
    help: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()  # labels of the choices in an editor; by default, derived from their names
    in_krita: tuple[str, ...] = ()  # the same in Krita's words, where they differ
    slider: tuple[float, float] | None = None  # range of the slider in an editor; values outside it can be typed
    unit: str = ""
    group: str = ""
    simple: bool = False  # whether the short version of a dialog shows the option
    only_if: tuple[Any, ...] = ()  # an option and those of its values with which this option has an effect
    bytes_per_pixel: int = 0  # more memory per pixel of the picture if the value is not the default
    within_picture: bool = False  # whether a larger value stands for the picture's longer side in pixels
    refined_by: str = ""  # id of a network that, once it is added, sees more finely what the option is about

    def check(self, value: Any) -> Any:
        """Convert a value to this parameter's type and check its range.

        None and "auto" select the automatic value, if the parameter has one.

        Raises:
            UsageError: the value has the wrong type or is out of range.
        """
        if self.default is None and (value is None or value == AUTO):
            return None
        try:
            checked = _PARSERS[self.kind](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                Message(
                    "{label}: {value} is not {words}.",
                    label=self.mention(),
                    value=repr(value),
                    words=Message(_WORDS[self.kind]),
                ),
                hint=self._range_hint(),
            ) from error
        if self.kind is Kind.CHOICE and checked not in self.choices:
            raise UsageError(
                Message("{label}: {value} is not one of the choices.", label=self.mention(), value=repr(value)),
                hint=self._range_hint(),
            )
        if self.kind in (Kind.FLOAT, Kind.INTEGER):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            if not low <= checked <= high:
                raise UsageError(
                    Message("{label}: {value} is out of range.", label=self.mention(), value=value),
                    hint=self._range_hint(),
                )
        return checked

    @property
    def flag(self) -> str:
        """The spelling on the command line: `f_number` becomes `--f-number`."""
        return "--" + self.name.replace("_", "-")

    def mention(self, choice: str = "") -> Message:
        """Return the option's name, or one of its choices, for a message; on the command line, as it is typed."""
        label = Message(self.label)
        if not choice:
            return Message(label, typed=self.flag)
        shown = Message(self.shown_choice(choice))
        return Message("{label}: {choice}", label=label, choice=shown, typed=f"{self.flag} {choice}")

    @property
    def of_one_picture(self) -> bool:
        """Whether a value applies to one particular picture and must not be carried over to the next."""
        return self.default is None or self.kind in LISTS

    def applies(self, options: Mapping[str, Any]) -> bool:
        """Return whether the option has an effect together with these options."""
        return not self.only_if or options.get(self.only_if[0]) in self.only_if[1:]

    def shown_choice(self, value: str, *, krita: bool = False) -> str:
        """Return the English label of a choice in an editor's list."""
        labels = (self.in_krita if krita else ()) or self.shown
        return labels[self.choices.index(value)] if labels else value.replace("_", " ").capitalize()

    def scaled(self, value: Any, scale: float) -> Any:
        """Scale `value` for a picture that is `scale` times as large."""
        if value is None:
            return None
        if self.kind in (Kind.POINT, Kind.BOX):
            return tuple(coordinate * scale for coordinate in value)
        if self.kind is Kind.POINTS:
            return tuple((x * scale, y * scale) for x, y in value)
        if self.kind is Kind.DISTANCES:
            return tuple((x * scale, y * scale, metres) for x, y, metres in value)
        if self.unit != "px" or not value:
            return value
        longer = value * scale if self.maximum is None else min(value * scale, self.maximum)
        return max(1, round(longer)) if self.kind is Kind.INTEGER else longer

    def _range_hint(self) -> str:
        if self.kind is Kind.CHOICE:
            return f"Choose one of: {', '.join(self.choices)}."
        if self.kind in (Kind.FLOAT, Kind.INTEGER) and self.minimum is not None and self.maximum is not None:
            return f"Use a number from {self.minimum:g} to {self.maximum:g}."
        if self.kind is Kind.POINT:
            return "Specify a point as X,Y in pixels of the picture."
        if self.kind is Kind.POINTS:
            return "Specify points as X,Y in pixels of the picture, separated by spaces."
        if self.kind is Kind.DISTANCES:
            return "Specify a point in pixels of the picture and its distance as X,Y,METRES."
        if self.kind is Kind.BOX:
            return "Specify a box as LEFT,TOP,RIGHT,BOTTOM in pixels of the picture."
        return ""

    def points_of(self, value: Any) -> tuple[tuple[float, float], ...]:
        """Return the positions that a value contains: a point, several points, or the corners of a box."""
        if value is None:
            return ()
        match self.kind:
            case Kind.POINT:
                return (value,)
            case Kind.POINTS:
                return tuple(value)
            case Kind.DISTANCES:
                return tuple((x, y) for x, y, _ in value)
            case Kind.BOX:
                return (value[0], value[1]), (value[2], value[3])
            case _:
                return ()


T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound="Options")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of an operation, or some of them that several operations share.

    A subclass is a frozen, keyword-only dataclass. Its fields are declared with `option`; their types give the
    kinds of the values, and a `Literal` the choices:

        @dataclass(frozen=True, kw_only=True)
        class HazeOptions(RangeOptions, DepthOptions, group="Haze"):
            density: float = option(0.5, -1.0, 1.0, label="Density", help="Above 0, haze is added.")

    Attributes:
        parameters: the descriptions of all options: the class's own, then those of its bases from left to right.
    """

    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def __init_subclass__(cls, *, group: str = "", simple: bool = False) -> None:
        """Describe the options of a subclass.

        Args:
            group: group of its own options.
            simple: whether the short version of a dialog shows all of them.

        Raises:
            TypeError: the description of an option lacks a label or help, or has an unknown word.
            KeyError: no kind of option has the type of a field.
        """
        super().__init_subclass__()
        own = (
            _described(name, hint, declared, group=group, simple=simple)
            for name, hint in get_annotations(cls, eval_str=True).items()
            if isinstance(declared := vars(cls).get(name), Field)
        )
        inherited = (one for base in cls.__bases__ for one in getattr(base, "parameters", ()))
        found: dict[str, Parameter] = {}
        for one in (*own, *inherited):
            found.setdefault(one.name, one)
        cls.parameters = tuple(found.values())

    @classmethod
    def of(cls: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
        """Return the options among `values`, which are not checked; those that are missing have their defaults."""
        return cls(**{one.name: values[one.name] for one in fields(cls) if one.name in values})


def option(default: T, minimum: float | None = None, maximum: float | None = None, **description: Any) -> T:
    """Declare a field of `Options` as an option.

    Args:
        default: the default; None means that the value is chosen automatically.
        minimum: the least number.
        maximum: the greatest number.
        description: `label`, `help` and other fields of `Parameter`.

    Returns:
        A field of a dataclass, which type checkers take for its default.
    """
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum, **description})


def fraction(default: T, **description: Any) -> T:
    """Declare a number from 0 to 1 as an option."""
    return option(default, 0.0, 1.0, **description)


def _described(name: str, hint: Any, declared: Field[Any], *, group: str, simple: bool) -> Parameter:
    """Return the description of a field of `Options` of the type `hint`."""
    description = {"group": group, "simple": simple, **declared.metadata}
    if type(None) in get_args(hint):  # the type of an option that can be automatic is written as X | None
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        description["choices"] = get_args(hint)
    kind = Kind.CHOICE if "choices" in description else _KINDS[hint]
    return Parameter(name=name, kind=kind, default=declared.default, **description)


class Role(Enum):
    """The purpose of a layer in a result."""

    RESULT = "result"
    BACKGROUND = "background"  # clean plate: the picture without the subject, inpainted
    SUBJECT = "subject"
    FOREGROUND = "foreground"
    DEPTH = "depth"  # disparity: 1 = nearest, 0 = farthest
    CONFIDENCE = "confidence"
    SELECTION = "selection"  # how much of each pixel is selected, 0 to 1
    INVENTED = "invented"  # 1 where a frame of a film shows what the picture does not show
    PLACED = "placed"  # a layer that was placed in the picture, without its mask
    MASK = "mask"  # mask of the layer above it in the result, 0 to 1
    SHADOW = "shadow"  # shadow of the placed layer


class Input(Enum):
    """An input of an operation besides its options. Every operation takes a picture."""

    PICTURE = "picture"
    DISPARITY = "disparity"
    SELECTION = "selection"
    SUBJECT = "subject"  # coverage of a known subject, for previews
    LAYER = "layer"  # a layer with transparency that is placed in the picture, at the picture's size


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Peak resident memory in addition to the picture, as measured by benchmarks/memory.py, with a small margin.

    Attributes:
        fixed_mib: memory in MiB for Python, JAX, networks and tiles.
        bytes_per_pixel: additional memory per pixel of the picture.
        bytes_per_result_pixel: additional memory per pixel of a result that is larger than the picture.
    """

    fixed_mib: int
    bytes_per_pixel: int
    bytes_per_result_pixel: int = 0

    @staticmethod
    def most(memories: Iterable[Memory]) -> Memory:
        """Return the memory that suffices for several operations, run one after another."""
        every = tuple(memories)
        return Memory(
            fixed_mib=max(one.fixed_mib for one in every), bytes_per_pixel=max(one.bytes_per_pixel for one in every)
        )


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """A run on a synthetic picture before the first job, to compile the programs that jobs of this size need.

    Attributes:
        size: (height, width). The default is that of a preview; full-size pictures use the same programs.
        draft: whether the run computes a draft.
        options: options that differ from the operation's defaults.
        subject: height and width of the subject that the picture is given, as a fraction of the picture's; its
            layers are computed, too. 0 for none: the subject is searched in vain, and no layer of it computed.
        once: whether the run only compiles; it is then left out if it was done before on this machine. Other runs
            also load what jobs need.
    """

    size: tuple[int, int] = (680, 1024)
    draft: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    subject: float = 0.0
    once: bool = False


LAPTOP_PREVIEW = (427, 640)
"""Height and width of the preview in a dialog on a small screen."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that Dioptre can do to a picture.

    Attributes:
        name: identifier, with underscores.
        feature: the package of `dioptre.features` that runs it; "" for a chain of operations.
        title: name for the user.
        help: one or two sentences for the user.
        options: the class of its options; `Options` if it has none.
        inputs: required inputs.
        optional_inputs: inputs that are used if available.
        outputs: roles of the layers that a result can have.
        memory: peak memory use.
        warm_up: runs that compile the operation's programs before the first job.
        warm_up_rank: operations with a lower rank are warmed up first, because others build on them.
        click_resets: options that a click in the preview resets along with setting the point, because they would
            override it.
        resets: options that become automatic along with the point, because they stand in for it.
        click_adds: the option of kind POINTS that a click extends to add an object; "" if there is none.
        click_removes: the option of kind POINTS that a click extends to remove an object; "" if there is none.
        at_marks: the option whose value is shown at the clicked places, where Ctrl+scroll changes it; "" for none.
        drafts: whether a fast approximation can be shown while a slider moves.
        finds_depth_layer: whether editors pass the picture's depth layer if it has one; otherwise the operation
            estimates the depth.
        in_series: whether several pictures taken under the same light can share the estimate.
        scaled_by: the option that says how many times wider and taller the result is; "" if it has the picture's
            size.
        only_files: whether the result is for viewing in a file: in a recipe, the operation is the last step, and
            editors offer it only if it is a film or a placed layer.
        framed_by: the option that says which frame of a film is shown, in per cent of the film; "" if the result is
            no film.
    """

    name: str
    feature: str = ""
    title: str
    help: str
    options: type[Options] = Options
    inputs: tuple[Input, ...]
    optional_inputs: tuple[Input, ...] = ()
    outputs: tuple[Role, ...]
    memory: Memory
    warm_up: tuple[WarmUp, ...] = ()
    warm_up_rank: int = 0
    click_resets: Mapping[str, Any] = field(default_factory=dict)
    resets: Mapping[str, Any] = field(default_factory=dict)
    click_adds: str = ""
    click_removes: str = ""
    at_marks: str = ""
    drafts: bool = False
    finds_depth_layer: bool = False
    in_series: bool = False
    scaled_by: str = ""
    only_files: bool = False
    framed_by: str = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The descriptions of its options, in the order of dialogs and recipes."""
        return self.options.parameters

    @property
    def command(self) -> str:
        """The name on the command line and, after `dioptre-`, in GIMP's procedure database."""
        return self.name.replace("_", "-")

    def mention(self, name: str, choice: str = "") -> Message:
        """Return the name of the option `name`, or one of its choices, for a message."""
        return next(each for each in self.parameters if each.name == name).mention(choice)

    def defaults(self) -> dict[str, Any]:
        """Return the default of every option."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options, checked and completed with defaults; raise UsageError for the first invalid one."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in options:
            if name not in known:
                raise UsageError(
                    Message("{title} has no option {name}.", title=Message(self.title), name=repr(name)),
                    hint=nearest(name, list(known)),
                )
        return {name: p.check(options[name]) if name in options else p.default for name, p in known.items()}

    @property
    def enlarges(self) -> bool:
        """Whether the result has more pixels than the picture."""
        return bool(self.scaled_by)

    @property
    def places(self) -> bool:
        """Whether the result is a layer that lies over the unchanged picture."""
        return Role.PLACED in self.outputs

    @property
    def limitable(self) -> bool:
        """Whether a selection can limit the effect: the result is a picture of the same size."""
        returns = Role.RESULT in self.outputs and not (self.enlarges or self.only_files)
        return returns and Input.SELECTION not in (*self.inputs, *self.optional_inputs)

    def scale(self, options: Mapping[str, Any]) -> float:
        """Return how many times wider and taller than the picture the result is."""
        return float(options.get(self.scaled_by, self.defaults()[self.scaled_by])) if self.scaled_by else 1.0

    def need_bytes(self, options: Mapping[str, Any], pixels: int) -> int:
        """Return the peak memory in bytes for a picture with this number of pixels."""
        scale, memory = self.scale(options), self.memory
        each = memory.bytes_per_pixel + sum(
            one.bytes_per_pixel for one in self.parameters if options.get(one.name, one.default) != one.default
        )
        if scale > 1:
            each += math.ceil(memory.bytes_per_result_pixel * scale * scale)
        return (memory.fixed_mib << 20) + pixels * each

    def written(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options to store in recipes and documents, without empty lists of strokes or points.

        Older versions of Dioptre that do not know these options can then still read the recipe.
        """
        empty = {p.name for p in self.parameters if p.kind in LISTS and not options.get(p.name)}
        return {name: value for name, value in options.items() if name not in empty}

    def check_points(self, options: Mapping[str, Any], size: tuple[float, float]) -> None:
        """Raise UsageError if a point lies outside a picture of `size` (width, height)."""
        for parameter in self.parameters:
            for point in parameter.points_of(options.get(parameter.name)):
                if all(0 <= place <= side for place, side in zip(point, size, strict=True)):
                    continue
                raise UsageError(
                    "{label}: {x},{y} is outside the picture.",
                    hint="Use x from 0 to {right} and y from 0 to {bottom}.",
                    label=parameter.mention(),
                    x=f"{point[0]:g}",
                    y=f"{point[1]:g}",
                    right=max(0, round(size[0]) - 1),
                    bottom=max(0, round(size[1]) - 1),
                )

    def scaled(self, options: Mapping[str, Any], scale: float) -> dict[str, Any]:
        """Scale points and lengths in pixels for a picture that is `scale` times as large."""
        known = {parameter.name: parameter for parameter in self.parameters}
        return {name: known[name].scaled(value, scale) for name, value in options.items()}


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint that suggests the most similar known name, or lists all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Available: {', '.join(known)}."


def _boolean(value: Any) -> bool:
    """Parse yes or no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("yes", "true", "on", "1", "no", "false", "off", "0"):
        return value.lower() in ("yes", "true", "on", "1")
    raise ValueError(value)


def _integer(value: Any) -> int:
    """Parse a whole number."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _number(value: Any) -> float:
    """Parse a finite number."""
    if isinstance(value, bool) or not math.isfinite(parsed := float(value)):
        raise ValueError(value)
    return parsed


def _text(value: Any) -> str:
    """Return text as it is."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _point(value: Any) -> tuple[float, float]:
    """Parse (x, y)."""
    x, y = _numbers(value)
    return x, y


def _distances(value: Any) -> tuple[tuple[float, float, float], ...]:
    """Parse any number of points with their distances: (x, y, metres)."""
    return tuple(_distance(each) for each in _items(value))


def _box(value: Any) -> tuple[float, float, float, float]:
    """Parse a box given by any two opposite corners, and put its sides in order."""
    x, y, across, down = _numbers(value)
    left, top, right, bottom = min(x, across), min(y, down), max(x, across), max(y, down)
    if left == right or top == bottom:
        raise ValueError(value)
    return left, top, right, bottom


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(_number(part) for part in (value.split(",") if isinstance(value, str) else value))


def _items(value: Any) -> tuple[Any, ...]:
    items = tuple(value.replace(";", " ").split() if isinstance(value, str) else value)
    if len(items) > MOST_POINTS:
        raise ValueError(value)
    return items


def _distance(value: Any) -> tuple[float, float, float]:
    x, y, metres = _numbers(value)
    if not DISTANCE_LIMITS_M[0] <= metres <= DISTANCE_LIMITS_M[1]:
        raise ValueError(value)
    return x, y, metres


_PARSERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.FLOAT: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: _text,
    Kind.POINT: _point,
    Kind.POINTS: lambda value: tuple(_point(each) for each in _items(value)),
    Kind.BOX: _box,
    Kind.STROKES: checked_strokes,
    Kind.DISTANCES: _distances,
}
_WORDS = {
    Kind.FLOAT: "a number",
    Kind.INTEGER: "a whole number",
    Kind.BOOLEAN: "yes or no",
    Kind.CHOICE: "a choice",
    Kind.POINT: "a point",
    Kind.POINTS: "a list of points",
    Kind.BOX: "a box",
    Kind.STROKES: "a list of strokes",
    Kind.DISTANCES: "a list of distances",
}
