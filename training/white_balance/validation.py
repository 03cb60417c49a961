"""Pairs of pictures, cameras and settings that are held out from training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from .samples import SIDE, STYLES_APART, Material


def validation_sets(
    material: Path, size: int, *, side: int = SIDE, batches: int = 4
) -> dict[str, list[dict[str, Array]]]:
    """Return held-out pairs by set: photographs, raws, the emulator's styles, cameras, and unprocessed raws.

    Args:
        material: Folder of the material.
        size: Pairs in each batch.
        side: Side of the pictures.
        batches: Batches in each set.
    """
    kept = Material(material, "validation", side=side)
    rng = np.random.default_rng(1)
    known = tuple(s for s in range(10) if s not in STYLES_APART)

    def batched(kinds: tuple[float, ...], **more: Any) -> list[dict[str, Array]]:
        return [kept.batch(rng, size, kinds=kinds, unknown_styles=0.0, **more) for _ in range(batches)]

    return {
        "balanced": batched((1.0, 0, 0, 0), photos=1.0, noisy=0.0),
        "emulated": batched((0, 1.0, 0, 0), styles=known, photos=1.0, noisy=0.0),
        "styles": batched((0, 1.0, 0, 0), styles=STYLES_APART, photos=1.0, noisy=0.0),
        "raws": batched((0, 0.5, 0.5, 0), photos=0.0, noisy=0.0, native=0.0),
        "cameras": batched((0, 0, 1.0, 0), noisy=0.0, native=0.0),
        "noisy": batched((0.1, 0.6, 0.3, 0), noisy=1.0),
        "shown": batched((0, 0, 1.0, 0), noisy=0.2, native=1.0),
    }
