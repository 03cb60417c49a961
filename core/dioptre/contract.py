"""What operations receive and return, and the conventions of their arrays.

Pictures are float32 (H, W, 3) or (H, W, 4), sRGB-encoded, nominally in [0, 1], with straight alpha. Disparity is
float32 (H, W) in [0, 1], 1 = nearest. Mattes and selections are float32 (H, W), the coverage from 0 to 1.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Float32

from dioptre_link.operation import Role

Picture = Float32[np.ndarray, "h w c"]
"""Pixels with 3 or 4 channels; unless stated otherwise, sRGB-encoded with straight alpha."""

Plane = Float32[np.ndarray, "h w"]
"""One value per pixel."""

Disparity = Plane
"""Disparity in [0, 1], 1 = nearest; unless stated otherwise, relative."""

Matte = Plane
"""Coverage of a subject, a selection or a mask, in [0, 1]."""


def inverse_distance(disparity: Disparity, range_per_m: Sequence[float]) -> Plane:
    """Return the inverse distances in 1/m of a disparity, given those at disparity 0 and 1."""
    low, high = (np.float32(value) for value in range_per_m)
    return np.asarray(low + disparity * (high - low))


@dataclass(frozen=True, kw_only=True)
class EmbeddedDepth:
    """A depth map measured by a camera.

    Attributes:
        disparity: float32 (h, w) in [0, 1], 1 = nearest, upright, at the map's own size.
        range_per_m: inverse depths in 1/m at disparity 0 and 1 (low, high): metric disparity is
            low + disparity * (high - low). None if the camera gives no distances in metres.
        confidence: float32 (h, w) in [0, 1]; None if the camera gives none.
        kind: text that describes the source of the map.
    """

    disparity: np.ndarray
    range_per_m: tuple[float, float] | None
    confidence: np.ndarray | None
    kind: str


FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True, kw_only=True)
class FieldOfView:
    """The field of view of a pinhole camera with square pixels, centred on the picture.

    Attributes:
        focal_diagonals: focal length divided by the picture's diagonal, independent of the picture's size.
        source: text for the user that says where the value comes from.
    """

    focal_diagonals: float
    source: str

    @staticmethod
    def of_equivalent(focal_mm: float, *, source: str) -> FieldOfView:
        """Create a field of view from the focal length with the same diagonal angle on full frame (36 x 24 mm)."""
        return FieldOfView(focal_diagonals=focal_mm / FULL_FRAME_DIAGONAL_MM, source=source)

    @property
    def equivalent_mm(self) -> float:
        """Focal length in mm with the same diagonal angle of view on full frame (36 x 24 mm)."""
        return self.focal_diagonals * FULL_FRAME_DIAGONAL_MM

    def focal_px(self, size: tuple[int, int]) -> float:
        """Return the focal length in pixels for a picture of `size` (height, width)."""
        return self.focal_diagonals * math.hypot(*size)


T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """The result of a step.

    Attributes:
        planes: float32 arrays of shape (H, W) by name.
        facts: values of JSON types by name.
    """

    planes: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(value: Any) -> StepResult:
        """Create a step result from the fields of a dataclass."""
        named = {one.name: getattr(value, one.name) for one in fields(value)}
        planes = {name: each for name, each in named.items() if isinstance(each, np.ndarray)}
        return StepResult(planes=planes, facts={name: each for name, each in named.items() if name not in planes})

    def to(self, kind: Callable[..., T]) -> T:
        """Create the dataclass `kind` from these fields, converting JSON's lists back to tuples."""
        return kind(**self.planes, **{name: _tuples(value) for name, value in self.facts.items()})


