"""Choose random unprocessed raws: a sensor's own colours, with neither matrix nor white balance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .data import TONE_LEVEL
from .pictures import part_of
from .sensors import near_identity, shift

# Fraction of the raws that are drawn evenly over warm and cold lights, because most were taken outdoors.
EVERY_LIGHT = 0.5
OFF_BLACK = 0.5  # Fraction of the raws with a slightly wrong black level, which shows in the shadows.
OFF_BY = 1e-3, 6e-2  # Range of the black level's error in raw values; half of the time it is equal in all channels.
# Fraction of the raws converted to another sensor's colours, so that the network does not memorise lights.
SHIFTED = 0.8
_WARMTHS = 8


class RawFiles:
    """Raws in their sensors' balanced colours, and their illuminants (N, 3), scaled so that green is 1.

    Values above the sensor's saturation are kept after the balance. In an unprocessed raw the channels saturate
    separately, and overexposed areas keep some of the illuminant's colour.
    """

    def __init__(self, thumbnails: Sequence[np.ndarray], lights: Sequence[np.ndarray]) -> None:
        """Combine the raws of several cameras.

        Args:
            thumbnails: For each camera (n, side, side, 3) linear raw values; 1 is saturation.
            lights: For each camera (n, 3) illuminants, scaled so that green is 1.
        """
        self.lights = np.concatenate(lights)
        pictures, full = [], []
        for raws, light in zip(thumbnails, lights, strict=True):
            balanced = raws.astype(np.float32) / light[:, None, None]
            peak = np.quantile(np.minimum(balanced, 1).max(axis=-1), TONE_LEVEL, axis=(1, 2))
            full.append((1 / np.maximum(peak, 1e-3)).astype(np.float32))
            pictures.append((balanced * full[-1][:, None, None, None]).astype(np.float16))
        self.pictures, self.full = np.concatenate(pictures), np.concatenate(full)
        warmth = np.log(self.lights[:, 0] / self.lights[:, 2])
        coldest, warmest = np.quantile(warmth, [0.01, 0.99])
        edges = np.linspace(coldest, warmest, _WARMTHS + 1)[1:-1]
        of = np.digitize(warmth, edges)
        self.by_warmth = [found for k in range(_WARMTHS) if len(found := np.flatnonzero(of == k))]

    def draw(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.float32, np.ndarray, np.ndarray]:
        """Draw a random crop of a raw.

        Returns:
            The crop, its saturation value, the matrix (3, 3) to another sensor's colours, and its illuminant (3,
            3).
        """
        index = int(rng.integers(len(self.lights)))
        if rng.random() < EVERY_LIGHT:
            alike = self.by_warmth[rng.integers(len(self.by_warmth))]
            index = int(alike[rng.integers(len(alike))])
        picture, light = (
            part_of(rng, self.pictures[index], side, linear=True),
            self.lights[index].astype(np.float64),
        )
        if rng.random() < OFF_BLACK:
            off = np.exp(rng.uniform(*np.log(OFF_BY))) * (np.ones(3) if rng.random() < 0.5 else rng.random(3))
            off = (off if rng.random() < 0.75 else -off) / light
            picture = np.maximum(picture + off, 0).astype(np.float32)
        sensor = np.eye(3)
        if rng.random() < SHIFTED:
            sensor = near_identity(rng, rng.uniform(0, 0.12))
            light = light * shift(rng)
        return picture, self.full[index], sensor, np.diag(light)
