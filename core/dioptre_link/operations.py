"""Every operation of Dioptre, described once.

Command-line options, GIMP's arguments, Krita's panel, recipe validation and the wire's jobs are generated from
this description; the pipelines take the same names. A new option is one entry here and its use in a pipeline.

Labels use the words of photographers and of the editors, in sentence case. Help is at most three short sentences;
"Auto:" says what happens when the value is left out.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .errors import UsageError
from .language import Message
from .strokes import checked_strokes

USUAL_FOCUS_RANGE = 0.04
"""Disparity that stays sharp to either side of the focus where no range is chosen."""
AUTO = "auto"


class Kind(Enum):
    """What values a parameter takes. A POINT is (x, y) in pixels of the input picture, from its top left.

    STROKES are those of the focus brush: see `strokes`.
    """

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    POINT = "point"
    STROKES = "strokes"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One option of an operation. `default=None` means "decided automatically"."""

    name: str
    kind: Kind
    label: str
    help: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()  # how an editor's list shows the choices, where their names do not say it
    slider: tuple[float, float] | None = None  # the range of an editor's slider; values beyond it are typed
    unit: str = ""
    group: str = ""
    simple: bool = False  # belongs to the short view of a dialog

    def check(self, value: Any) -> Any:
        """Return `value` as this parameter's own type; raise UsageError when it does not fit.

        None and "auto" stand for a value that is decided automatically.
        """
        if self.default is None and (value is None or value == AUTO):
            return None
        try:
            checked = _PARSERS[self.kind](value)
        except (TypeError, ValueError) as error:
            raise UsageError(
                Message(
                    "{label}: {value} is not {words}.",
                    label=Message(self.label),
                    value=repr(value),
                    words=Message(_WORDS[self.kind]),
                ),
                hint=self._range_hint(),
            ) from error
        if self.kind is Kind.CHOICE and checked not in self.choices:
            raise UsageError(
                Message("{label}: {value} is not a choice.", label=Message(self.label), value=repr(value)),
                hint=self._range_hint(),
            )
        if self.kind in (Kind.FLOAT, Kind.INTEGER):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            if not low <= checked <= high:
                raise UsageError(
                    Message("{label}: {value} is out of range.", label=Message(self.label), value=value),
                    hint=self._range_hint(),
                )
        return checked

    @property
    def of_one_picture(self) -> bool:
        """Whether a value says something about one picture alone, and nothing about the next."""
        return self.default is None or self.kind is Kind.STROKES

    def shown_choice(self, value: str) -> str:
        """How an editor's list shows one of `choices`, before it is translated."""
        return self.shown[self.choices.index(value)] if self.shown else value.replace("_", " ").capitalize()

    def scaled(self, value: Any, scale: float) -> Any:
        """`value` for a picture `scale` times as large."""
        if value is None:
            return None
        if self.kind is Kind.POINT:
            return tuple(coordinate * scale for coordinate in value)
        if self.unit != "px" or not value:
            return value
        longer = value * scale if self.maximum is None else min(value * scale, self.maximum)
        return max(1, round(longer)) if self.kind is Kind.INTEGER else longer

    def _range_hint(self) -> str:
        if self.kind is Kind.CHOICE:
            return f"Choose one of: {', '.join(self.choices)}."
        if self.kind in (Kind.FLOAT, Kind.INTEGER) and self.minimum is not None and self.maximum is not None:
            return f"Give a number from {self.minimum:g} to {self.maximum:g}."
        if self.kind is Kind.POINT:
            return "Give a point as X,Y in pixels of the picture."
        return ""


class Role(Enum):
    """What a layer of a result is for."""

    RESULT = "result"
    BACKGROUND = "background"  # clean plate: what is behind the subject, extended under it
    SUBJECT = "subject"
    FOREGROUND = "foreground"
    DEPTH = "depth"  # disparity: 1 = nearest, 0 = farthest
    CONFIDENCE = "confidence"


