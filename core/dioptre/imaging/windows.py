"""Windows of one fixed size that overlap, none of which reaches past the picture.

Networks that pad with zeros at the edge of their input give, tile by tile, exactly what they give for the whole
picture: every window's edge is either the picture's own or so far from what is kept that it cannot be seen there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of one axis: read `length` pixels from `start`, keep those from `first` to before `last`."""

    start: int
    length: int
    first: int
    last: int


def plan_windows(length_px: int, *, window_px: int, overlap_px: int) -> list[Window]:
    """Windows that together keep every pixel of an axis once.

    overlap_px: how far a kept pixel is at least from an edge of its window that is not the picture's edge.
    An axis shorter than `window_px` gives one window of the axis' own length. Raises ValueError when a window would
    keep nothing.
    """
    if length_px <= window_px:
        return [Window(start=0, length=length_px, first=0, last=length_px)]
    step = window_px - 2 * overlap_px
    if step < 1:
        raise ValueError(f"window_px {window_px} keeps nothing beside an overlap of {overlap_px}")
    windows = []
    kept = 0
    while kept < length_px:
        start = min(max(kept - overlap_px, 0), length_px - window_px)
        last = length_px if start + window_px == length_px else start + window_px - overlap_px
        windows.append(Window(start=start, length=window_px, first=kept, last=last))
        kept = last
    return windows
