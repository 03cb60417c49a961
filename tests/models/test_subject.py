"""The subject network: its parts agree with plain arithmetic, and it finds subjects in known pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import FINENESS, SubjectHead
from dioptre.models.subject.module import agreement, joined

CONFIG = SubjectConfig()
SIDE, GRID = CONFIG.side_px, CONFIG.grid
Looks = Callable[[str], tuple[np.ndarray, np.ndarray]]


def seen(path: Path) -> np.ndarray:
    prepared = load_model("dioptre-subject").entry.preprocessing
    with Image.open(path) as picture:
        small = np.asarray(picture.convert("RGB").resize((SIDE, SIDE)), np.float32)
    return ((small / small.max() - np.float32(prepared.mean)) / np.float32(prepared.deviation))[None]


@pytest.fixture(scope="module")
def looked_at(checkout: Path) -> Looks:
    """A function that returns an example and its mirror image, with the network's result for each of them alone."""

    @cache
    def look(name: str) -> tuple[np.ndarray, np.ndarray]:
        x = seen(checkout / "examples" / name)
        both = np.concatenate([x, x[:, :, ::-1]])
        return both, np.concatenate([np.asarray(load_model("dioptre-subject")(both[k : k + 1])) for k in range(2)])

    return look


def test_coverage_of_the_size_of_the_input_and_a_chance(looked_at: Looks) -> None:
    covered = looked_at("astronaut.jpg")[1][:1]
    assert covered.shape == (1, SIDE, SIDE, 2)
    assert covered.min() >= 0
    assert covered.max() <= 1
    assert covered[0, 210, 124, 0] > 0.9, "the suit"
    assert covered[0, 160:250, :8, 0].mean() < 0.3, "the flag behind her, of which U²-Net-P is half sure"
    assert np.ptp(covered[..., 1]) == 0
    assert covered[0, 0, 0, 1] > 0.9


@pytest.mark.parametrize("name", ["astronaut.jpg", "chelsea.jpg"])
def test_a_mirrored_picture_has_the_mirrored_subject(name: str, looked_at: Looks) -> None:
    plain, mirrored = looked_at(name)[1][..., 0] > 0.5
    mirrored = mirrored[:, ::-1]
    assert (plain & mirrored).sum() / (plain | mirrored).sum() > 0.8


def test_pictures_of_a_batch_do_not_meet(looked_at: Looks) -> None:
    pictures, alone = looked_at("astronaut.jpg")
    np.testing.assert_allclose(np.asarray(load_model("dioptre-subject")(pictures)), alone, atol=1e-3)


def test_the_head_brings_features_to_its_own_grid() -> None:
    """With one nonzero path, a patch's feature appears at its position, upsampled with half-pixel centres."""
    head = SubjectHead(CONFIG, rngs=nnx.Rngs(0))
    for _, value in nnx.to_flat_state(nnx.state(head)):
        value.set_value(jnp.zeros(value.get_value().shape))
    head.projects[2].kernel[...] = head.projects[2].kernel[...].at[5, 0].set(1.0)
    first = 2 * CONFIG.head.tap
    for conv, channel in ((head.enter, first), (head.join2, 0), (head.join4, 0), (head.join8, 0), (head.out, 0)):
        conv.kernel[...] = conv.kernel[...].at[1, 1, channel, 0].set(1.0)
    for narrow in (head.narrow4, head.narrow8):
        narrow.kernel[...] = narrow.kernel[...].at[0, 0].set(1.0)
    features = np.zeros((4, 1, GRID, GRID, CONFIG.backbone.width), np.float32)
    features[2, 0, :, :, 5] = np.random.default_rng(0).uniform(0, 1, (GRID, GRID))
    logits = np.asarray(head(jnp.asarray(features), jnp.zeros((1, FINENESS * GRID, FINENESS * GRID, 3))))[0]
    enlarged = features[2, 0, :, :, 5]
    for side in (2 * GRID, 4 * GRID, FINENESS * GRID):
        enlarged = resize(enlarged, (side, side), method="bilinear")
    np.testing.assert_allclose(logits, enlarged, atol=1e-5)


