"""Cached results are bit-identical, limited in size, private, and never damaged."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from dioptre import programs
from dioptre.caching import caches
from dioptre.caching.caches import DiskCache
from dioptre.caching.names import digest_of_bytes
from dioptre.contract import StepResult
from dioptre_link.language import Message

MAKES = frozenset({"disparity", "focal", "range", "messages", "none"})
PICTURE = np.linspace(0, 1, 60 * 40 * 3, dtype=np.float32).reshape(60, 40, 3)


class Step:
    """A step that counts its runs."""

    def __init__(self, value: float = 0.5, *, pixels: int = 60 * 40) -> None:
        self.runs = 0
        self._plane = np.full((pixels // 40, 40), value, np.float32) * np.float32(1 / 3)

    def __call__(self) -> StepResult:
        self.runs += 1
        message = Message("{count} things.", count=3)
        facts = {"focal": 0.1 + 0.2, "range": (0.1, 0.7), "messages": (message, "plain"), "none": None}
        return StepResult(planes={"disparity": self._plane.copy()}, facts=facts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kept"


@pytest.fixture
def cache(folder: Path) -> DiskCache:
    return DiskCache(folder, limit_bytes=1 << 20)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_planes_with_channels_are_read_back(folder: Path) -> None:
    runs = []

    def compute() -> np.ndarray:
        runs.append(1)
        return PICTURE

    for _ in range(2):
        kept = DiskCache(folder, limit_bytes=1 << 20).plane("colours", {"picture": PICTURE}, compute)
        np.testing.assert_array_equal(kept, PICTURE)
    assert len(runs) == 1


def test_the_second_time_gives_the_same_bits_without_computing(folder: Path) -> None:
    step = Step()
    first = DiskCache(folder, limit_bytes=1 << 20).result("depth", {"picture": PICTURE}, step)
    again = DiskCache(folder, limit_bytes=1 << 20).result("depth", {"picture": PICTURE.copy()}, step)
    assert step.runs == 1
    assert again.planes["disparity"].tobytes() == first.planes["disparity"].tobytes()
    assert again.facts["focal"] == first.facts["focal"]
    message = again.facts["messages"][0]
    assert isinstance(message, Message)
    assert (str(message), message.template) == ("3 things.", "{count} things.")


def other_values() -> np.ndarray:
    changed = PICTURE.copy()
    changed[-1, -1, -1] = np.nextafter(changed[-1, -1, -1], np.float32(0))
    return changed


@pytest.mark.parametrize(
    "given",
    [
        {"picture": other_values()},
        {"picture": PICTURE.reshape(40, 60, 3)},
        {"picture": PICTURE, "at": (1.0, 2.0)},
        {"picture": PICTURE, "networks": {"a": "1" * 64}},
        {"picture": PICTURE, "embedded": {"disparity": PICTURE[..., 0]}},
    ],
    ids=["one bit of a pixel", "shape", "point", "network", "the camera's depth"],
)
def test_whatever_decides_the_result_is_told_apart(cache: DiskCache, given: dict) -> None:
    step = Step()
    cache.result("depth", {"picture": PICTURE}, step)
    cache.result("depth", given, step)
    assert step.runs == 2


def test_steps_precision_and_code_are_told_apart(cache: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step()
    cache.result("depth", {"picture": PICTURE}, step)
    cache.result("subject", {"picture": PICTURE}, step)
    with jax.default_matmul_precision("highest"):
        cache.result("depth", {"picture": PICTURE}, step)
    monkeypatch.setattr(programs, "code_digest", lambda: "another version")
    cache.result("depth", {"picture": PICTURE}, step)
    monkeypatch.setenv("DIOPTRE_PRECISION", "bfloat16")
    cache.result("depth", {"picture": PICTURE}, step)
    assert step.runs == 5


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _flip_pixel(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def _flip_fact(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"0.7", b"0.9", 1))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other(path: Path) -> None:
    path.write_bytes(b"dioptre-kept 1 nonsense\n{}\n")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _anothers(path: Path) -> None:
    os.chown(path, 65534, 65534)


def _with_header(path: Path, header: bytes, planes: bytes = b"") -> None:
    digest = hashlib.sha256(header).hexdigest().encode()
    path.write_bytes(b"dioptre-kept 1 " + digest + b"\n" + header + planes)


def _deep(path: Path) -> None:
    _with_header(path, b"[" * 100_000 + b"\n")


def _not_finite(path: Path) -> None:
    plane = np.full((1, 1), np.nan, np.float32)
    described = {"name": "disparity", "shape": [1, 1], "sha256": digest_of_bytes(plane.data)}
    header = json.dumps({"facts": {}, "planes": [described]}).encode() + b"\n"
    _with_header(path, header, plane.tobytes())


def _without_planes(path: Path) -> None:
    header = json.loads(path.read_bytes().split(b"\n", 2)[1])
    _with_header(path, json.dumps({"facts": header["facts"], "planes": []}).encode() + b"\n")


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
DAMAGES = (_cut, _longer, _flip_pixel, _flip_fact, _empty, _other, _deep, _not_finite, _without_planes)


@pytest.mark.parametrize(
    "damage", [*DAMAGES, pytest.param(_fifo, marks=posix), pytest.param(_anothers, marks=root)]
)
def test_a_damaged_file_is_removed_and_computed_again(
    cache: DiskCache, folder: Path, damage: Callable[[Path], None]
) -> None:
    step = Step()
    whole = cache.result("depth", {"picture": PICTURE}, step, makes=MAKES)
    (path,) = files(folder)
    damage(path)
    again = cache.result("depth", {"picture": PICTURE}, step, makes=MAKES)
    assert step.runs == 2
    assert again.planes["disparity"].tobytes() == whole.planes["disparity"].tobytes()
    cache.result("depth", {"picture": PICTURE}, step, makes=MAKES)
    assert step.runs == 2  # The rewritten file is complete and is used.


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_only_the_user_can_read_it(cache: DiskCache, folder: Path) -> None:
    before = os.umask(0)
    try:
        cache.result("depth", {"picture": PICTURE}, Step())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(folder)] == [0o600]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize("above", [False, True])
def test_results_that_others_can_change_are_not_used(cache: DiskCache, folder: Path, above: bool) -> None:
    step = Step()
    cache.result("depth", {"picture": PICTURE}, step)
    (folder.parent if above else folder).chmod(0o777)
    cache.result("depth", {"picture": PICTURE}, step)
    assert step.runs == 2


def test_what_was_used_longest_ago_goes_first(cache: DiskCache, folder: Path) -> None:
    pixels = 80_000  # Each takes 320 kB, so three fit into a megabyte.
    steps = {name: Step(pixels=pixels) for name in "abcd"}
    for age, name in enumerate("abc"):
        cache.result(name, {}, steps[name])
        for path in files(folder):
            os.utime(path, (path.stat().st_atime - 100, path.stat().st_mtime - 100))
        assert age < 3
    cache.result("a", {}, steps["a"])  # Now "a" is the most recently used entry.
    cache.result("d", {}, steps["d"])  # This entry does not fit in addition to the other three.
    assert sum(path.stat().st_size for path in files(folder)) <= 1 << 20
    cache.result("a", {}, steps["a"])
    cache.result("c", {}, steps["c"])
    assert (steps["a"].runs, steps["c"].runs) == (1, 1)
    cache.result("b", {}, steps["b"])
    assert steps["b"].runs == 2


def test_values_that_are_not_numbers_are_not_kept(cache: DiskCache, folder: Path) -> None:
    cache.result("depth", {}, Step(float("nan")))
    assert not folder.exists()


def test_a_failed_step_keeps_nothing(cache: DiskCache, folder: Path) -> None:
    def fail() -> StepResult:
        raise RuntimeError("no depth")

    with pytest.raises(RuntimeError, match="no depth"):
        cache.result("depth", {}, fail)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be", encoding="utf-8")
    step = Step()
    cache = DiskCache(tmp_path / "kept", limit_bytes=1 << 20)
    assert cache.result("depth", {}, step).planes["disparity"].shape == (60, 40)
    cache.result("depth", {}, step)
    assert step.runs == 2


def test_a_nearly_full_disk_is_left_alone(cache: DiskCache, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = caches.shutil.disk_usage(folder.parents[1])
    monkeypatch.setattr(caches.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    cache.result("depth", {}, Step())
    assert files(folder) == []


def test_a_write_that_breaks_off_leaves_nothing(
    cache: DiskCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    cache.result("depth", {}, Step())
    assert files(folder) == []
