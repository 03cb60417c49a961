"""Draw training views: random crops of a picture and its inverse depth, with simulated cameras and compression."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

PATCH_PX = 14
SHAPES = {"tall": (24, 18), "square": (18, 18), "wide": (18, 24)}
"""Rows and columns of patches. There are only a few shapes, to compile few programs."""

LARGE_SHAPES = {"large tall": (32, 24), "large square": (24, 24), "large wide": (24, 32)}
"""Additional shapes of views for training the whole network with `gpu.py`."""

_LEAST_KNOWN = 0.3
_FLATTEST = 0.05  # Smallest standard deviation divided by the mean; views below this are too flat to learn from.


@dataclass(frozen=True, kw_only=True)
class Source:
    """A picture to draw views from.

    Attributes:
        srgb: (H, W, 3) uint8.
        disparity: (H, W) float32, inverse depth in any unit, NaN where unknown.
        exact: Whether the depth is accurate at edges because it was rendered; it is then sampled, not averaged.
    """

    srgb: np.ndarray
    disparity: np.ndarray
    exact: bool


@dataclass(frozen=True, kw_only=True)
class View:
    """A training view.

    Attributes:
        srgb: (h, w, 3) uint8.
        disparity: (h, w) float32, NaN where unknown.
    """

    srgb: np.ndarray
    disparity: np.ndarray

    @property
    def teaches(self) -> bool:
        """Whether enough of the depth is known and the view is neither nearly flat nor all sky."""
        known = self.disparity[np.isfinite(self.disparity)]
        enough = known.size > _LEAST_KNOWN * self.disparity.size
        return bool(enough and known.std() > _FLATTEST * np.abs(known).mean())


def draw(rng: np.random.Generator, source: Source, *, shape: str, least: float = 0.35, plain: bool = False) -> View:
    """Draw a random crop.

    Args:
        rng: Source of randomness.
        source: The picture.
        shape: Name in `SHAPES` or `LARGE_SHAPES`.
        least: Smallest area of the crop as a fraction of the largest crop's area.
        plain: Whether to keep the colours unchanged.
    """
    rows, columns = (n * PATCH_PX for n in (SHAPES | LARGE_SHAPES)[shape])
    height, width = source.disparity.shape
    whole = min(height / rows, width / columns)
    scale = whole * np.sqrt(rng.uniform(least, 1.0))
    h, w = round(rows * scale), round(columns * scale)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    window = slice(top, top + h), slice(left, left + w)
    picture = Image.fromarray(source.srgb[window]).resize((columns, rows), Image.Resampling.BICUBIC, reducing_gap=3)
    disparity = _resized(source.disparity[window], rows, columns, exact=source.exact)
    if rng.random() < 0.5:
        picture, disparity = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), disparity[:, ::-1]
    if not plain:
        picture = changed(rng, picture)
    return View(srgb=np.asarray(picture), disparity=np.ascontiguousarray(disparity))


def turned(rng: np.random.Generator, source: Source) -> Source:
    """Rotate the picture by a few degrees, like a tilted camera; depth along the optical axis does not change."""
    degrees = float(np.clip(rng.normal(0, 2.5), -6, 6))
    height, width = source.disparity.shape
    sine, rest = np.sin(np.radians(abs(degrees))), 1 - np.cos(np.radians(degrees))
    top = int((width * sine + height * rest) / 2) + 2
    left = int((height * sine + width * rest) / 2) + 2
    inside = slice(top, height - top), slice(left, width - left)
    srgb = Image.fromarray(source.srgb).rotate(degrees, Image.Resampling.BICUBIC)
    disparity = Image.fromarray(source.disparity).rotate(degrees, Image.Resampling.NEAREST)
    return Source(srgb=np.asarray(srgb)[inside], disparity=np.asarray(disparity)[inside], exact=source.exact)


def _resized(disparity: np.ndarray, rows: int, columns: int, *, exact: bool) -> np.ndarray:
    if exact or np.isnan(disparity).any() or disparity.shape[0] <= rows:
        i = ((np.arange(rows) + 0.5) * disparity.shape[0] / rows).astype(int)
        j = ((np.arange(columns) + 0.5) * disparity.shape[1] / columns).astype(int)
        return disparity[i[:, None], j]
    small = Image.fromarray(disparity.astype(np.float32)).resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small)


def changed(rng: np.random.Generator, picture: Image.Image, *, strength: float = 1.0) -> Image.Image:
    """Vary exposure, contrast, colour, white balance, blur, noise and JPEG quality at random.

    Args:
        rng: Chooses which properties change, and how far.
        picture: The view.
        strength: Factor that scales the changes.
    """
    s = strength
    for enhance, spread in (
        (ImageEnhance.Brightness, 0.35),
        (ImageEnhance.Contrast, 0.35),
        (ImageEnhance.Color, 0.5),
    ):
        if rng.random() < 0.6:
            picture = enhance(picture).enhance(float(np.exp(rng.normal(0, spread * s / 2))))
    values = np.asarray(picture, np.float32) / 255
    if rng.random() < 0.6:
        values = values ** np.exp(rng.normal(0, 0.2 * s)) * np.exp(rng.normal(0, 0.08 * s, 3))
    if rng.random() < 0.06:
        values = np.repeat(values.mean(-1, keepdims=True), 3, -1)
    picture = Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.6 * s))))
    if rng.random() < 0.25:
        noise = rng.standard_normal((picture.height, picture.width, 3)) * rng.uniform(1, 10 * s)
        picture = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(25, 92)))
        picture = Image.open(buffer).convert("RGB")
    return picture


def normalised(disparity: np.ndarray) -> np.ndarray:
    """Subtract the median and divide by the mean absolute deviation, clipped to [-6, 12]; NaN stays."""
    median = np.nanmedian(disparity)
    spread = np.nanmean(np.abs(disparity - median))
    return np.clip((disparity - median) / max(float(spread), 1e-6), -6, 12)


def lesson(disparity: np.ndarray, *, exact: bool, measured: bool, far: float) -> dict[str, Any]:
    """Return the values of a view that `losses.batch_loss` needs.

    Args:
        disparity: (H, W) inverse depth in any unit, NaN where unknown.
        exact: Whether the depth is accurate at edges.
        measured: Whether depth was measured.
        far: Exponent of the weight of far pixels.

    Returns:
        target: (H, W) normalised disparity, 0 where unknown.
        weight: (H, W), larger for far pixels, 0 where unknown.
        measured: (H, W) inverse depth divided by its median, 0 where it was not measured.
        exact: 1 if the depth is accurate at edges, otherwise 0.
    """
    # The median is 0 if the sky covers more than half.
    middle = max(np.nanmedian(disparity), 0.1 * np.nanmean(disparity))
    weight = np.clip((middle / np.maximum(disparity, 1e-3 * middle)) ** far, 0.5, 2.5)
    return {
        "target": np.nan_to_num(normalised(disparity)).astype(np.float32),
        "weight": np.nan_to_num(weight).astype(np.float32),
        "measured": np.nan_to_num(disparity / middle * measured).astype(np.float32),
        "exact": np.float32(exact),
    }
