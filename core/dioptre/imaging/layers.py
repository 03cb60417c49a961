"""The inputs and results of operations: pictures, depth maps and layers with roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dioptre_link.operation import Role

from .embedded import EmbeddedDepth
from .field_of_view import FieldOfView
from .step_cache import NO_STEP_CACHE, StepCache

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
        references: other pictures of the same series, in the format of `picture` but of any size, from which the
            common illuminant is estimated.
        draft: whether a faster result of similar appearance is enough, because it is shown only briefly.
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
    references: tuple[np.ndarray, ...] = ()
    draft: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    cache: StepCache = NO_STEP_CACHE
    whole: np.ndarray | None = None

    def chosen_field_of_view(self, options: Mapping[str, Any]) -> FieldOfView | None:
        """Return the field of view given by an operation's options, or else that of the inputs.

        Args:
            options: the operation's options, with the focal length `equivalent_mm` or None.
        """
        if options["equivalent_mm"] is None:
            return self.field_of_view
        return FieldOfView.of_equivalent(options["equivalent_mm"], source="as given")


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of an operation.

    Attributes:
        layers: the layers, topmost first.
        values: values that were chosen automatically (JSON types only), e.g. {"focal_disparity": 0.71}.
        messages: sentences for the user, e.g. "The depth is the camera's own."
        models: id and sha256 of every network that was used.
    """

    layers: tuple[Layer, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
