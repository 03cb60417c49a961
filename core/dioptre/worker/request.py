"""A job as it was submitted. Imports neither NumPy nor JAX: the worker listens before they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dioptre_link.operation import Input, Role
from dioptre_link.wire import PixelFormat, Pixels

from .exchange import Folder

if TYPE_CHECKING:
    import numpy as np


UNPAINTED = ("disparity_shown", "disparity_exact")
"""Two inputs that go with a depth layer of few bits: what it showed when it was made, and what it was made from."""


MAX_SIZES = 2  # of previews


@dataclass
class Kept:
    """Pixels that stay in the worker for one connection, and the last reduced sizes of them.

    values: float32 (H, W, 3 or 4), sRGB-encoded with straight alpha, or (H, W).
    repaired: whether NaN or infinite values were replaced in them. digest: of what was handed over, "" where it was
    not taken. estimate: name of the picture whose estimated depth this is, "" for none; see `estimate_name`.
    steps: cached network outputs of the picture, where no disk cache is used; see `caching.memory`.
    """

    values: np.ndarray
    repaired: bool = False
    digest: str = ""
    estimate: str = ""
    steps: dict[str, Any] = field(default_factory=dict)
    _small: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    _beside: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, size: tuple[int, int]) -> np.ndarray:
        """The pixels at `size` (height, width)."""
        if self.values.shape[:2] == size:
            return self.values
        with self._lock:
            if size not in self._small:
                from . import previews

                is_plane = self.values.ndim == 2
                reduce: Callable[..., np.ndarray] = previews.reduced_plane if is_plane else previews.reduced_picture
                while len(self._small) >= MAX_SIZES:
                    oldest = next(iter(self._small))
                    del self._small[oldest]
                    self._beside.pop(oldest, None)
                self._small[size] = reduce(self.values, size)
            return self._small[size]

    def beside(self, size: tuple[int, int]) -> dict[str, Any]:
        """Where operations leave what they may want again for the pixels at `size`; it goes when these go."""
        with self._lock:
            return self._beside.setdefault(size, {})


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to compute, checked: `options` are complete, each input is pixels in a file of `folder` or kept ones.

    colour_format, depth_dtype: how layers go back. roles: which layers, all when None. keep: layers to be kept
    under a name. preview_px: longest side to reduce the inputs to; None for the full size. draft: as in `Inputs`.
    unpainted: both of `UNPAINTED`, or nothing. opened_file: path of the file that the picture comes from; "" where
    nobody knows.
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

    def picture_size(self) -> tuple[int, int]:
        """(height, width) of the picture as handed over."""
        picture = self.inputs[Input.PICTURE]
        if isinstance(picture, Pixels):
            return picture.height, picture.width
        height, width = picture.values.shape[:2]
        return height, width

    def __str__(self) -> str:
        height, width = self.picture_size()
        reduced = f" as a {'draft' if self.draft else 'preview'} of {self.preview_px} px" if self.preview_px else ""
        return f"{self.operation} of {width} x {height} pixels{reduced}"
