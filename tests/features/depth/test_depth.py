"""Depth: the person is nearer than the wall at any size and with alpha, and bad pictures are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs
from dioptre.features.depth.coarse import Depth
from dioptre.features.depth.estimation import DepthError, estimate_depth
from dioptre.imaging.resize import resize
from dioptre.recipes.apply import apply
from dioptre_link.errors import Cancelled, UsageError
from dioptre_link.operation import Role


@pytest.fixture(scope="module")
def person(checkout: Path) -> np.ndarray:
    return np.asarray(Image.open(checkout / "examples/astronaut.jpg").convert("RGB"), np.float32) / 255


@pytest.fixture(scope="module")
def depth(person: np.ndarray) -> Depth:
    return estimate_depth(person)


FACE = (slice(110, 160), slice(200, 250))
SUIT = (slice(380, 480), slice(60, 160))
WALL = (slice(20, 150), slice(310, 360))


def test_near_things_are_near(depth: Depth) -> None:
    face, suit, wall = (float(np.median(depth.disparity[part])) for part in (FACE, SUIT, WALL))
    assert suit > face > wall + 0.2


def test_the_subjects_outline_is_sharp(depth: Depth) -> None:
    """The map rises from the wall to the hair within a few pixels."""
    row = depth.disparity[60, 280:330]
    assert np.abs(np.diff(row)).max() > 0.25 * np.ptp(row)


def test_disparity_and_confidence_fill_their_range(depth: Depth, person: np.ndarray) -> None:
    assert depth.disparity.shape == depth.confidence.shape == person.shape[:2]
    assert depth.disparity.dtype == depth.confidence.dtype == np.float32
    assert depth.disparity.min() == 0
    assert depth.disparity.max() == 1
    assert 0 <= depth.confidence.min() < depth.confidence.max() <= 1


def test_networks_that_took_part_are_named(depth: Depth) -> None:
    assert depth.model == "dioptre-depth-small"
    assert depth.models.keys() == {"dioptre-depth-backbone", "dioptre-depth-head"}


def test_size_does_not_change_what_is_near_and_a_new_one_of_the_same_aspect_compiles_nothing(
    person: np.ndarray, depth: Depth, compiled: list[float]
) -> None:
    larger, smaller = resize(person, (1300, 1310)), resize(person, (401, 395))
    large = estimate_depth(larger)  # Large enough for joint upsampling, so all programs are compiled after this.
    assert np.abs(resize(large.disparity, (512, 512), method="area") - depth.disparity).mean() < 0.02
    compiled.clear()
    estimate_depth(resize(person, (1411, 1399)))
    estimate_depth(smaller)
    estimate_depth(smaller, refine=False)
    assert not compiled


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000)])
def test_strange_sizes_give_a_finite_map_of_that_size(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    found = estimate_depth(picture)
    assert found.disparity.shape == shape
    assert np.isfinite(found.disparity).all()
    assert found.disparity.min() >= 0
    assert found.disparity.max() <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_empty_picture_gives_a_finite_map(value: float) -> None:
    found = estimate_depth(np.full((160, 160, 3), value, np.float32))
    assert np.isfinite(found.disparity).all()


def test_what_is_transparent_does_not_count(person: np.ndarray, depth: Depth) -> None:
    alpha = np.ones((512, 512), np.float32)
    alpha[:, 400:] = 0
    noise = np.random.default_rng(0).random(person.shape).astype(np.float32)
    maps = [
        estimate_depth(np.dstack([np.where(alpha[..., None] > 0, person, hidden), alpha]).astype(np.float32))
        for hidden in (np.zeros_like(person), noise)
    ]
    np.testing.assert_array_equal(maps[0].disparity, maps[1].disparity)
    assert not maps[0].confidence[:, 400:].any()
    face, wall = (float(np.median(maps[0].disparity[part])) for part in (FACE, WALL))
    assert face > wall + 0.2


def test_a_frame_is_left_out(person: np.ndarray, depth: Depth) -> None:
    framed = np.pad(person, ((30, 30), (40, 40), (0, 0)), constant_values=1.0)
    found = estimate_depth(framed)
    assert found.messages
    assert not found.confidence[:30].any()
    assert np.abs(found.disparity[30:-30, 40:-40] - depth.disparity).mean() < 0.02
    np.testing.assert_array_equal(found.disparity[:30, 40:-40], np.tile(found.disparity[30, 40:-40], (30, 1)))


def test_values_above_one_count_as_one(person: np.ndarray) -> None:
    bright = np.clip(person * 1.5, 0, None).astype(np.float32)
    expected = estimate_depth(np.clip(bright, 0, 1), refine=False).disparity
    np.testing.assert_array_equal(estimate_depth(bright, refine=False).disparity, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(person: np.ndarray, value: float) -> None:
    damaged = person.copy()
    damaged[3, 4, 1] = value
    with pytest.raises(DepthError, match="NaN or infinite") as caught:
        estimate_depth(damaged)
    assert caught.value.hint


def test_a_wholly_transparent_picture_is_refused() -> None:
    with pytest.raises(DepthError, match="transparent"):
        estimate_depth(np.zeros((8, 8, 4), np.float32))


def test_an_unknown_model_is_refused(person: np.ndarray) -> None:
    with pytest.raises(UsageError, match="no depth network named 'sonar'"):
        estimate_depth(person, model="sonar")


def test_the_operation_gives_one_depth_layer(person: np.ndarray) -> None:
    phases: list[float] = []
    result = apply("depth", {}, Inputs(picture=person), progress=lambda fraction, phase: phases.append(fraction))
    assert [layer.role for layer in result.layers] == [Role.DEPTH]
    assert phases == sorted(phases)
    assert phases[-1] == 1.0


def test_it_can_be_cancelled(person: np.ndarray) -> None:
    def cancel(fraction: float, phase: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        estimate_depth(person, progress=cancel)
