"""Updates and removal while a worker is running, from the user's perspective, on a miniature checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .conftest import Checkout

# Program that acts as a worker: it runs in the environment's Python and holds the worker's lock until asked to end.
_WORKER = """
import pathlib, sys, time
folder, obeys = pathlib.Path(sys.argv[1]), sys.argv[2] == "obeys"
folder.joinpath("worker").mkdir(exist_ok=True)
lock = folder.joinpath("worker", "worker.lock").open("a+b")
if sys.platform == "win32":
    import msvcrt
    lock.seek(1 << 30)
    msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl
    fcntl.flock(lock, fcntl.LOCK_EX)
print("ready", flush=True)
while not (obeys and folder.joinpath("worker", "stop").exists()) and not folder.joinpath("worker", "done").exists():
    time.sleep(0.01)
import needed
print(needed.WORD, flush=True)
"""


@contextmanager
def worker(checkout: Checkout, *, obeys: bool) -> Iterator[Callable[[], str]]:
    """Run a worker; yield a function that lets it finish and returns its last output."""
    data = checkout.home / "data"
    command = [str(checkout.python()), "-c", _WORKER, str(data), "obeys" if obeys else "computes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def finish() -> str:
            (data / "worker" / "done").touch()
            return process.communicate(timeout=30)[0].strip()

        try:
            yield finish
        finally:
            process.kill()


def change_dependencies(checkout: Checkout, word: str) -> None:
    lock = checkout.folder / "locks" / "runtime.txt"
    lock.write_text(checkout.add_wheel("needed", f"WORD = {word!r}\n"), encoding="utf-8")


def wait_at_most(checkout: Checkout, seconds: float) -> None:
    """Limit the installer's wait for a worker to end."""
    module = checkout.folder / "installer" / "workers.py"
    before = module.read_text(encoding="utf-8")
    after = before.replace("_END_TIMEOUT_S = 60.0", f"_END_TIMEOUT_S = {seconds}")
    assert after != before
    module.write_text(after, encoding="utf-8")


