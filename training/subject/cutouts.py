"""Composite cut-out objects over photographs."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

NO_PHOTOGRAPHS = ("cartoon", "symbols", "naturalforces", "space", "seasonal", "town", "toys", "people", "medical")
"""Folders of Tux Paint's stamps with drawings, or with objects that are unsuitable as a main subject."""


def composite(
    stamp: Image.Image, ground: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Composite a cut-out over a photograph, sometimes with a faint shadow, and with a little noise.

    Args:
        stamp: RGBA picture of the object.
        ground: Photograph (H, W, 3) in [0, 1]; a crop of it becomes the background, out of focus half of the time.
        rng: Source of randomness.

    Returns:
        The picture (h, w, 3) and its alpha (h, w), or None when the object does not fit.
    """
    height, width = ground.shape[:2]
    top, left = int(height * rng.uniform(0, 0.3)), int(width * rng.uniform(0, 0.3))
    ground = ground[top : top + int(height * 0.7), left : left + int(width * 0.7)]
    if rng.random() < 0.5:
        blur = rng.uniform(1, 6)
        ground = gaussian_filter(ground, (blur, blur, 0))
    height, width = ground.shape[:2]
    stamp = stamp.crop(stamp.getchannel("A").getbbox())
    scale = min(rng.uniform(0.45, 0.95) * height / stamp.height, 0.95 * width / stamp.width)
    stamp = stamp.resize(
        (max(8, int(stamp.width * scale)), max(8, int(stamp.height * scale))), Image.Resampling.LANCZOS
    )
    stamp = stamp.rotate(rng.uniform(-12, 12), expand=True, resample=Image.Resampling.BICUBIC)
    if stamp.width >= width or stamp.height >= height:
        return None
    left, top = (
        int((width - stamp.width) * rng.uniform(0.2, 0.8)),
        int((height - stamp.height) * rng.uniform(0.4, 1)),
    )
    window = slice(top, top + stamp.height), slice(left, left + stamp.width)
    values = np.asarray(stamp, np.float32) / 255
    alpha, colour = np.zeros((height, width), np.float32), np.zeros((height, width, 3), np.float32)
    alpha[window], colour[window] = values[..., 3], values[..., :3]
    shadow = gaussian_filter(np.roll(alpha, (6, 4), (0, 1)), 10)[..., None] * (rng.random() < 0.6)
    picture = alpha[..., None] * colour * rng.uniform(0.8, 1.1) + (1 - alpha[..., None]) * ground * (
        1 - 0.5 * shadow
    )
    picture += rng.normal(0, rng.uniform(0, 0.02), picture.shape)
    return np.clip(picture, 0, 1).astype(np.float32), alpha
