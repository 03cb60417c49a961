"""Super-resolution of colour, grey, alpha, bright and hopeless pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.imaging.layers import Inputs
from dioptre.imaging.resize import resize
from dioptre.pipelines.super_resolution import super_resolution
from dioptre.recipes.apply import apply
from dioptre_link.errors import UsageError
from dioptre_link.operations import Role


@pytest.fixture(scope="module")
def face(checkout: Path) -> np.ndarray:
    """120 x 120 pixels of the astronaut."""
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        return np.asarray(picture.convert("RGB"), np.float32)[20:140, 160:280] / 255


@pytest.mark.parametrize("scale", [2, 4])
def test_better_than_bicubic(face: np.ndarray, scale: int) -> None:
    side = 120 // scale
    small = np.clip(resize(face, (side, side), method="bicubic"), 0, 1)
    error = {
        "network": np.mean((super_resolution(small, scale=scale) - face) ** 2),
        "bicubic": np.mean((np.clip(resize(small, (120, 120), method="bicubic"), 0, 1) - face) ** 2),
    }
    assert error["network"] < 0.75 * error["bicubic"]


def test_grey_stays_grey(face: np.ndarray) -> None:
    grey = np.repeat(face[:40, :40, 1:2], 3, axis=2)
    enlarged = super_resolution(grey, scale=2)
    assert np.ptp(enlarged, axis=2).max() == 0


def test_values_above_one_are_kept(face: np.ndarray) -> None:
    bright = face[:40, :40].copy()
    bright[10:30, 10:30] = 3.0
    enlarged = super_resolution(bright, scale=2)
    assert enlarged[40, 40].mean() == pytest.approx(3.0, abs=0.02)
    assert enlarged.max() <= 3.0 + 1e-4


def test_edges_of_a_cut_out_are_clean_on_any_background() -> None:
    rgba = np.zeros((48, 48, 4), np.float32)
    rgba[..., :3] = (0, 1, 0)  # what an editor may leave under transparency
    rgba[12:36, 12:36] = (0.8, 0.3, 0.2, 1)
    enlarged = super_resolution(rgba, scale=4)
    seen = enlarged[..., 3] > 0.02
    assert np.abs(enlarged[seen][:, :3] - (0.8, 0.3, 0.2)).max() < 0.06
    assert enlarged[96, 96, 3] > 0.98
    assert enlarged[4, 4, 3] < 0.02
    assert enlarged[..., 3].mean() == pytest.approx(0.25, abs=0.01)


def test_constant_alpha_stays_exactly(face: np.ndarray) -> None:
    rgba = np.concatenate([face[:20, :20], np.full((20, 20, 1), 0.25, np.float32)], axis=2)
    assert (super_resolution(rgba, scale=2)[..., 3] == 0.25).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 600)])
def test_tiny_and_narrow_pictures(size: tuple[int, int]) -> None:
    enlarged = super_resolution(np.full((*size, 3), 0.4, np.float32), scale=2)
    assert enlarged.shape == (size[0] * 2, size[1] * 2, 3)
    assert np.abs(enlarged - 0.4).max() < 0.2


def test_black_stays_black() -> None:
    assert super_resolution(np.zeros((16, 16, 3), np.float32), scale=2).max() < 0.02


def test_a_factor_without_a_network_is_refused(face: np.ndarray) -> None:
    with pytest.raises(UsageError, match="enlarges 4 times"):
        super_resolution(face, scale=2, model="span-x4")


def test_the_operation_says_what_it_did(face: np.ndarray) -> None:
    broken = face[:20, :24].copy()
    broken[3, 3] = np.nan
    result = apply("super_resolution", {"scale": "2"}, Inputs(picture=broken))
    (layer,) = result.layers
    assert layer.role is Role.RESULT
    assert layer.pixels.shape == (40, 48, 3)
    assert np.isfinite(layer.pixels).all()
    assert result.values["width"] == 48
    assert "span-x2" in result.models
    assert "not numbers" in result.messages[0]
