"""Find a Python that can run the core."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .console import INSTALL, Failure

OLDEST = (3, 11)
NEWEST = (3, 14)  # The newest version for which the locked dependencies have wheels.
_PROBE_TIMEOUT_S = 60  # Enough for a cold start on a busy machine; an interpreter that takes longer has hung.
_PROBE = """
import sys, sysconfig, platform
print(*sys.version_info[:2], sys.maxsize > 2**32, platform.python_implementation())
try:
    import ensurepip, venv
    print("venv")
except ImportError:
    print("none")
print(sysconfig.get_platform(), platform.machine() or "unknown")
print("store" if "WindowsApps" in sys.base_prefix else "ordinary")
"""
_INTEL_MAC = "a Python for Intel Macs, for which JAX has no packages"
_REGISTRY_KEY = r"SOFTWARE\Python\PythonCore"


@dataclass(frozen=True)
class Python:
    """An interpreter that was probed. `problem` says why it is unsuitable, or is ""."""

    path: Path
    version: tuple[int, int]
    problem: str
    has_venv: bool

    @property
    def usable(self) -> bool:
        return not self.problem


def find(*, only: tuple[int, int] | None = None, carried: Callable[[], Path | None] = lambda: None) -> Python:
    """Return the interpreter for the environment: the running one if suitable, or else the newest suitable one.

    Args:
        only: The only acceptable version, if the packages require one.
        carried: Returns the interpreter that a release brings, if this is one; called if no other is suitable.

    Raises:
        Failure: There is no suitable interpreter; the hint says what to install.
    """
    chosen = os.environ.get("DIOPTRE_PYTHON")
    if chosen:
        python = probe(Path(chosen))
        if python is None or not python.usable:
            raise Failure(
                f"DIOPTRE_PYTHON is set to {chosen}, which is not a 64-bit CPython "
                f"{_dotted(OLDEST)} to {_dotted(NEWEST)}{f' ({python.problem})' if python else ''}.",
                hint="Correct it, or unset it to use a Python from PATH.",
            )
    without_venv: Python | None = None
    refused: list[str] = []
    for candidate in _candidates():
        python = probe(candidate)
        if python is None or (only is not None and python.version != only):
            continue
        if not python.usable:
            refused.append(f"{candidate}: {python.problem}.")
        elif python.has_venv:
            return python
        else:
            without_venv = without_venv or python
    brought = carried()
    if brought is not None and (python := probe(brought)) is not None and python.usable:
        return python
    if without_venv is not None:
        raise Failure(
            f"{without_venv.path} cannot create virtual environments: its venv or ensurepip module is missing.",
            hint=_how_to_get_venv(without_venv),
        )
    if only is not None:
        raise Failure(
            f"The packages of this bundle are for CPython {_dotted(only)}; none was found.",
            hint="Install it, set DIOPTRE_PYTHON to its path, or create a bundle for the Python on this machine.",
        )
    if refused and all(_INTEL_MAC in line for line in refused):
        raise Failure(
            "Dioptre does not run on Macs with an Intel processor: JAX has no packages for them.",
            hint="If this Mac has an Apple processor, Rosetta translates this Python. Double-click install.command "
            "in Dioptre's release for macOS, or install Python 3.13 from python.org.",
        )
    raise Failure(
        "\n".join(
            [f"Dioptre needs 64-bit CPython {_dotted(OLDEST)} to {_dotted(NEWEST)}; none was found.", *refused]
        ),
        hint=_how_to_get_python(),
    )


def probe(path: Path) -> Python | None:
    """Run `path` and inspect the interpreter; return None if it does not run."""
    try:
        answer = subprocess.run(
            [str(path), "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=True
        ).stdout.split()
        version = (int(answer[0]), int(answer[1]))
        platform, machine, edition = (*answer[5:8], "", "", "")[:3]
        problem = _problem(
            version, wide=answer[2] == "True", name=answer[3], platform=platform, machine=machine, edition=edition
        )
        return Python(path, version, problem, answer[4] == "venv")
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _problem(version: tuple[int, int], *, wide: bool, name: str, platform: str, machine: str, edition: str) -> str:
    """Return why the locked packages do not support this Python, or "" if they do."""
    if platform.startswith(("mingw", "cygwin")):
        return "a Python from MSYS2 or Cygwin, which cannot use packages made for Windows"
    if platform == "win-arm64":
        return "an ARM Python, for which JAX has no packages; the x86-64 Python runs on ARM, too"
    if edition == "store":
        return "a Python from the Microsoft Store, which hides its files from the editors"
    if sys.platform == "darwin" and machine == "x86_64":
        return _INTEL_MAC
    if name != "CPython":
        return f"{name}, not CPython"
    if not wide:
        return "a 32-bit Python"
    if not OLDEST <= version <= NEWEST:
        return f"Python {_dotted(version)}"
    return ""


def _candidates() -> Iterator[Path]:
    """Yield the interpreters to try, best first, each once."""
    seen: set[str] = set()
    for path in _known():
        name = os.path.normcase(path)
        if name not in seen:
            seen.add(name)
            yield path


def _known() -> Iterator[Path]:
    chosen = os.environ.get("DIOPTRE_PYTHON")
    if chosen:
        yield Path(chosen)
    yield Path(sys.executable)
    if sys.platform == "win32":
        yield from _from_registry()
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    for name in [*(f"python3.{minor}" for minor in minors), "python3", "python"]:
        if found := shutil.which(name):
            yield Path(found)


def _from_registry() -> Iterator[Path]:
    """Yield the interpreters that Python installers have registered (PEP 514), newest first."""
    if sys.platform != "win32":
        return
    import winreg

    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        for root in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            with suppress(OSError), winreg.OpenKey(root, rf"{_REGISTRY_KEY}\3.{minor}\InstallPath") as key:
                folder, _ = winreg.QueryValueEx(key, "")
                yield Path(str(folder)) / "python.exe"


def _how_to_get_venv(python: Python) -> str:
    if sys.platform == "linux":
        name = f"python{_dotted(python.version)}"
        return f"On Debian and Ubuntu: sudo apt install {name}-venv. Elsewhere, install the full Python package."
    return _how_to_get_python()


def _how_to_get_python() -> str:
    otherwise = "or set DIOPTRE_PYTHON to the path of one."
    if sys.platform == "win32":
        return (
            "Install Python 3.13 for Windows, 64-bit, from python.org (or: winget install Python.Python.3.13), "
            f"then run: {INSTALL}; {otherwise}"
        )
    if sys.platform == "darwin":
        return f"Install one: python.org's installer, or 'brew install python@3.13'; {otherwise}"
    return f"Install one: 'sudo apt install python3 python3-venv' on Debian and Ubuntu; {otherwise}"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
