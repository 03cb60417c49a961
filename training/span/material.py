"""Photographs, reduced to a quarter and degraded as cameras and web sites do, with what the network should answer.

A photograph as it is delivered was sharpened or saved as JPEG, or both, after it was reduced. Its true enlargement
is not the photograph before that: the product's back-projection puts the degradation back. It is the photograph,
back-projected onto the degraded small picture, so the network learns only which detail to add.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.features.enlarge.back_projection import back_projected
from dioptre.features.enlarge.noise_estimation import measure_degradation, suitable_strength
from dioptre.features.enlarge.noise_reduction import reduce_noise
from dioptre.imaging.resize import Method, resize

SCALE = 4
PATCH_PX = 48
LARGE_PX = 1024  # photographs with a longer side are halved first, which removes their noise and compression
HELD_OUT = 20  # one photograph in so many is kept for validation

Kind = Literal["clean", "sharpened", "jpeg", "sharpened and jpeg"]
KINDS: dict[Kind, float] = {"clean": 0.5, "sharpened": 0.2, "jpeg": 0.08, "sharpened and jpeg": 0.22}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A small picture and the picture that the network should make of it, as uint8."""

    small: np.ndarray
    large: np.ndarray


def photographs(folder: Path) -> list[np.ndarray]:
    """Return the photographs in a folder, at any depth, cropped to multiples of `SCALE`, in [0, 1]."""
    found = []
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as opened:
            photo = np.asarray(opened.convert("RGB"), np.float32) / 255
        if max(photo.shape) > LARGE_PX:
            half = photo.shape[0] // 2, photo.shape[1] // 2
            photo = np.clip(resize(photo, half, method="bicubic"), 0, 1)
        height, width = (side // SCALE * SCALE for side in photo.shape[:2])
        if min(height, width) >= SCALE * PATCH_PX:
            found.append(photo[:height, :width])
    return found


def pair(photo: np.ndarray, kind: Kind, rng: np.random.Generator) -> Pair:
    """Reduce and degrade a photograph, and apply the product's noise reduction, as to a user's picture."""
    size = photo.shape[0] // SCALE, photo.shape[1] // SCALE
    method: Method = "bicubic" if kind == "clean" or rng.random() < 0.6 else rng.choice(["area", "lanczos"])
    small = resize(photo, size, method=method)
    if kind.startswith("sharpened"):
        radius_px, amount = rng.uniform(0.5, 1.5), rng.uniform(0.3, 1.5)
        small += np.float32(amount) * (small - gaussian_filter(small, (radius_px, radius_px, 0)))
    small = _rounded(small).astype(np.float32) / 255
    if kind.endswith("jpeg"):
        small = _compressed(small, quality=int(rng.integers(50, 96)), subsampling=int(rng.choice([0, 2])))
    if kind != "clean":  # noise that is found in clean pictures is mostly texture
        small = reduce_noise(small, strength=suitable_strength(measure_degradation(small)))
    return Pair(small=_rounded(small), large=_rounded(back_projected(photo, small)))


def pairs(photos: list[np.ndarray], *, variants: int, seed: int) -> list[Pair]:
    """Return some pairs of each photograph, with kinds drawn by their share."""
    rng = np.random.default_rng(seed)
    names, shares = list(KINDS), list(KINDS.values())
    return [pair(photo, rng.choice(names, p=shares), rng) for photo in photos for _ in range(variants)]


def batches(material: list[Pair], size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield small and large patches in [0, 1], flipped and turned; larger pictures are drawn more often."""
    areas = np.array([pair.small.shape[0] * pair.small.shape[1] for pair in material], np.float64)
    while True:
        drawn = [_patch(material[i], rng) for i in rng.choice(len(material), size, p=areas / areas.sum())]
        small, large = (np.stack(part).astype(np.float32) / 255 for part in zip(*drawn, strict=True))
        yield small, large


def _patch(pair: Pair, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patch: the one of two with more detail."""
    corners = [[int(rng.integers(0, side - PATCH_PX + 1)) for side in pair.small.shape[:2]] for _ in range(2)]
    parts = [pair.small[y : y + PATCH_PX, x : x + PATCH_PX] for y, x in corners]
    better = int(np.argmax([np.abs(np.diff(part.astype(np.int16), axis=0)).mean() for part in parts]))
    y, x = (SCALE * place for place in corners[better])
    large = pair.large[y : y + SCALE * PATCH_PX, x : x + SCALE * PATCH_PX]
    turns, mirrored = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
    return np.rot90(parts[better], turns)[:, ::mirrored], np.rot90(large, turns)[:, ::mirrored]


def _rounded(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _compressed(picture: np.ndarray, *, quality: int, subsampling: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(_rounded(picture)).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(buffer) as opened:
        return np.asarray(opened.convert("RGB"), np.float32) / 255
