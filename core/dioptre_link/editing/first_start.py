"""The first start of a plug-in installed from a zip: install the compute core, or find an existing installation.

    if first_start.is_needed():          # before a dialog or docker shows anything else
        steps = first_start.install()    # after the user pressed the button; closing the generator stops it
        first_start.adopt(folder)        # or: the user chose the folder of an installed Dioptre

The zip contains the installer, the core and the weights along with the plug-in, and uv, which brings a Python where
there is none (`installer/release.py` writes it).
Plug-ins installed by `install.py` or `dioptre plugin install` contain none of these files and do not use this
module.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from .. import paths, strict_json, uv
from ..errors import DioptreError
from ..language import Message
from ..start import (
    WorkerMissingError,
    clean_environment,
    environment_python,
    flatpak_app,
    is_running,
    private_dir,
)
from .events import Step, Steps

LINK = Path(__file__).resolve().parents[1]
SOURCE = LINK.parent / "source"  # folder with the parts of Dioptre's source that the installer needs
ABOUT = "about.json"  # file in SOURCE that contains the version and the hash of the core
TITLE = Message("Dioptre is not set up yet")
TEXT = Message(
    "Dioptre runs outside the editor, in its own Python environment. Its packages come "
    "from the Python Package Index: a download of about 200 MB, which takes up 810 MB on "
    "disk. If this computer has no Python, uv downloads it as well (30 MB). The installation takes a few minutes, "
    "once. Nothing else is sent or downloaded."
)
INSTALL, FIND = Message("Install"), Message("Use existing…")
FIND_TIP = Message("Choose the folder of an existing installation of Dioptre: its DIOPTRE_HOME or its data folder")
PHASES = (  # the installer's phases, listed here for translation
    Message("Creating an environment with Python {version}", version=""),
    Message("Installing build tools"),
    Message("Installing dependencies"),
    Message("Installing Dioptre"),
    Message("Starting Dioptre for the first time"),
    Message("Copying the weights"),
)
_PROGRESS = re.compile(r"@(\d\.\d+) (.*?)(?:\t(.*))?")  # progress line: fraction, phase and optional details
# Range of minor versions of Python 3 that can run the installer, which then finds a suitable Python for the core.
_OLDEST_MINOR, _NEWEST_MINOR = 10, 14
_PROBE_TIMEOUT_S = 30
# Folders that may contain Python but are missing from the PATH of programs started from the Finder.
_MAC_FOLDERS = ("/opt/homebrew/bin", "/usr/local/bin")
_MAC_FRAMEWORK = Path("/Library/Frameworks/Python.framework/Versions")


def is_needed() -> bool:
    """Return whether the core must be installed, or updated to this plug-in's version, before anything works."""
    if not (SOURCE / "install.py").is_file() or is_running():
        return False
    if os.environ.get("DIOPTRE_PYTHON") or paths.chosen_python():
        return False
    try:
        environment_python()
    except WorkerMissingError:
        return True
    return _is_older(_read(paths.environment_dir() / "installed.json"), _read(SOURCE / ABOUT))


def _is_older(installed: dict[str, Any], ours: dict[str, Any]) -> bool:
    if not installed.get("core"):
        return True  # an earlier installation was interrupted
    return _numbers(installed) <= _numbers(ours) and installed["core"] != ours.get("core", installed["core"])


