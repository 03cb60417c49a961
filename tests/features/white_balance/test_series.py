"""A series: one illuminant for the pictures that share it, separated from the others."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.colour import WhitePoint
from dioptre.contract import Inputs
from dioptre.features.white_balance.balance import white_balance
from dioptre.features.white_balance.illuminant import Estimate, estimate_light, xy_of
from dioptre.features.white_balance.series import groups, mean_light
from dioptre.recipes.apply import apply


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def seen(red: float, blue: float, *, expected_de: float = 2.0) -> Estimate:
    xy = xy_of(np.array([red, blue], np.float32))
    return Estimate(
        light=WhitePoint.from_xy(xy), xy=xy, expected_de=expected_de, residual=np.full((9, 3), red, np.float32)
    )


@pytest.mark.parametrize(("red", "blue"), [(0.0, 0.0), (0.5, -0.6), (-0.3, 0.4), (-1.2, 0.9)])
def test_a_light_and_its_chroma_are_one_thing(red: float, blue: float) -> None:
    np.testing.assert_allclose(seen(red, blue).chroma, [red, blue], atol=1e-5)


def test_the_common_light_lies_between_and_nearer_to_the_surer() -> None:
    sure, unsure = seen(0.4, -0.5, expected_de=1.0), seen(0.6, -0.7, expected_de=9.0)
    common = mean_light([unsure, sure])
    red, blue = common.chroma
    assert 0.4 < red < 0.45
    assert -0.55 < blue < -0.5
    assert 0.4 < common.residual[0, 0] < 0.45  # The colour residual is averaged, too.


def test_scattered_estimates_of_one_light_form_one_group() -> None:
    rng = np.random.default_rng(0)
    series = [seen(*(np.array([0.4, -0.5]) + rng.normal(0, 0.1, 2))) for _ in range(8)]
    assert groups(series) == [list(range(8))]


def test_another_light_is_another_group() -> None:
    warm, cold = (seen(0.5, -0.6), seen(0.45, -0.55), seen(0.55, -0.6)), (seen(-0.3, 0.4), seen(-0.25, 0.35))
    assert groups([cold[0], warm[0], warm[1], cold[1], warm[2]]) == [[1, 2, 4], [0, 3]]


def test_a_reference_decides_instead_of_the_picture(rng: np.random.Generator) -> None:
    warm = rng.random((48, 64, 3), np.float32) * np.array([0.9, 0.6, 0.3], np.float32)
    cold = rng.random((48, 64, 3), np.float32) * np.array([0.4, 0.6, 0.9], np.float32)
    assert white_balance(cold, references=[warm]).light == estimate_light(warm).light
    both = mean_light([estimate_light(warm), estimate_light(cold)])
    assert white_balance(cold, references=[warm, cold]).light == both.light


def test_pictures_of_a_series_are_changed_alike(rng: np.random.Generator) -> None:
    first = rng.random((48, 64, 3), np.float32) * np.array([0.9, 0.6, 0.3], np.float32)
    second = first[::-1].copy()
    second[:8] = (0.7, 0.2, 0.1)  # The second picture contains another object.
    balanced = [white_balance(picture, references=[first]).image for picture in (first, second)]
    np.testing.assert_allclose(balanced[0][:40], balanced[1][::-1][:40], atol=1e-6)


def test_the_neutral_point_is_the_references(rng: np.random.Generator) -> None:
    card = np.full((20, 20, 3), (0.6, 0.5, 0.4), np.float32)
    picture = rng.random((30, 40, 3), np.float32)
    balanced = white_balance(picture, references=[card], neutral=(10, 10))
    assert balanced.light == white_balance(card, neutral=(10, 10)).light


def test_mixed_light_is_not_looked_for_in_a_series(rng: np.random.Generator) -> None:
    picture = rng.random((40, 40, 3), np.float32)
    result = apply("white_balance", {"mixed": True}, Inputs(picture=picture, references=(picture,)))
    assert result.values["lights"] == 1
    assert any("series" in message for message in result.messages)
