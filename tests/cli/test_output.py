"""Exit codes and results are correct despite signals and closed, full or abandoned output streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .test_process import ENDLESS, TIMEOUT_S, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX descriptors and signals")

QUICK = """
import sys, types
import numpy as np
module = types.ModuleType("dioptre.features.enlarge")
def run(inputs, options, progress):
    from dioptre.contract import Layer, Result
    from dioptre_link.operation import Role
    progress(0.5, "Working")
    return Result(layers=(Layer(name="a", role=Role.RESULT, pixels=inputs.picture[..., :3] * np.float32(0.5)),))
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("super_resolution").options: run}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""
FULL = Path("/dev/full")


def shell(line: str, *arguments: object, code: str = QUICK) -> subprocess.CompletedProcess[str]:
    """Run `line` in a shell, where "$@" is the command with its arguments."""
    return subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env=dict(os.environ),
    )


def test_a_closed_stdout_is_no_failure(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = shell('"$@" >&-', "super-resolution", photo, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert out.read_bytes().startswith(b"\x89PNG"), "nothing that a library printed is in the file"


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_stdout_is_said_and_the_result_reported(
    options: tuple[str, ...], photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    done = shell('"$@" >/dev/full', "super-resolution", photo, "-o", out, *options)
    assert done.returncode == 1
    assert out.read_bytes().startswith(b"\x89PNG")
    assert f"Wrote {out}." in done.stderr
    assert "Dioptre cannot write to standard output: No space left on device." in done.stderr
    assert "Traceback" not in done.stderr
    assert "the disk is full" not in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("where", "arguments", "code"),
    [
        ("2>&-", ("super-resolution", "PHOTO", "-o", "OUT"), 0),
        (">&- 2>&-", ("super-resolution", "PHOTO", "-o", "OUT"), 0),
        (">/dev/full 2>/dev/full", ("super-resolution", "PHOTO", "-o", "OUT"), 1),  # Unable to print its name.
        ("2>/dev/full", ("super-resolution", "missing", "-o", "OUT"), 1),
        ("2>/dev/full", ("--wrong",), 2),
    ],
)
def test_stderr_changes_no_exit_code(
    where: str, arguments: tuple[str, ...], code: int, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    named = {"PHOTO": photo, "OUT": out}
    done = shell(f'"$@" {where}', *(named.get(each, each) for each in arguments))
    assert done.returncode == code
    assert out.exists() is ("PHOTO" in arguments)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("models", "list")])
def test_words_that_cannot_be_printed_are_a_failure(arguments: tuple[str, ...]) -> None:
    done = shell('"$@" >/dev/full', *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_reader_that_leaves_ends_the_work(photo: Path, tmp_path: Path) -> None:
    code = ENDLESS.replace("while True:", "for n in itertools.count():").replace("0.5,", "n % 50 / 50,")
    with start("run", photo, "-o", tmp_path / "out", "--json", code=f"import itertools\n{code}") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=TIMEOUT_S)
        said = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


TWO = """
import os, signal, sys, time, types
module = types.ModuleType("dioptre.features.blur")
def run(inputs, options, progress):
    try:
        while True:
            progress(0.5, "Working")
            time.sleep(0.01)
    finally:
        os.kill(os.getpid(), {second})  # while the work is taken back
        time.sleep(0.01)
        progress(0.6, "Taken back")
from dioptre_link.catalogue import operation
module.OPERATIONS = {{operation("portrait").options: run}}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *((one, None) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)),
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGINT),
    ],
)
def test_signals_have_their_exit_codes(
    first: signal.Signals, second: signal.Signals | None, photo: Path, tmp_path: Path
) -> None:
    code = TWO.format(second=int(second or first))
    with start("run", photo, "-o", tmp_path / "out" / "deep", "--json", code=code) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["phase"] == "Working":
                break
        process.send_signal(first)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + first
    assert "Taken back" in out
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert err == ""
    assert not (tmp_path / "out").exists()


STUBBORN = """
import os, signal, sys, threading, time, types
module = types.ModuleType("dioptre.features.blur")
def run(inputs, options, progress):
    progress(0.5, "Working")
    try:
        time.sleep(60)
    finally:
        from dioptre.cli import interrupts
        interrupts._PATIENCE_S = 0.0
        progress(0.6, "Taking back")
        time.sleep(60)
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("portrait").options: run}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""


def test_who_asks_again_later_is_heard(photo: Path, tmp_path: Path) -> None:
    with start("run", photo, "-o", tmp_path / "out", "--json", code=STUBBORN) as process:
        assert process.stdout is not None
        for line in process.stdout:
            phase = json.loads(line).get("phase")
            if phase == "Working":
                process.send_signal(signal.SIGINT)
            if phase == "Taking back":
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130


def test_a_signal_that_is_ignored_stays_ignored(photo: Path, tmp_path: Path) -> None:
    """`nohup` ignores signals in the same way."""
    out = tmp_path / "out.png"
    code = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + QUICK.replace(
        'progress(0.5, "Working")', "import os; os.kill(os.getpid(), signal.SIGHUP)"
    ).replace("import sys, types", "import signal, sys, types")
    done = shell('"$@"', "super-resolution", photo, "-o", out, code=code)
    assert done.returncode == 0, done.stderr
    assert out.exists()


BROKEN_CACHE = """
import os, sys
from pathlib import Path
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(sys.argv[1]) / "compiled")
from dioptre import runtime
runtime.prepare()
from dioptre.programs import kept
def doubled(x):
    return x * 2 + 1
for _ in range(2):
    kept(doubled)(1.0)
    for entry in Path(sys.argv[1], "compiled").glob("*.executable"):
        entry.write_bytes(b"garbage")
"""


def test_a_broken_cache_of_compiled_programs_is_not_the_users_matter(tmp_path: Path) -> None:
    for place in (tmp_path / "garbage", tmp_path / "file"):
        place.mkdir()
        if place.name == "file":
            (place / "compiled").write_text("no folder", encoding="utf-8")
        else:
            (place / "compiled").mkdir(mode=0o700)
        command = [sys.executable, "-c", BROKEN_CACHE, str(place)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    assert list((tmp_path / "garbage" / "compiled").glob("*.executable"))
