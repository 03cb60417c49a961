"""What a result is made of: layers with a role."""

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
"""Gives the rows asked for, a slice with a start and a stop inside the picture; from several threads at once."""

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and the phase in words. It may raise `Cancelled`: the one way to stop."""


def no_progress(fraction: float, phase: str) -> None:
    """A progress that nobody watches."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """The progress of one step: its 0 to 1 is `start` to `end` of `progress`."""
    return lambda fraction, phase: progress(start + (end - start) * fraction, phase)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Pixels of one layer of a result.

    pixels: float32, (H, W, 4) sRGB-encoded with straight alpha, (H, W, 3) sRGB-encoded and opaque, or (H, W)
        for depth and confidence (disparity in [0, 1], 1 = nearest; not colour-encoded).
    visible: whether the editor shows the layer at first.
    """

    name: str
    role: Role
    pixels: np.ndarray
    visible: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `pixels`."""
        return self.pixels.shape

    def reader(self) -> Rows:
        """What gives the pixels of some rows; keep it while rows are asked for, and no longer."""
        return self.pixels.__getitem__

    def made_of(self) -> tuple[np.ndarray, ...]:
        """What the pixels are computed from: they are finite where it is."""
        return (self.pixels,)


class LayerOnDemand(Layer):
    """A layer whose pixels are made when they are asked for, every time, and not kept.

    shape: of the pixels. begin: called before rows are asked for; gives what makes them. made_of: as in `Layer`.
    """

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
        given = {"name": name, "role": role, "visible": visible}
        for key, value in {**given, "_shape": shape, "_begin": begin, "_made_of": made_of}.items():
            object.__setattr__(self, key, value)  # frozen, as every layer

    _shape: tuple[int, ...]
    _begin: Callable[[], Rows]
    _made_of: tuple[np.ndarray, ...]

    @property
    def pixels(self) -> np.ndarray:
        """All of them: prefer `reader` for a large picture."""
        return all_rows(self._shape, self.reader())

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    def reader(self) -> Rows:
        return self._begin()

    def made_of(self) -> tuple[np.ndarray, ...]:
        return self._made_of


def all_rows(shape: tuple[int, ...], read: Rows) -> np.ndarray:
    """What `read` gives, in one array of `shape` (h, w, …), float32."""
    made = np.empty(shape, np.float32)
    for rows in row_slices(shape[0]):
        made[rows] = read(rows)
    return made


def row_slices(height: int) -> Iterator[slice]:
    """All rows of a picture, some hundred at a time."""
    for top in range(0, height, _ROWS_AT_A_TIME):
        yield slice(top, min(top + _ROWS_AT_A_TIME, height))


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What an operation is given beside its options.

    picture: float32 (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha, nominally [0, 1].
    disparity: float32 (H, W) in [0, 1], 1 = nearest, at the picture's size; None where there is none yet.
    selection: float32 (H, W) in [0, 1]; None selects everything.
    subject: float32 (H, W) in [0, 1], coverage of the subject; None where it is still to be found.
    embedded: the camera's own depth map of this very picture; None where there is none.
    field_of_view: of the picture, from its file or an earlier step; None where nobody knows.
    range_per_m: inverse depth in 1/m that 0 and 1 of `disparity` stand for; None where nobody knows.
    references: pictures of the same series, as `picture` but of any size, whose common light is to be taken.
    draft: the result is inspected for a moment only: what looks alike and is quicker will do.
    kept: where operations leave what they may want again for the same picture; its array must not be changed.
    cache: gives results of slow steps that ran before, on this or another day.
    whole: where `picture` is reduced for a preview, the same picture at its full size: networks look at that, once
        for all sizes. None where `picture` is all there is.
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
        """The picture's angle of view: as an operation's options state it, else the inputs'."""
        if options["equivalent_mm"] is None:
            return self.field_of_view
        return FieldOfView.of_equivalent(options["equivalent_mm"], source="as given")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an operation made.

    layers: top layer first, as they are to be stacked.
    values: what was decided on the way (JSON types only), e.g. {"focal_disparity": 0.71}.
    messages: sentences for the user, e.g. "The depth is the camera's own."
    models: id and sha256 of every network that took part.
    """

    layers: tuple[Layer, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
