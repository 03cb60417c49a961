"""Runs programs of the Windows Python in a Wine prefix created by `prefix`."""

from __future__ import annotations

import math
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_OVERRIDES = "ucrtbase=n,b;vcruntime140=n;vcruntime140_1=n;msvcp140=n;msvcp140_1=n;mscoree=;mshtml="
_CODE_PAGE = "cp1252"  # Wine's code page in a UTF-8 locale that names no language.
_LIMIT_S = 3000.0  # Time limit per command; a busy machine takes ten times as long as an idle one.
_PYTHON = r"C:\Python311\python.exe"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A program's output on stdout and stderr, its exit status and its duration."""

    text: str
    status: int
    seconds: float


class Windows:
    """One Windows user's machine."""

    def __init__(self, prefix: Path, packages: Path, *, limit_s: float = math.inf) -> None:
        """Find the user's folders in the prefix.

        Args:
            prefix: The Wine prefix.
            packages: Folder with all packages that pip needs; nothing is downloaded under Wine.
            limit_s: Time limit for all commands together.
        """
        self.prefix = prefix
        self._deadline = time.monotonic() + limit_s
        self.user = next(
            each for each in (prefix / "drive_c/users").iterdir() if each.name != "Public" and each.is_dir()
        )
        left_out = ("DIOPTRE_", "PYTHON", "PYENV", "PIP_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        self._environment = {
            **kept,
            "WINEPREFIX": str(prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": _OVERRIDES,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": windows_path(packages),
        }

    @property
    def local(self) -> Path:
        """The folder %LOCALAPPDATA%."""
        return self.user / "AppData/Local"

    @property
    def roaming(self) -> Path:
        """The folder %APPDATA%."""
        return self.user / "AppData/Roaming"

    def python(self, *arguments: str | Path, limit_s: float = _LIMIT_S, **variables: str) -> Outcome:
        """Run C:\\Python311\\python.exe."""
        return self.run(_PYTHON, *arguments, limit_s=limit_s, **variables)

    def run(self, *command: str | Path, limit_s: float = _LIMIT_S, **variables: str) -> Outcome:
        """Run a program. Its output goes through a pipe, because Python under Wine 8 crashes if it is a plain file.

        A worker that outlives the command keeps the pipe open, so only the end of the process is awaited.

        Raises:
            TimeoutError: The command took longer than `limit_s`, or all commands together took longer than allowed.
        """
        started = time.monotonic()
        parts: list[bytes] = []
        with subprocess.Popen(
            ["wine", *(windows_path(each) for each in command)],
            env=self._environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            pipe = process.stdout
            reader = threading.Thread(target=lambda: parts.extend(iter(lambda: os.read(pipe.fileno(), 65536), b"")))
            reader.daemon = True
            reader.start()
            limit_s = min(limit_s, max(self._deadline - started, 0.0))
            try:
                status = process.wait(timeout=None if math.isinf(limit_s) else limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                status = None
            reader.join(timeout=2.0)
            seconds = time.monotonic() - started
            text = b"".join(parts).decode(_CODE_PAGE, errors="replace").replace("\r\n", "\n")
            if reader.is_alive():
                process.stdout = None  # Keep Popen from closing the pipe, which would wait for the reader.
        if status is None:
            shown = " ".join(str(each) for each in command)
            raise TimeoutError(f"{shown} was stopped after {seconds:.0f} s. Its output:\n{text}")
        return Outcome(text=text, status=status, seconds=seconds)

    def end(self) -> None:
        """End all processes in the prefix."""
        subprocess.run(["wineserver", "--kill"], env=self._environment, check=False)


def windows_path(path: str | Path) -> str:
    """Return an absolute path of this system as Windows programs see it; other arguments are returned unchanged."""
    if isinstance(path, Path) and path.is_absolute():
        return "Z:" + str(path).replace("/", "\\")
    return str(path)
