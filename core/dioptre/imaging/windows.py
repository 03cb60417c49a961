"""Overlapping windows of one fixed size that stay inside the picture.

A network that pads its input with zeros gives exactly the same result in windows as on the whole picture: each edge
of a window is either the picture's own edge or too far from the kept pixels to affect them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window along one axis: read `length` pixels from `start`; keep those from `first` to `last - 1`."""

    start: int
    length: int
    first: int
    last: int


def plan_windows(length_px: int, *, window_px: int, overlap_px: int) -> list[Window]:
    """Plan windows that together keep every pixel of an axis exactly once.

    Args:
        length_px: length of the axis. If it is shorter than `window_px`, the only window has this length.
        window_px: length of a window.
        overlap_px: minimum distance of a kept pixel from any window edge that is not the picture's edge.

    Raises:
        ValueError: the overlap is so large that a window would keep no pixels.
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
