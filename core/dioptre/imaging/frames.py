"""Find the white or black frame round a picture: borders of scans, letter boxes, unregistered sensor margins."""

from __future__ import annotations

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


def find_frame(srgb_encoded: Float32[np.ndarray, "h w 3"]) -> Inside:
    """What is left of a picture without its frame; all of it where there is none.

    A margin counts only with its opposite one, of the same colour: a night sky or a blown-out one is no frame.
    """
    height, width = srgb_encoded.shape[:2]
    for extreme in (srgb_encoded.max(axis=2) <= _BLACK, srgb_encoded.min(axis=2) >= _WHITE):
        top, bottom = _margins(extreme)
        left, right = _margins(extreme[top : height - bottom].T)
        if top or left:
            return Inside(top=top, bottom=height - bottom, left=left, right=width - right)
    return Inside(top=0, bottom=height, left=0, right=width)


def _margins(extreme: Bool[np.ndarray, "a b"]) -> tuple[int, int]:
    """How many rows of the frame's colour there are at either end; none where only one end has any."""
    rows = extreme.mean(axis=1) >= _SHARE
    if rows.all() or not (rows[0] and rows[-1]):
        return 0, 0
    first, last = int(np.argmin(rows)), int(np.argmin(rows[::-1]))
    return (0, 0) if max(first, last) > _LARGEST * len(rows) else (first, last)
