"""Find the white or black frame round a picture: borders of scans, letter boxes, unregistered sensor margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

_BLACK, _WHITE = 0.06, 0.94  # encoded; what JPEG leaves of a black or white margin
_SHARE = 0.97  # of a row's pixels that must be of the frame's colour
_LARGEST = 0.25  # of a side: what is wider is a picture of something white or black


@dataclass(frozen=True, kw_only=True)
class Inside:
    """Rows top..bottom-1 and columns left..right-1 lie inside the frame."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    def scaled(self, size: tuple[int, int], new: tuple[int, int]) -> Inside:
        """The same part when a picture of `size` (height, width) is resized to `new`; at least one pixel."""
        (top, bottom), (left, right) = (
            (min(round(first * to / of), to - 1), max(round(last * to / of), 1))
            for first, last, of, to in zip((self.top, self.left), (self.bottom, self.right), size, new, strict=True)
        )
        return Inside(top=top, bottom=max(bottom, top + 1), left=left, right=max(right, left + 1))


def find_frame(srgb_encoded: Float32[np.ndarray, "h w 3"]) -> Inside:
    """The part of a picture inside its frame; all of it if there is no frame.

    A margin counts only with its opposite one, of the same colour: a night sky or a blown-out one is not a frame.
    """
    height, width = srgb_encoded.shape[:2]
    for extreme in (_is_black, _is_white):
        top, bottom = _margins(srgb_encoded, extreme)
        left, right = _margins(srgb_encoded[top : height - bottom].swapaxes(0, 1), extreme)
        if top or left:
            return Inside(top=top, bottom=height - bottom, left=left, right=width - right)
    return Inside(top=0, bottom=height, left=0, right=width)


def _is_black(srgb_encoded: Float32[np.ndarray, "*shape 3"]) -> Bool[np.ndarray, "*shape"]:
    return np.asarray((srgb_encoded <= _BLACK).all(axis=-1))


def _is_white(srgb_encoded: Float32[np.ndarray, "*shape 3"]) -> Bool[np.ndarray, "*shape"]:
    return np.asarray((srgb_encoded >= _WHITE).all(axis=-1))


def _margins(rows: Float32[np.ndarray, "a b 3"], extreme: Callable[[np.ndarray], np.ndarray]) -> tuple[int, int]:
    """How many rows of the frame's colour there are at either end; none where only one end has any."""
    largest = int(_LARGEST * len(rows))
    first = _run(rows[: largest + 1], extreme)
    last = _run(rows[::-1][: largest + 1], extreme) if first else 0
    return (first, last) if first and last and max(first, last) <= largest else (0, 0)


def _run(rows: Float32[np.ndarray, "a b 3"], extreme: Callable[[np.ndarray], np.ndarray]) -> int:
    """How many rows from the first on are of the frame's colour. One after the other: mostly the first is not."""
    for count, row in enumerate(rows):
        if extreme(row).mean() < _SHARE:
            return count
    return len(rows)