def test_agreement_is_the_mean_of_overlap_and_share() -> None:
    left, right = np.zeros((2, 1, 8, 8, 1), np.float32)
    left[:, :, :4], right[:, :, 2:6] = 0.8, 0.5
    left, right, nothing = jnp.asarray(left), jnp.asarray(right), jnp.zeros((1, 8, 8, 1))
    overlap = 0.5 * 2 / (0.8 * 4 + 0.5 * 2)
    assert float(agreement(left, right)[0]) == pytest.approx((overlap + 0.4) / 2)
    assert float(agreement(right, left)[0]) == pytest.approx((overlap + 0.25) / 2)
    assert float(agreement(nothing, right)[0]) == 0


def test_the_chance_is_linear_in_the_direction_of_the_tokens() -> None:
    head = SubjectHead(CONFIG, rngs=nnx.Rngs(0))
    random = np.random.default_rng(0)
    tokens = random.normal(size=(4, 2, CONFIG.backbone.width)).astype(np.float32)
    kernel, bias = (
        random.normal(size=size).astype(np.float32) for size in ((4 * CONFIG.backbone.width + 1, 1), (1,))
    )
    head.chance.kernel[...], head.chance.bias[...] = jnp.asarray(kernel), jnp.asarray(bias)
    whole = np.concatenate(tokens, axis=-1)
    expected = (
        whole / np.linalg.norm(whole, axis=1, keepdims=True) @ kernel[:-1] + kernel[-1] * np.float32(0.3) + bias
    )
    odds = np.asarray(head.has_subject(jnp.asarray(7 * tokens), jnp.full(2, 0.3)))
    np.testing.assert_allclose(odds, expected[:, 0], atol=1e-4)


def row(*steps: tuple[int, float]) -> jnp.ndarray:
    """Return a square map in which each value fills `count` columns."""
    values = np.concatenate([np.full(count, value, np.float32) for count, value in steps])
    return jnp.asarray(np.tile(values, (len(values), 1)))[None, ..., None]


def test_the_edge_beside_the_head_s_is_taken() -> None:
    place, edges = row((10, 0.95), (30, 0.05)), row((13, 0.98), (27, 0.02))
    mask = np.asarray(joined(place, edges, CONFIG))[0, 20, :, 0] > 0.5
    assert mask.tolist() == [True] * 13 + [False] * 27


def test_what_holds_all_that_the_head_takes_is_taken_whole() -> None:
    """For example, a horse of which the subject head finds only the trunk."""
    place, edges = row((10, 0.95), (30, 0.2)), row((25, 0.98), (15, 0.02))
    answer = np.asarray(joined(place, edges, CONFIG))[0, 20, :, 0]
    assert (answer > 0.5).tolist() == [True] * 25 + [False] * 15


def test_what_misses_half_of_what_the_head_takes_is_not() -> None:
    """For example, a crowd in which U²-Net-P finds only a shirt and the bag next to it."""
    place, edges = row((20, 0.95), (20, 0.2)), row((12, 0.02), (20, 0.98), (8, 0.02))
    answer = np.asarray(joined(place, edges, CONFIG))[0, 20, :, 0]
    assert (answer > 0.5).tolist() == [True] * 20 + [False] * 20


def test_a_narrow_dip_is_filled_where_the_other_sees_none() -> None:
    place = row((16, 0.95), (8, 0.2), (16, 0.95))
    filled, gap = (
        np.asarray(joined(place, edges, CONFIG))[0, 20, :, 0]
        for edges in (row((40, 0.98)), row((16, 0.98), (8, 0.02), (16, 0.98)))
    )
    assert filled.min() > 0.9
    assert gap[16:24].max() < 0.2, "a gap between arm and body stays one"


def test_where_the_head_is_half_sure_the_other_decides() -> None:
    place = row((40, 0.5))
    for told in (0.9, 0.1):
        assert (np.asarray(joined(place, row((40, told)), CONFIG)) > 0.5).all() == (told > 0.5)


def test_a_change_of_nothing_changes_nothing() -> None:
    """Editors and the command line differ by rounding, so no decision may depend on the last digits."""
    place, left = row((20, 0.9), (20, 0.3)), 0.5 + np.float32(1e-6) * np.arange(-2, 3)
    made = [np.asarray(joined(place, row((20, value), (20, 0.2)), CONFIG)) for value in left]
    assert np.ptp(made, axis=0).max() < 1e-3
