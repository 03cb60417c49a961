"""The camera's own depth has priority, keeps its metres, and is never applied to another picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import EmbeddedDepth, Inputs
from dioptre.features.depth.coarse import Depth
from dioptre.features.depth.estimation import DepthError, kept_depth
from dioptre.recipes.apply import apply
from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.operation import Role


@pytest.fixture(scope="module")
def person(checkout: Path) -> np.ndarray:
    return np.asarray(Image.open(checkout / "examples/astronaut.jpg").convert("RGB"), np.float32) / 255


def _embedded(
    shape: tuple[int, int] = (48, 48), range_per_m: tuple[float, float] | None = (0.0, 2.0), **changes: object
) -> EmbeddedDepth:
    """Return depth that is nearest on the right, unlike any network's estimate."""
    ramp = np.broadcast_to(np.linspace(0, 1, shape[1], dtype=np.float32), shape).copy()
    return EmbeddedDepth(
        **{"disparity": ramp, "range_per_m": range_per_m, "confidence": None, "kind": "test"} | changes
    )


def depth_of(person: np.ndarray, embedded: EmbeddedDepth | None, **options: Any) -> Depth:
    return kept_depth(Inputs(picture=person, embedded=embedded), DepthOptions(**options), confidence=True)


@pytest.mark.parametrize("refine", [False, True])
def test_the_cameras_map_is_taken_as_it_is(person: np.ndarray, refine: bool) -> None:
    depth = depth_of(person, _embedded(), refine=refine)
    assert depth.disparity.shape == person.shape[:2]
    ramp = np.linspace(0, 1, 512)[None]
    assert np.abs(depth.disparity - ramp).mean() < 0.03
    assert depth.source == "test"
    assert depth.model == ""
    assert depth.confidence.min() == 1


def test_metres_follow_the_layers_values(person: np.ndarray) -> None:
    """The metres follow the layer's values, even if these do not span 0 to 1."""
    narrow = _embedded(disparity=_embedded().disparity * np.float32(0.5) + np.float32(0.25))
    depth = depth_of(person, narrow, refine=False)
    assert depth.range_per_m == pytest.approx((0.5, 1.5), abs=0.02)
    assert depth.disparity.min() == 0
    assert depth.disparity.max() == 1
    assert "0.67 m to 2 m" in depth.messages[0]
    assert depth.values()["depth_range_per_m"] == pytest.approx([0.5, 1.5], abs=0.02)


def test_without_metres_none_are_claimed(person: np.ndarray) -> None:
    depth = depth_of(person, _embedded(range_per_m=None), refine=False)
    assert depth.range_per_m is None
    assert "depth_range_per_m" not in depth.values()


def test_the_cameras_confidence_is_handed_on(person: np.ndarray) -> None:
    sure = np.zeros((48, 48), np.float32)
    sure[:24] = 1
    depth = depth_of(person, _embedded(confidence=sure), refine=False)
    assert depth.confidence[:200].min() == 1
    assert depth.confidence[-200:].max() == 0


@pytest.mark.parametrize(
    "wrong",
    [_embedded(shape=(30, 48)), _embedded(disparity=np.full((48, 48), 0.3, np.float32))],
    ids=["shape", "empty"],
)
def test_a_map_that_cannot_be_the_pictures_is_not_taken(person: np.ndarray, wrong: EmbeddedDepth) -> None:
    depth = depth_of(person, wrong, refine=False)
    assert depth.source == "estimate"
    assert "estimated" in depth.messages[0]
    with pytest.raises(DepthError, match="camera's depth map"):
        depth_of(person, wrong, depth_source="embedded")


def test_the_choice_is_obeyed(person: np.ndarray) -> None:
    assert depth_of(person, _embedded(), depth_source="estimate", refine=False).source == "estimate"
    with pytest.raises(DepthError, match="no depth map from the camera"):
        depth_of(person, None, depth_source="embedded")


def test_the_operation_tells_where_depth_came_from_and_gives_confidence(person: np.ndarray) -> None:
    inputs = Inputs(picture=person, embedded=_embedded())
    result = apply("depth", {"confidence": True, "refine": False}, inputs)
    assert [layer.role for layer in result.layers] == [Role.DEPTH, Role.CONFIDENCE]
    assert [layer.visible for layer in result.layers] == [True, False]
    assert result.values["depth_source"] == "test"
    assert result.values["depth_range_per_m"] == pytest.approx([0, 2], abs=0.02)


def test_portraits_take_it_too(person: np.ndarray) -> None:
    subject = np.zeros((512, 512), np.float32)
    subject[:, 400:] = 1
    result = apply("portrait", {}, Inputs(picture=person, embedded=_embedded(), subject=subject))
    depth = next(layer.pixels for layer in result.layers if layer.role is Role.DEPTH)
    assert depth[:, 500].mean() > depth[:, 10].mean() + 0.5
    assert result.values["depth_source"] == "test"
