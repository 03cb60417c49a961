"""The training of the network for whole subjects: its trained values, packs, views, and a loss that falls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("optax")

from training.subject.whole import gpu, pack
from training.subject.whole.network import backbone, bundled, maps, stored

SIDE_PX = 56


def disc(number: int) -> tuple[Image.Image, np.ndarray]:
    """Return a picture of a bright disc on a dark ground, with its label."""
    y, x = np.mgrid[:60, :80]
    inside = np.hypot(y - 30, x - 25 - 10 * number) < 18
    picture = np.where(inside[..., None], (250, 220, 60), (20, 40, 60)).astype(np.uint8)
    return Image.fromarray(picture), np.where(inside, pack.INSIDE, pack.OUTSIDE)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A pack of four discs, one of them held out, with a background and a cut-out."""
    rows = [pack.packed(f"ecssd/{n}", *disc(n), held_out=n == 0) for n in range(4)]
    rows.append(pack.packed("scene/a", Image.new("RGB", (80, 60), (90, 90, 90)), np.zeros((8, 8), np.uint8)))
    (tmp_path / "stamps").mkdir()
    stamp = Image.new("RGBA", (60, 80))
    stamp.paste((255, 0, 0, 255), (10, 10, 50, 70))
    stamp.save(tmp_path / "stamps" / "red.png")
    pack.write(tmp_path / "pack.npz", [*rows, *pack.stamps(tmp_path / "stamps")])
    return tmp_path / "pack.npz"


def test_the_trained_values_find_a_disc() -> None:
    values = bundled()
    picture, label = disc(1)
    square = np.asarray(picture.resize((112, 112)), np.float32) / 255
    coverage, chance = (np.asarray(x) for x in maps(values, backbone(112), square[None]))
    assert coverage.shape == (1, 112, 112)
    assert np.isfinite(coverage).all()
    assert 0 <= coverage.min() <= coverage.max() <= 1
    assert 0.7 < chance[0] < 1  # 0.55 without the changes of the backbone
    wanted = np.asarray(Image.fromarray(label.astype(np.uint8)).resize((112, 112))) == pack.INSIDE
    assert np.abs(coverage[0] - wanted).mean() < 0.02  # 0.047 without the changes of the backbone


@pytest.fixture
def quickly_compiled() -> Iterator[None]:
    """Programs that run three times are compiled without most optimisations, in half the time."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.usefixtures("quickly_compiled")
def test_training_lowers_the_loss_and_continues(tmp_path: Path, packed: Path) -> None:
    data = pack.read([packed], SIDE_PX)
    recipe = gpu.Recipe(steps=3, batch=4, side=SIDE_PX, rate=0.1)
    losses = gpu.train(tmp_path / "run", data, recipe)
    assert len(losses) == 3
    assert losses[-1] < 0.5 * losses[0]
    assert json.loads((tmp_path / "run" / "held-out.json").read_text(encoding="utf-8")).keys() == {"ecssd/0"}
    written = stored(tmp_path / "run" / "values.safetensors.xz")
    assert gpu.train(tmp_path / "run", data, recipe) == [], "the run has made its steps already"
    again = stored(tmp_path / "run" / "values.safetensors.xz")
    np.testing.assert_array_equal(again["fine"]["kernel"], written["fine"]["kernel"])
