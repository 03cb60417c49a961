"""Gain maps: how much brighter than the stored picture a scene was.

The stored picture is for ordinary screens. The map, which is smaller, contains the logarithm of the factor by which
each pixel's linear light is multiplied. Google, "Ultra HDR Image Format" 1.1; ISO 21496-1:2025.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

Three = tuple[float, float, float]
"""Values for red, green and blue."""


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

    def stops(self, rows: slice, shape: tuple[int, ...]) -> np.ndarray:
        """Return log2 of the gain for rows of a picture of `shape` (H, W, ...): float32 (rows, W, 1 or 3)."""
        return enlarged(self.small_stops(), rows, shape)

    def small_stops(self) -> np.ndarray:
        """Return log2 of the gain at the map's own size, float32 (h, w, 1 or 3)."""
        channels = self.codes.shape[2]
        low, high, gamma = (
            np.asarray(v[:channels], np.float32) for v in (self.stops_min, self.stops_max, self.gamma)
        )
        share = (self.codes / np.float32(255)) ** (1 / gamma)
        return np.asarray(low + (high - low) * share, np.float32)

    def brightened(self, linear: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Convert the picture's linear light, (h, w, 3), to that of the scene; 1 is the picture's white."""
        base, bright = (np.asarray(v, np.float32) for v in (self.offset_base, self.offset_bright))
        return np.asarray((linear + base) * np.exp2(stops) - bright)

    def darkened(self, linear: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Invert `brightened`."""
        base, bright = (np.asarray(v, np.float32) for v in (self.offset_base, self.offset_bright))
        return np.asarray((linear + bright) * np.exp2(-stops) - base)


PARAMETERS = tuple(field.name for field in fields(GainMap) if field.name != "codes")


def enlarged(small: np.ndarray, rows: slice, shape: tuple[int, ...]) -> np.ndarray:
    """Enlarge a map (h, w, c) bilinearly to `shape` (H, W, ...) and return some rows of the result."""
    (height, width), (h, w) = shape[:2], small.shape[:2]
    below, above, down = _between(np.arange(rows.start, min(rows.stop, height)), height, h)
    left, right, across = _between(np.arange(width), width, w)
    mixed = small[below] + (small[above] - small[below]) * down[:, None, None]
    return np.asarray(mixed[:, left] + (mixed[:, right] - mixed[:, left]) * across[None, :, None])


def _between(places: np.ndarray, many: int, few: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for the pixels `places` of `many`, the two nearest of `few` samples and the second one's weight."""
    at = np.clip((places + 0.5) * few / many - 0.5, 0, few - 1)
    low = at.astype(np.intp)
    return low, np.minimum(low + 1, few - 1), (at - low).astype(np.float32)
