"""Gain maps: how much brighter than the stored picture a scene was.

The stored picture is for ordinary screens. The map, which is smaller, contains the logarithm of the factor by which
each pixel's linear light is multiplied. Google, "Ultra HDR Image Format" 1.1; ISO 21496-1:2025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Three = tuple[float, float, float]
"""Values for red, green and blue."""

_NONE: Three = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class GainMap:
    """A gain map as stored in a file.

    Attributes:
        codes: uint8 (h, w, 1 or 3), upright.
        stops_min: log2 of the gain at code 0.
        stops_max: log2 of the gain at code 255.
        gamma: exponent of the codes.
        offset_base: added to the picture's linear light before the gain is applied.
        offset_bright: subtracted from the linear light after the gain is applied.
        headroom: limits of a screen's peak brightness relative to white, as log2: below the first, the screen shows
            no gain; above the second, it shows the full gain.
    """

    codes: np.ndarray
    stops_min: Three = (0.0, 0.0, 0.0)
    stops_max: Three
    gamma: Three = (1.0, 1.0, 1.0)
    offset_base: Three = (1 / 64, 1 / 64, 1 / 64)
    offset_bright: Three = (1 / 64, 1 / 64, 1 / 64)
    headroom: tuple[float, float]

    @classmethod
    def of_stops(cls, codes: np.ndarray, stops: float) -> GainMap:
        """Return a map without offsets, from no gain at code 0 to `stops` at code 255."""
        return cls(
            codes=codes, stops_max=(stops,) * 3, offset_base=_NONE, offset_bright=_NONE, headroom=(0.0, stops)
        )

    def stops(self, rows: slice, shape: tuple[int, ...]) -> np.ndarray:
        """Return log2 of the gain for rows of a picture of `shape` (H, W, ...): float32 (rows, W, 1 or 3)."""
        needed = _needed(rows, shape[0], len(self.codes))
        return enlarged(self._stops_of(self.codes[needed]), rows, shape, first=needed.start, height=len(self.codes))

    def small_stops(self) -> np.ndarray:
        """Return log2 of the gain at the map's own size, float32 (h, w, 1 or 3)."""
        return self._stops_of(self.codes)

    def _stops_of(self, codes: np.ndarray) -> np.ndarray:
        share = np.linspace(0, 1, 256, dtype=np.float32)
        channels = []
        for c in range(codes.shape[2]):
            span = np.float32(self.stops_max[c] - self.stops_min[c])
            table = np.float32(self.stops_min[c]) + span * share ** np.float32(1 / self.gamma[c])
            channels.append(table.take(codes[..., c]))
        return np.stack(channels, axis=2)

    def brightened(self, linear: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Convert the picture's linear light, (h, w, 3), to that of the scene; 1 is the picture's white."""
        base, bright = (np.asarray(v, np.float32) for v in (self.offset_base, self.offset_bright))
        return np.asarray((linear + base) * np.exp2(stops) - bright)

    def darkened(self, linear: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Invert `brightened`."""
        base, bright = (np.asarray(v, np.float32) for v in (self.offset_base, self.offset_bright))
        return np.asarray((linear + bright) * np.exp2(-stops) - base)


def enlarged(
    small: np.ndarray, rows: slice, shape: tuple[int, ...], *, first: int = 0, height: int | None = None
) -> np.ndarray:
    """Enlarge a map bilinearly to the size of a picture, and return some rows of the result.

    Args:
        small: the map (h, w, c), or the part of it that the rows need.
        rows: rows of the picture.
        shape: shape of the picture (H, W, ...).
        first: index of the part's first row in the map.
        height: number of rows of the whole map; None if `small` is the whole map.
    """
    below, above, down = _between(np.arange(rows.start, min(rows.stop, shape[0])), shape[0], height or len(small))
    left, right, across = _between(np.arange(shape[1]), shape[1], small.shape[1])
    low = small[below - first]
    mixed = low + (small[above - first] - low) * down[:, None, None]
    return np.asarray(mixed[:, left] + (mixed[:, right] - mixed[:, left]) * across[None, :, None])


def _needed(rows: slice, many: int, few: int) -> slice:
    """Return the rows of a map of `few` rows that `enlarged` needs for rows of a picture of `many` rows."""
    below, above, _ = _between(np.array([rows.start, max(rows.start, min(rows.stop, many) - 1)]), many, few)
    return slice(int(below[0]), int(above[1]) + 1)


def _between(places: np.ndarray, many: int, few: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for the pixels `places` of `many`, the two nearest of `few` samples and the second one's weight."""
    at = np.clip((places + 0.5) * few / many - 0.5, 0, few - 1)
    low = at.astype(np.intp)
    return low, np.minimum(low + 1, few - 1), (at - low).astype(np.float32)
