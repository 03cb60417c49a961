"""A network that was traced once is not traced again, and computes the same from its stored program."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from dioptre.models import loaded, programs
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model

PICTURE = np.linspace(0, 1, 24 * 24 * 3, dtype=np.float32).reshape(1, 24, 24, 3)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Count the traces of networks, with an empty folder of programs."""
    monkeypatch.setattr(programs, "cache_dir", lambda: tmp_path)
    counted: list[int] = []
    run: Callable[..., Any] = loaded._run

    def counting(*arguments: Any) -> Any:
        counted.append(1)
        return run(*arguments)

    monkeypatch.setattr(loaded, "_run", counting)
    return counted


def _network() -> Loaded:
    """Return the network as a new process has it: loaded, without programs."""
    return dataclasses.replace(load_model("span-x2"))


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "programs").iterdir())


def test_a_stored_program_is_not_traced_and_computes_the_same(traced: list[int], tmp_path: Path) -> None:
    first = np.asarray(_network()(PICTURE))
    assert len(traced) == 1
    network = _network()
    second = np.asarray(network(PICTURE))
    assert len(traced) == 1
    assert len(_files(tmp_path)) == 1
    by_tracing = np.asarray(network.forward(network.state, PICTURE))
    assert len(traced) == 2
    assert second.shape == (1, 48, 48, 3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(second, by_tracing)


def test_another_shape_or_other_code_is_traced(
    traced: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = _network()
    network(PICTURE)
    network(np.concatenate([PICTURE, PICTURE]))
    assert len(traced) == 2
    monkeypatch.setattr(programs, "code_digest", lambda: "other")
    _network()(PICTURE)
    assert len(traced) == 3
    assert len(_files(tmp_path)) == 3


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", lambda content: b"x" * 64])
def test_a_damaged_program_is_traced_and_replaced(
    traced: list[int], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    expected = np.asarray(_network()(PICTURE))
    (file,) = _files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    for _ in range(2):
        np.testing.assert_array_equal(_network()(PICTURE), expected)
        assert len(traced) == 2


def test_a_folder_that_cannot_be_written_does_not_matter(traced: list[int], tmp_path: Path) -> None:
    (tmp_path / "programs").write_text("a file where the folder should be")
    assert np.isfinite(np.asarray(_network()(PICTURE))).all()


def test_full_precision_is_not_stored(traced: list[int], tmp_path: Path) -> None:
    with jax.default_matmul_precision("highest"):
        _network()(PICTURE)
    assert not (tmp_path / "programs").exists()


def test_a_network_inside_another_program_is_traced_there(traced: list[int], tmp_path: Path) -> None:
    network = _network()
    inside = jax.jit(lambda picture: network(picture))(PICTURE)
    assert not (tmp_path / "programs").exists()
    np.testing.assert_allclose(inside, network(PICTURE), atol=1e-5)


def test_a_network_without_checksums_is_not_stored(traced: list[int], tmp_path: Path) -> None:
    """Nothing tells apart two networks that were built by hand."""
    dataclasses.replace(load_model("span-x2"), checksums={})(PICTURE)
    assert not (tmp_path / "programs").exists()


def test_a_result_with_names_is_traced_each_time(traced: list[int], tmp_path: Path) -> None:
    network = dataclasses.replace(load_model("white-balance"))
    picture = np.full((1, 64, 64, 3), 0.5, np.float32)
    assert hasattr(network(picture), "_fields")
    assert not (tmp_path / "programs").exists()
