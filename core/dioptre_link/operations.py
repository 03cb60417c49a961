"""Every operation of Dioptre, described once.

Command-line options, GIMP's arguments, Krita's panel, recipe validation and the wire's jobs are all made from
this description; the pipelines take the same names. Adding an option is one line here and its use in a
pipeline.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .errors import UsageError

USUAL_FOCUS_RANGE = 0.04
"""Disparity that stays sharp to either side of the focus where no range is chosen."""


class Kind(Enum):
    """What values a parameter takes. A POINT is (x, y) in pixels of the input picture, from its top left."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    POINT = "point"


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
    unit: str = ""
    group: str = ""
    simple: bool = False  # belongs to the short view of a dialog

    def check(self, value: Any) -> Any:
        """Return `value` as this parameter's own type; raise UsageError in words when it does not fit."""
        if value is None and self.default is None:
            return None
        try:
            checked = _PARSERS[self.kind](value)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{self.label}: {value!r} is not {_WORDS[self.kind]}.", hint=self._range_hint()
            ) from error
        if self.kind is Kind.CHOICE and checked not in self.choices:
            raise UsageError(f"{self.label}: {value!r} is not a choice.", hint=self._range_hint())
        if self.kind in (Kind.FLOAT, Kind.INTEGER):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            if not low <= checked <= high:
                raise UsageError(f"{self.label}: {value} is out of range.", hint=self._range_hint())
        return checked

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
                raise UsageError(f"{self.title} has no option {name!r}.", hint=_nearest(name, list(known)))
        return {name: p.check(options[name]) if name in options else p.default for name, p in known.items()}

    def scaled(self, options: Mapping[str, Any], scale: float) -> dict[str, Any]:
        """`options` with points and lengths in pixels brought to a picture `scale` times as large."""
        known = {parameter.name: parameter for parameter in self.parameters}
        return {name: known[name].scaled(value, scale) for name, value in options.items()}


def operation(name: str) -> Operation:
    """Look an operation up by name; raise UsageError with the nearest name when there is none."""
    try:
        return OPERATIONS[name]
    except KeyError:
        raise UsageError(f"There is no operation {name!r}.", hint=_nearest(name, list(OPERATIONS))) from None


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
}
_WORDS = {
    Kind.FLOAT: "a number",
    Kind.INTEGER: "a whole number",
    Kind.BOOLEAN: "yes or no",
    Kind.CHOICE: "a choice",
    Kind.POINT: "a point",
}

_DEPTH_PARAMETERS = (
    Parameter(
        name="depth_source",
        kind=Kind.CHOICE,
        label="Depth from",
        help="Where depth comes from: the camera's own map in the opened file (portrait photographs of phones), or "
        "an estimate. Auto takes the camera's where there is one.",
        default="auto",
        choices=("auto", "embedded", "estimate"),
        shown=("The camera's, or else estimated", "The camera's", "Estimated"),
        group="Depth",
    ),
    Parameter(
        name="refine",
        kind=Kind.BOOLEAN,
        label="Follow the picture's edges",
        help="Put the picture's edges into the depth map.",
        default=True,
        group="Depth",
    ),
)

_FOCUS_PARAMETERS = (
    Parameter(
        name="focus",
        kind=Kind.POINT,
        label="Focus point",
        help="The point of the picture that is to be sharp. Left out: the subject.",
        group="Focus",
        simple=True,
    ),
    Parameter(
        name="focal_disparity",
        kind=Kind.FLOAT,
        label="Focus depth",
        help="The depth layer's value that is to be sharp (1 nearest, 0 farthest). Left out: from the point.",
        minimum=0.0,
        maximum=1.0,
        group="Focus",
    ),
    Parameter(
        name="focus_range",
        kind=Kind.FLOAT,
        label="Focus range",
        help="How much depth to either side of the focus stays sharp, as depth-layer values. Left out: a little.",
        minimum=0.0,
        maximum=1.0,
        group="Focus",
        simple=True,
    ),
)

