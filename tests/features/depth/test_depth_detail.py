"""The second, closer pass of depth estimation; fake networks read the depth from the picture's grey values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dioptre.contract import EmbeddedDepth, Inputs
from dioptre.features.depth import coarse as depth_coarse
from dioptre.features.depth.detail import with_detail
from dioptre.features.depth.estimation import estimate_depth, kept_depth
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.models.registry import DEFAULTS, ENTRIES, ModelKind
from dioptre_link.catalogue.depth import DepthOptions

BUNDLED = DEFAULTS[ModelKind.DEPTH]
SIZE = (400, 600)


class Pretended(Loaded):
    """Network that applies `output` to the green channel of each crop, and counts its runs."""

    def __call__(self, *inputs: Any) -> Any:
        prepared = self.entry.preprocessing
        green = inputs[0][..., 1] * np.float32(prepared.deviation[1]) + np.float32(prepared.mean[1])
        self.runs.append(len(green))  # type: ignore[attr-defined]
        return np.stack([self.output(one, sum(self.runs) - len(green) + i) for i, one in enumerate(green)])  # type: ignore[attr-defined]


def network(output: Callable[[np.ndarray, int], np.ndarray], model: str = BUNDLED) -> Any:
    made = object.__new__(Pretended)
    for name, value in (("entry", ENTRIES[model]), ("output", output), ("runs", []), ("checksums", {})):
        object.__setattr__(made, name, value)
    return made


def picture(inverse: np.ndarray) -> np.ndarray:
    return np.repeat(inverse[..., None], 3, axis=-1).astype(np.float32)


def ramp(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A floor: 0.1 at the top, 0.9 at the bottom, and slightly nearer at the right."""
    rows, columns = np.linspace(0, 0.7, size[0]), np.linspace(0.1, 0.2, size[1])
    return (rows[:, None] + columns[None]).astype(np.float32)


def coarse_of(inverse: np.ndarray) -> np.ndarray:
    return resize(inverse, (392, 588), method="area")


def test_crops_that_differ_in_scale_and_bend_leave_no_seam() -> None:
    def bent(crop: np.ndarray, number: int) -> np.ndarray:
        x = np.linspace(-1, 1, crop.shape[1], dtype=np.float32)[None]
        y = np.linspace(-1, 1, crop.shape[0], dtype=np.float32)[:, None]
        bend = (x, y, x * y, x * x)[number % 4] * np.float32(0.1)
        return np.asarray((crop + bend) * np.float32(3 + 4 * number) + np.float32(7 * number), np.float32)

    coarse = coarse_of(ramp())
    result = with_detail(picture(ramp()), coarse, network(bent))
    base = resize(coarse, result.shape, method="bilinear")
    inner = result[4:-4, 4:-4]
    down = np.diff(inner, axis=0)
    assert down.min() > 0
    # The slope is 0.7 over the height of the map, 0.0014 per pixel; a seam would be a step of hundredths.
    np.testing.assert_allclose(down, 0.7 / result.shape[0], rtol=0.5)
    assert np.abs(np.diff(inner, n=2, axis=0)).max() < 6e-4
    assert np.abs(np.diff(inner, n=2, axis=1)).max() < 6e-4
    assert np.abs(result - base).max() < 0.03


def test_a_thin_bar_that_only_the_crops_show_is_added_at_its_height() -> None:
    truth = ramp()
    truth[:, 297:303] += 0.3
    result = with_detail(picture(truth), coarse_of(ramp()), network(lambda crop, _: 5 * crop - 2))
    middle = result.shape[0] // 2
    row, plain = result[middle], resize(coarse_of(ramp()), result.shape, method="bilinear")[middle]
    bar = result.shape[1] // 2
    assert 0.2 < (row - plain)[bar] < 0.35
    assert np.abs(row - plain)[: bar - 30].max() < 0.03
    assert np.abs(row - plain)[bar + 30 :].max() < 0.03


@pytest.mark.parametrize("output", [lambda crop, _: 1 - crop, lambda crop, _: 0 * crop])
def test_a_crop_that_contradicts_the_map_is_ignored(output: Callable[[np.ndarray, int], np.ndarray]) -> None:
    coarse = coarse_of(ramp())
    result = with_detail(picture(ramp()), coarse, network(output))
    np.testing.assert_array_equal(result, resize(coarse, result.shape, method="bilinear"))


def test_a_flat_map_stays_flat() -> None:
    noise = np.random.default_rng(0).random(SIZE, np.float32)
    flat = np.full((392, 588), 0.5, np.float32)
    result = with_detail(picture(noise), flat, network(lambda crop, _: crop))
    np.testing.assert_allclose(result, 0.5, atol=1e-6)


def test_the_cameras_own_depth_and_an_unrefined_map_get_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(_: np.ndarray, coarse: np.ndarray, __: Any) -> np.ndarray:
        passes.append(1)
        return coarse

    monkeypatch.setattr(depth_coarse, "with_detail", counted)
    monkeypatch.setattr(depth_coarse, "load_model", lambda _: network(lambda crop, _: crop))
    monkeypatch.setattr(depth_coarse, "sharpened", lambda coarse, _: coarse)
    given = EmbeddedDepth(disparity=coarse_of(ramp()), range_per_m=None, confidence=None, kind="phone")
    kept_depth(Inputs(picture=picture(ramp()), embedded=given), DepthOptions())
    estimate_depth(picture(ramp()), model="default", refine=False)
    assert not passes
    estimate_depth(picture(ramp()), model="default")
    assert len(passes) == 1
