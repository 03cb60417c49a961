"""A preview and the full-size picture share one run of the networks and give nearly the same result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dioptre import photo as files
from dioptre.caching.caches import MemoryCache
from dioptre.checkpoints.card import WeightsError
from dioptre.contract import Inputs, Result, StepResult
from dioptre.features.depth.coarse import Depth
from dioptre.features.depth.estimation import kept_depth
from dioptre.features.subject.finding import kept_subject
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.recipes.apply import apply
from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.errors import Cancelled
from dioptre_link.operation import Role

FULL, SMALL = (800, 1200), (320, 480)


ESTIMATE = DepthOptions(depth_source="estimate")


@pytest.fixture(scope="module")
def photo(checkout: Path) -> np.ndarray:
    return np.clip(resize(files.load(checkout / "examples" / "chelsea.jpg").pixels, FULL, method="bicubic"), 0, 1)


@pytest.fixture(scope="module")
def steps() -> dict[str, StepResult]:
    """Network outputs, shared by all tests of this module."""
    return {}


@pytest.fixture(scope="module")
def full(photo: np.ndarray, steps: dict[str, StepResult]) -> Inputs:
    return Inputs(picture=photo, cache=MemoryCache(steps))


def preview_of(full: Inputs, **fields: Any) -> Inputs:
    small = np.ascontiguousarray(resize(full.picture, SMALL, method="area"))
    return Inputs(picture=small, whole=full.picture, cache=full.cache, **fields)


def layers(result: Result) -> Mapping[Role, np.ndarray]:
    return {layer.role: layer.pixels for layer in result.layers}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the networks that have run, in order."""
    run: list[str] = []
    call = Loaded.__call__

    def counted(self: Loaded, *inputs: Any) -> Any:
        run.append(self.entry.id)
        return call(self, *inputs)

    monkeypatch.setattr(Loaded, "__call__", counted)
    return run


def test_depth_agrees(full: Inputs) -> None:
    wanted = kept_depth(full, ESTIMATE, confidence=True)
    found = kept_depth(preview_of(full), ESTIMATE, confidence=True)
    assert found.disparity.shape == found.confidence.shape == SMALL
    # The photo's edges are finer than the network's resolution; a preview shows them as wide as its own pixels.
    assert np.abs(found.disparity - resize(wanted.disparity, SMALL, method="area")).mean() < 0.005
    assert np.abs(found.confidence - resize(wanted.confidence, SMALL, method="area")).max() < 0.01


@pytest.mark.parametrize("at", [None, (1000.3, 250.7)])
def test_the_subject_and_its_focus_agree(full: Inputs, at: tuple[float, float] | None) -> None:
    scaled = None if at is None else tuple(value * SMALL[1] / FULL[1] for value in at)
    small = preview_of(full)
    near, small_near = (kept_depth(one, ESTIMATE).disparity for one in (full, small))
    wanted = kept_subject(full, near, at=at)
    found = kept_subject(small, small_near, at=scaled)
    quick = kept_subject(small, small_near, at=scaled, quick=True)
    expected = resize(wanted.alpha, SMALL, method="area")
    assert np.abs(found.alpha - expected).mean() < 0.01
    assert np.abs(quick.alpha - expected).mean() < 0.05  # The draft skips the hair and the second pass.
    assert found.kind == wanted.kind
    assert found.focal_disparity == pytest.approx(wanted.focal_disparity, abs=0.01)


def test_networks_run_once_for_draft_preview_and_result(photo: np.ndarray, runs: list[str]) -> None:
    full = Inputs(picture=photo, cache=MemoryCache({}))
    small = preview_of(full)
    apply("portrait", {}, preview_of(full, draft=True))
    drafted = list(runs)
    apply("portrait", {}, small)
    previewed = list(runs)
    apply("portrait", {}, full)
    assert runs == previewed
    # One run on the picture, one on its mirror image, and two on pairs of crops.
    assert len([name for name in runs if name == "dioptre-depth-small"]) == 4
    assert sorted(drafted) == ["dioptre-depth-small", "dioptre-subject"]
    assert "modnet" in set(previewed) - set(drafted)


def test_a_draft_after_the_exact_preview_draws_only_the_blur_anew(photo: np.ndarray, runs: list[str]) -> None:
    full, kept = Inputs(picture=photo, cache=MemoryCache({})), dict[str, Any]()
    quick = layers(apply("portrait", {}, preview_of(full, draft=True, kept=kept)))
    exact = layers(apply("portrait", {}, preview_of(full, kept=kept)))
    runs.clear()
    draft = layers(apply("portrait", {"f_number": 2.0}, preview_of(full, draft=True, kept=kept)))
    assert runs == []
    for role in (Role.DEPTH, Role.SUBJECT):
        np.testing.assert_array_equal(draft[role], exact[role])
        assert not np.array_equal(draft[role], quick[role])
    assert not np.array_equal(draft[Role.RESULT], exact[Role.RESULT])
    elsewhere = layers(apply("portrait", {"focus": (30.0, 30.0)}, preview_of(full, draft=True, kept=kept)))
    assert not np.array_equal(elsewhere[Role.DEPTH], exact[Role.DEPTH])


def test_looks_at_the_subject_that_fail_fail_the_job(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Loaded.__call__

    def failing(self: Loaded, *inputs: Any) -> Any:
        if self.entry.id == "dioptre-subject":
            raise WeightsError("damaged")
        return call(self, *inputs)

    monkeypatch.setattr(Loaded, "__call__", failing)
    with pytest.raises(WeightsError, match="damaged"):
        apply("portrait", {}, Inputs(picture=photo))


def test_a_preview_before_changes_no_bit(photo: np.ndarray) -> None:
    alone = layers(apply("portrait", {"focus": (700.0, 300.0)}, Inputs(picture=photo)))
    full = Inputs(picture=photo, cache=MemoryCache({}))
    apply("portrait", {"focus": (280.0, 120.0)}, preview_of(full))
    after = layers(apply("portrait", {"focus": (700.0, 300.0)}, full))
    assert alone.keys() == after.keys()
    for role, pixels in alone.items():
        np.testing.assert_array_equal(after[role], pixels)


def test_a_cancelled_look_goes_on_where_it_was(photo: np.ndarray, runs: list[str]) -> None:
    full = Inputs(picture=photo, cache=MemoryCache({}))
    small = preview_of(full)
    near = kept_depth(small, ESTIMATE).disparity
    runs.clear()

    def cancel_at_the_second(_fraction: float, _phase: str) -> None:
        if runs:
            raise Cancelled

    with pytest.raises(Cancelled):
        kept_subject(small, near, at=None, progress=cancel_at_the_second)
    looked = len(runs)  # A look takes two networks.
    kept_subject(small, near, at=None)
    resumed = list(runs)
    runs.clear()
    kept_subject(preview_of(Inputs(picture=photo, cache=MemoryCache({}))), near, at=None)
    assert resumed == runs  # Networks that ran before the cancel did not run again.
    assert 0 < looked < len(runs)


@pytest.mark.parametrize("size", [(48, 72), (1, 1), (96, 144)])
def test_a_frame_is_as_wide_in_every_size(size: tuple[int, int]) -> None:
    inside = Depth(disparity=np.zeros((4, 6), np.float32), frame=(10, 90, 0, 144, 96, 144)).inside(size)
    assert 0 <= inside.top < inside.bottom <= size[0]
    assert 0 <= inside.left < inside.right <= size[1]
    assert (inside.top, inside.left) == (round(10 * size[0] / 96) if size[0] > 1 else 0, 0)
