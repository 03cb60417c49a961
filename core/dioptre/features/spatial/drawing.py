"""Show a scene from beside its camera.

Each pixel moves sideways in proportion to its disparity. Pixels are drawn from back to front without sorting: for a
sideways movement, a row drawn towards the camera's side is in that order (L. McMillan, "A List-Priority Rendering
Algorithm for Redisplaying Projected Surfaces", 1995). Rows are torn at steps in depth, so nothing is stretched; the
gaps show the surface behind, or else the mirrored continuation of the gap's farther side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import row_slices
from dioptre.imaging.threads import on_all_cores

from .scene import Scene, Surface

_STRETCH = 1.75  # largest distance between neighbours in a view, in pixels; beyond it, the surface is torn
_RIM_PX = 2  # pixels beside a nearer surface that show some of it
_SMOOTH_ROWS = 2  # rows above and below over which a continuation is averaged, because each row tears elsewhere


@dataclass(frozen=True, kw_only=True)
class View:
    """A view of a scene.

    Attributes:
        pixels: sRGB-encoded.
        invented: pixels that neither the photo nor the background behind its subject shows.
    """

    pixels: Float32[np.ndarray, "h w 3"]
    invented: Bool[np.ndarray, "h w"]


def view(scene: Scene, shift_px: float) -> View:
    """Return the view in which a disparity difference of 1 moves a point by `shift_px` to the right.

    Args:
        scene: the scene; its `screen` disparity does not move.
        shift_px: positive for a camera to the left of the photo's.
    """
    shape = scene.surfaces[0].disparity.shape
    pixels, invented = np.empty((*shape, 3), np.float32), np.empty(shape, bool)

    def work(rows: slice) -> None:
        pixels[rows], invented[rows] = _rows(scene, shift_px, rows)

    on_all_cores(list(row_slices(shape[0])), work, lambda _: None)
    return View(pixels=pixels, invented=invented)


def views(scene: Scene, count: int, *, budget: float) -> Iterator[View]:
    """Yield views from left to right.

    Args:
        scene: the scene.
        count: number of views, at least 2.
        budget: how far the nearest and the farthest points move against each other from the first view to the last,
            as a fraction of the width.
    """
    width = scene.surfaces[0].disparity.shape[1]
    for place in np.linspace(0.5, -0.5, count):
        yield view(scene, float(place) * budget * width)


def _rows(scene: Scene, shift: float, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    flip = np.s_[:, ::-1] if shift > 0 else np.s_[:, :]
    back, *front = scene.surfaces
    pixels, seen = _moved(back, scene.screen, shift, rows, flip)
    invented = ~seen
    for surface in front:
        shown, seen = _moved(surface, scene.screen, shift, rows, flip)
        pixels = shown[..., :3] + (1 - shown[..., 3:]) * pixels
        invented &= (shown[..., 3] < 1) | ~seen
    return pixels[flip], invented[flip]


def _moved(
    surface: Surface, screen: float, shift: float, rows: slice, flip: tuple[slice, slice]
) -> tuple[np.ndarray, Bool[np.ndarray, "h w"]]:
    """Return the colours of a surface in a view, with its coverage if it has one, and where they are seen.

    The surface is continued as its mirror image beyond the sides of the picture.
    """
    disparity = surface.disparity[rows][flip]
    planes = surface.colours[rows][flip]
    if surface.coverage is not None:
        planes = np.concatenate([planes, surface.coverage[rows][flip][..., None]], axis=2)
    inner = disparity.shape[1]
    beside = math.ceil(abs(shift) * max(screen - disparity.min(), disparity.max() - screen, 0)) + 1
    disparity = np.pad(disparity, ((0, 0), (beside, beside)), "symmetric")
    planes = np.pad(planes, ((0, 0), (beside, beside), (0, 0)), "symmetric")
    height, width = disparity.shape
    index, part, seen = _sources(disparity, screen, -abs(shift), tear=surface.coverage is None)
    flat = planes.reshape(height * width, -1)
    shown = flat.take(index.ravel(), axis=0)
    shown += part.reshape(-1, 1) * (flat.take(index.ravel() + 1, axis=0, mode="clip") - shown)
    shown = shown.reshape(planes.shape)
    if surface.coverage is None:
        _continue(shown, seen, disparity.ravel()[index])
    column = index - np.arange(0, height * width, width)[:, None]
    seen &= (column >= beside) & (column < beside + inner)
    return shown[:, beside:-beside], seen[:, beside:-beside]


def _sources(
    disparity: np.ndarray, screen: float, shift: float, *, tear: bool
) -> tuple[np.ndarray, Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Return which pixel and the next one show each pixel of a view, in which part, and where any does.

    Of all pixels that have moved to the left of a point (`shift` <= 0), the rightmost one is the nearest.
    """
    height, width = disparity.shape
    place = np.arange(width, dtype=np.float32) + np.float32(shift) * (disparity - np.float32(screen))
    gap = np.diff(place, axis=1, append=np.float32(np.inf))
    joined = gap < (_STRETCH if tear else np.inf)
    clear = np.ones_like(joined)
    if tear and shift:
        nearest = ndimage.maximum_filter1d(disparity, 2 * _RIM_PX + 1, axis=1)
        clear = (nearest - disparity) * -shift < _RIM_PX * (_STRETCH - 1)
        joined &= clear
        joined[:, :-1] &= clear[:, 1:]
    leftmost = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]  # of a pixel and all to its right
    first = np.clip(np.ceil(leftmost), 0, width).astype(np.intp)
    first += np.arange(0, height * (width + 1), width + 1)[:, None]
    counts = np.bincount(first.ravel(), minlength=height * (width + 1)).reshape(height, width + 1)
    index = counts[:, :width].cumsum(axis=1) - 1
    seen = index >= 0
    index = np.maximum(index, 0) + np.arange(0, height * width, width)[:, None]
    beyond = np.arange(width, dtype=np.float32) - place.ravel()[index]
    between = joined.ravel()[index]
    seen &= between | (clear.ravel()[index] & (beyond < 0.5))  # the last pixel before a tear is as wide as others
    return index, np.where(between, beyond / gap.ravel()[index], 0), seen


def _continue(pixels: np.ndarray, seen: np.ndarray, near: np.ndarray) -> None:
    """Fill gaps in place with the mirror image of what is beside them on the farther side."""
    height, width = seen.shape
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(seen, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(seen, columns, width)[:, ::-1], axis=1)[:, ::-1]
    row, column = np.nonzero(~seen)
    left, right = before[row, column], after[row, column]
    depth = [near[row, np.clip(side, 0, width - 1)] for side in (left, right)]
    from_left = (right >= width) | ((left >= 0) & (depth[0] <= depth[1]))
    edge = np.clip(np.where(from_left, left, right), 0, width - 1)
    mirrored = np.clip(2 * edge - column + np.where(from_left, 1, -1), 0, width - 1)
    pixels[row, column] = pixels[row, np.where(seen[row, mirrored], mirrored, edge)]
    total, count = np.zeros((row.size, pixels.shape[2]), np.float32), np.zeros((row.size, 1), np.float32)
    for offset in range(-_SMOOTH_ROWS, _SMOOTH_ROWS + 1):
        other = np.clip(row + offset, 0, height - 1)
        hidden = ~seen[other, column, None]
        total += pixels[other, column] * hidden
        count += hidden
    pixels[row, column] = total / np.maximum(count, 1)
