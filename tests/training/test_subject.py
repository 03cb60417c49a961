"""The training of the subject head: subject instances, crops, and a loss that falls."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import SubjectHead
from training.depth.values import flat, unflat
from training.lists import listed
from training.subject.alignment import Fit, aligned
from training.subject.loss import loss_of
from training.subject.outlines import Outlined, subject

CONFIG = SubjectConfig()
SIZE = (160, 120)
CATEGORIES = {1: ("person", True), 2: ("dog", True), 3: ("vase", False), 4: ("couch", False)}


def box(category: int, left: int, top: int, width: int, height: int) -> dict[str, object]:
    right, bottom = left + width - 1, top + height - 1
    return {
        "category_id": category,
        "bbox": [left, top, width, height],
        "area": width * height,
        "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
    }


def photo(*instances: dict[str, object]) -> Outlined:
    return Outlined(name="a.jpg", size=SIZE, licence=4, instances=list(instances), categories=CATEGORIES)


def found(seen: Outlined) -> tuple[np.ndarray, np.ndarray, bool] | None:
    masks = np.stack([seen.mask([i]) for i in seen.outlined])
    alive, behind = (np.array([told(i) for i in seen.outlined]) for told in (seen.is_alive, seen.is_behind))
    return subject(masks, alive=alive, behind=behind)


def test_the_person_before_a_couch_is_the_subject_and_what_is_held_may_be() -> None:
    person, couch, vase = box(1, 60, 20, 40, 90), box(4, 0, 104, 160, 16), box(3, 99, 60, 12, 12)
    main, unknown, living = found(photo(person, couch, vase))
    assert living
    assert (main == photo().mask([person])).all()
    assert unknown[65, 105]
    assert not unknown[115, 20], "a couch is behind, not doubtful"


def test_no_photograph_is_in_two_lists() -> None:
    here = Path(__file__).parents[2] / "training/subject"
    left_out, by_depth = listed(here / "left_out.txt"), listed(here / "by_depth.txt")
    assert left_out
    assert by_depth
    assert not left_out & by_depth


def test_the_head_learns_one_batch() -> None:
    optax = pytest.importorskip("optax")
    rng, taps, width = np.random.default_rng(0), len(CONFIG.backbone.taps), CONFIG.backbone.width
    target = np.zeros((1, 64, 64), np.uint8)
    target[:, 16:48, 16:48] = 255
    features = rng.normal(size=(1, taps, 64, width)).astype(np.float16)
    features.reshape(1, taps, 8, 8, width)[:, :, 2:6, 2:6] += 1
    batch = {
        "features": features,
        "picture": np.repeat(target[..., None], 3, axis=3),
        "target": target,
        "weight": np.full_like(target, 255),
    }
    graph, state = nnx.split(SubjectHead(CONFIG, rngs=nnx.Rngs(0)))
    optimiser = optax.adam(3e-3)
    memory = optimiser.init(state)

    @jax.jit
    def step(state, memory):
        loss, gradient = jax.value_and_grad(lambda s: loss_of(nnx.merge(graph, s), batch, jax.random.key(1)))(state)
        update, memory = optimiser.update(gradient, memory, state)
        return optax.apply_updates(state, update), memory, loss

    losses = []
    for _ in range(40):
        state, memory, loss = step(state, memory)
        losses.append(float(loss))
    assert losses[-1] < 0.25 * losses[0]
    ignored = batch | {"weight": np.zeros_like(target)}
    assert float(loss_of(nnx.merge(graph, state), ignored, None)) == 0.0, "what nobody can say costs nothing"


def test_a_head_aligned_to_a_turned_backbone_gives_the_same_result() -> None:
    taps, width = len(CONFIG.backbone.taps), CONFIG.backbone.width
    rng = np.random.default_rng(3)
    graph, state = nnx.split(SubjectHead(CONFIG, rngs=nnx.Rngs(0)))
    head = {name: np.asarray(value, np.float64) for name, value in flat(nnx.to_pure_dict(state)).items()}
    turn = np.linalg.qr(rng.standard_normal((taps, width, width)))[0]
    shift = rng.standard_normal((taps, 1, width))
    fit = Fit(taps, width)
    for _ in range(40):
        before = rng.standard_normal((taps, 60, width))
        fit.add(before @ turn + shift, before)
    after = nnx.State(unflat(aligned(head, fit), nnx.to_pure_dict(state), origin=Path()))

    features = rng.standard_normal((taps, 1, 24, 24, width))
    new = features @ turn[:, None, None] + shift[:, None, None]
    features, new, shown = (jnp.asarray(x, jnp.float32) for x in (features, new, rng.random((1, 192, 192, 3))))
    wanted, unadapted = (np.asarray(nnx.merge(graph, state)(x, shown)) for x in (features, new))
    result = np.asarray(nnx.merge(graph, after)(new, shown))
    assert np.abs(result - wanted).max() < 0.005 * np.ptp(wanted)
    assert np.abs(unadapted - wanted).max() > 0.2 * np.ptp(wanted)