_KEEP_SUBJECT = Parameter(
    name="keep_subject",
    kind=Kind.FLOAT,
    label="Keep the subject sharp",
    help="How far the whole subject is drawn into the focus: 0 is what a lens does, 1 keeps all of it sharp.",
    default=0.8,
    minimum=0.0,
    maximum=1.0,
    group="Focus",
    simple=True,
)

_BLUR_PARAMETERS = (
    Parameter(
        name="f_number",
        kind=Kind.FLOAT,
        label="f-number",
        help="Aperture of the lens, as an 85 mm lens on a full-frame camera would blur: smaller is stronger.",
        default=2.0,
        minimum=0.7,
        maximum=32.0,
        group="Lens",
        simple=True,
    ),
    Parameter(
        name="max_radius",
        kind=Kind.FLOAT,
        label="Largest radius",
        help="Radius of the blur disc for a depth difference of 1, instead of the f-number.",
        minimum=0.0,
        maximum=300.0,
        unit="px",
        group="Lens",
    ),
    Parameter(
        name="highlight_boost",
        kind=Kind.FLOAT,
        label="Highlights",
        help="Gives clipped lights back their brightness before blurring, so that they open into bright discs. "
        "What is sharp stays as it is.",
        default=0.2,
        minimum=0.0,
        maximum=1.0,
        group="Lens",
        simple=True,
    ),
    Parameter(
        name="highlight_threshold",
        kind=Kind.FLOAT,
        label="Highlights from",
        help="The brightness from which on light counts as clipped.",
        default=0.9,
        minimum=0.0,
        maximum=1.0,
        group="Lens",
    ),
    Parameter(
        name="foreground_strength",
        kind=Kind.FLOAT,
        label="Foreground blur",
        help="Factor on the blur of what is nearer than the focus.",
        default=1.0,
        minimum=0.0,
        maximum=4.0,
        group="Lens",
    ),
    Parameter(
        name="background_strength",
        kind=Kind.FLOAT,
        label="Background blur",
        help="Factor on the blur of what is farther than the focus.",
        default=1.0,
        minimum=0.0,
        maximum=4.0,
        group="Lens",
    ),
    Parameter(
        name="existing_defocus",
        kind=Kind.CHOICE,
        label="Blur already there",
        help="Measures the blur that the picture has already at each depth and adds only what is missing.",
        default="ignore",
        choices=("ignore", "measure"),
        group="Lens",
    ),
    Parameter(
        name="grain",
        kind=Kind.FLOAT,
        label="Grain",
        help="How much of the sharp parts' grain is put onto the blurred parts.",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        group="Lens",
    ),
    Parameter(
        name="blades",
        kind=Kind.INTEGER,
        label="Aperture blades",
        help="Number of blades, 5 to 11, of the aperture; 0 is a circle.",
        default=0,
        minimum=0,
        maximum=11,
        group="Aperture",
    ),
    Parameter(
        name="blade_curvature",
        kind=Kind.FLOAT,
        label="Blade curvature",
        help="From 0, straight blades, to 1, round.",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        group="Aperture",
    ),
    Parameter(
        name="blade_rotation",
        kind=Kind.FLOAT,
        label="Blade rotation",
        help="Turns the aperture's shape counter-clockwise.",
        default=0.0,
        minimum=-360.0,
        maximum=360.0,
        unit="°",
        group="Aperture",
    ),
    Parameter(
        name="anamorphic",
        kind=Kind.FLOAT,
        label="Anamorphic ratio",
        help="Height over width of the blur discs; 1 is round, 2 as of an anamorphic cine lens.",
        default=1.0,
        minimum=0.25,
        maximum=4.0,
        group="Aperture",
    ),
    Parameter(
        name="cats_eye",
        kind=Kind.FLOAT,
        label="Cat's eye",
        help="How strongly the barrel cuts the blur discs towards the picture's corners.",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        group="Aperture",
    ),
    Parameter(
        name="disc_edge",
        kind=Kind.FLOAT,
        label="Disc edge",
        help="Brightness of the blur discs' edge: -1 soft, 0 even, 1 bright.",
        default=0.0,
        minimum=-1.0,
        maximum=1.0,
        group="Aperture",
    ),
)

