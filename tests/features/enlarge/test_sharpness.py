"""The defocus at each depth is estimated from the sharpness of edges."""

from __future__ import annotations

import numpy as np

from dioptre.features.enlarge.sharpness import defocus_from_depth
from dioptre.imaging.resize import resize


def scene(*, blurred: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a texture whose far half may be out of focus, and its disparity."""
    texture = np.random.default_rng(0).random((200, 240, 3)).astype(np.float32)
    if blurred:
        soft = np.clip(resize(resize(texture, (40, 48), method="area"), (200, 240), method="bicubic"), 0, 1)
        texture[:100] = soft[:100]
    ramp = np.linspace(0, 1, 200, dtype=np.float32)[:, None] * np.ones((1, 240), np.float32)
    return texture, ramp


def test_blurred_depths_are_found() -> None:
    defocus = defocus_from_depth(*scene(blurred=True))
    assert defocus[:70].mean() > 0.9
    assert defocus[130:].mean() < 0.1


def test_a_picture_sharp_throughout_has_none() -> None:
    assert defocus_from_depth(*scene(blurred=False)).max() == 0


def test_without_structure_nothing_is_said() -> None:
    flat = np.full((30, 40, 3), 0.5, np.float32)
    assert defocus_from_depth(flat, np.zeros((30, 40), np.float32)).max() == 0
