"""Choose and colour textures for surfaces, pictures for walls, and skies at random."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

_TEXTURE_PX = 256


@dataclass(frozen=True, kw_only=True)
class Materials:
    """Texture files: tileable `surfaces`, and `photos` for pictures on walls and patterns on objects."""

    surfaces: tuple[Path, ...]
    photos: tuple[Path, ...]

    @classmethod
    def in_folders(cls, surfaces: Path, photos: Path | None) -> "Materials":
        """Collect the files of both folders."""
        pictures = sorted(photos.iterdir()) if photos else []
        return cls(
            surfaces=tuple(sorted(surfaces.glob("*.jpg"))),
            photos=tuple(p for p in pictures if p.suffix.lower() in {".jpg", ".jpeg", ".png"}),
        )


def texture(rng: np.random.Generator, files: tuple[Path, ...]) -> np.ndarray:
    """Return a random file as a small picture (h, w, 3) uint8 with slightly changed exposure and colours."""
    file = Image.open(files[rng.integers(len(files))])
    file.draft("RGB", (2 * _TEXTURE_PX, 2 * _TEXTURE_PX))
    image = file.convert("RGB")
    image.thumbnail((_TEXTURE_PX, _TEXTURE_PX), reducing_gap=2)
    changed = np.asarray(image) * rng.uniform(0.6, 1.2) * rng.uniform(0.85, 1.15, 3)
    return np.clip(changed, 0, 255).astype(np.uint8)


def pattern(rng: np.random.Generator, materials: Materials) -> np.ndarray:
    """Return a texture for an object: a surface, or a crop of a photograph."""
    if not materials.photos or rng.random() < 0.5:
        return texture(rng, materials.surfaces)
    image = texture(rng, materials.photos)
    h, w = (max(24, int(side * rng.uniform(0.15, 0.6))) for side in image.shape[:2])
    top, left = rng.integers(0, image.shape[0] - h + 1), rng.integers(0, image.shape[1] - w + 1)
    return image[top : top + h, left : left + w]


def surface(rng: np.random.Generator, materials: Materials) -> tuple[np.ndarray | None, np.ndarray]:
    """Return a texture or None, and a colour, for a wall or floor; about a third look like plain paint."""
    if rng.random() < 0.35:
        return None, rng.uniform(0.25, 0.9) * rng.uniform(0.75, 1, 3)
    return texture(rng, materials.surfaces), np.full(3, 0.5)


def wall_picture(rng: np.random.Generator, materials: Materials) -> np.ndarray:
    """Return a picture for a wall: a photograph, or a colour gradient with random shapes."""
    if materials.photos and rng.random() < 0.6:
        return texture(rng, materials.photos)
    h, w = rng.integers(60, 160, 2)
    y, x = np.mgrid[:h, :w] / np.array([h, w], float)[:, None, None]
    image = rng.uniform(0, 230, 3) + (x * rng.normal() + y * rng.normal())[..., None] * rng.uniform(-90, 90, 3)
    for _ in range(rng.integers(1, 14)):
        cx, cy, turn = rng.random(), rng.random(), rng.uniform(0, np.pi)
        a, b = rng.uniform(0.03, 0.45, 2)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        round_one = rng.random() < 0.5
        inside = (u / a) ** 2 + (v / b) ** 2 < 1 if round_one else (np.abs(u) < a) & (np.abs(v) < b)
        image[inside] = rng.uniform(0, 255, 3) + (u[inside] * rng.normal(0, 120))[:, None]
    return np.clip(image, 0, 255).astype(np.uint8)


def sky(rng: np.random.Generator) -> np.ndarray:
    """Return a latitude-longitude map (64, 128, 3) of radiance: a gradient, clouds and a sun."""
    h = 64
    height = np.linspace(1, -1, h)[:, None, None]
    top, horizon = rng.uniform([0.1, 0.2, 0.5], [0.5, 0.6, 1]), rng.uniform(0.6, 1.1) * rng.uniform([0.8] * 3, 1)
    above = horizon + (top - horizon) * np.sqrt(np.clip(height, 0, 1))
    radiance = np.where(height > 0, above, horizon * 0.3) * np.ones((h, 2 * h, 3))
    clouds = np.zeros((h, 2 * h))
    for octave in range(2, 7):
        grid = Image.fromarray(rng.standard_normal((2**octave, 2 << octave)).astype(np.float32))
        clouds += np.asarray(grid.resize((2 * h, h), Image.Resampling.BICUBIC)) / (octave - 1)
    radiance += (np.clip(clouds - rng.uniform(-1, 2), 0, 1) * 0.6)[..., None] * (height > 0)
    row, column = rng.integers(4, 28), rng.integers(2 * h)
    radiance[row : row + 2, column : column + 2] += rng.uniform(0, 250) * np.array([1, 0.9, 0.75])
    return radiance.astype(np.float32)
