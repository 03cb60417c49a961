"""The training pairs of SPAN ×4: what the network should answer agrees with the degraded picture that it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.imaging.resize import resize
from training.span.material import KINDS, PATCH_PX, SCALE, Kind, batches, pair


@pytest.fixture(scope="module")
def photo(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "astronaut.jpg") as opened:
        return np.asarray(opened.convert("RGB"), np.float32)[:256, 64:320] / 255


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_reduced_is_the_small_picture(photo: np.ndarray, kind: Kind) -> None:
    made = pair(photo, kind, np.random.default_rng(0))
    again = resize(made.large.astype(np.float32) / 255, (64, 64), method="bicubic")
    off = 255 * np.abs(again - made.small.astype(np.float32) / 255)
    assert np.median(off) < 0.5
    assert off.mean() < 0.7  # measured: 0.51, as some pixels are clipped
    changed = 255 * float(np.abs(made.large.astype(np.float32) / 255 - photo).mean())
    assert changed < 0.5 if kind == "clean" else changed > 1


def test_patches_stay_together(photo: np.ndarray) -> None:
    """Turned and mirrored alike: inside its border, each large patch reduced is its small one."""
    material = [pair(photo, kind, np.random.default_rng(1)) for kind in KINDS]
    small, large = next(batches(material, 16, np.random.default_rng(2)))
    assert small.shape == (16, PATCH_PX, PATCH_PX, 3)
    assert large.shape == (16, SCALE * PATCH_PX, SCALE * PATCH_PX, 3)
    for each, of in zip(small, large, strict=True):
        again = resize(of, (PATCH_PX, PATCH_PX), method="bicubic")
        assert 255 * np.abs(again - each)[3:-3, 3:-3].mean() < 0.5
