"""Set-up of every test run: allocator settings, a private home, and shape checks if they are requested.

`DIOPTRE_TEST_SHAPES=1` checks the shapes in annotations at every call, as `.ci/run` does.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
from jaxtyping import install_import_hook

from dioptre_link.files import private_folder
from dioptre_link.paths import cache_dir

MOST_WORKERS = 4
WORKER_BYTES = 5 << 30  # Maximum memory that one test process needs.

# Compiled programs may persist between runs; everything else is private to this run. Networks run in float32;
# tests/models/test_precision.py covers bfloat16.
os.environ["DIOPTRE_PRECISION"] = "float32"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "compiled"))
private_folder(Path(os.environ["JAX_COMPILATION_CACHE_DIR"]))
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # `dioptre.programs` keeps them, as after `prepare`.
_home = tempfile.TemporaryDirectory(prefix="dioptre-tests-")
os.environ["DIOPTRE_HOME"] = _home.name
os.environ["DIOPTRE_KEEP"] = "0"  # No test may use results that another test computed or faked.
os.environ["DIOPTRE_NO_WORKER"] = "1"  # Commands compute in the process that a test watches.
os.environ["LANGUAGE"] = "en"  # Tests check the text of messages.
_weights = Path(_home.name) / "data" / "weights"  # The bundled weights, as after an installation.
_weights.mkdir(parents=True)
for _card in (Path(__file__).resolve().parents[1] / "weights").glob("*/card.json"):
    if sys.platform == "win32":  # Symbolic links need a privilege on Windows.
        shutil.copytree(_card.parent, _weights / _card.parent.name)
    else:
        (_weights / _card.parent.name).symlink_to(_card.parent)

from dioptre import runtime  # noqa: E402  (the home must be set first)

runtime.prepare()
if os.environ.get("DIOPTRE_TEST_SHAPES"):
    _hook = install_import_hook("dioptre", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
    _hook.__enter__()  # The hook stays active for the whole run, because all modules must be imported under it.
# Under load, an example may take longer than the default deadline of 0.2 s.
_patient = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("patient", hypothesis.settings(), **_patient)
hypothesis.settings.load_profile("patient")


def pytest_unconfigure() -> None:
    _home.cleanup()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes for `-n auto`: few, because each needs memory and uses all cores."""
    return int(max(1, min(os.cpu_count() or 1, psutil.virtual_memory().available // WORKER_BYTES, MOST_WORKERS)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report skipped editor tests and scripts prominently, because they are easily overlooked."""
    skipped = " ".join(str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if scripts := sorted(set(re.findall(r"not imported: (\S+ needs \w+)", skipped))):
        terminalreporter.section("scripts not imported, because a package is missing", yellow=True, bold=True)
        terminalreporter.line(", ".join(scripts))
    for editor in sorted(set(re.findall(r"NO \w[\w ]* WAS FOUND", skipped))):
        terminalreporter.section(f"{editor}: the plug-in's tests were not run", red=True, bold=True)


@pytest.fixture
def compiled() -> Iterator[list[float]]:
    """A list that gets an entry for each program that JAX compiles or loads from the cache during the test."""
    import jax

    programs: list[float] = []

    def listen(event: str, duration: float, **_: object) -> None:
        if event.endswith("/backend_compile_duration"):  # JAX's or that of `dioptre.programs`
            programs.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield programs
        before = len(programs)
        jax.jit(lambda x: x + before)(1.0)
        assert len(programs) > before  # This proves that the listener is called.
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent
