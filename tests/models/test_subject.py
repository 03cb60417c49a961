"""The subject network: it agrees with the form in which it was trained, and finds subjects in known pictures."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from dioptre.features.subject.faces import Faces
from dioptre.models.loading import load_model
from dioptre.models.subject import SubjectConfig
from dioptre.models.subject.module import SubjectHead

CONFIG = SubjectConfig()
SIDE = 672


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_PRECISION", "float32")


def seen(path: Path) -> np.ndarray:
    prepared = load_model("dioptre-subject").entry.preprocessing
    with Image.open(path) as picture:
        small = np.asarray(picture.convert("RGB").resize((prepared.short_side_px,) * 2), np.float32)
    return ((small / small.max() - np.float32(prepared.mean)) / np.float32(prepared.deviation))[None]


def test_coverage_of_the_size_of_the_input_and_a_chance(checkout: Path) -> None:
    covered = np.asarray(load_model("dioptre-subject")(seen(checkout / "examples" / "astronaut.jpg")))
    assert covered.shape == (1, SIDE, SIDE, 4)
    assert covered.min() >= 0
    assert covered.max() <= 1
    assert covered[0, 441, 261, 0] > 0.9, "the suit"
    assert covered[0, 336:525, :18, 0].mean() < 0.3, "the flag behind her"
    assert np.ptp(covered[..., 1]) == 0
    assert covered[0, 0, 0, 1] > 0.9


@pytest.mark.parametrize(
    ("name", "face", "elsewhere"),
    [("astronaut.jpg", (0.22, 0.44), (0.7, 0.45)), ("chelsea.jpg", (0.42, 0.44), (0.85, 0.1))],
)
def test_faces_of_people_and_animals_are_found(
    name: str, face: tuple[float, float], elsewhere: tuple[float, float], checkout: Path
) -> None:
    made = np.asarray(load_model("dioptre-subject")(seen(checkout / "examples" / name)))[0, ..., 2:]
    on, off = (made[int(row * SIDE), int(column * SIDE)] for row, column in (face, elsewhere))
    assert on.min() > 0.5
    assert off.max() < 0.5


def test_a_cup_has_no_face(checkout: Path) -> None:
    made = np.asarray(load_model("dioptre-subject")(seen(checkout / "examples" / "coffee.jpg")))[0, ..., 2:]
    assert Faces(face=made[..., 0], head=made[..., 1]).inside(np.ones((SIDE, SIDE), bool))[1] == []


@pytest.mark.parametrize("name", ["astronaut.jpg", "chelsea.jpg", "coffee.jpg"])
def test_a_mirrored_picture_has_the_mirrored_subject(name: str, checkout: Path) -> None:
    network = load_model("dioptre-subject")
    x = seen(checkout / "examples" / name)
    plain, mirrored = (np.asarray(network(np.ascontiguousarray(v)))[0, ..., 0] > 0.5 for v in (x, x[:, :, ::-1]))
    mirrored = mirrored[:, ::-1]
    assert (plain & mirrored).sum() / (plain | mirrored).sum() > 0.8


def test_the_changes_of_the_backbone_are_not_left_in_it(checkout: Path) -> None:
    depth = load_model("dioptre-depth-small").values["backbone.blocks.enter.kernel"]
    before = np.array(depth)
    load_model("dioptre-subject")(seen(checkout / "examples" / "coffee.jpg"))
    np.testing.assert_array_equal(depth, before)


def test_the_chance_is_linear_in_the_direction_of_the_tokens() -> None:
    head = nnx.eval_shape(lambda: SubjectHead(CONFIG, rngs=nnx.Rngs(0)))
    random = np.random.default_rng(0)
    tokens = random.normal(size=(4, 2, CONFIG.backbone.width)).astype(np.float32)
    kernel, bias = (
        random.normal(size=size).astype(np.float32) for size in ((4 * CONFIG.backbone.width + 1, 1), (1,))
    )
    head.chance.kernel.set_value(jnp.asarray(kernel))
    head.chance.bias.set_value(jnp.asarray(bias))
    whole = np.concatenate(tokens, axis=-1)
    expected = (
        whole / np.linalg.norm(whole, axis=1, keepdims=True) @ kernel[:-1] + kernel[-1] * np.float32(0.3) + bias
    )
    odds = np.asarray(head.has_subject(jnp.asarray(7 * tokens), jnp.full(2, 0.3)))
    np.testing.assert_allclose(odds, expected[:, 0], atol=1e-4)


def test_pictures_of_a_batch_do_not_meet() -> None:
    network = load_model("dioptre-subject")
    x = np.asarray(jax.random.normal(jax.random.key(0), (2, 168, 168, 3)))
    together = np.asarray(network(x))
    alone = np.concatenate([np.asarray(network(x[k : k + 1])) for k in range(2)])
    np.testing.assert_allclose(together, alone, atol=1e-3)
