"""The choice of precision on any processor, and the depth network in bfloat16."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dioptre import programs, runtime
from dioptre.cli import findings
from dioptre.cli.findings import ERROR
from dioptre.models import precision
from dioptre.models.loading import load_model
from dioptre.models.precision import Precision, choice, precision_of, recorded_precision
from dioptre.models.registry import ENTRIES, IMAGENET_DEVIATION, IMAGENET_MEAN
from dioptre_link.errors import UsageError
from dioptre_link.recipe import PRECISIONS

DEPTH = "dioptre-depth-small"
PROCESSORS = {
    "amx": "model name\t: Xeon\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile\n",
    "avx512_bf16": "model name\t: EPYC\nflags\t\t: fpu avx2 avx512f avx512_bf16\n",
    "avx2": "model name\t: EPYC\nflags\t\t: fpu sse2 avx2 f16c\n",
    "arm": "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n",
    "arm before bfloat16": "processor\t: 0\nFeatures\t: fp asimd asimddp\n",
}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty data folder and no request, so that the processor decides."""
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    monkeypatch.setenv("DIOPTRE_DATA_DIR", str(tmp_path / "data"))
    precision._stored_gain.cache_clear()
    yield tmp_path
    precision._stored_gain.cache_clear()


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Gains that the next trials find, from the last one."""
    gains: list[float] = []

    def pop() -> float:
        time.sleep(0.05)  # long enough for other threads to start a trial too
        return gains.pop()

    monkeypatch.setattr(precision, "trial", pop)
    return gains


def _use(processor: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "cpuinfo"
    file.write_text(PROCESSORS[processor])
    monkeypatch.setattr(runtime, "_PROCESSORS", file)
    precision._stored_gain.cache_clear()


@pytest.mark.parametrize("processor", ["amx", "avx512_bf16", "arm"])
def test_the_trial_decides_on_a_processor_with_instructions(
    processor: str, home: Path, trials: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for gain, chosen in ((3.9, Precision.BFLOAT16), (1.02, Precision.FLOAT32)):
        _use(processor, home, monkeypatch)
        trials.append(gain)
        for _ in range(2):  # as two processes: the second finds the first one's file, and there is no other trial
            precision._stored_gain.cache_clear()
            found = choice()
            assert (found.precision, found.gain) == (chosen, gain)
            assert "trial" in found.message
        (home / "data" / "precision.json").unlink()


@pytest.mark.parametrize("processor", ["avx2", "arm before bfloat16"])
def test_a_processor_without_instructions_needs_no_trial(
    processor: str, home: Path, trials: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(processor, home, monkeypatch)
    assert choice().precision is Precision.FLOAT32
    assert "no instructions" in choice().message


def test_a_system_that_lists_no_instructions_gets_a_trial(
    home: Path, trials: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_PROCESSORS", home / "none")
    trials.append(2.0)
    assert choice().precision is Precision.BFLOAT16


def test_another_processor_or_jaxlib_gets_another_trial(
    home: Path, trials: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    trials.extend([0.8, 1.9, 3.9])
    for processor, gain in (("amx", 3.9), ("avx512_bf16", 1.9)):
        _use(processor, home, monkeypatch)
        assert choice().gain == gain
    file = home / "data" / "precision.json"
    stored = json.loads(file.read_text())
    assert stored["jaxlib"] == version("jaxlib")
    file.write_text(json.dumps({**stored, "jaxlib": "0.1"}))
    precision._stored_gain.cache_clear()
    assert (choice().precision, choice().gain) == (Precision.FLOAT32, 0.8)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"bfloat16_gain": "much"}', b"\xff"])
def test_a_damaged_file_is_replaced(
    content: bytes, home: Path, trials: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    _use("amx", home, monkeypatch)
    (home / "data").mkdir()
    (home / "data" / "precision.json").write_bytes(content)
    trials.append(3.0)
    assert choice().gain == 3.0
    precision._stored_gain.cache_clear()
    assert choice().gain == 3.0


def test_the_uninstaller_removes_the_files_of_the_trial(
    home: Path, trials: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from installer import contents

    _use("amx", home, monkeypatch)
    trials.append(3.0)
    choice()
    assert (
        {path.name for path in (home / "data").iterdir()} == {"precision.json", "precision.lock"} <= contents.DATA
    )


def _file_for_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "data").write_text("a file where the folder should be")


def _folder_for_lock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "data" / "precision.lock").mkdir(parents=True)  # cannot be opened, even by root


def _full_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)


@pytest.mark.parametrize("obstruct", [_file_for_folder, _folder_for_lock, _full_disk])
def test_a_choice_that_cannot_be_stored_is_made_all_the_same(
    obstruct: Callable[[Path, pytest.MonkeyPatch], None],
    home: Path,
    trials: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _use("amx", home, monkeypatch)
    obstruct(home, monkeypatch)
    trials.append(3.0)
    assert choice().gain == 3.0
    left = [path.name for path in (home / "data").iterdir()] if (home / "data").is_dir() else []
    assert set(left) <= {"precision.lock", "precision.json"}, "no partial file"


def test_the_trial_compares_times_even_inside_a_traced_program() -> None:
    assert 0.01 < float(jax.jit(lambda x: x * precision.trial())(1.0)) < 100


def test_the_environment_variable_replaces_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("float32", "bfloat16"):
        monkeypatch.setenv(precision.VARIABLE, name)
        assert choice().precision.value == name
        assert choice().message == f"The depth network uses {name} because {precision.VARIABLE} is set."
    monkeypatch.setenv(precision.VARIABLE, "half")
    with pytest.raises(UsageError, match="DIOPTRE_PRECISION must be float32 or bfloat16, not 'half'"):
        choice()


def test_the_doctor_explains_a_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precision.VARIABLE, "half")
    found = {finding.code: finding for finding in findings.precision()}["precision"]
    assert (found.level, "not 'half'" in found.message) == (ERROR, True)
    assert found.fix == "Correct or unset this environment variable."


def test_only_networks_that_allow_it_use_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precision.VARIABLE, "bfloat16")
    allowed = {name for name, entry in ENTRIES.items() if precision_of(entry) is Precision.BFLOAT16}
    assert allowed == {DEPTH, "dioptre-subject"}
    with jax.default_matmul_precision("highest"):
        assert precision_of(ENTRIES[DEPTH]) is Precision.FLOAT32


def test_recipes_know_the_same_precisions() -> None:
    assert tuple(one.value for one in Precision) == PRECISIONS


def test_a_recipe_records_the_precision_only_with_networks_that_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precision.VARIABLE, "bfloat16")
    checkpoints = dict.fromkeys(ENTRIES[DEPTH].checkpoints, "0" * 64)
    assert recorded_precision({**checkpoints, "modnet": "0" * 64}) == "bfloat16"
    assert recorded_precision(dict.fromkeys(ENTRIES["dioptre-subject"].checkpoints, "0" * 64)) == "bfloat16"
    assert recorded_precision({"modnet": "0" * 64, "white-balance": "0" * 64}) == ""
    assert recorded_precision({}) == ""
    monkeypatch.setenv(precision.VARIABLE, "float32")
    assert recorded_precision(checkpoints) == "float32"


def test_depth_in_bfloat16_is_within_a_grey_level(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The blocks' four linear layers, and nothing else, multiply in bfloat16, on the same values in memory."""
    monkeypatch.setattr(programs, "cache_dir", lambda: tmp_path)
    photo = Image.open(checkout / "examples" / "coffee.jpg").convert("RGB").resize((518, 392))
    x = (np.asarray(photo, np.float32)[None] / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_DEVIATION)
    results, kernels = [], []
    for precision_name, factors in (("float32", 0), ("bfloat16", 8)):
        monkeypatch.setenv(precision.VARIABLE, precision_name)
        network = load_model(DEPTH)
        network.programs.clear()
        results.append(np.asarray(network(x)))
        lowered = network.program("__call__").lower(network.values, jnp.asarray(x)).as_text()  # type: ignore[attr-defined]
        products = [line.rpartition(" : ")[2] for line in lowered.splitlines() if "dot_general" in line]
        assert sum(line.partition("->")[0].count("bf16") for line in products) == factors
        assert all("bf16" not in line.partition("->")[2] for line in products)
        kernels.append(network.values["backbone.blocks.enter.kernel"])
    exact, reduced = results
    errors = np.abs(reduced - exact) / (exact.max() - exact.min())
    assert np.quantile(errors, 0.999) < 1 / 255
    assert kernels[0] is kernels[1]
    assert len(list((tmp_path / "programs").glob("*.program"))) == 2