def test_a_worker_ends_before_its_environment_is_replaced(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    first = miniature.environment
    with worker(miniature, obeys=True) as finish:
        change_dependencies(miniature, "again")
        outcome = miniature.install("greet")
        assert (outcome.returncode, outcome.stdout) == (0, "greet again\n"), outcome.stderr
        assert finish() == "thanks"
    assert miniature.environment != first
    assert miniature.environments == [miniature.environment.name]


def test_a_worker_that_still_computes_keeps_its_environment(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    first = miniature.environment
    wait_at_most(miniature, 0.2)
    with worker(miniature, obeys=False) as finish:
        change_dependencies(miniature, "again")
        assert miniature.install("greet").stdout == "greet again\n"
        assert miniature.environment != first
        refused = miniature.install("--uninstall")
        assert refused.returncode == 1
        assert "still computing" in refused.stderr
        assert "Hint: Wait until it finishes" in refused.stderr
        assert finish() == "thanks", "it lost modules that it had not imported yet"
    assert miniature.install("greet").stdout == "greet again\n"
    assert miniature.environments == [miniature.environment.name]
    assert miniature.install("--uninstall").returncode == 0
    assert not miniature.home.exists()


def test_repairing_makes_another_environment_and_restores_the_weights(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    killed = miniature.home / "data" / ".dioptre-removed-environment-0123456789ab-99"
    killed.mkdir()
    first = miniature.environment
    (miniature.environment / "pyvenv.cfg").unlink()
    values = miniature.home / "data" / "weights" / "small-model" / "arrays" / "0"
    whole = values.read_bytes()
    values.write_bytes(whole[:-1] + b"?")
    assert miniature.install("--repair").returncode == 0
    assert values.read_bytes() == whole
    assert miniature.environment != first
    assert miniature.environments == [miniature.environment.name]
    assert not killed.exists()
    assert miniature.install("greet").stdout == "greet thanks\n"


def test_the_environment_of_an_older_dioptre_is_used_and_replaced(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    data = miniature.home / "data"
    miniature.environment.rename(data / "environment")
    (data / "environment.json").unlink()
    assert miniature.install("greet").stdout == "greet thanks\n"
    change_dependencies(miniature, "again")
    assert miniature.install("greet").stdout == "greet again\n"
    assert sorted(path.name for path in data.glob("environment*")) == [
        miniature.environment.name,
        "environment.json",
    ]


def test_what_the_user_added_comes_along(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    miniature.add_wheel("mine", "WORD = 'my own'\n")
    assert miniature.install("python", "-m", "pip", "install", "-q", "mine").returncode == 0
    change_dependencies(miniature, "again")
    outcome = miniature.install("python", "-c", "import mine, needed; print(mine.WORD, needed.WORD)")
    assert outcome.stdout == "my own again\n", outcome.stderr
    assert "mine==1.0" in outcome.stderr


def test_what_the_user_added_and_cannot_be_had_again_is_named(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    miniature.add_wheel("mine", "")
    assert miniature.install("python", "-m", "pip", "install", "-q", "mine").returncode == 0
    next(miniature.wheels.glob("mine-*")).unlink()
    change_dependencies(miniature, "again")
    outcome = miniature.install("greet")
    assert outcome.stdout == "greet again\n"
    assert "mine==1.0 could not be reinstalled" in outcome.stderr
    assert "install.py python -m pip install mine==1.0" in outcome.stderr


def test_an_extra_lasts_until_it_is_removed(miniature: Checkout) -> None:
    module = miniature.folder / "installer" / "extras.py"
    signs = module.read_text(encoding="utf-8")
    module.write_text(signs.replace("/dev/nvidiactl", "/dev/null"), encoding="utf-8")  # as if there were a driver
    lock = miniature.folder / "locks" / "gpu.txt"
    needed = (miniature.folder / "locks" / "runtime.txt").read_text(encoding="utf-8")
    lock.write_text(needed + miniature.add_wheel("faster", "WORD = 'quick'\n"), encoding="utf-8")
    look = ("python", "-c", "import importlib.util as u; print(u.find_spec('faster') is not None)")
    assert miniature.install(*look).stdout == "False\n"
    added = miniature.install("--gpu")
    assert added.returncode == 0, added.stderr
    assert "Installing the packages for --gpu" in added.stderr
    assert miniature.install(*look).stdout == "True\n"
    assert miniature.install("greet").stderr == "", "nothing is left to do"
    change_dependencies(miniature, "again")
    lock.write_text((miniature.folder / "locks" / "runtime.txt").read_text() + lock.read_text()[len(needed) :])
    updated = miniature.install(*look)
    assert updated.stdout == "True\n", updated.stderr
    assert "Reinstalling your own packages" not in updated.stderr
    assert miniature.install("--no-gpu").returncode == 0
    assert miniature.install(*look).stdout == "False\n"
    assert miniature.install("greet").stdout == "greet again\n"
    assert miniature.install("--uninstall").returncode == 0
    assert not miniature.home.exists()


@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="a graphics card is here")
@pytest.mark.skipif(Path("/dev/dxg").exists(), reason="a graphics card is here")
def test_a_graphics_card_that_is_not_there_is_refused_at_once(miniature: Checkout) -> None:
    refused = miniature.install("--gpu")
    assert refused.returncode == 1
    expected = "No driver for an NVIDIA" if sys.platform == "linux" else "only on Linux"
    assert expected in refused.stderr
    assert "Hint: " in refused.stderr
    assert miniature.environments == []


@pytest.mark.parametrize("content", ["", "[]", '{"environment": "../../elsewhere"}', '{"environment": 1}'])
def test_a_pointer_leads_nowhere_else(tmp_path: Path, content: str) -> None:
    from dioptre_link import paths

    (tmp_path / "environment.json").write_text(content, encoding="utf-8")
    assert paths.environment_dir(tmp_path) == tmp_path / "environment"
    (tmp_path / "environment.json").write_text(json.dumps({"environment": "environment-0123456789ab-2"}))
    assert paths.environment_dir(tmp_path) == tmp_path / "environment-0123456789ab-2"


@pytest.mark.skipif(sys.platform != "win32", reason="other systems delete what is in use")
def test_nothing_is_lost_where_a_program_holds_a_file(miniature: Checkout, tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.mkdir()
    (held / "file").touch()
    with (held / "file").open("rb"), suppress(OSError):
        held.rename(tmp_path / "renamed")
        pytest.skip("this system renames folders with open files; Wine does, Windows does not")
    assert miniature.install("greet").returncode == 0
    before = sorted(miniature.environment.rglob("*"))
    with (miniature.environment / "pyvenv.cfg").open("rb"):
        refused = miniature.install("--uninstall")
        assert refused.returncode == 1
        assert "in use by another program" in refused.stderr
    assert sorted(miniature.environment.rglob("*")) == before
    assert miniature.install("--uninstall").returncode == 0
    assert not miniature.home.exists()