class StepCache:
    """A cache that returns the result of a step if it has run before; this one stores nothing."""

    def result(
        self,
        step: str,
        given: Mapping[str, Any],
        compute: Callable[[], StepResult],
        *,
        makes: frozenset[str] | None = None,
    ) -> StepResult:
        """Return the stored result of `step`, or compute and store it.

        Args:
            step: name of the step.
            given: everything that determines the result: arrays and JSON types. Equal values must give
                bit-identical results.
            compute: runs the step.
            makes: names of all planes and facts of the result: a stored result with others is computed again. None:
                any names.

        Returns:
            The result. Its planes must not be changed.
        """
        return compute()

    def made(self, kind: type[T], step: str, given: Mapping[str, Any], compute: Callable[[], T]) -> T:
        """Return the dataclass `kind` that `step` makes, with fields as in `StepResult`; see `result`."""
        makes = frozenset(one.name for one in fields(cast("Any", kind)))
        return self.result(step, given, lambda: StepResult.of(compute()), makes=makes).to(kind)

    def plane(self, step: str, given: Mapping[str, Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the plane that `step` makes; see `result`."""
        made = self.result(step, given, lambda: StepResult(planes={"plane": compute()}), makes=frozenset({"plane"}))
        return made.planes["plane"]

    def name(self, array: np.ndarray, name: str) -> None:
        """Assign a name that identifies the content of `array`, which saves hashing it."""


NO_STEP_CACHE = StepCache()


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


_ROWS_AT_A_TIME = 256

Rows = Callable[[slice], np.ndarray]
"""Returns the rows of a slice whose start and stop lie inside the picture. Several threads may call it at once."""

Progress = Callable[[float, str], None]
"""Receives the fraction done, 0 to 1, and the phase as text. To stop a job, it raises `Cancelled`."""


def no_progress(fraction: float, phase: str) -> None:
    """Do nothing, for callers that show no progress."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress callback for one step, which maps 0 to 1 onto `start` to `end` of `progress`."""
    return lambda fraction, phase: progress(start + (end - start) * fraction, phase)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a result.

    Attributes:
        name: the layer's title.
        role: the layer's purpose.
        pixels: float32, (H, W, 4) sRGB-encoded with straight alpha, (H, W, 3) sRGB-encoded and opaque, or (H, W)
            for depth and confidence (disparity in [0, 1], 1 = nearest; not colour-encoded).
        visible: whether the editor initially shows the layer.
    """

    name: str
    role: Role
    pixels: np.ndarray
    visible: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `pixels`."""
        return self.pixels.shape

    def reader(self) -> Rows:
        """Return a function that reads rows of the pixels. It may hold much memory, so drop it after use."""
        return self.pixels.__getitem__

    def made_of(self) -> tuple[np.ndarray, ...]:
        """Return the arrays from which the pixels are computed; if they are finite, so are the pixels."""
        return (self.pixels,)


class LayerOnDemand(Layer):
    """A layer whose pixels are computed on every access and not stored."""

    def __init__(
        self,
        *,
        name: str,
        role: Role,
        shape: tuple[int, ...],
        begin: Callable[[], Rows],
        made_of: tuple[np.ndarray, ...],
        visible: bool = True,
    ) -> None:
        """Create the layer.

        Args:
            name: as in `Layer`.
            role: as in `Layer`.
            shape: shape of the pixels.
            begin: called before rows are read; returns the function that computes rows.
            made_of: the arrays from which the pixels are computed.
            visible: as in `Layer`.
        """
        given = {"name": name, "role": role, "visible": visible}
        for key, value in {**given, "_shape": shape, "_begin": begin, "_made_of": made_of}.items():
            object.__setattr__(self, key, value)  # layers are frozen dataclasses

    _shape: tuple[int, ...]
    _begin: Callable[[], Rows]
    _made_of: tuple[np.ndarray, ...]

    @property
    def pixels(self) -> np.ndarray:
        """All pixels in one array. For a large picture, prefer `reader`."""
        return all_rows(self._shape, self.reader())

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `pixels`."""
        return self._shape

    def reader(self) -> Rows:
        """Return a function that computes rows of the pixels."""
        return self._begin()

    def made_of(self) -> tuple[np.ndarray, ...]:
        """Return the arrays from which the pixels are computed."""
        return self._made_of


def all_rows(shape: tuple[int, ...], read: Rows) -> np.ndarray:
    """Read all rows with `read` into one float32 array of `shape` (h, w, …)."""
    made = np.empty(shape, np.float32)
    for rows in row_slices(shape[0]):
        made[rows] = read(rows)
    return made


def row_slices(height: int) -> Iterator[slice]:
    """Yield slices that cover all rows of a picture, a few hundred rows each."""
    for top in range(0, height, _ROWS_AT_A_TIME):
        yield slice(top, min(top + _ROWS_AT_A_TIME, height))


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The data that an operation works on, apart from its options.

    Attributes:
        picture: float32 (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha, nominally [0, 1].
        disparity: float32 (H, W) in [0, 1], 1 = nearest, at the picture's size; None if there is none yet.
        selection: float32 (H, W) in [0, 1]; None selects everything.
        subject: coverage of the subject, float32 (H, W) in [0, 1]; None if it has not been detected yet.
        embedded: the camera's own depth map of this picture; None if there is none.
        field_of_view: the picture's field of view, from its file or an earlier step; None if unknown.
        range_per_m: inverse depths in 1/m at disparity 0 and 1; None if unknown.
        layer: float32 (H, W, 4), sRGB-encoded, straight alpha: a layer to place in the picture, at its size; None
            for none.
        references: other pictures of the same series, in the format of `picture` but of any size, from which the
            common illuminant is estimated.
        draft: whether a faster result of similar appearance is enough, because it is shown only briefly.
        preview: whether the result is a preview, so that slow figures about it may be left out.
        all_layers: whether all layers of the result will be read, so that slow ones may be computed ahead.
        kept: storage in which operations keep intermediate results for the same picture. Arrays in it must not be
            changed.
        cache: returns stored results of slow steps, including those of earlier sessions.
        whole: the picture at full size if `picture` is reduced for a preview. Networks process this one, so their
            results serve all sizes. None if `picture` is the full picture.
    """

    picture: np.ndarray
    disparity: np.ndarray | None = None
    selection: np.ndarray | None = None
    subject: np.ndarray | None = None
    embedded: EmbeddedDepth | None = None
    field_of_view: FieldOfView | None = None
    range_per_m: tuple[float, float] | None = None
    layer: np.ndarray | None = None
    references: tuple[np.ndarray, ...] = ()
    draft: bool = False
    preview: bool = False
    all_layers: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    cache: StepCache = NO_STEP_CACHE
    whole: np.ndarray | None = None

    @property
    def full_picture(self) -> np.ndarray:
        """The picture at full size: `whole`, or `picture` if that is not reduced."""
        return self.picture if self.whole is None else self.whole

    def chosen_field_of_view(self, equivalent_mm: float | None) -> FieldOfView | None:
        """Return the field of view of the given 35 mm equivalent focal length, or else that of the inputs."""
        if equivalent_mm is None:
            return self.field_of_view
        return FieldOfView.of_equivalent(equivalent_mm, source="as given")


def kept_for(
    kept: dict[str, Any], name: str, disparity: Float32[np.ndarray, "h w"], *, compute: Callable[[], T]
) -> T:
    """Return the value of `name` for a disparity map; compute it unless the last one was for equal disparity.

    Args:
        kept: dictionary that belongs to the picture, such as `Inputs.kept`; it keeps one value per name.
        name: name of the value.
        disparity: the disparity map from which the value is computed.
        compute: computes the value.
    """
    key = zlib.crc32(np.ascontiguousarray(disparity).data)
    if kept.get(name, (None,))[0] != key:
        kept[name] = key, compute()
    return cast("T", kept[name][1])


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film whose frames are drawn on every access and not stored.

    Attributes:
        count: number of frames.
        fps: frames per second.
        shape: height and width, both even.
        frame: returns the pixels of a frame, uint8 (h, w, 3), sRGB-encoded.
        mask: returns which pixels of a frame are invented, bool (h, w).
        masks: whether the masks are written, too.
    """

    count: int
    fps: int
    shape: tuple[int, int]
    frame: Callable[[int], np.ndarray]
    mask: Callable[[int], np.ndarray]
    masks: bool = False

    def layers(self, position: float) -> tuple[Layer, ...]:
        """Return the frame at a position in per cent of the film, and the mask of what is invented in it."""
        number = round(position / 100 * (self.count - 1))
        return (
            Layer(name="Film", role=Role.RESULT, pixels=self.frame(number).astype(np.float32) / np.float32(255)),
            Layer(name="Invented", role=Role.INVENTED, pixels=self.mask(number).astype(np.float32)),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of an operation.

    Attributes:
        layers: the layers, topmost first.
        values: values that were chosen automatically (JSON types only), e.g. {"focal_disparity": 0.71}.
        messages: sentences for the user, e.g. "The depth is the camera's own."
        models: id and sha256 of every network that was used.
        film: the film, which the first layer represents; None if the result is none.
    """

    layers: tuple[Layer, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    film: Film | None = None