class Input(Enum):
    """What an operation needs beside its options. Every operation takes a picture."""

    PICTURE = "picture"
    DISPARITY = "disparity"
    SELECTION = "selection"
    SUBJECT = "subject"  # coverage of a subject that was found before: previews need not look for it again


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that Dioptre can do to a picture."""

    name: str
    title: str
    help: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    optional_inputs: tuple[Input, ...] = ()
    outputs: tuple[Role, ...]
    drafts: bool = False  # whether it can be shown quickly and nearly alike while a slider moves

    @property
    def command(self) -> str:
        """The name on the command line and, after `dioptre-`, in GIMP's procedure database."""
        return self.name.replace("_", "-")

    def defaults(self) -> dict[str, Any]:
        return {parameter.name: parameter.default for parameter in self.parameters}

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options, checked and completed with defaults; raise UsageError on the first wrong one."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in options:
            if name not in known:
                raise UsageError(
                    Message("{title} has no option {name}.", title=Message(self.title), name=repr(name)),
                    hint=_nearest(name, list(known)),
                )
        return {name: p.check(options[name]) if name in options else p.default for name, p in known.items()}

    def written(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """`options` as recipes and documents hold them: strokes only where there are any.

        An older Dioptre, which does not know the focus brush, still follows what was made without it.
        """
        unpainted = {p.name for p in self.parameters if p.kind is Kind.STROKES and not options.get(p.name)}
        return {name: value for name, value in options.items() if name not in unpainted}

    def check_points(self, options: Mapping[str, Any], size: tuple[float, float]) -> None:
        """Raise UsageError for a point outside a picture of `size` (width, height)."""
        for parameter in self.parameters:
            point = options.get(parameter.name) if parameter.kind is Kind.POINT else None
            if point is not None and not all(0 <= place <= side for place, side in zip(point, size, strict=True)):
                raise UsageError(
                    "{label}: {x},{y} is outside the picture.",
                    hint="Give x from 0 to {right} and y from 0 to {bottom}.",
                    label=Message(parameter.label),
                    x=f"{point[0]:g}",
                    y=f"{point[1]:g}",
                    right=max(0, round(size[0]) - 1),
                    bottom=max(0, round(size[1]) - 1),
                )

    def scaled(self, options: Mapping[str, Any], scale: float) -> dict[str, Any]:
        """`options` with points and lengths in pixels brought to a picture `scale` times as large."""
        known = {parameter.name: parameter for parameter in self.parameters}
        return {name: known[name].scaled(value, scale) for name, value in options.items()}


def operation(name: str) -> Operation:
    """Look an operation up by name; raise UsageError with the nearest name when there is none."""
    try:
        return OPERATIONS[name]
    except KeyError:
        raise UsageError(
            Message("There is no operation {name}.", name=repr(name)), hint=_nearest(name, list(OPERATIONS))
        ) from None


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("yes", "true", "on", "1", "no", "false", "off", "0"):
        return value.lower() in ("yes", "true", "on", "1")
    raise ValueError(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _point(value: Any) -> tuple[float, float]:
    x, y = value.split(",") if isinstance(value, str) else value
    return _float(x), _float(y)


_PARSERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.FLOAT: _float,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: _text,
    Kind.POINT: _point,
    Kind.STROKES: checked_strokes,
}
_WORDS = {
    Kind.FLOAT: "a number",
    Kind.INTEGER: "a whole number",
    Kind.BOOLEAN: "yes or no",
    Kind.CHOICE: "a choice",
    Kind.POINT: "a point",
    Kind.STROKES: "a list of strokes",
}

_DEPTH_PARAMETERS = (
    Parameter(
        name="depth_source",
        kind=Kind.CHOICE,
        label="Depth source",
        help="Embedded: the camera's depth map in the opened file, as phones save it with portrait photos. "
        "Estimate: from the picture. Auto: the camera's where there is one, else an estimate.",
        default="auto",
        choices=("auto", "embedded", "estimate"),
        shown=("Auto", "From the camera", "Estimate"),
        group="Depth",
    ),
    Parameter(
        name="refine",
        kind=Kind.BOOLEAN,
        label="Refine edges",
        help="Aligns the depth map with the edges in the picture.",
        default=True,
        group="Depth",
    ),
)

_FOCUS_PARAMETERS = (
    Parameter(
        name="focus",
        kind=Kind.POINT,
        label="Focus point",
        help="The point to focus on. Auto: the subject.",
        group="Focus",
        simple=True,
    ),
    Parameter(
        name="focal_disparity",
        kind=Kind.FLOAT,
        label="Focus distance",
        help="The depth to focus on, as a value of the depth map: 1 nearest, 0 farthest. Auto: at the focus point.",
        minimum=0.0,
        maximum=1.0,
        group="Focus",
    ),
    Parameter(
        name="focus_range",
        kind=Kind.FLOAT,
        label="Focus range",
        help="How much depth stays sharp in front of and behind the focus, in values of the depth map. "
        "Auto: a narrow range.",
        minimum=0.0,
        maximum=1.0,
        slider=(0.0, 0.3),
        group="Focus",
        simple=True,
    ),
)

_KEEP_SUBJECT = Parameter(
    name="keep_subject",
    kind=Kind.FLOAT,
    label="Keep subject sharp",
    help="How much of the subject's depth is pulled into focus: 0 blurs as a lens does, 1 keeps all of it sharp.",
    default=0.8,
    minimum=0.0,
    maximum=1.0,
    group="Focus",
    simple=True,
)

_STROKES = Parameter(
    name="strokes",
    kind=Kind.STROKES,
    label="Focus brush",
    help="Strokes over parts to keep sharp, or to blur as their depth says; paint them in an editor's preview.",
    default=(),
    group="Focus",
)

_BLUR_PARAMETERS = (
    Parameter(
        name="f_number",
        kind=Kind.FLOAT,
        label="Blur amount (f-number)",
        help="Aperture of an 85 mm lens on a full-frame camera: smaller numbers blur more.",
        default=2.0,
        minimum=0.7,
        maximum=32.0,
        slider=(0.7, 16.0),
        group="Blur",
        simple=True,
    ),
    Parameter(
        name="max_radius",
        kind=Kind.FLOAT,
        label="Blur radius",
        help="Radius of the blur at a depth difference of 1. Auto: from the f-number.",
        minimum=0.0,
        maximum=300.0,
        slider=(0.0, 100.0),
        unit="px",
        group="Blur",
    ),
    Parameter(
        name="foreground_strength",
        kind=Kind.FLOAT,
        label="Foreground blur",
        help="Multiplies the blur in front of the focus: 0 none, 1 as the lens gives it, 2 twice as much.",
        default=1.0,
        minimum=0.0,
        maximum=4.0,
        slider=(0.0, 2.0),
        group="Blur",
    ),
    Parameter(
        name="background_strength",
        kind=Kind.FLOAT,
        label="Background blur",
        help="Multiplies the blur behind the focus: 0 none, 1 as the lens gives it, 2 twice as much.",
        default=1.0,
        minimum=0.0,
        maximum=4.0,
        slider=(0.0, 2.0),
        group="Blur",
    ),
    Parameter(
        name="highlight_boost",
        kind=Kind.FLOAT,
        label="Highlight boost",
        help="Brightens clipped highlights before the blur, so that lights open into bright discs. "
        "Sharp areas do not change.",
        default=0.2,
        minimum=0.0,
        maximum=1.0,
        group="Blur",
    ),
    Parameter(
        name="highlight_threshold",
        kind=Kind.FLOAT,
        label="Highlight threshold",
        help="The brightness above which light counts as a clipped highlight.",
        default=0.9,
        minimum=0.0,
        maximum=1.0,
        group="Blur",
    ),
    Parameter(
        name="existing_defocus",
        kind=Kind.CHOICE,
        label="Existing blur",
        help="Measure: estimates how blurred the picture already is at each depth, and adds only the blur that is "
        "missing.",
        default="ignore",
        choices=("ignore", "measure"),
        shown=("Ignore", "Measure"),
        group="Blur",
    ),
    Parameter(
        name="grain",
        kind=Kind.FLOAT,
        label="Grain",
        help="Adds the grain of the sharp areas to the blurred ones: 0 none, 1 as much as there.",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        group="Blur",
    ),
    Parameter(
        name="blades",
        kind=Kind.INTEGER,
        label="Aperture blades",
        help="Number of aperture blades, 5 to 11; 0 is a round aperture.",
        default=0,
        minimum=0,
        maximum=11,
        group="Bokeh",
    ),
    Parameter(
        name="blade_curvature",
        kind=Kind.FLOAT,
        label="Blade curvature",
        help="Shape of the blades' edges: 0 straight, 1 round.",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        group="Bokeh",
    ),
    Parameter(
        name="blade_rotation",
        kind=Kind.FLOAT,
        label="Blade rotation",
        help="Rotates the aperture counter-clockwise.",
        default=0.0,
        minimum=-360.0,
        maximum=360.0,
        slider=(-90.0, 90.0),
        unit="°",
        group="Bokeh",
    ),
    Parameter(
        name="anamorphic",
        kind=Kind.FLOAT,
        label="Anamorphic squeeze",
        help="Height of the bokeh divided by its width: 1 round, 2 as of a 2× anamorphic cine lens.",
        default=1.0,
        minimum=0.25,
        maximum=4.0,
        slider=(0.5, 2.0),
        group="Bokeh",
    ),
    Parameter(
        name="cats_eye",
        kind=Kind.FLOAT,
        label="Cat's eye",
        help="Narrows the bokeh towards the corners of the picture, as a lens barrel does (optical vignetting).",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        group="Bokeh",
    ),
    Parameter(
        name="disc_edge",
        kind=Kind.FLOAT,
        label="Bokeh edge",
        help="Brightness of the rim of the bokeh: -1 soft, 0 even, 1 bright as of a soap bubble.",
        default=0.0,
        minimum=-1.0,
        maximum=1.0,
        group="Bokeh",
    ),
)

_PIECES = Parameter(
    name="pieces",
    kind=Kind.CHOICE,
    label="Separate layers",
    help="Also adds the foreground, the subject and the blurred background as separate layers. Linear: for layers "
    "blended in linear light (GIMP). Encoded: for perceptual blending (Krita, OpenRaster).",
    default="none",
    choices=("none", "linear", "encoded"),
    shown=("None", "For linear blending (GIMP)", "For perceptual blending (Krita)"),
    group="Layers",
)

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            name="portrait",
            title="Portrait blur",
            help="Estimates depth, finds the subject, focuses on it and blurs the rest as a fast lens does.",
            parameters=(*_FOCUS_PARAMETERS, _KEEP_SUBJECT, _STROKES, *_BLUR_PARAMETERS, *_DEPTH_PARAMETERS),
            inputs=(Input.PICTURE,),
            optional_inputs=(Input.DISPARITY, Input.SUBJECT),
            outputs=(Role.RESULT, Role.SUBJECT, Role.BACKGROUND, Role.DEPTH),
            drafts=True,
        ),
        Operation(
            name="depth",
            title="Depth map",
            help="Adds an editable depth layer: white is near, black is far.",
            parameters=(
                *_DEPTH_PARAMETERS,
                Parameter(
                    name="confidence",
                    kind=Kind.BOOLEAN,
                    label="Confidence layer",
                    help="Also adds a hidden layer that shows where the depth is reliable (white) and where it is "
                    "not (black).",
                    default=False,
                    group="Depth",
                ),
            ),
            inputs=(Input.PICTURE,),
            outputs=(Role.DEPTH, Role.CONFIDENCE),
        ),
        Operation(
            name="repair_depth",
            title="Repair depth in selection",
            help="Corrects the depth layer inside the selection: mirrors, windows, pictures on a wall, plants.",
            parameters=(
                Parameter(
                    name="mode",
                    kind=Kind.CHOICE,
                    label="Method",
                    help="Estimate: re-estimate on a crop. Plane: fit a plane. Smooth: remove bumps. Fill: "
                    "interpolate from the surroundings. Match: the depth of a point. Shift: nearer or farther.",
                    default="estimate",
                    choices=("estimate", "plane", "smooth", "fill", "match", "shift"),
                    shown=(
                        "Estimate again",
                        "Fit a plane",
                        "Smooth",
                        "Fill from the surroundings",
                        "Match a point",
                        "Shift nearer or farther",
                    ),
                    simple=True,
                ),
                Parameter(
                    name="at",
                    kind=Kind.POINT,
                    label="Match point",
                    help="For Match: the point that has the right depth.",
                    simple=True,
                ),
                Parameter(
                    name="value",
                    kind=Kind.FLOAT,
                    label="Match depth",
                    help="For Match: a value of the depth map instead of a point (1 nearest, 0 farthest).",
                    minimum=0.0,
                    maximum=1.0,
                ),
                Parameter(
                    name="amount",
                    kind=Kind.FLOAT,
                    label="Shift amount",
                    help="For Shift: how far to move, in values of the depth map; above 0 nearer, below 0 farther.",
                    default=0.1,
                    minimum=-1.0,
                    maximum=1.0,
                    simple=True,
                ),
                Parameter(
                    name="feather",
                    kind=Kind.FLOAT,
                    label="Feather",
                    help="Width of the soft edge inside the selection; 0 is a hard edge. Auto: a narrow edge for "
                    "Plane, Match and Shift; the other methods blend by themselves.",
                    minimum=0.0,
                    maximum=2000.0,
                    slider=(0.0, 100.0),
                    unit="px",
                ),
            ),
            inputs=(Input.PICTURE, Input.DISPARITY, Input.SELECTION),
            outputs=(Role.DEPTH,),
        ),
        Operation(
            name="lens_blur",
            title="Lens blur",
            help="Blurs a picture by its depth map, as a lens focused at one distance does.",
            parameters=(*_FOCUS_PARAMETERS, _STROKES, *_BLUR_PARAMETERS, _PIECES),
            inputs=(Input.PICTURE, Input.DISPARITY),
            outputs=(Role.RESULT, Role.FOREGROUND, Role.SUBJECT, Role.BACKGROUND),
            drafts=True,
        ),
        Operation(
            name="white_balance",
            title="White balance",
            help="Estimates the colour of the light and removes its cast.",
            parameters=(
                Parameter(
                    name="temperature",
                    kind=Kind.FLOAT,
                    label="Temperature",
                    help="Colour temperature of the light: 6500 changes nothing; lower values make the picture "
                    "bluer, higher ones warmer. Auto: estimated.",
                    minimum=1000.0,
                    maximum=50000.0,
                    slider=(2000.0, 15000.0),
                    unit="K",
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="tint",
                    kind=Kind.INTEGER,
                    label="Tint",
                    help="Green or magenta of the light, in units of 1/3000 Duv as in raw converters; daylight has "
                    "about 10. Lower values make the picture greener, higher ones more magenta. Auto: estimated.",
                    minimum=-300,
                    maximum=300,
                    slider=(-150, 150),
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="strength",
                    kind=Kind.FLOAT,
                    label="Strength",
                    help="How much of the cast is removed: 0 nothing, 1 all of it.",
                    default=1.0,
                    minimum=0.0,
                    maximum=1.0,
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="neutral",
                    kind=Kind.POINT,
                    label="Neutral area",
                    help="The centre of an area that is grey or white in reality. Replaces the estimate.",
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="neutral_radius",
                    kind=Kind.INTEGER,
                    label="Neutral area size",
                    help="Distance from the centre of the neutral area to its edge.",
                    default=2,
                    minimum=0,
                    maximum=2000,
                    slider=(0, 100),
                    unit="px",
                    group="Light",
                ),
                Parameter(
                    name="keep_warmth",
                    kind=Kind.FLOAT,
                    label="Keep warmth",
                    help="How much of a warm light stays, as of candles or a sunset: 0 nothing, 1 all of it.",
                    default=0.0,
                    minimum=0.0,
                    maximum=1.0,
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="mixed",
                    kind=Kind.BOOLEAN,
                    label="Mixed lighting",
                    help="Looks for more than one light and balances each part of the picture for its own.",
                    default=False,
                    group="Light",
                ),
            ),
            inputs=(Input.PICTURE,),
            optional_inputs=(Input.DISPARITY,),
            outputs=(Role.RESULT,),
        ),
        Operation(
            name="super_resolution",
            title="Super-resolution",
            help="Enlarges a picture up to eight times, with more detail than interpolation.",
            parameters=(
                Parameter(
                    name="scale",
                    kind=Kind.FLOAT,
                    label="Scale",
                    help="How many times wider and higher the result is.",
                    default=4.0,
                    minimum=1.0,
                    maximum=8.0,
                    simple=True,
                ),
                Parameter(
                    name="model",
                    kind=Kind.CHOICE,
                    label="Network",
                    help="Faithful (default) sharpens existing detail. The others restore worn, noisy or "
                    "compressed pictures by inventing plausible detail; they are downloaded once, when you ask.",
                    default="default",
                    choices=("default", "realesr-animevideov3", "realesrgan-x4plus"),
                    shown=(
                        "Faithful",
                        "Restore drawings (Real-ESR AnimeVideo v3)",
                        "Restore photos (Real-ESRGAN ×4+)",
                    ),
                    simple=True,
                ),
                Parameter(
                    name="noise_reduction",
                    kind=Kind.FLOAT,
                    label="Noise reduction",
                    help="Removes noise and JPEG artefacts before enlarging: 0 none, 1 the most. "
                    "Auto: as much as the picture needs.",
                    minimum=0.0,
                    maximum=1.0,
                    group="Detail",
                    simple=True,
                ),
                Parameter(
                    name="softness",
                    kind=Kind.FLOAT,
                    label="Remove softness",
                    help="Radius of the blur of lens and focus to undo before enlarging: 0 for a sharp picture, "
                    "0.5 for a soft one, 1 for a very soft one.",
                    default=0.0,
                    minimum=0.0,
                    maximum=1.2,
                    unit="px",
                    group="Detail",
                ),
                Parameter(
                    name="fidelity",
                    kind=Kind.FLOAT,
                    label="Fidelity",
                    help="How closely the result, scaled down again, matches the original: 1 exactly, 0 not at "
                    "all. Auto: 1 for Faithful, 0 for the networks that restore.",
                    minimum=0.0,
                    maximum=1.0,
                    group="Detail",
                ),
                Parameter(
                    name="smooth_defocus",
                    kind=Kind.BOOLEAN,
                    label="Keep blurred areas smooth",
                    help="Enlarges out-of-focus areas without new detail. Needs a depth map.",
                    default=True,
                    group="Detail",
                ),
            ),
            inputs=(Input.PICTURE,),
            optional_inputs=(Input.DISPARITY,),
            outputs=(Role.RESULT,),
        ),
    )
}
