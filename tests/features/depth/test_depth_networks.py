"""Every depth network gives the same depth: the networks are fakes, but their outputs are read by the real code.

The fake networks read inverse depth in 1/m from the picture's grey values and output it in the form of the real
ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.contract import FieldOfView, Inputs
from dioptre.features.depth import coarse as depth_coarse
from dioptre.features.depth.coarse import Depth
from dioptre.features.depth.estimation import estimate_depth, kept_depth, run
from dioptre.models import registry
from dioptre.models.loaded import Loaded
from dioptre.models.moge2.module import Geometry, view_plane
from dioptre.models.registry import ENTRIES, chosen_depth_network
from dioptre_link.catalogue import operation
from dioptre_link.catalogue.depth import DepthMapOptions
from dioptre_link.errors import UsageError

SIZE = (240, 360)
FOCAL = 0.8  # Focal length as a fraction of the diagonal.
VIEW = FieldOfView(focal_diagonals=FOCAL, source="EXIF")
Output = Callable[[np.ndarray, np.ndarray], Any]


class Pretended(Loaded):
    """Network that applies `output` to the inverse depth in the picture."""

    def __call__(self, *inputs: Any) -> Any:
        prepared = self.entry.preprocessing
        x = inputs[0] * np.array(prepared.deviation, np.float32) + np.array(prepared.mean, np.float32)
        return self.output(x[..., 1], *inputs[1:])  # type: ignore[attr-defined]


def disparity(inverse: np.ndarray) -> np.ndarray:
    return 3 * inverse + 7


def points(inverse: np.ndarray, aspect: np.ndarray) -> Geometry:
    """Return points with a z shift and a scale, which the recovered camera and the metric scale undo."""
    scale, shift = 2.5, 0.4
    known = inverse > 0.02
    depth = 1 / np.maximum(inverse, 0.02) / scale
    plane = np.asarray(view_plane(*inverse.shape[1:], jnp.asarray(aspect)))
    xy = plane / (2 * FOCAL) * depth[..., None]
    cloud = np.concatenate([xy, (depth - shift)[..., None]], axis=-1).astype(np.float32)
    return Geometry(jnp.asarray(cloud), jnp.asarray(known.astype(np.float32)), jnp.full(len(inverse), scale))


OUTPUTS: dict[str, Any] = {
    "dioptre-depth-small": disparity,
    "depth-anything-v2-small": disparity,
    "moge-2-vits-normal": points,
    "moge-2-vitb-normal": points,
}
METRIC = [name for name, entry in ENTRIES.items() if entry.depth is not None and entry.depth.metric]


@pytest.fixture
def scene() -> np.ndarray:
    """A floor that rises to the horizon, an object at 1.25 m in front, and the sky above."""
    inverse = np.zeros(SIZE, np.float32)
    inverse[80:] = np.linspace(0.05, 0.5, SIZE[0] - 80)[:, None]
    inverse[120:200, 100:180] = 0.8
    return inverse


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model_id: str) -> Loaded:
        network = object.__new__(Pretended)
        for name, value in (("entry", ENTRIES[model_id]), ("checksums", {model_id: "0" * 64})):
            object.__setattr__(network, name, value)
        object.__setattr__(network, "output", OUTPUTS[model_id])
        return network

    monkeypatch.setattr(depth_coarse, "load_model", load)


def estimated(scene: np.ndarray, model: str, view: FieldOfView | None = VIEW) -> Depth:
    picture = np.repeat(scene[..., None], 3, axis=-1)
    return estimate_depth(picture, model=model, refine=False, field_of_view=view)


def test_every_depth_network_has_a_descriptor() -> None:
    assert {name for name, entry in ENTRIES.items() if entry.depth is not None} == OUTPUTS.keys()
    assert set(operation("depth").defaults()) >= {"depth_model", "equivalent_mm"}
    (choice,) = (one for one in operation("depth").parameters if one.name == "depth_model")
    assert set(choice.choices) == {"best", *OUTPUTS}


@pytest.mark.parametrize("model", OUTPUTS)
def test_near_and_far_are_where_they_are(scene: np.ndarray, model: str) -> None:
    depth = estimated(scene, model)
    thing = depth.disparity[140:180, 120:160]
    assert thing.min() > 0.9
    assert depth.disparity[:60].max() < 0.1
    assert depth.mean_confidence > 0.9
    assert depth.values()["depth_model"] == model


@pytest.mark.parametrize("model", METRIC)
def test_metres_survive_to_the_pictures_size(scene: np.ndarray, model: str) -> None:
    depth = estimated(scene, model)
    found = depth.metric
    assert found is not None
    steps = np.zeros(SIZE, bool)  # Pixels at depth steps, which resizing mixes.
    steps[[76, 77, 78, 79, 80, 81, 82, 83]] = True
    steps[114:206, 94:186] = True
    steps[126:194, 106:174] = False
    np.testing.assert_allclose(found[~steps], scene[~steps], atol=0.012)
    assert depth.metric_source == ENTRIES[model].title
    assert depth.field_of_view is not None
    assert depth.field_of_view.focal_diagonals == pytest.approx(FOCAL, rel=0.01)
    assert f"Depth was estimated by {ENTRIES[model].title}, from 1.2 m to " in depth.messages[0]


def test_moge_finds_the_focal_length_that_the_file_does_not_say(scene: np.ndarray) -> None:
    depth = estimated(scene, "moge-2-vits-normal", None)
    assert depth.field_of_view is not None
    assert depth.field_of_view.source == "MoGe-2 ViT-S"
    assert depth.field_of_view.focal_diagonals == pytest.approx(FOCAL, rel=0.02)
    assert depth.metric is not None
    assert depth.metric[160, 140] == pytest.approx(0.8, rel=0.05)


def test_the_best_installed_is_taken_and_named(scene: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"dioptre-depth-small"}
    monkeypatch.setattr(registry, "is_installed", lambda entry: entry.id in here)
    picture = np.repeat(scene[..., None], 3, axis=-1)
    inputs = Inputs(picture=picture, field_of_view=VIEW)
    options = DepthMapOptions(refine=False)
    assert run(inputs, options, lambda *_: None).values["depth_model"] == "dioptre-depth-small"
    assert run(inputs, options, lambda *_: None).messages == ()
    here |= {"depth-anything-v2-small", "moge-2-vits-normal"}
    result = run(inputs, options, lambda *_: None)
    assert result.values["depth_model"] == "moge-2-vits-normal"
    assert result.values["metric_source"] == "MoGe-2 ViT-S"
    assert result.values["focal_length_equivalent_mm"] == pytest.approx(VIEW.equivalent_mm, abs=0.1)
    assert "MoGe-2 ViT-S" in result.messages[0]
    assert chosen_depth_network("default").id == "dioptre-depth-small"
    with pytest.raises(UsageError, match="There is no depth network"):
        chosen_depth_network("modnet")


def test_the_stated_focal_length_comes_first(scene: np.ndarray) -> None:
    picture = np.repeat(scene[..., None], 3, axis=-1)
    inputs = Inputs(picture=picture, field_of_view=VIEW)
    options = DepthMapOptions(refine=False, depth_model="moge-2-vitb-normal", equivalent_mm=2 * VIEW.equivalent_mm)
    stated = run(inputs, options, lambda *_: None).values
    read = kept_depth(inputs, replace(options, equivalent_mm=None), field_of_view=VIEW)
    assert read.range_per_m is not None
    assert stated["focal_length_equivalent_mm"] == pytest.approx(2 * VIEW.equivalent_mm, abs=0.1)
    assert stated["depth_range_per_m"][1] < 0.7 * read.range_per_m[1]
