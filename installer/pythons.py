"""Finds a Python that the core can run on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .console import Failure

OLDEST = (3, 11)
NEWEST = (3, 14)  # the locked dependencies have wheels up to this one
_PROBE_TIMEOUT_S = 20  # a version manager's shim may take a moment; more means that it hangs
_PROBE = """
import sys, platform
print(*sys.version_info[:2], sys.maxsize > 2**32, platform.python_implementation())
try:
    import ensurepip, venv
    print("venv")
except ImportError:
    print("none")
"""


@dataclass(frozen=True)
class Python:
    """An interpreter that was started and asked."""

    path: Path
    version: tuple[int, int]
    usable: bool  # right version, 64 bit, CPython
    has_venv: bool


def find(*, only: tuple[int, int] | None = None) -> Python:
    """Return the interpreter for the environment: this one when it fits, else the newest tested one on PATH.

    only: the one version that will do, where packages are for that one alone.

    Raises Failure with what to install when there is none.
    """
    chosen = os.environ.get("DIOPTRE_PYTHON")
    if chosen:
        python = probe(Path(chosen))
        if python is None or not python.usable:
            raise Failure(
                f"DIOPTRE_PYTHON names {chosen}, not a 64-bit CPython {_dotted(OLDEST)} to {_dotted(NEWEST)}.",
                hint="Correct it, or unset it so that a Python on PATH is taken.",
            )
    without_venv: Python | None = None
    for candidate in _candidates():
        python = probe(candidate)
        if python is None or not python.usable or (only is not None and python.version != only):
            continue
        if python.has_venv:
            return python
        without_venv = without_venv or python
    if without_venv is not None:
        name = f"python{without_venv.version[0]}.{without_venv.version[1]}"
        raise Failure(
            f"{without_venv.path} cannot make virtual environments: its venv or ensurepip module is missing.",
            hint=f"On Debian and Ubuntu: sudo apt install {name}-venv. Elsewhere, install the full Python package.",
        )
    if only is not None:
        raise Failure(
            f"The packages of this bundle are for CPython {_dotted(only)}; none was found.",
            hint="Install it, or set DIOPTRE_PYTHON to its path; or make a bundle with the Python that is here.",
        )
    raise Failure(
        f"Dioptre needs 64-bit CPython {_dotted(OLDEST)} to {_dotted(NEWEST)}; none was found "
        f"(this is {sys.version.split()[0]}).",
        hint="Install one: 'sudo apt install python3.11 python3.11-venv' on Debian, 'brew install python@3.13' on "
        "macOS, python.org on Windows; or set DIOPTRE_PYTHON to its path.",
    )


def probe(path: Path) -> Python | None:
    """Start `path` and ask what it is; None when it does not run."""
    try:
        answer = subprocess.run(
            [str(path), "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=True
        ).stdout.split()
        version = (int(answer[0]), int(answer[1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    usable = OLDEST <= version <= NEWEST and answer[2] == "True" and answer[3] == "CPython"
    return Python(path, version, usable, answer[4] == "venv")


def _candidates() -> Iterator[Path]:
    """Interpreters to try, best first, each once."""
    chosen = os.environ.get("DIOPTRE_PYTHON")
    if chosen:
        yield Path(chosen)
    seen = {sys.executable}
    yield Path(sys.executable)
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    for name in [*(f"python3.{minor}" for minor in minors), "python3", "python"]:
        found = shutil.which(name)
        if found and found not in seen:
            seen.add(found)
            yield Path(found)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
