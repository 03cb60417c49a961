"""The command line as a separate process: start, signals and closed pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TIMEOUT_S = 60
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, for children too
"""
ENDLESS = """
import sys, time, types
module = types.ModuleType("dioptre.features.blur")
def run(inputs, options, progress):
    while True:
        progress(0.5, "Working")
        time.sleep(0.01)
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("portrait").options: run}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""


@contextmanager
def start(*arguments: object, code: str = ENDLESS) -> Iterator[subprocess.Popen[str]]:
    """Start a command that responds to signals, even if this test run ignores them, and end it afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", f"{INTERRUPTIBLE}{code}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=dict(os.environ),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


IN_AN_IMPORT = """
import os, sys, time
sys.path.insert(0, sys.argv.pop(1))
from dioptre.cli import main
main()
"""
STARTS = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(20):
        time.sleep(0.01)
except BaseException:
    raise ImportError("an extension that did not start")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_during_an_import_cancels_after_it(photo: Path, tmp_path: Path) -> None:
    """A KeyboardInterrupt inside an extension module's import would become an ImportError, or end the process."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "jax.py").write_text(STARTS, encoding="utf-8")
    with start(tmp_path / "modules", "run", photo, "-o", tmp_path / "out", code=IN_AN_IMPORT) as process:
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "Cancelled" in err


IN_A_REPORT = """
import signal, sys, types
from dioptre.cli import log, main
module = types.ModuleType("dioptre.features.blur")
def run(inputs, options, progress):
    raise RuntimeError("a fault")
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("portrait").options: run}
sys.modules[module.__name__] = module
log.LOGGER.exception = lambda *_: signal.raise_signal(signal.SIGTERM)
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_while_an_error_is_reported_says_cancelled(photo: Path, tmp_path: Path) -> None:
    with start("run", photo, "-o", tmp_path / "out", "--json", code=IN_A_REPORT) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_before_anything_is_imported_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text(STARTS.replace("SIGTERM", "SIGINT"), encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from dioptre.__main__ import main; main()"
    with start("--help", code=code) as process:
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -signal.SIGINT
    assert err == ""


def test_the_command_line_prepares_the_process_before_it_imports_jax() -> None:
    """`runtime.prepare` must run first, so importing the command line's modules must not import JAX."""
    code = (
        "import pkgutil, sys\nfrom importlib import import_module\nimport dioptre.cli\n"
        "for module in pkgutil.iter_modules(dioptre.cli.__path__):\n"
        "    import_module(f'dioptre.cli.{module.name}')\n"
        "    assert 'jax' not in sys.modules, module.name\n"
        "print('jax' in sys.modules)"
    )
    with start(code=code) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert out.splitlines()[-1:] == ["False"], err


IN_A_CALLBACK = """
import signal, sys, time, types
class Library:
    def __del__(self):  # as a library's callback, it cannot raise
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.001)
module = types.ModuleType("dioptre.features.blur")
def run(inputs, options, progress):
    Library()
    for _ in range(6000):
        progress(0.5, "Working")
        time.sleep(0.01)
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("portrait").options: run}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_in_a_callback_of_a_library_is_not_lost(photo: Path, tmp_path: Path) -> None:
    with start("run", photo, "-o", tmp_path / "out", "--json", code=IN_A_CALLBACK) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 143
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert err == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_any_command_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    leaves = "import os; from dioptre_link.scratch import Scratch; print(Scratch().path, flush=True); os._exit(0)"
    left = subprocess.run(
        [sys.executable, "-c", leaves], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    folder = Path(left.stdout.strip())
    assert folder.is_dir()
    subprocess.run(
        [sys.executable, "-m", "dioptre", "--version"], capture_output=True, timeout=TIMEOUT_S, check=True
    )
    assert not folder.exists()
