"""Find a white or black frame round a picture: borders of scans, letterboxing, unexposed sensor margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

_BLACK, _WHITE = 0.06, 0.94  # limits of encoded black and white; the tolerance is for JPEG artefacts
_SHARE = 0.97  # fraction of a row's pixels that must have the frame's colour
_LARGEST = 0.25  # widest margin, as a fraction of the width or height; wider areas are part of the picture


@dataclass(frozen=True, kw_only=True)
class Inside:
    """The area inside a frame: rows `top` to `bottom - 1`, columns `left` to `right - 1`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices that select the area's rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    def scaled(self, size: tuple[int, int], new: tuple[int, int]) -> Inside:
        """Return the area after resizing the picture from `size` (height, width) to `new`; at least one pixel."""
        (top, bottom), (left, right) = (
            (min(round(first * to / of), to - 1), max(round(last * to / of), 1))
            for first, last, of, to in zip((self.top, self.left), (self.bottom, self.right), size, new, strict=True)
        )
        return Inside(top=top, bottom=max(bottom, top + 1), left=left, right=max(right, left + 1))


def find_frame(srgb_encoded: Float32[np.ndarray, "h w 3"]) -> Inside:
    """Return the area of a picture inside its frame, or the whole picture if it has no frame.

    A margin counts only if the opposite margin has the same colour, because a dark or blown-out sky is not a frame.

    Args:
        srgb_encoded: the picture, in [0, 1].
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
    """Return how many rows at the start and end have the frame's colour; (0, 0) if either end has none."""
    largest = int(_LARGEST * len(rows))
    first = _run(rows[: largest + 1], extreme)
    last = _run(rows[::-1][: largest + 1], extreme) if first else 0
    return (first, last) if first and last and max(first, last) <= largest else (0, 0)


def _run(rows: Float32[np.ndarray, "a b 3"], extreme: Callable[[np.ndarray], np.ndarray]) -> int:
    """Count the leading rows in the frame's colour. Going row by row is fast, because there are usually none."""
    for count, row in enumerate(rows):
        if extreme(row).mean() < _SHARE:
            return count
    return len(rows)
