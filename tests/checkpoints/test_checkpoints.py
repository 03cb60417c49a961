"""Checkpoints: written values are read back unchanged, and all mismatches are reported at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import blueprint, fill
from dioptre.checkpoints.card import Card, Source, WeightsError
from dioptre.checkpoints.locate import files_below, installed, locate, sha256, verify
from dioptre.checkpoints.storage import read, save


class Pair(nnx.Module):
    """Two layers, one of them in a list, so that paths contain names and numbers."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(8, 4, rngs=rngs)
        self.rest = nnx.List([nnx.Linear(4, 2, rngs=rngs)])


def card(**changes: object) -> Card:
    fields = {"id": "pair", "title": "Pair", "architecture": "pair", "licence": "CC0-1.0"} | changes
    return Card(**fields)  # type: ignore[arg-type]


def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"first.kernel": (8, 4), "first.bias": (4,), "rest.0.kernel": (4, 2), "rest.0.bias": (2,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(tmp_path, card(sources=(Source(package="a==1", sha256="00"),)), values())


def test_what_is_saved_comes_back(folder: Path) -> None:
    found, arrays = read(folder)
    assert found.sources == (Source(package="a==1", sha256="00"),)
    network = fill(lambda rngs: Pair(rngs=rngs), arrays, origin="pair")
    np.testing.assert_array_equal(network.rest[0].kernel.get_value(), values()["rest.0.kernel"])
    np.testing.assert_array_equal(network.first.bias.get_value(), values()["first.bias"])


@pytest.mark.parametrize("storage", ["float32", "float16", "float16-planes"])
def test_storage_rounds_to_its_precision_and_no_further(tmp_path: Path, storage: str) -> None:
    rng = np.random.default_rng(1)
    original = {"matrix": rng.normal(size=(3, 64, 32)).astype(np.float32), "vector": np.ones(5, np.float32)}
    original["matrix"][0, 0, :3] = (0.0, 6e-8, -60000.0)  # Zero and both ends of half precision's range.
    _, arrays = read(save(tmp_path, card(storage=storage), original))
    rounded = original["matrix"] if storage == "float32" else original["matrix"].astype(np.float16)
    np.testing.assert_array_equal(arrays["matrix"], rounded)
    np.testing.assert_array_equal(arrays["vector"], original["vector"])
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_values_named_for_it_are_kept_in_full(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    original = {name: rng.normal(size=(64, 80)).astype(np.float32) for name in ("a.b.kernel", "a.bc.kernel")}
    _, arrays = read(save(tmp_path, card(storage="float16-planes"), original, exact=("a.b",)))
    np.testing.assert_array_equal(arrays["a.b.kernel"], original["a.b.kernel"])
    np.testing.assert_array_equal(arrays["a.bc.kernel"], original["a.bc.kernel"].astype(np.float16))


def test_values_that_half_precision_cannot_hold_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loud holds values too large"):
        save(tmp_path, card(storage="float16"), {"loud": np.full(3, 1e5, np.float32)})
    assert not list(tmp_path.iterdir())


def test_every_misfit_is_listed_in_one_error() -> None:
    arrays = values()
    del arrays["first.bias"]
    arrays["extra"] = np.zeros(1, np.float32)
    arrays["first.kernel"] = arrays["first.kernel"].T
    arrays["rest.0.bias"] = arrays["rest.0.bias"].astype(np.float16)
    with pytest.raises(WeightsError) as caught:
        fill(lambda rngs: Pair(rngs=rngs), arrays, origin="pair")
    for part in (
        "first.bias is missing",
        "extra is not used",
        "first.kernel has shape (4, 8), not (8, 4)",
        "rest.0.bias is float16, not float32",
    ):
        assert part in caught.value.message
    assert caught.value.hint


def test_a_flipped_bit_is_found(folder: Path) -> None:
    # Damage an array, not the card, which is checked separately.
    arrays = (path for path in (folder / "arrays").rglob("*") if path.is_file())
    largest = max(arrays, key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    with pytest.raises(WeightsError, match="is altered") as damaged:
        read(folder)
    assert "install.py --repair" in damaged.value.hint


def test_missing_and_added_files_are_both_listed(folder: Path) -> None:
    first = next(path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "card.json")
    first.rename(folder / "elsewhere")
    with pytest.raises(WeightsError, match=r"is missing; elsewhere is not listed"):
        verify(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "other"}, "the weights of 'other'"),
        ({"surprise": 1}, "unknown 'surprise'"),
        ({"files": []}, "'files' is not dict"),
        ({"files": {"../outside": "00"}}, "outside the folder"),
        ({"format": 99}, "has format 99"),
        ({"sources": [{"what": "?"}]}, "invalid sources"),
    ],
)
def test_foreign_cards_are_refused(folder: Path, change: dict[str, object], message: str) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(WeightsError, match=message):
        read(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "\x00", "[" * 100_000, '{"format": 1' + "0" * 5000 + "}"], ids=range(6)
)
def test_a_card_that_is_no_card_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError):
        read(folder)


def test_users_checkpoints_are_found_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    save(tmp_path / "data" / "weights", card(), values())
    assert locate("pair") == tmp_path / "data" / "weights" / "pair"
    assert installed()["pair"] == locate("pair")


@pytest.mark.parametrize("name", ["absent", "../pair", "", "A"])
def test_what_is_not_installed_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    with pytest.raises(WeightsError):
        locate(name)


def announce(folder: Path, name: str, **changes: object) -> None:
    """Change an array's metadata in the checkpoint, and update the card's checksums."""
    import tensorstore

    store = tensorstore.KvStore.open({"driver": "ocdbt", "base": f"file://{folder}/arrays/"}).result()
    key = f"{name}/.zarray"
    said = json.loads(bytes(store.read(key).result().value)) | changes
    store.write(key, json.dumps(said).encode()).result()
    content = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    content["files"] = {where: sha256(path) for where, path in files_below(folder).items()}
    (folder / "card.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "wanted", "words"),
    [
        ({"shape": [1 << 40]}, None, "announce"),
        ({"chunks": [1 << 40]}, None, "larger than itself"),
        ({"shape": [1 << 30], "chunks": [1 << 30]}, {"first.bias": (4,)}, "has shape (1073741824,), not (4,)"),
        ({"shape": [5], "chunks": [5]}, {"first.bias": (4,)}, "has shape (5,), not (4,)"),
    ],
)
def test_what_is_announced_is_checked_before_memory_is_taken(
    folder: Path, changes: dict[str, object], wanted: dict[str, tuple[int, ...]] | None, words: str
) -> None:
    """Without this check, reading such a folder would kill the process, which no except clause could prevent."""
    shapes = {name: array.shape for name, array in values().items()}
    announce(folder, "first.bias", **changes)
    with pytest.raises(WeightsError) as caught:
        read(folder, wanted=None if wanted is None else shapes | wanted)
    assert words in caught.value.message


def test_the_network_says_which_shapes_are_read(folder: Path) -> None:
    types = blueprint(lambda rngs: Pair(rngs=rngs)).types
    assert all(dtype == np.float32 for _, dtype in types.values())
    shapes = {name: shape for name, (shape, _) in types.items()}
    assert shapes == {name: array.shape for name, array in values().items()}
    assert read(folder, wanted=shapes)[1].keys() == shapes.keys()
    with pytest.raises(WeightsError, match="not used"):
        read(folder, wanted={"first.bias": (4,)})
