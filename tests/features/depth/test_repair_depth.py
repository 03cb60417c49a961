"""Repairs change only the selection, blend in without a step, and refuse nonsensical input with a message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs
from dioptre.features.depth.estimation import DepthError, estimate_depth
from dioptre.features.depth.repair import repair_depth
from dioptre.recipes.apply import apply
from dioptre_link.errors import Cancelled, UsageError
from dioptre_link.operation import Role

SIZE = 240, 320
WITHOUT_NETWORK = {
    "smooth": {},
    "fill": {},
    "match": {"value": 0.9},
    "shift": {"amount": 0.2},
}


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).random((*SIZE, 3)).astype(np.float32)


@pytest.fixture
def wall() -> np.ndarray:
    """A slanting wall."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    return (0.2 + 0.3 * x / SIZE[1] + 0.1 * y / SIZE[0]).astype(np.float32)


@pytest.fixture
def mirror() -> np.ndarray:
    selection = np.zeros(SIZE, np.float32)
    selection[60:180, 90:230] = 1
    return selection


@pytest.fixture
def wrong(wall: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """The mirror on the wall appears as a hole with bumps."""
    bumps = np.sin(np.mgrid[: SIZE[0], : SIZE[1]] / 9.0).prod(0) * 0.05 - 0.15
    return np.where(mirror > 0, wall + bumps, wall).astype(np.float32)


@pytest.mark.parametrize("mode", list(WITHOUT_NETWORK))
def test_only_the_selection_changes(picture: np.ndarray, wrong: np.ndarray, mirror: np.ndarray, mode: str) -> None:
    repaired = repair_depth(picture, wrong, selection=mirror, mode=mode, **WITHOUT_NETWORK[mode]).disparity
    np.testing.assert_array_equal(repaired[mirror == 0], wrong[mirror == 0])
    assert np.abs(repaired - wrong)[mirror > 0].mean() > 0.01


@pytest.mark.parametrize("mode", list(WITHOUT_NETWORK))
def test_there_is_no_step_at_the_border(
    picture: np.ndarray, wall: np.ndarray, mirror: np.ndarray, mode: str
) -> None:
    """On a map without steps, neighbours across the border differ no more than the pixels of a ramp."""
    repaired = repair_depth(picture, wall, selection=mirror, mode=mode, **WITHOUT_NETWORK[mode]).disparity
    down, across = (np.abs(np.diff(repaired - wall, axis=axis)) for axis in (0, 1))
    change = np.abs(repaired - wall).max()
    assert max(down[59].max(), down[179].max(), across[:, 89].max(), across[:, 229].max()) <= 0.35 * change + 1e-3


def test_a_mirror_becomes_part_of_the_wall(
    picture: np.ndarray, wall: np.ndarray, wrong: np.ndarray, mirror: np.ndarray
) -> None:
    filled = repair_depth(picture, wrong, selection=mirror, mode="fill").disparity
    inner = np.s_[65:175, 95:225]
    assert np.abs(wrong - wall)[inner].mean() > 0.1
    assert np.abs(filled - wall)[inner].max() < 0.02


def test_smoothing_keeps_what_is_large(picture: np.ndarray, wall: np.ndarray, mirror: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, SIZE).astype(np.float32) * mirror
    smooth = repair_depth(picture, np.clip(wall + noise, 0, 1), selection=mirror, mode="smooth").disparity
    inner = np.s_[70:170, 100:220]
    assert np.abs(smooth - wall)[inner].mean() < 0.2 * np.abs(noise)[inner].mean()


def test_matching_takes_the_picked_depth(picture: np.ndarray, wrong: np.ndarray, mirror: np.ndarray) -> None:
    made = apply(
        "repair_depth",
        {"mode": "match", "at": (10, 20)},
        Inputs(picture=picture, disparity=wrong, selection=mirror),
    )
    (layer,) = made.layers
    assert layer.role is Role.DEPTH
    picked = float(np.median(wrong[18:23, 8:13]))
    assert made.values["value"] == pytest.approx(picked, abs=1e-3)
    assert np.abs(layer.pixels[80:160, 110:210] - picked).max() < 1e-3


def test_pushing_and_pulling_keep_the_form(picture: np.ndarray, wrong: np.ndarray, mirror: np.ndarray) -> None:
    inner = np.s_[80:160, 110:210]
    for amount in (0.2, -0.05):
        moved = repair_depth(picture, wrong, selection=mirror, mode="shift", amount=amount).disparity
        np.testing.assert_allclose(moved[inner], wrong[inner] + amount, atol=1e-3)


def test_no_feather_makes_a_step(picture: np.ndarray, wall: np.ndarray, mirror: np.ndarray) -> None:
    moved = repair_depth(picture, wall, selection=mirror, mode="shift", amount=0.2, feather=0).disparity
    np.testing.assert_allclose(moved, np.where(mirror > 0, wall + 0.2, wall), atol=1e-5)


def test_half_selected_is_half_changed(picture: np.ndarray, wall: np.ndarray, mirror: np.ndarray) -> None:
    half = repair_depth(picture, wall, selection=mirror * 0.5, mode="shift", amount=0.2).disparity
    assert half[120, 160] - wall[120, 160] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("mode", list(WITHOUT_NETWORK))
@pytest.mark.parametrize("selection", [None, np.ones(SIZE, np.float32)], ids=["none", "all"])
def test_everything_can_be_selected(
    picture: np.ndarray, wall: np.ndarray, mode: str, selection: np.ndarray | None
) -> None:
    repaired = repair_depth(picture, wall, selection=selection, mode=mode, **WITHOUT_NETWORK[mode]).disparity
    assert np.isfinite(repaired).all()
    if mode == "shift":
        np.testing.assert_allclose(repaired, wall + 0.2, atol=1e-5)


@pytest.mark.parametrize("mode", list(WITHOUT_NETWORK))
@pytest.mark.parametrize("spot", [np.s_[0, 0], np.s_[100, 100], np.s_[239, 100:140], np.s_[:, 319]])
def test_the_smallest_selections(picture: np.ndarray, wall: np.ndarray, mode: str, spot: tuple) -> None:
    selection = np.zeros(SIZE, np.float32)
    selection[spot] = 1
    repaired = repair_depth(picture, wall, selection=selection, mode=mode, **WITHOUT_NETWORK[mode]).disparity
    assert np.isfinite(repaired).all()
    np.testing.assert_array_equal(repaired[selection == 0], wall[selection == 0])


def test_what_makes_no_sense_is_refused(picture: np.ndarray, wall: np.ndarray, mirror: np.ndarray) -> None:
    with pytest.raises(UsageError, match="Nothing is selected"):
        repair_depth(picture, wall, selection=np.zeros(SIZE, np.float32), mode="smooth")
    with pytest.raises(UsageError, match="pixels, the picture"):
        repair_depth(picture, wall, selection=mirror[:-1], mode="smooth")
    with pytest.raises(UsageError, match="No depth to match"):
        repair_depth(picture, wall, selection=mirror, mode="match")
    with pytest.raises(UsageError, match="not one of the choices"):
        repair_depth(picture, wall, selection=mirror, mode="guess")
    for damaged, other in ((wall, mirror), (mirror, wall)):
        broken = damaged.copy()
        broken[3, 4] = np.nan
        depth, selection = (broken, other) if damaged is wall else (other, broken)
        with pytest.raises(DepthError, match="NaN or infinite"):
            repair_depth(picture, depth, selection=selection, mode="fill")


def test_a_network_looks_again_and_fits_the_surroundings(checkout: Path) -> None:
    person = np.asarray(Image.open(checkout / "examples/astronaut.jpg").convert("RGB"), np.float32) / 255
    depth = estimate_depth(person).disparity
    selection = np.zeros((512, 512), np.float32)
    selection[40:220, 150:310] = 1
    hidden = np.where(selection > 0, 0.9 - depth, depth).astype(np.float32)
    made = repair_depth(person, hidden, selection=selection)
    np.testing.assert_array_equal(made.disparity[selection == 0], depth[selection == 0])
    inner = np.s_[60:200, 170:290]
    assert np.corrcoef(made.disparity[inner].ravel(), depth[inner].ravel())[0, 1] > 0.8
    assert "dioptre-depth-head" in made.models


def test_it_can_be_cancelled(picture: np.ndarray, wall: np.ndarray, mirror: np.ndarray) -> None:
    def cancel(fraction: float, phase: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        repair_depth(picture, wall, selection=mirror, mode="fill", progress=cancel)
