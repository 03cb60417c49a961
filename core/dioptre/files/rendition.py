"""What a result made from a picture with a gain map looks like on an ordinary screen.

The camera chose a rendition: the file's own picture, which is the scene's light divided by the gains. Where a
result is as the original was, those gains are taken again, so an untouched pixel returns to its code. Elsewhere a
tone curve is used that is fitted to the picture, from brightness to gain, with what the gains differ from it in the
surroundings. All channels of a pixel are divided by one gain, so that hues stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dioptre.imaging.layers import Rows

from .curves import in_bands, srgb_curve
from .gain_map import GainMap, enlarged
from .picture import Picture

_GRID = 256  # samples along the longer side of what changes slowly
_SURROUNDINGS = 0.03  # of the longer side
_SAME_STOPS, _OTHER_STOPS = 0.05, 0.25  # of difference between result and original, on the grid
_BINS, _DARKEST = 40, -8.0  # of the curve, in stops of the brightest channel below white
_SAMPLES = 1 << 18
_LEAST = 2.0**-20
_MAP_SCALE = 2  # picture pixels along a side for one of a written map: the rims of bokeh discs need so many
_CODES = 255
_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """How to make the ordinary rendition of a result.

    gains: the original's map. kept: float32 (h, w, 1), how much of the map holds. brightness, stops: the curve,
    from log2 of the brightest channel's light to log2 of the gain. residual: float32 (h, w, 1), added to it.
    """

    gains: GainMap
    kept: np.ndarray
    residual: np.ndarray
    brightness: np.ndarray
    stops: np.ndarray

    def shown(self, pixels: np.ndarray, *, first: int = 0, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The rendition of rows from `first` on of a result of that shape; sRGB-encoded, alpha as it is.

        pixels: float32 (h, W, 3 or 4), sRGB-encoded, with all their light.
        """
        whole = shape or pixels.shape
        result = pixels.copy()

        def work(rows: slice) -> None:
            place = slice(first + rows.start, first + rows.stop)
            linear = srgb_curve().decode(pixels[rows][..., :3])
            light = self.gains.darkened(linear, self._stops(linear, place, whole))
            result[rows][..., :3] = srgb_curve().encode(light)

        in_bands(pixels.shape, work)
        return result

    def _stops(self, linear: np.ndarray, rows: slice, shape: tuple[int, ...]) -> np.ndarray:
        kept = enlarged(self.kept, rows, shape)
        own = self.gains.stops(rows, shape)
        if kept.min() >= 1:
            return own
        brightness = _brightness(linear)[..., None]
        curve = np.interp(brightness, self.brightness, self.stops).astype(np.float32)
        other = np.maximum(curve + enlarged(self.residual, rows, shape), brightness)  # nothing is above white
        return np.asarray(other + kept * (own - other))

    def map_of(self, pixels: np.ndarray, shown: np.ndarray) -> GainMap:
        """The gain map that belongs to a result and its rendition; its gains are grey."""
        height, width = (max(1, -(-side // _MAP_SCALE)) for side in pixels.shape[:2])
        bright, base = (_means(each.__getitem__, pixels.shape, (height, width)) for each in (pixels, shown))
        offsets = np.float32(self.gains.offset_bright[0]), np.float32(self.gains.offset_base[0])
        above = (bright.max(axis=2) + offsets[0] + np.float32(_LEAST)).clip(_LEAST)
        stops = np.log2(above / (base.max(axis=2) + offsets[1] + np.float32(_LEAST)).clip(_LEAST))
        low, high = float(stops.min()), float(stops.max())
        high = max(high, low + 1 / _CODES)
        codes = np.round((stops - low) / (high - low) * _CODES).astype(np.uint8)
        headroom = self.gains.headroom[0], max(self.gains.headroom[1], self.gains.headroom[0] + 1 / _CODES)
        return replace(
            self.gains,
            codes=codes[..., None],
            stops_min=(low, low, low),
            stops_max=(high, high, high),
            gamma=(1.0, 1.0, 1.0),
            offset_base=(self.gains.offset_base[0],) * 3,
            offset_bright=(self.gains.offset_bright[0],) * 3,
            headroom=headroom,
        )


def rendition(original: Picture, result: np.ndarray) -> Rendition:
    """How to make the ordinary rendition of a result, and of its layers.

    original: with a gain map. result: float32 (H, W, 3 or 4), sRGB-encoded, of the original or any size.
    """
    gains = original.gain_map
    assert gains is not None
    read, shape = original.reader(), original.shape
    brightness, stops = _curve(gains, read, shape)
    grid = _grid(shape)
    before = _brightness(_means(read, shape, grid))
    after = _brightness(_means(result.__getitem__, result.shape, grid))
    changed = np.abs(after - before)
    kept = np.clip((_OTHER_STOPS - changed) / (_OTHER_STOPS - _SAME_STOPS), 0, 1).astype(np.float32)
    own = enlarged(gains.small_stops(), slice(0, grid[0]), grid).mean(axis=2)
    residual = _smooth(own - np.interp(before, brightness, stops).astype(np.float32))
    return Rendition(
        gains=gains, kept=kept[..., None], residual=residual[..., None], brightness=brightness, stops=stops
    )


def _curve(gains: GainMap, read: Rows, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Median gain by brightness, such that a brighter pixel is never shown darker, nor anything above white."""
    step = max(1, round((shape[0] * shape[1] / _SAMPLES) ** 0.5))
    lights, all_stops = [], []
    for row in range(step // 2, shape[0], step):
        rows = slice(row, row + 1)
        lights.append(_brightness(srgb_curve().decode(read(rows)[:, ::step, :3])).ravel())
        all_stops.append(gains.stops(rows, shape)[:, ::step].mean(axis=2).ravel())
    light, stops = np.concatenate(lights), np.concatenate(all_stops)
    edges = np.linspace(_DARKEST, max(float(light.max()), 0.0), _BINS + 1)
    which = np.clip(np.digitize(light, edges) - 1, 0, _BINS - 1)
    filled = [index for index in range(_BINS) if (which == index).any()]
    places = np.array([np.median(light[which == index]) for index in filled])
    medians = np.array([np.median(stops[which == index]) for index in filled])
    shown = np.minimum(np.maximum.accumulate(places - medians), 0.0)
    return places, places - shown


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    longer = max(shape[:2])
    height, width = (max(1, min(side, round(side * _GRID / longer))) for side in shape[:2])
    return height, width


def _means(read: Rows, shape: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """Means of linear light over about equal blocks, (h, w, 3)."""
    tops = np.linspace(0, shape[0], size[0] + 1).astype(int)
    lefts = np.linspace(0, shape[1], size[1] + 1).astype(int)
    counts = np.diff(tops)[:, None, None] * np.diff(lefts)[None, :, None]
    sums = np.empty((*size, 3), np.float32)
    for start in range(0, size[0], _ROWS):
        stop = min(start + _ROWS, size[0])
        linear = srgb_curve().decode(read(slice(int(tops[start]), int(tops[stop])))[..., :3])
        across = np.add.reduceat(linear, lefts[:-1], axis=1)
        sums[start:stop] = np.add.reduceat(across, tops[start:stop] - tops[start], axis=0)
    return np.asarray(sums / counts.astype(np.float32))


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(values, _SURROUNDINGS * max(values.shape), mode="nearest"), np.float32)


def _brightness(linear: np.ndarray) -> np.ndarray:
    """log2 of the brightest channel."""
    return np.asarray(np.log2(np.maximum(linear.max(axis=-1), np.float32(_LEAST))))
