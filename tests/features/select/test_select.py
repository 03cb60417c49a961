"""Selections of the subject and by depth: the masks, the cut-out, and the refusals."""

from __future__ import annotations

import numpy as np
import pytest

import dioptre
from dioptre.caching.caches import MemoryCache
from dioptre.contract import Inputs
from dioptre.features.subject import views as subject_views
from dioptre.features.subject.views import Saliency, Squeezed
from dioptre.recipes.apply import apply
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role

SIDE = 320


def photo(*, things: bool = True) -> np.ndarray:
    drawn = np.full((SIDE, SIDE, 3), 0.1, np.float32)
    if things:
        drawn[80:240, 20:140] = (0.9, 0.2, 0.2)
        drawn[130:190, 250:290] = (0.9, 0.8, 0.2)
    return drawn


def slope() -> np.ndarray:
    return np.repeat(np.linspace(0, 1, SIDE, dtype=np.float32)[:, None], SIDE, axis=1)


@pytest.fixture
def as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that detect everything red."""

    def seen(squeezed: Squeezed) -> Saliency:
        coverage = np.clip((squeezed(subject_views.SIDE_PX)[..., 0] - 0.1) / 0.8, 0, 1)
        return Saliency(coverage=coverage, chance=0.9 if coverage.any() else 0.0)

    monkeypatch.setattr(subject_views, "saliency_of", seen)


def selected(name: str, picture: np.ndarray, disparity: np.ndarray, **options: object):
    inputs = Inputs(picture=picture, disparity=disparity)
    return apply(name, options, inputs)


@pytest.mark.usefixtures("as_drawn")
def test_the_subject_is_selected_and_cut_out() -> None:
    result = selected("select_subject", photo(), np.full((SIDE, SIDE), 0.5, np.float32))
    (mask,) = result.layers
    assert mask.role is Role.SELECTION
    assert mask.pixels[100:220, 40:120].min() > 0.85
    assert mask.pixels[:, 160:].max() < 0.2
    cut, _ = selected(
        "select_subject", photo(), np.full((SIDE, SIDE), 0.5, np.float32), result="layer", subject=[(270, 160)]
    ).layers
    assert cut.role is Role.SUBJECT
    assert cut.pixels[160, 270] == pytest.approx((0.9, 0.8, 0.2, 1.0), abs=0.02)
    assert cut.pixels[20, 300, 3] < 0.03


def test_drafts_of_clicks_run_no_network_and_agree_with_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def red(squeezed: Squeezed) -> Saliency:
        small = squeezed(subject_views.SIDE_PX)
        seen.append(len(small))
        return Saliency(coverage=np.clip((small[..., 0] - 0.1) / 0.8, 0, 1) * (small[..., 1] < 0.5), chance=0.9)

    monkeypatch.setattr(subject_views, "saliency_of", red)
    picture, cache = photo(), MemoryCache({})
    picture[80:240, 90:140] = (0.9, 0.2, 0.9)

    def mask(*, draft: bool, **clicks: object) -> np.ndarray:
        inputs = Inputs(picture=picture, disparity=slope(), draft=draft, cache=cache)
        return apply("select_subject", clicks, inputs).layers[0].pixels

    mask(draft=True)
    first, answer = len(seen), mask(draft=True, not_subject=[(115, 160)])
    assert mask(draft=True, subject=[(270, 160)])[160, 270] > 0.9
    assert len(seen) == first == 1
    expected = mask(draft=False, not_subject=[(115, 160)])
    assert len(seen) > first, "the result uses crops"
    assert np.abs(answer - expected).mean() < 0.03
    assert answer[160, 60] > 0.9
    assert answer[160, 115] < 0.1


@pytest.mark.usefixtures("as_drawn")
def test_without_a_subject_the_hint_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="No single subject was found") as caught:
        dioptre.select_subject(photo(things=False), disparity=slope())
    assert "Choose the object to select (Added subjects)" in caught.value.hint
    with pytest.raises(UsageError, match="The selection is empty"):
        dioptre.select_subject(
            photo(), disparity=slope(), not_subject=[(80, 120), (80, 200), (30, 90), (130, 230)] * 4
        )


@pytest.mark.parametrize(
    ("options", "rows"),  # The options, and the range of rows that they select; the top row is the farthest.
    [
        ({"side": "nearer", "depth_level": 0.6, "depth_range": 0.1}, (160, 320)),
        ({"side": "farther", "depth_level": 0.6, "depth_range": 0.1}, (0, 223)),
        ({"side": "around", "depth_level": 0.6, "depth_range": 0.1}, (160, 223)),
        ({"side": "around", "depth_point": (10, 191), "depth_range": 0.1}, (160, 223)),
    ],
)
def test_the_range_of_depth_is_selected(options: dict[str, object], rows: tuple[int, int]) -> None:
    mask = dioptre.select_depth(photo(), disparity=slope(), depth_feather=0, picture_edges=False, **options).mask
    expected = np.zeros(SIDE, bool)
    expected[slice(*rows)] = True
    assert (np.abs((mask[:, 0] > 0.5).astype(int) - expected).sum()) <= 4


def test_the_feather_is_as_wide_as_it_says() -> None:
    options = {"side": "nearer", "depth_level": 0.5, "depth_range": 0.0, "picture_edges": False}
    mask = dioptre.select_depth(photo(), disparity=slope(), depth_feather=0.25, **options).mask
    soft = (mask[:, 0] > 0.001) & (mask[:, 0] < 0.999)
    assert soft.sum() == pytest.approx(0.25 * SIDE, abs=6)
    assert np.all(np.diff(mask[:, 0]) >= 0)


def test_edges_move_onto_those_of_the_picture() -> None:
    """A depth map that is two pixels off is aligned with the object's own outline."""
    picture = np.full((SIDE, SIDE, 3), 0.2, np.float32)
    picture[:, 160:] = 0.8
    disparity = np.zeros((SIDE, SIDE), np.float32)
    disparity[:, 162:] = 1.0
    by_depth, moved = (
        dioptre.select_depth(picture, disparity=disparity, depth_level=0.9, picture_edges=edges).mask[:, 150:170]
        for edges in (False, True)
    )
    truth = np.zeros(20)
    truth[10:] = 1
    assert np.abs(moved - truth).mean() < 0.7 * np.abs(by_depth - truth).mean()


def test_nothing_at_that_depth_is_refused() -> None:
    near = np.full((SIDE, SIDE), 0.8, np.float32)
    with pytest.raises(UsageError, match="There is nothing at that depth"):
        dioptre.select_depth(photo(), disparity=near, side="around", depth_level=0.1)
    with pytest.raises(UsageError, match="outside the picture"):
        dioptre.select_depth(photo(), disparity=near, depth_point=(400, 3))
    with pytest.raises(UsageError, match="differ in size"):
        dioptre.select_depth(photo(), disparity=near[:10])