def _numbers(about: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(about.get("version", ""))))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = strict_json.parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def install(*, poll_s: float = 0.0) -> Steps[None]:
    """Run the installer from the zip.

    Closing the generator stops the installer; the next run resumes the installation.

    Args:
        poll_s: how long a step may wait for the installer; 0 on an editor's main thread.

    Raises:
        DioptreError: the installation failed, or there is no Python to start the installer.
    """
    python = yield from _find_python()
    # The installer recognises Dioptre's data folder by a private subfolder named "writing".
    private_dir(paths.data_dir() / "writing")
    process = subprocess.Popen(  # noqa: S603  (a verified Python, and the installer of this plug-in)
        [*python, "-u", str(SOURCE / "install.py"), "--version"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment()
        | uv.variables(SOURCE, paths.data_dir())
        | {"DIOPTRE_PROGRESS": "lines", "PYTHONIOENCODING": "utf-8"},
        creationflags=_no_window(),
    )
    said: list[str] = []
    try:
        yield from _follow(process, said, poll_s)
    except GeneratorExit:
        process.terminate()
        threading.Thread(target=process.wait, daemon=True).start()  # waits without blocking the editor
        raise
    shutil.rmtree(paths.data_dir() / "python" / ".uv", ignore_errors=True)
    if process.returncode:
        raise _failure(said)


def adopt(folder: Path) -> None:
    """Use the Dioptre installed in `folder` from now on; raise DioptreError if there is none."""
    for data in (folder, folder / "data", folder / "Dioptre" / "data", folder / "dioptre"):
        if paths.interpreter(paths.environment_dir(data)).exists():
            kinds = ("data", "cache", "log")
            base = {kind: data.parent / kind for kind in kinds} if data.name == "data" else {}
            usual = {"data": paths.data_dir, "cache": paths.cache_dir, "log": paths.log_dir}
            named = {kind: str(base.get(kind, usual[kind]())) for kind in kinds} | {"data": str(data)}
            (LINK / "folders.json").write_text(json.dumps(named), encoding="utf-8")
            return
    raise DioptreError(
        "{folder} does not contain an installation of Dioptre.",
        hint=(
            "Choose the folder that DIOPTRE_HOME is set to or the one that contains "
            "“environment.json”, or install Dioptre."
        ),
        folder=folder,
    )


def _environment() -> dict[str, str]:
    """Return the installer's environment variables, without default folders, which the installer determines."""
    kept = clean_environment(os.environ)
    for kind in ("DATA", "CACHE", "LOG"):
        if (name := f"DIOPTRE_{kind}_DIR") not in os.environ:
            kept.pop(name, None)
    if sys.platform == "darwin":
        kept["PATH"] = os.pathsep.join([kept.get("PATH", ""), *_mac_folders()])
    return kept


def _follow(process: subprocess.Popen[bytes], said: list[str], poll_s: float) -> Steps[None]:
    """Yield the installer's progress until it ends; collect its other lines in `said`."""
    lines: queue.Queue[str | None] = queue.Queue()
    assert process.stderr is not None
    threading.Thread(target=_read_lines, args=(process.stderr, lines), daemon=True).start()
    step = Step(fraction=0.0, phase=Message("Starting the installer"), waiting=True)
    while True:
        try:
            line = lines.get(poll_s > 0, poll_s)
        except queue.Empty:
            yield step
            continue
        if line is None:
            break
        if match := _PROGRESS.fullmatch(line):
            step = Step(fraction=float(match[1]), phase=_phase(match[2], match[3] or ""), waiting=True)
            yield step
        elif line:
            said.append(line)
    while process.poll() is None:
        yield step


def _read_lines(pipe: IO[bytes], lines: queue.Queue[str | None]) -> None:
    with pipe:
        for line in pipe:
            lines.put(line.decode("utf-8", errors="replace").rstrip())
    lines.put(None)


def _phase(text: str, detail: str) -> str:
    return Message("{phase} ({detail})", phase=Message(text), detail=detail) if detail else text


def _failure(said: list[str]) -> DioptreError:
    """Build an error from the last lines of the installer: its message, its hint, and the path of its log."""
    found = {name: text for line in said for name, _, text in [line.partition(": ")] if name in _FIELDS}
    log = Message(" See the log {log}.", log=found["Log"]) if "Log" in found else ""
    return DioptreError(
        Message(
            "The installation failed: {sentence}{log}",
            sentence=found.get("Error", said[-1] if said else "-"),
            log=log,
        ),
        hint=found.get("Hint", Message("Try again; the installation continues where it stopped.")),
    )


_FIELDS = ("Error", "Hint", "Log")


def _find_python() -> Steps[list[str]]:
    """Find a command that starts a Python for the installer; raise DioptreError if there is none."""
    # The Python of a Flatpak's runtime changes with its updates.
    for command in [] if _in_flatpak() else _candidates():
        yield Step(fraction=0.0, phase=Message("Looking for Python"), waiting=True)
        if _starts(command):
            return command
    if not os.environ.get("SNAP") and (command := uv.command(SOURCE, paths.data_dir())):
        return command
    raise DioptreError("No Python 3.11 to 3.14 was found on this computer.", hint=_how_to_get_python())


def _candidates() -> Iterator[list[str]]:
    """Yield candidate commands, leaving out the editor's own Python, which cannot create virtual environments."""
    if sys.platform == "win32":
        if launcher := shutil.which("py"):
            yield [launcher, "-3"]
        yield from ([str(path)] for path in _registered())
    path = _environment().get("PATH")
    names = [f"python3.{minor}" for minor in range(_NEWEST_MINOR, _OLDEST_MINOR - 1, -1)]
    for name in (*names, "python3", "python"):
        if program := shutil.which(name, path=path):
            yield [program]


def _registered() -> Iterator[Path]:
    """Yield the locations that Python's installers for Windows register (PEP 514)."""
    if sys.platform != "win32":
        return
    import winreg

    for minor in range(_NEWEST_MINOR, _OLDEST_MINOR - 1, -1):
        for root in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            name = rf"SOFTWARE\Python\PythonCore\3.{minor}\InstallPath"
            with suppress(OSError), winreg.OpenKey(root, name) as key:
                yield Path(str(winreg.QueryValueEx(key, "")[0])) / "python.exe"


def _mac_folders() -> list[str]:
    versions = (f"3.{minor}" for minor in range(_NEWEST_MINOR, _OLDEST_MINOR - 1, -1))
    return [*(str(_MAC_FRAMEWORK / version / "bin") for version in versions), *_MAC_FOLDERS]


def _starts(command: list[str]) -> bool:
    script = f"import sys; sys.exit(sys.version_info < (3, {_OLDEST_MINOR}))"
    try:
        done = subprocess.run(  # noqa: S603  (programs with these names on PATH or in the registry)
            [*command, "-I", "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            env=_environment(),
            check=False,
            creationflags=_no_window(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _no_window() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW
    return 0


def _in_flatpak() -> bool:
    return flatpak_app() is not None


def _how_to_get_python() -> str:
    if _in_flatpak() or os.environ.get("SNAP"):
        return "The editor runs in a sandbox (Flatpak, snap). Install Dioptre outside it: see docs/installing.md."
    if sys.platform == "win32":
        return "Install Python 3.13 for Windows, 64-bit, from python.org, then press the button again."
    if sys.platform == "darwin":
        return "Install Python 3.13 for macOS from python.org, then press the button again."
    return (
        "Install Python with venv (Debian, Ubuntu: apt install python3 python3-venv), then press the button again."
    )
