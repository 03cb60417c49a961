"""Map many picture sizes to few array shapes, so that a new size rarely triggers a compilation.

Compiled code is tied to array shapes. Whole pictures are therefore padded up to one of a few sizes (buckets), and
element-wise work is cut into chunks of one size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float32

CHUNK = 1 << 20
"""Number of values in a chunk of `map_chunks`: 4 MiB as float32, enough to keep all cores busy."""


_PER_OCTAVE = 4  # buckets from one power of two to the next; padding adds at most 25% per side


def bucket(length_px: int) -> int:
    """Return the smallest bucket that holds a side of `length_px` pixels; raise ValueError if that is below 1."""
    if length_px < 1:
        raise ValueError(f"length_px is {length_px}; it must be at least 1")
    octave = 1 << ((length_px - 1).bit_length() - 1 if length_px > 1 else 0)
    step = max(octave // _PER_OCTAVE, 1)
    return -(-length_px // step) * step


def reflected_indices(start: int, stop: int, length: int) -> np.ndarray:
    """Map the indices start to stop - 1 into 0 to length - 1 by reflection, without repeating the edge sample.

    The indices may lie any distance outside, because the reflection repeats with period 2 · length - 2. With a
    length of 1, every index becomes 0.
    """
    if length == 1:
        return np.zeros(stop - start, np.int64)
    period = 2 * length - 2
    folded = np.arange(start, stop) % period
    return np.where(folded < length, folded, period - folded)


def cut(
    array: np.ndarray,
    start: tuple[int, int],
    shape: tuple[int, int],
    *,
    axes: tuple[int, int] = (0, 1),
    mode: Literal["reflect", "edge"] = "reflect",
) -> np.ndarray:
    """Return a section of an array along two axes; it may extend beyond the array.

    The result is a view if the section lies inside the array. Slicing and padding are several times faster than
    indexing with a list.

    Args:
        array: the array.
        start: first index along each of the axes; may be negative.
        shape: length along each of the axes.
        axes: the two axes.
        mode: "reflect" mirrors the array outside without repeating the edge; "edge" repeats the edge.
    """
    parts = [slice(None)] * array.ndim
    borders = [(0, 0)] * array.ndim
    lists: list[tuple[int, np.ndarray]] = []
    for axis, first, length in zip(axes, start, shape, strict=True):
        available = array.shape[axis]
        begin, stop = max(first, 0), min(first + length, available)
        border = begin - first, first + length - stop
        if max(border) < stop - begin:
            parts[axis], borders[axis] = slice(begin, stop), border
        else:  # more of the section lies outside than inside
            wanted = np.arange(first, first + length).clip(0, available - 1)
            lists.append((axis, wanted if mode == "edge" else reflected_indices(first, first + length, available)))
    part: np.ndarray = array[tuple(parts)]
    for axis, indices in lists:
        part = part.take(indices, axis)
    return np.pad(part, borders, mode=mode) if any(map(any, borders)) else part


def pad_to(
    image: Float32[np.ndarray, "h w *c"], shape: tuple[int, int], *, mode: str = "reflect"
) -> Float32[np.ndarray, "H W *c"]:
    """Pad an image at the bottom and right to `shape`; undo it by cropping.

    Args:
        image: the image.
        shape: height and width after padding.
        mode: "reflect", "edge" or "zero".

    Raises:
        ValueError: the mode is unknown.
    """
    height, width = image.shape[:2]
    if mode == "zero":
        padding = [(0, shape[0] - height), (0, shape[1] - width)] + [(0, 0)] * (image.ndim - 2)
        return np.pad(image, padding)
    if mode == "edge":
        return cut(image, (0, 0), shape, mode="edge")
    if mode == "reflect":
        return cut(image, (0, 0), shape)
    raise ValueError(f"mode is {mode!r}; choose reflect, edge or zero")


def map_pixels(function: Callable[..., Array], *values: np.ndarray) -> np.ndarray:
    """Apply a jitted function of pixels in chunks of one size, so that it is compiled only once.

    Args:
        function: takes the values of a number of pixels and returns one row for each.
        values: arrays with one row or value for each pixel.
    """
    count, size = values[0].shape[0], CHUNK // 4
    rows: list[np.ndarray] = []
    for start in range(0, count, size):
        parts = [each[start : start + size] for each in values]
        short = size - parts[0].shape[0]
        padded = [np.pad(each, [(0, short)] + [(0, 0)] * (each.ndim - 1), "edge") for each in parts]
        rows.append(np.asarray(function(*padded))[: size - short])
    return np.concatenate(rows)


def map_chunks(
    function: Callable[..., Any],
    values: Float32[np.ndarray, "*shape"],
) -> Float32[np.ndarray, "*shape"]:
    """Apply a jitted element-wise function in chunks of one size, so that it is compiled only once."""
    flat = np.ascontiguousarray(values).reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        whole = part if part.size == CHUNK else np.pad(part, (0, CHUNK - part.size))
        result[start : start + CHUNK] = np.asarray(function(whole))[: part.size]
    return result.reshape(values.shape)