_PIECES = Parameter(
    name="pieces",
    kind=Kind.CHOICE,
    label="Pieces as layers",
    help="Also makes the blurred background (continued behind the subject), the subject and the foreground, for an "
    "editor that mixes layers in linear light (GIMP) or in encoded values (Krita, OpenRaster).",
    default="none",
    choices=("none", "linear", "encoded"),
    shown=("None", "For linear light (GIMP)", "For encoded values (Krita)"),
    group="Layers",
)

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            name="portrait",
            title="Portrait blur",
            help="Estimates depth, finds the subject, focuses on it and blurs the rest as a fast lens would.",
            parameters=(*_FOCUS_PARAMETERS, _KEEP_SUBJECT, *_BLUR_PARAMETERS, *_DEPTH_PARAMETERS),
            inputs=(Input.PICTURE,),
            optional_inputs=(Input.DISPARITY, Input.SUBJECT),
            outputs=(Role.RESULT, Role.SUBJECT, Role.BACKGROUND, Role.DEPTH),
            drafts=True,
        ),
        Operation(
            name="depth",
            title="Depth from this picture",
            help="Makes an editable depth layer: white is nearest, black is farthest.",
            parameters=(
                *_DEPTH_PARAMETERS,
                Parameter(
                    name="confidence",
                    kind=Kind.BOOLEAN,
                    label="Confidence as a layer",
                    help="Also makes a hidden layer: white where the depth can be trusted, dark where it is not.",
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
            help="Changes depth inside the selection: for mirrors, windows, pictures in the picture, plants.",
            parameters=(
                Parameter(
                    name="mode",
                    kind=Kind.CHOICE,
                    label="How",
                    help="Estimate: again, from close by. Plane: flat. Smooth: without bumps. Fill: from what is "
                    "around it. Match: the depth of a point. Shift: nearer or farther by an amount.",
                    default="estimate",
                    choices=("estimate", "plane", "smooth", "fill", "match", "shift"),
                    shown=(
                        "Estimate again",
                        "Plane",
                        "Smooth",
                        "Fill from around",
                        "Match a point",
                        "Shift nearer or farther",
                    ),
                    simple=True,
                ),
                Parameter(
                    name="at",
                    kind=Kind.POINT,
                    label="Point to match",
                    help="With Match: the point of the picture that has the wanted depth.",
                    simple=True,
                ),
                Parameter(
                    name="value",
                    kind=Kind.FLOAT,
                    label="Depth to match",
                    help="With Match: the depth layer's value instead of a point (1 nearest, 0 farthest).",
                    minimum=0.0,
                    maximum=1.0,
                ),
                Parameter(
                    name="amount",
                    kind=Kind.FLOAT,
                    label="Amount",
                    help="With Shift: how much nearer, in values of the depth layer; below 0 it is farther.",
                    default=0.1,
                    minimum=-1.0,
                    maximum=1.0,
                    simple=True,
                ),
                Parameter(
                    name="feather",
                    kind=Kind.FLOAT,
                    label="Feather",
                    help="How far inside the selection's border the change sets in; 0 makes a step. Left out: a "
                    "little for Plane, Match and Shift; the others join smoothly anyway.",
                    minimum=0.0,
                    maximum=2000.0,
                    unit="px",
                ),
            ),
            inputs=(Input.PICTURE, Input.DISPARITY, Input.SELECTION),
            outputs=(Role.DEPTH,),
        ),
        Operation(
            name="lens_blur",
            title="Lens blur from depth",
            help="Blurs a picture by its depth layer, as a lens focused at one distance would.",
            parameters=(*_FOCUS_PARAMETERS, *_BLUR_PARAMETERS, _PIECES),
            inputs=(Input.PICTURE, Input.DISPARITY),
            outputs=(Role.RESULT, Role.FOREGROUND, Role.SUBJECT, Role.BACKGROUND),
            drafts=True,
        ),
        Operation(
            name="white_balance",
            title="White balance",
            help="Reads the colour of the light off the picture and takes it out.",
            parameters=(
                Parameter(
                    name="strength",
                    kind=Kind.FLOAT,
                    label="Strength",
                    help="How much of the light's colour is taken out: 0 nothing, 1 all of it.",
                    default=1.0,
                    minimum=0.0,
                    maximum=1.0,
                    simple=True,
                ),
                Parameter(
                    name="temperature",
                    kind=Kind.FLOAT,
                    label="Temperature",
                    help="The light's colour temperature as the picture shows it; 6500 changes nothing, lower "
                    "makes the picture bluer. Left out: read off the picture.",
                    minimum=1000.0,
                    maximum=50000.0,
                    unit="K",
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="tint",
                    kind=Kind.FLOAT,
                    label="Tint",
                    help="The light's distance from a glowing body's (Duv): above 0 it is greenish, below 0 "
                    "pinkish. Daylight has 0.003. Left out: read off the picture.",
                    minimum=-0.1,
                    maximum=0.1,
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="neutral",
                    kind=Kind.POINT,
                    label="Neutral point",
                    help="A point of the picture that is to become grey, instead of reading the light.",
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="neutral_radius",
                    kind=Kind.INTEGER,
                    label="Neutral region",
                    help="How far around the neutral point colours are averaged.",
                    default=2,
                    minimum=0,
                    maximum=500,
                    unit="px",
                    group="Light",
                ),
                Parameter(
                    name="keep_warmth",
                    kind=Kind.FLOAT,
                    label="Keep the mood",
                    help="How much of a warm light's warmth stays, as of candles or a sunset: 0 nothing, 1 all.",
                    default=0.0,
                    minimum=0.0,
                    maximum=1.0,
                    group="Light",
                    simple=True,
                ),
                Parameter(
                    name="mixed",
                    kind=Kind.BOOLEAN,
                    label="Mixed light",
                    help="Look for more than one light, and balance each part of the picture for its own.",
                    default=False,
                    group="Light",
                    simple=True,
                ),
            ),
            inputs=(Input.PICTURE,),
            optional_inputs=(Input.DISPARITY,),
            outputs=(Role.RESULT,),
        ),
        Operation(
            name="super_resolution",
            title="Super-resolution",
            help="Enlarges a picture up to eight times with more detail than interpolation.",
            parameters=(
                Parameter(
                    name="scale",
                    kind=Kind.FLOAT,
                    label="Scale",
                    help="How many times wider and higher.",
                    default=4.0,
                    minimum=1.0,
                    maximum=8.0,
                    simple=True,
                ),
                Parameter(
                    name="model",
                    kind=Kind.CHOICE,
                    label="Network",
                    help="The default is faithful: it sharpens what is there. The others restore worn, noisy or "
                    "compressed pictures by inventing likely detail, and are added with: models add NAME.",
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
                    name="fidelity",
                    kind=Kind.FLOAT,
                    label="Fidelity",
                    help="How far the result, reduced again, must equal the original: 1 wholly, 0 not at all. "
                    "Left out: 1 for the default network, 0 for those that restore.",
                    minimum=0.0,
                    maximum=1.0,
                    group="Detail",
                ),
                Parameter(
                    name="noise_reduction",
                    kind=Kind.FLOAT,
                    label="Noise and JPEG blocks",
                    help="How strongly noise and compression blocks are taken out before enlarging. "
                    "Left out: as much as the picture shows.",
                    minimum=0.0,
                    maximum=1.0,
                    group="Detail",
                    simple=True,
                ),
                Parameter(
                    name="softness",
                    kind=Kind.FLOAT,
                    label="Softness",
                    help="The blur of lens, focus and camera, in pixels of the picture, that is undone before "
                    "enlarging: 0 for a sharp picture, 0.5 for a soft one, 1 for a very soft one.",
                    default=0.0,
                    minimum=0.0,
                    maximum=1.2,
                    unit="px",
                    group="Detail",
                    simple=True,
                ),
                Parameter(
                    name="smooth_defocus",
                    kind=Kind.BOOLEAN,
                    label="Keep blurred parts smooth",
                    help="Enlarge what is out of focus without new detail. Needs a depth layer to tell.",
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
