"""The training of the network for whole subjects: its form, packs, views, loss, and measures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

import torch

from dioptre.models.loading import load_model
from training.subject.whole import evaluate, network, pack, train
from training.subject.whole.loss import loss, opened
from training.subject.whole.views import Views

SIDE_PX = 168


def disc(number: int) -> tuple[Image.Image, np.ndarray]:
    """Return a picture of a bright disc on a dark ground, with its label."""
    y, x = np.mgrid[:60, :80]
    inside = np.hypot(y - 30, x - 25 - 10 * number) < 18
    picture = np.where(inside[..., None], (250, 220, 60), (20, 40, 60)).astype(np.uint8)
    return Image.fromarray(picture), np.where(inside, pack.INSIDE, pack.OUTSIDE)


def saved(file: Path, image: Image.Image) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, lossless=True)
    return file


@pytest.fixture
def rows(tmp_path: Path) -> list[pack.Packed]:
    """Four discs, one of them held out, with a background and a cut-out with a hole."""
    rows = [pack.packed(f"ecssd/{n}", *disc(n), held_out=n == 0) for n in range(4)]
    rows.append(pack.packed("scene/a", Image.new("RGB", (80, 60), (90, 90, 90)), np.zeros((8, 8), np.uint8)))
    frame = Image.new("RGBA", (60, 80))
    frame.paste((255, 0, 0, 255), (10, 10, 50, 70))
    frame.paste((255, 0, 0, 0), (20, 20, 40, 60))
    saved(tmp_path / "cutouts" / "objects" / "red.webp", frame)
    table = "name\tkind\nobjects/red\tframe\n"
    (tmp_path / "cutouts" / "index.tsv").write_text(table, encoding="utf-8")
    rows += pack.cutouts(tmp_path / "cutouts")
    return rows


def test_a_pack_returns_what_was_put_in(tmp_path: Path, rows: list[pack.Packed]) -> None:
    pack.write(tmp_path / "pack.npz", rows)
    assert list(pack.unpacked(tmp_path / "pack.npz")) == rows


def test_enclosed_gaps_of_masks_without_held_things_are_unknown(tmp_path: Path) -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 10:50] = 255
    mask[20:30, 20:30] = 0
    for source in ("people", "ecssd"):
        saved(tmp_path / source / "a.webp", Image.new("RGB", (60, 60), (200, 0, 0)))
        saved(tmp_path / source / "a_mask.webp", Image.fromarray(mask))
    labels = {row.source: np.asarray(Image.open(io.BytesIO(row.mask))) for row in pack.pairs(tmp_path)}
    assert labels["people"][25, 25] == pack.UNKNOWN
    assert labels["ecssd"][25, 25] == pack.OUTSIDE


def test_the_network_agrees_with_the_product_s(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_PRECISION", "float32")
    monkeypatch.setattr(network, "_DTYPE", torch.float32)
    ours = network.Network()
    ours.load(network.bundled())
    with Image.open(checkout / "examples" / "astronaut.jpg") as image:
        picture = np.asarray(image.convert("RGB").resize((336, 336)), np.float32) / 255
    x = torch.from_numpy(picture).permute(2, 0, 1)[None]
    with torch.no_grad():
        coverage = torch.sigmoid(ours(x)[0])[0].numpy()
        normalised = network.prepared(x).permute(0, 2, 3, 1).numpy()
    theirs = np.asarray(load_model("dioptre-subject")(normalised))[0, ..., 0]
    np.testing.assert_allclose(coverage, theirs, atol=1e-3)


def test_attention_has_the_gradients_of_pytorch_s_own() -> None:
    torch.manual_seed(0)
    parts = [torch.randn(1, 2, 9, 8, requires_grad=True) for _ in range(3)]
    q, k, v = parts
    own = network._Attention.apply(q * 8**-0.5, k, v)
    other = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    weights = torch.randn_like(own)
    for a, b in zip(
        torch.autograd.grad((own * weights).sum(), parts),
        torch.autograd.grad((other * weights).sum(), parts),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_values_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="fine"):
        network.Network().load({"head.fine.kernel": np.zeros((3, 3, 8, 1))})


def test_views_are_the_same_for_the_same_seed_and_composites_have_gaps(rows: list[pack.Packed]) -> None:
    views = Views(rows, side=SIDE_PX)
    first, again, other = views.draw(0, 1), views.draw(0, 1), views.draw(0, 2)
    np.testing.assert_array_equal(first.picture, again.picture)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert not np.array_equal(first.picture, other.picture)
    view = views.composite(np.random.default_rng(3))
    assert view.mask.shape == (SIDE_PX, SIDE_PX)
    assert 0.01 < (view.mask > 127).mean() < 0.9
    assert (view.weight == 255).all()


def test_thin_parts_weigh_more() -> None:
    mask = torch.zeros(1, 168, 168)
    mask[:, 40:100, 40:100] = 1
    mask[:, 100:150, 70:72] = 1
    thin = mask - opened(mask)
    assert thin[0, 120, 71] == 1
    assert thin[0, 70, 70] == 0
    exact, known = torch.tensor([True]), torch.ones_like(mask)
    coarse = torch.zeros(1, 21, 21)
    without_part, without_rim = mask.clone(), mask.clone()
    without_part[:, 100:150, 70:72] = 0
    without_rim[:, 40:42, 45:95] = 0  # as many pixels
    seen = (mask, without_part, without_rim)
    right, lost_part, lost_rim = (float(loss(20 * x - 10, coarse, mask, known, exact)) for x in seen)
    assert lost_part - right > 1.3 * (lost_rim - right)


def test_training_lowers_the_loss_and_continues(tmp_path: Path, rows: list[pack.Packed]) -> None:
    views = Views([row for row in rows if row.source != pack.CUTOUT], side=SIDE_PX)
    recipe = train.Recipe(steps=4, batch=4, side=SIDE_PX, rate=2e-2, adapters_rate=1e-3)
    losses = train.Run(tmp_path / "run", views, recipe, None).train()
    assert len(losses) == 4
    assert losses[-1] < 0.8 * losses[0]
    written = network.stored(tmp_path / "run" / "values.safetensors")
    again = train.Run(tmp_path / "run", views, recipe, None)
    assert again.train() == [], "the run has made its steps already"
    np.testing.assert_array_equal(network.named(again.average)["head.fine.kernel"], written["head.fine.kernel"])


def test_measures_see_lost_thin_parts_and_filled_gaps() -> None:
    mask = np.zeros((200, 200), bool)
    mask[20:180, 20:180] = True
    mask[60:62, 30:170] = False
    mask[180:200, 100:102] = True
    known = np.ones_like(mask)
    perfect = evaluate.scores(mask.astype(float), mask, known, exact=True)
    assert perfect["iou"] == perfect["boundary"] == perfect["sure"] == 1
    assert perfect["hole"] == 0
    filled = mask.copy()
    filled[60:62] |= mask[59]
    assert evaluate.scores(filled.astype(float), mask, known, exact=True)["gap"] < 0.1
    lost = mask.copy()
    lost[80:120, 80:120] = False
    assert evaluate.scores(lost.astype(float), mask, known, exact=True)["hole"] == 1
