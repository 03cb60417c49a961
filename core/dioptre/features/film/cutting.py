"""Cut a scene into sheets, each with smooth distances, and fill in what nearer sheets hide of farther ones.

A surface is cut between its objects: at those disparities that separate the largest steps. Each sheet continues
behind nearer ones as far as a film can show it. As nothing is filled in while the camera moves, what is invented
does not change from frame to frame.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, UInt32
from scipy import ndimage

from dioptre.contract import Disparity, Progress, all_rows, no_progress
from dioptre.features.background import clean_background
from dioptre.features.spatial import Scene, Surface, rim_px
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize

SHIFTS, MASKS, FLAG = (0, 8, 16, 24), (255, 255, 255, 127), 31
"""Bits of a packed pixel: red, green, blue, coverage, and whether it is invented."""
CURVE = 1.5
"""Exponent of the blur levels: level k of n has the radius (k / (n - 1)) ** CURVE of the largest one."""
_LEVELS = 8
_CUTS = 3  # sheets of the surface behind the subject, less one
_STEP = 0.06  # least step in disparity at which a surface is cut
_SHORT = 0.1  # least total height of the steps that a cut separates, per pixel of the picture's longer side
_AROUND = 33  # side in pixels of the square around each of these places that `covers` describes
_COARSE = 4  # pixels of a sheet for each of its inverse distances
_DISC_PX = 5  # largest radius of a blur at full size; larger ones are blurred at a smaller size


class Sheets(NamedTuple):
    """A photo, cut into sheets, from back to front.

    Attributes:
        packed: pixels at each blur level, see `SHIFTS`; sRGB-encoded and premultiplied.
        inverse: inverse distances, 1 for the target, at a quarter of the size.
        covers: at the places of `inverse`, whether a sheet covers any pixel around, and whether it covers all.
        blur: radius of the blur per unit of inverse distance, as a fraction of the largest one.
    """

    packed: UInt32[Array, "n k h w"]
    inverse: Float32[Array, "n h4 w4"]
    covers: Bool[Array, "n 2 h4 w4"]
    blur: float


def sheets_of(
    scene: Scene,
    *,
    inverse_at: tuple[float, float],
    reach_px: float,
    largest_blur_px: float = 0.0,
    progress: Progress = no_progress,
) -> Sheets:
    """Cut a scene into sheets.

    Args:
        scene: the scene, at the size of the sheets.
        inverse_at: inverse distances at the disparities 0 and 1; that of the target is 1.
        reach_px: how far surfaces move against each other.
        largest_blur_px: radius of the blur at the whole range from what is in focus; 0 for none.
        progress: called with the fraction done; raises Cancelled to stop.
    """
    back, *front = scene.surfaces
    cut = _cut(back, round(reach_px), progress)
    low, high = inverse_at
    planes = [*cut, *((one, np.zeros(one.disparity.shape, bool)) for one in front)]
    radii = [
        largest_blur_px * (level / (_LEVELS - 1)) ** CURVE for level in range(_LEVELS if largest_blur_px else 1)
    ]
    packed = np.stack([_packed(surface, unknown, radii) for surface, unknown in planes])
    size = tuple(-(-side // _COARSE) for side in back.disparity.shape)
    near = [resize(surface.disparity, (size[0], size[1]), method="area") for surface, _ in planes]
    return Sheets(
        packed=jnp.asarray(packed),
        inverse=jnp.asarray(low + (high - low) * np.stack(near)),
        covers=jnp.asarray(np.stack([_covers(sheet, size) for sheet in packed])),
        blur=1 / (high - low),
    )


def _covers(levels: UInt32[np.ndarray, "k h w"], size: tuple[int, ...]) -> Bool[np.ndarray, "2 h4 w4"]:
    cover = (levels >> SHIFTS[3]).astype(np.uint8) & MASKS[3]
    at = np.ix_(
        *(
            np.minimum(np.arange(n) * _COARSE + _COARSE // 2, side - 1)
            for n, side in zip(size, cover.shape[1:], strict=True)
        )
    )
    some = ndimage.maximum_filter(cover.max(axis=0), _AROUND)[at] > 0
    return np.stack([some, ndimage.minimum_filter(cover.min(axis=0), _AROUND)[at] == MASKS[3]])


def _cut(back: Surface, reach: int, progress: Progress) -> list[tuple[Surface, Bool[np.ndarray, "h w"]]]:
    """Cut the rearmost surface; return the sheets, and which of their pixels are invented."""
    rim = rim_px(back.disparity.shape)
    label = np.searchsorted(_thresholds(back.disparity, rim), back.disparity).astype(np.uint8)
    own = ndimage.maximum_filter(label, 2 * rim + 1)  # rims of nearer objects are mixed with them
    sheets: list[tuple[Surface, Bool[np.ndarray, "h w"]]] = []
    count = int(own.max()) + 1
    for number in range(count):
        progress(number / count, "Filling in what is hidden")
        here = own == number
        if not here.any():
            continue
        known = here & (label == number)
        smooth = pull_push(back.disparity, (known if known.any() else here).astype(np.float32))
        near = ndimage.maximum_filter(here, 2 * (reach + rim) + 1) & (own > number)
        if not sheets:
            hidden = near.astype(np.float32)
            colours = all_rows(back.colours.shape, clean_background(back.colours, hidden, back.disparity))
            colours = np.where(here[..., None], back.colours, colours)
            unknown = ~here if back.unknown is None else ~here | back.unknown
            sheets.append((Surface(colours=colours, disparity=smooth), unknown))
            continue
        cover = (here | near).astype(np.float32)
        colours = pull_push(back.colours, here.astype(np.float32)) * cover[..., None]
        unknown = near if back.unknown is None else near | back.unknown
        sheets.append((Surface(colours=colours, disparity=smooth, coverage=cover), unknown))
    return sheets


def _thresholds(disparity: Disparity, rim: int) -> list[float]:
    """Return the disparities that separate most of the steps, in order."""
    ends = []
    for axis in (0, 1):
        apart = min(2 * rim + 1, disparity.shape[axis] - 1)
        lines = np.moveaxis(disparity, axis, 0)
        one, other = lines[: len(lines) - apart].ravel(), lines[apart:].ravel()
        steep = np.abs(one - other) > _STEP
        ends.append(np.sort(np.stack([one[steep], other[steep]]), axis=0))
    low, high = np.concatenate(ends, axis=1)
    height = high - low
    margin = np.float32(0.25) * height  # a cut near either end would leave a step in a sheet
    chosen: list[float] = []
    while len(chosen) < _CUTS:
        levels = np.linspace(0, 1, 41)[1:-1]
        scores = [height[(low + margin < level) & (level < high - margin)].sum() for level in levels]
        best = int(np.argmax(scores))
        if scores[best] < _SHORT * max(disparity.shape) * (2 * rim + 1):
            break
        chosen.append(float(levels[best]))
        left = (levels[best] <= low) | (levels[best] >= high)
        low, high, height, margin = low[left], high[left], height[left], margin[left]
    return sorted(chosen)


def _packed(surface: Surface, unknown: Bool[np.ndarray, "h w"], radii: list[float]) -> UInt32[np.ndarray, "k h w"]:
    """Return the pixels of a sheet, blurred with discs of the given radii."""
    cover = np.ones_like(surface.disparity) if surface.coverage is None else surface.coverage
    made = [_codes(surface.colours, cover, unknown)]
    if len(radii) > 1:
        light = np.asarray(srgb_to_linear(np.clip(surface.colours, 0, 1)))
        planes = np.concatenate([light, cover[..., None], unknown[..., None]], axis=2, dtype=np.float32)
        for radius in radii[1:]:
            blurred = _in_disc(planes, radius)
            colours = np.asarray(linear_to_srgb(np.maximum(blurred[..., :3], 0)))
            made.append(_codes(colours, blurred[..., 3], blurred[..., 4] > 0.5))
    return np.stack(made)


def _in_disc(planes: Float32[np.ndarray, "h w c"], radius: float) -> Float32[np.ndarray, "h w c"]:
    """Return the means over discs."""
    height, width = planes.shape[:2]
    scale = max(1.0, radius / _DISC_PX)
    size = max(1, round(height / scale)), max(1, round(width / scale))
    small = resize(planes, size, method="area")
    radius /= scale
    side = int(radius + 1)
    offsets = np.arange(-side, side + 1)
    disc = np.clip(radius + 0.5 - np.hypot(*np.meshgrid(offsets, offsets)), 0, 1).astype(np.float32)
    padded = np.pad(small, ((side, side), (side, side), (0, 0)), "edge").transpose(2, 0, 1)[:, None]
    mean = jax.lax.conv(jnp.asarray(padded), jnp.asarray(disc / disc.sum())[None, None], (1, 1), "VALID")
    return resize(np.ascontiguousarray(mean[:, 0].transpose(1, 2, 0)), (height, width), method="bilinear")


def _codes(
    colours: Float32[np.ndarray, "h w 3"], cover: Float32[np.ndarray, "h w"], unknown: Bool[np.ndarray, "h w"]
) -> UInt32[np.ndarray, "h w"]:
    packed = unknown.astype(np.uint32) << FLAG
    for plane, shift, mask in zip((*np.moveaxis(colours, -1, 0), cover), SHIFTS, MASKS, strict=True):
        packed |= (np.clip(plane, 0, 1) * mask + 0.5).astype(np.uint32) << shift
    return packed
