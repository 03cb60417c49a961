"""Few array shapes for many picture sizes, so that a new size compiles nothing new.

Compiled code is tied to array shapes. Whole pictures are therefore rounded up to a bucket and padded, and
element-wise work is cut into chunks of one size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

CHUNK = 1 << 20
"""Values in one chunk of `map_chunks`: 4 MiB, large enough to keep all cores busy."""


def bucket(length_px: int, *, multiple: int = 1, per_octave: int = 4) -> int:
    """The smallest bucket that holds `length_px`: `per_octave` sizes between each power of two and the next.

    multiple: the bucket is rounded up to a multiple of this. With 4 per octave, padding adds at most 25 % a side.
    Raises ValueError for a length below 1.
    """
    if length_px < 1:
        raise ValueError(f"length_px is {length_px}; it must be at least 1")
    octave = 1 << ((length_px - 1).bit_length() - 1 if length_px > 1 else 0)
    step = max(octave // per_octave, 1)
    rounded = -(-length_px // step) * step
    return -(-rounded // multiple) * multiple


def reflected_indices(start: int, stop: int, length: int) -> np.ndarray:
    """Indices start..stop-1 brought into 0..length-1 by reflection without repeating the edge sample.

    Any distance outside is allowed: the reflection repeats with period 2 · length - 2. A length of 1 repeats it.
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
    """The part of this shape along two axes, reflected (without repeating the edge) or repeated outside the array.

    A view where nothing lies outside. Slices and borders are several times faster than a list of indices.
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
        else:  # more outside than inside
            wanted = np.arange(first, first + length).clip(0, available - 1)
            lists.append((axis, wanted if mode == "edge" else reflected_indices(first, first + length, available)))
    part: np.ndarray = array[tuple(parts)]
    for axis, indices in lists:
        part = part.take(indices, axis)
    return np.pad(part, borders, mode=mode) if any(map(any, borders)) else part


def pad_to(
    image: Float32[np.ndarray, "h w *c"], shape: tuple[int, int], *, mode: str = "reflect"
) -> Float32[np.ndarray, "H W *c"]:
    """Pad at the bottom and right to `shape`: mode "reflect", "edge" or "zero". Crop to undo it."""
    height, width = image.shape[:2]
    if mode == "zero":
        padding = [(0, shape[0] - height), (0, shape[1] - width)] + [(0, 0)] * (image.ndim - 2)
        return np.pad(image, padding)
    if mode == "edge":
        return cut(image, (0, 0), shape, mode="edge")
    if mode == "reflect":
        return cut(image, (0, 0), shape)
    raise ValueError(f"mode is {mode!r}; choose reflect, edge or zero")


def map_chunks(
    function: Callable[[Float[Array, " chunk"]], Float[Array, " chunk"]],
    values: Float32[np.ndarray, "*shape"],
) -> Float32[np.ndarray, "*shape"]:
    """Apply a jitted element-wise function to an array of any size, compiled for one chunk size only."""
    flat = np.ascontiguousarray(values).reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        whole = part if part.size == CHUNK else np.pad(part, (0, CHUNK - part.size))
        result[start : start + CHUNK] = np.asarray(function(jnp.asarray(whole)))[: part.size]
    return result.reshape(values.shape)
