"""A submitted job. This module imports neither NumPy nor JAX, because the worker listens before they are loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dioptre_link.catalogue import operation
from dioptre_link.chain import described, steps_of
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Input, Operation, Role
from dioptre_link.wire import PixelFormat, Pixels

from .exchange import Folder

if TYPE_CHECKING:
    import numpy as np

    from dioptre.contract import Result


UNPAINTED = ("disparity_shown", "disparity_exact")
"""Two inputs that accompany a depth layer with few bits: its original pixels, and the exact values behind them."""

BEFORE = "disparity_before"
"""An input that accompanies a depth layer: its pixels without strokes, which then end at edges of the picture."""


MAX_SIZES = 2  # maximum number of reduced versions that are kept of each picture


@dataclass(eq=False)
class Kept:
    """Pixels that the worker keeps for one connection, along with their most recent reduced versions.

    Attributes:
        values: float32 (H, W, 3 or 4), sRGB-encoded with straight alpha, or (H, W).
        repaired: whether NaN or infinite values were replaced.
        digest: digest of the original pixels; "" if it was not computed.
        estimate: for an estimated depth, a name for its picture and options, otherwise ""; see `execution`.
        film: the film made of the picture most recently, and what identifies its request.
        steps: cached network outputs of the picture if there is no disk cache; see `caching.memory`.
    """

    values: np.ndarray
    repaired: bool = False
    digest: str = ""
    estimate: str = ""
    film: tuple[Any, Result] | None = None
    steps: dict[str, Any] = field(default_factory=dict)
    _small: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    _beside: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, size: tuple[int, int]) -> np.ndarray:
        """Return the pixels resized to (height, width)."""
        if self.values.shape[:2] == size:
            return self.values
        with self._lock:
            if size not in self._small:
                from . import pixels

                is_plane = self.values.ndim == 2
                reduce: Callable[..., np.ndarray] = pixels.reduced_plane if is_plane else pixels.reduced_picture
                while len(self._small) >= MAX_SIZES:
                    oldest = next(iter(self._small))
                    del self._small[oldest]
                    self._beside.pop(oldest, None)
                self._small[size] = reduce(self.values, size)
            return self._small[size]

    def beside(self, size: tuple[int, int]) -> dict[str, Any]:
        """Return a store for reusable results of operations on the pixels at `size`; it is deleted with them."""
        with self._lock:
            return self._beside.setdefault(size, {})


@dataclass(frozen=True, kw_only=True)
class Request:
    """A checked job: `options` are complete, and each input is a file in `folder` or pixels kept by the worker.

    Attributes:
        operation: name of the operation.
        options: all options.
        inputs: the inputs by kind.
        folder: the connection's exchange folder.
        colour_format: format of returned colour layers.
        depth_dtype: sample type of returned depth and confidence layers.
        roles: roles of the layers to return; None for all.
        keep: names under which layers are kept, by role.
        preview_px: longest side to reduce the inputs to; None for the full size.
        draft: whether to compute a faster approximation.
        unpainted: files of the inputs named in `UNPAINTED` and `BEFORE`, as far as they are given.
        opened_file: path of the file that the picture was opened from; "" if unknown.
        depth_metres: the metres of a depth layer among the inputs; None if unknown.
    """

    operation: str
    options: Mapping[str, Any]
    inputs: Mapping[Input, Pixels | Kept]
    folder: Folder
    colour_format: PixelFormat = field(default_factory=PixelFormat)
    depth_dtype: str = "f32"
    roles: frozenset[Role] | None = None
    keep: Mapping[Role, str] = field(default_factory=dict)
    preview_px: int | None = None
    draft: bool = False
    unpainted: Mapping[str, Pixels] = field(default_factory=dict)
    opened_file: str = ""
    depth_metres: DepthMetres | None = None

    @cached_property
    def described(self) -> Operation:
        """The description of the operation, or of the recipe's steps as one operation."""
        return described(self.operation, self.options)

    @cached_property
    def steps(self) -> Sequence[tuple[Operation, Mapping[str, Any]]]:
        """The description and the options of each step; an operation is a single step."""
        return [(operation(name), options) for name, options in steps_of(self.operation, self.options)]

    def picture_size(self) -> tuple[int, int]:
        """Return (height, width) of the original picture."""
        picture = self.inputs[Input.PICTURE]
        if isinstance(picture, Pixels):
            return picture.height, picture.width
        height, width = picture.values.shape[:2]
        return height, width

    def __str__(self) -> str:
        height, width = self.picture_size()
        reduced = f" as a {'draft' if self.draft else 'preview'} of {self.preview_px} px" if self.preview_px else ""
        return f"{self.operation} of {width} x {height} pixels{reduced}"
