"""A function that was compiled once is not traced again, and computes the same from its stored program."""

from __future__ import annotations

import dataclasses
import os
import pickle
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from dioptre import programs
from dioptre.checkpoints import blueprint
from dioptre.checkpoints.card import WeightsError
from dioptre.models import loaded, loading
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import DEFAULTS

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other kinds of files and permissions")
PICTURE = np.linspace(0, 1, 24 * 24 * 3, dtype=np.float32).reshape(1, 24, 24, 3)


def _store(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keep programs in an empty folder, as a new installation does."""
    monkeypatch.setattr(programs, "cache_dir", lambda: folder)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Count the traces of networks, with an empty folder of programs."""
    _store(monkeypatch, tmp_path)
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
    return sorted((folder / "programs").glob("*.program"))


def _executables(folder: Path) -> list[Path]:
    return sorted((folder / "compiled").glob("*.executable"))


def _load() -> Loaded:
    """Load the network from its files, as a new process does."""
    loading._load.cache_clear()
    return load_model("span-x2")


@pytest.fixture
def initialised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """Count the traces of networks' initialisation, with an empty folder of programs."""
    monkeypatch.setattr(programs, "cache_dir", lambda: tmp_path)
    counted: list[int] = []
    trace = blueprint.blueprint

    def counting(make: Callable[..., Any]) -> Any:
        counted.append(1)
        return trace(make)

    monkeypatch.setattr(blueprint, "blueprint", counting)
    yield counted
    loading._load.cache_clear()


def test_a_network_with_a_stored_program_is_loaded_without_building_it(initialised: list[int]) -> None:
    first = np.asarray(_load()(PICTURE))
    assert len(initialised) == 1
    network = _load()
    np.testing.assert_array_equal(network(PICTURE), first)
    assert len(initialised) == 1
    assert len(initialised) == 1
    assert network.build()[1]
    assert len(initialised) == 2


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"x" * 64])
def test_a_damaged_description_of_the_values_is_replaced(
    initialised: list[int], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    _load()
    (file,) = (tmp_path / "programs").glob("*.values")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    _load()
    assert len(initialised) == 2
    assert file.read_bytes() == whole


def test_values_that_do_not_fit_are_refused_without_building_the_network(
    initialised: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = _load()
    name, value = next(iter(network.values.items()))
    wrong = {**network.values, name: np.asarray(value).astype(np.float16), "more": np.zeros(1, np.float32)}
    del wrong[list(network.values)[-1]]
    monkeypatch.setattr(loaded, "_values", lambda *_, **__: wrong)
    with pytest.raises(WeightsError) as caught:
        _load()
    for words in (f"{name} is float16, not float32", "more is not used", "is missing"):
        assert words in caught.value.message
    assert len(initialised) == 1


def test_every_bundled_network_finds_its_values_by_name(tmp_path: Path) -> None:
    for model in DEFAULTS.values():
        network = load_model(model)
        numbered = {name: number for number, name in enumerate(network.values)}
        state = network.build()[1]
        filled = blueprint.with_values(state, numbered)
        assert sorted(jax.tree.leaves(filled)) == list(range(len(numbered)))
        values = [np.asarray(value) for value in network.values.values()]
        for leaf, number in zip(jax.tree.leaves(state), jax.tree.leaves(filled), strict=True):
            np.testing.assert_array_equal(leaf, values[number])


def test_a_stored_program_is_not_traced_and_computes_the_same(traced: list[int], tmp_path: Path) -> None:
    first = np.asarray(_network()(PICTURE))
    assert len(traced) == 1
    network = _network()
    second = np.asarray(network(PICTURE))
    assert len(traced) == 1
    assert len(_files(tmp_path)) == 1
    by_tracing = np.asarray(dataclasses.replace(network, checksums={})(PICTURE))
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
    assert len(_executables(tmp_path)) == 2  # what lowers to the same is not compiled again


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", lambda content: b"x" * 64])
def test_a_damaged_program_is_traced_and_replaced(
    traced: list[int], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    expected = np.asarray(_network()(PICTURE))
    for number, stored in enumerate((_files, _executables), start=2):
        (file,) = stored(tmp_path)
        file.write_bytes(damage(file.read_bytes()))
        for _ in range(2):
            np.testing.assert_array_equal(_network()(PICTURE), expected)
            assert len(traced) == number


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(4 << 30)


def _not_json(path: Path) -> None:
    path.write_bytes(programs._digest(path, b"{\n") + b"{\n")


def _no_program(path: Path) -> None:
    content = zlib.compress(pickle.dumps((b"nonsense", None, None)))
    path.write_bytes(programs._digest(path, content) + content)


def _that_of_another(path: Path) -> None:
    content = path.read_bytes()[32:]
    path.write_bytes(programs._digest(path.with_name("another"), content) + content)


@posix
@pytest.mark.parametrize("damage", [_fifo, _link, _sparse, _not_json, _no_program, _that_of_another])
def test_what_is_no_program_is_deleted_and_traced_again(
    traced: list[int], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    expected = np.asarray(_network()(PICTURE))
    for number, stored in enumerate((_files, _executables), start=2):
        (file,) = stored(tmp_path)
        damage(file)
        for _ in range(2):
            np.testing.assert_array_equal(_network()(PICTURE), expected)
            assert len(traced) == number
        assert stat.S_ISREG(file.lstat().st_mode)
        assert file.stat().st_size < 1 << 20


@posix
def test_what_is_no_description_of_the_values_is_replaced(initialised: list[int], tmp_path: Path) -> None:
    _load()
    (file,) = (tmp_path / "programs").glob("*.values")
    _not_json(file)
    for _ in range(2):
        _load()
        assert len(initialised) == 2


@posix
@pytest.mark.parametrize("name", ["programs", "compiled"])
@pytest.mark.parametrize("whose", ["open", "open above", "another's"])
def test_programs_that_another_user_can_write_do_not_run(
    traced: list[int], tmp_path: Path, whose: str, name: str
) -> None:
    """A program is code: one that another user left computes whatever that user likes."""
    expected = np.asarray(_network()(PICTURE))
    folder = tmp_path / name
    if whose == "another's":
        if os.geteuid() != 0:
            pytest.skip("only root gives folders away")
        os.chown(folder, 65533, 65533)
    else:
        (folder if whose == "open" else tmp_path).chmod(0o777)
    (file,) = (_files if name == "programs" else _executables)(tmp_path)
    planted = file.read_bytes()
    np.testing.assert_array_equal(_network()(PICTURE), expected)
    assert len(traced) == 2
    assert file.read_bytes() == planted  # it may be theirs


def test_a_folder_that_cannot_be_written_does_not_matter(traced: list[int], tmp_path: Path) -> None:
    (tmp_path / "programs").write_text("a file where the folder should be")
    assert np.isfinite(np.asarray(_network()(PICTURE))).all()


def test_any_function_is_read_with_its_options_numbers_and_nested_values(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _store(monkeypatch, tmp_path)
    traces = []

    def scaled(parts: tuple[Any, dict[str, Any]], by: float, *, times: int) -> dict[str, Any]:
        traces.append(times)
        return {"sum": (parts[0] + parts[1]["x"]) * by * times, "none": None}

    x = np.arange(4, dtype=np.float32)
    for _ in range(2):
        again = programs.kept(scaled, name="scaled", static_argnames="times")  # as a new process has it
        for times in (2, 3):
            made = again((x, {"x": x}), 0.5, times=times)
            np.testing.assert_array_equal(made["sum"], x * times)
            assert made["none"] is None
        np.testing.assert_array_equal(again((x, {"x": x}), 2, times=3)["sum"], 12 * x)
        assert traces == [2, 3, 3]
    assert len(_executables(tmp_path)) == 3


def test_a_function_inside_another_needs_a_name() -> None:
    for offset in (1, 2):
        with pytest.raises(ValueError, match="needs a name"):
            programs.kept(lambda x: x + offset)  # noqa: B023


@posix
def test_a_folder_that_the_user_names_keeps_its_other_files(
    traced: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = tmp_path / "named"
    named.mkdir(mode=0o700)
    (named / "old").write_bytes(b"x" * 9)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(named))
    monkeypatch.setattr(programs, "_LIMIT_BYTES", 1)
    _network()(PICTURE)
    assert sorted(path.suffix for path in named.iterdir()) == ["", ".executable"]
    named.chmod(0o755)  # others could read it
    _network()(np.concatenate([PICTURE, PICTURE]))
    assert len(_executables(tmp_path)) == 1
    assert named.stat().st_mode & 0o777 == 0o755


def test_jaxs_own_cache_is_left_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An executable that JAX read from its cache cannot be stored again."""
    _store(monkeypatch, tmp_path)
    settings = {"jax_compilation_cache_dir": str(tmp_path / "jax"), "jax_enable_compilation_cache": True}
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        np.testing.assert_array_equal(programs.kept(lambda x: x + 1, name="plus one")(PICTURE), PICTURE + 1)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
    assert not _executables(tmp_path)


def test_a_network_inside_another_program_is_traced_there(traced: list[int], tmp_path: Path) -> None:
    network = _network()
    inside = jax.jit(lambda picture: network(picture))(PICTURE)
    assert not _files(tmp_path)
    np.testing.assert_allclose(inside, network(PICTURE), atol=1e-5)


IN_A_NEW_PROCESS = """
import sys
import numpy as np
from dioptre.models.loading import load_model
print(np.isfinite(load_model("span-x2")(np.zeros((1, 8, 8, 3), np.float32))).all(), "scipy.linalg" in sys.modules)
"""


def test_a_stored_program_does_not_load_lapack() -> None:
    """An installation has no SciPy but `scipy.ndimage`."""
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False"], done.stderr
