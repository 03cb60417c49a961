"""Render a result for ordinary screens if its original has a gain map.

The camera chose a rendition: the file's own picture, which is the scene's light divided by the gains. Where a
result equals the original, its light is divided by the same gains, so unedited pixels keep their codes. Elsewhere
the gain comes from a tone curve, fitted to the picture as a function of brightness, plus the residual of the gains
nearby. All channels of a pixel are divided by the same gain, which preserves hues.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dioptre.contract import Rows

from ..curves import in_bands, srgb_curve
from ..gain_map import GainMap, enlarged
from ..picture import Picture

_GRID = 256  # longer side of the grid on which `kept` and the residual are sampled
_SURROUNDINGS = 0.03  # standard deviation of the blur of the residual, as a fraction of the longer side
_SAME_STOPS, _OTHER_STOPS = 0.05, 0.25  # change in stops: gains are kept below the first, replaced above the second
_BINS, _DARKEST = 40, -8.0  # number of bins of the curve; its lower end, in stops relative to white
_SAMPLES = 1 << 18
_LEAST = 2.0**-20
_MAP_SCALE = 2  # picture pixels per map pixel along a side; the edges of bokeh discs need this resolution
_CODES = 255
_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """The parameters for rendering a result for ordinary screens.

    Attributes:
        gains: the original's gain map.
        kept: float32 (h, w, 1), weight of the original's gains, 0 to 1; the curve's gains have the rest.
        residual: float32 (h, w, 1), added to the curve's gains, in stops.
        brightness: log2 of the brightest channel's light at the points of the curve.
        stops: log2 of the gain at the points of the curve.
    """

    gains: GainMap
    kept: np.ndarray
    residual: np.ndarray
    brightness: np.ndarray
    stops: np.ndarray

    def shown(self, pixels: np.ndarray, *, first: int = 0, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Render rows of a result; alpha is not changed.

        Args:
            pixels: float32 (h, W, 3 or 4), sRGB-encoded, not clipped at white.
            first: index of the first row in the result.
            shape: shape of the whole result; that of `pixels` if None.

        Returns:
            The rendition, sRGB-encoded, with the same shape as `pixels`.
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
        other = np.maximum(curve + enlarged(self.residual, rows, shape), brightness)  # limits the result to white
        return np.asarray(other + kept * (own - other))

    def map_of(self, pixels: np.ndarray, shown: np.ndarray) -> GainMap:
        """Return the gain map, with a single channel, that turns a rendition back into its result.

        Args:
            pixels: the result, float32 (H, W, 3 or 4), sRGB-encoded, not clipped at white.
            shown: its rendition, with the same shape.
        """
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
    """Compute the parameters for rendering a result and its layers for ordinary screens.

    Args:
        original: a picture with a gain map.
        result: float32 (H, W, 3 or 4), sRGB-encoded, of any size.
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
    """Fit a curve of the median gain by brightness that keeps the order of brightness and never exceeds white."""
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
    """Return the means of linear light over blocks of about equal size, (h, w, 3)."""
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
    """Return log2 of the brightest channel."""
    return np.asarray(np.log2(np.maximum(linear.max(axis=-1), np.float32(_LEAST))))
