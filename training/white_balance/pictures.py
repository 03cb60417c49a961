"""Correctly balanced pictures in memory, and random crops of them."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from dioptre.imaging.encoding import srgb_to_linear


@dataclass(frozen=True, kw_only=True)
class Right:
    """Correctly balanced pictures.

    Attributes:
        pictures: (N, side, side, 3), sRGB-encoded uint8 or linear float16.
        mappings: (N, 10, 9, 3), the emulator's settings.
        full: (N,) the linear value at which the sensor was saturated.
        linear: Whether the pictures are linear.
    """

    pictures: np.ndarray
    mappings: np.ndarray
    full: np.ndarray
    linear: bool


def crop(rng: np.random.Generator, source: Right, side: int) -> tuple[np.ndarray, np.float32, np.ndarray, int]:
    """Return a random crop of a random picture.

    Returns:
        The linear crop (side, side, 3), its sensor's saturation value, the ten polynomials, and the picture's
        index.
    """
    index = int(rng.integers(len(source.pictures)))
    part = part_of(rng, source.pictures[index], side, linear=source.linear)
    return part, source.full[index], source.mappings[index], index


def part_of(rng: np.random.Generator, picture: np.ndarray, side: int, *, linear: bool) -> np.ndarray:
    """Return a random square crop, linear, of a picture or of its mirror image.

    Args:
        rng: Source of randomness.
        picture: (n, n, 3).
        side: Side of the crop.
        linear: Whether the picture is linear.
    """
    whole = len(picture)
    length = int(max(rng.integers(whole // (2 if linear else 3), whole + 1, size=2)))
    top, left = rng.integers(0, whole - length + 1, size=2)
    pick = np.arange(side) * length // side
    taken = picture[top : top + length, left : left + length][pick][:, pick]
    taken = taken[:, ::-1] if rng.random() < 0.5 else taken
    return (taken if linear else _LINEAR[taken]).astype(np.float32)


def smaller(pictures: np.ndarray, times: int) -> np.ndarray:
    """Return pictures (N, h, w, 3) uint8, reduced by averaging to sides divided by `times`."""
    if times == 1:
        return pictures
    n, height, width, _ = pictures.shape
    cells = pictures.reshape(n, height // times, times, width // times, times, 3)
    return np.round(cells.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)


_LINEAR = np.asarray(srgb_to_linear(jnp.arange(256, dtype=jnp.float32) / 255))
