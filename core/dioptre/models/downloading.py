"""Download networks' weights: files over HTTP, and packages with pip, with progress and cancellation.

The received bytes of a file are kept until it is complete, so that a later attempt can resume the download. Proxy
variables (`https_proxy`, `no_proxy`, …) and the system's certificates are honoured. pip downloads packages, because
the user's proxies, mirrors and certificates are already set up for it; its caller verifies the package's SHA-256.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from typing import Any

from dioptre.checkpoints.locate import added_folder
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message, system_reason

from .published import Package, PublishedFile

OFFLINE = Message("there is no connection")
SLOW = Message("the connection is too slow")
LOST = Message("the connection was lost")
UNTRUSTED = Message("the server's certificate is not trusted")

_OF_EXCEPTIONS: tuple[tuple[type[Exception], Message], ...] = (  # the first match counts
    (ssl.SSLCertVerificationError, UNTRUSTED),
    (TimeoutError, SLOW),
    (ConnectionRefusedError, OFFLINE),
    (http.client.IncompleteRead, LOST),
    (ConnectionError, LOST),
)
# Texts in pip's output, and their meanings. pip's own last error often says only that no distribution matched.
_OF_PIP = (
    ("Name or service not known", OFFLINE),
    ("Temporary failure in name resolution", OFFLINE),
    ("Failed to establish a new connection", OFFLINE),
    ("Network is unreachable", OFFLINE),
    ("No space left on device", Message("the disk is full")),
    ("timed out", SLOW),
    ("IncompleteRead", LOST),
    ("IncompleteDownload", LOST),
    ("Connection broken", LOST),
    ("Connection aborted", LOST),
    ("CERTIFICATE_VERIFY_FAILED", UNTRUSTED),
    ("No matching distribution", Message("the package index does not have this package")),
)
_POLL_S = 0.1  # interval at which the download is checked; short, so that it can be cancelled quickly
_LIMIT_S = 1800.0  # time limit for a download; enough for 100 MB over a slow connection
_ENDING_S = 3.0  # time that pip has to exit after being asked to
_SPARE_BYTES = 4 << 20  # allowance beyond the package's size for pip's own small files
_TRY_AGAIN = "Nothing was installed. Check the internet connection and pip's settings, and try again."
_SILENCE_S = 30.0  # the connection counts as broken after this many seconds without data
_TRIES = 5  # number of consecutive attempts without any data before giving up
_PAUSE_S = 1.0  # seconds before the second attempt; doubled for each further one
_BLOCK = 1 << 18
_FREE_BYTES = 128 << 20  # disk space that must stay free after the download
_CONVERTED = 1.1  # size of the converted weights, as a multiple of the file's size
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NO_REDIRECT_TO = "the server redirects to an unencrypted address"


def reason_of(error: object) -> str:
    """Return the reason for an exception of a connection."""
    for kind, reason in _OF_EXCEPTIONS:
        if isinstance(error, kind):
            return reason
    if isinstance(error, OSError) and error.errno is not None:
        return OFFLINE if error.errno < 0 else system_reason(error)  # getaddrinfo's errors are negative
    return str(error).rstrip(".")


def reason_in_pip_output(output: str) -> str:
    """Return the first error in pip's output that is meaningful to a user, without its full stop."""
    for sign, reason in _OF_PIP:
        if sign in output:
            return reason
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors == ["Exception:"]:  # pip's traceback follows; its last line gives the cause
        errors = [lines[-1].partition(": ")[2] or lines[-1]]
    return errors[0].rstrip(".") if errors else Message("pip failed")


Progress = Callable[[float, str], None]
"""Progress callback like `dioptre.contract.Progress`; it may raise `Cancelled`."""


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
            raise _package_failed(package, str(error)) from error
        try:
            status = _watch(process, package, scratch, progress)
        finally:
            _end(process)
    if status != 0:
        raise _package_failed(package, output.read_text(encoding="utf-8", errors="replace"))
    if not (target / package.name).is_file():
        raise _package_failed(package, "ERROR: pip fetched another file than the package")
    return target / package.name


def _watch(process: subprocess.Popen[bytes], package: Package, scratch: Path, progress: Progress) -> int:
    """Report the growth of pip's files until pip exits, and return its exit status."""
    deadline = time.monotonic() + _LIMIT_S
    received = 0
    while True:
        try:
            return process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            pass
        received = max(received, _bytes_below(scratch))  # at the end, pip moves the file away
        if received > package.nbytes + _SPARE_BYTES:
            raise FetchError(
                "The package index sent more than the expected {size} MB for {package}.",
                hint="Nothing was installed. A mirror or proxy may have replaced the package; try another one.",
                size=_megabytes(package.nbytes),
                package=package.requirement,
            )
        if time.monotonic() > deadline:
            raise _package_failed(package, "timed out")
        _report(package.nbytes, received, progress)


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


def _package_failed(package: Package, said: str) -> FetchError:
    error = FetchError(
        "{package} could not be downloaded: {reason}.",
        hint=_TRY_AGAIN,
        package=package.requirement,
        reason=reason_in_pip_output(said),
    )
    error.add_note(said)  # appears in the log
    return error


def downloads_folder() -> Path:
    """Return the folder of unfinished downloads."""
    return added_folder() / ".downloads"


def download(file: PublishedFile, *, progress: Progress) -> Path:
    """Download a file into its own folder and verify its SHA-256; delete it with `discard` after use.

    Raises:
        FetchError: the file cannot be downloaded or is not the expected one.
        Exception: whatever `progress` raises; the transfer is then stopped, and the received bytes are kept.
    """
    target = downloads_folder() / file.sha256 / file.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_kept(file, target, error) from error
    progress(0.0, "Connecting")
    _require_room(file, target.parent, arrived=_size(target))
    resumed = _size(target) > 0
    _receive(file, target, progress)
    if resumed and not _is_right(file, target):  # the bytes kept earlier may be from another file
        target.unlink()
        _receive(file, target, progress)
    progress(1.0, "Checking the file")
    if _is_right(file, target):
        return target
    found = _sha256(target)
    discard(file)
    raise FetchError(
        "{name} is not the expected file: its SHA-256 is {found}, not {expected}.",
        hint="The file was deleted. Its publisher or the mirror may have replaced it: try again later, or get "
        "another copy and add it with: dioptre models add FILE",
        code="foreign-weights",
        name=file.name,
        found=found,
        expected=file.sha256,
    )


def discard(file: PublishedFile) -> None:
    """Delete all downloaded bytes of a file."""
    folder = downloads_folder() / file.sha256
    (folder / file.name).unlink(missing_ok=True)
    for empty in (folder, downloads_folder()):
        with suppress(OSError):
            empty.rmdir()


def _receive(file: PublishedFile, target: Path, progress: Progress) -> None:
    """Download the missing bytes of a file, and retry if the connection breaks.

    Raises:
        FetchError: the download failed.
        Exception: whatever `progress` raises.
    """
    tries, received = 0, False
    while not _is_complete(file, target):
        before = _size(target)
        try:
            _transfer(file, target, progress)
            return
        except _Broken as broken:
            arrived = _size(target) > before
            received, tries = received or arrived, 0 if arrived else tries + 1
            if not (broken.temporary and received) or tries >= _TRIES:
                raise _failed(file, broken.reason) from broken
        _wait(_PAUSE_S * 2**tries, progress, file, _size(target))


class _Broken(Exception):  # noqa: N818  (the name is clear without "Error")
    """A transfer ended early.

    Attributes:
        reason: the cause, as text.
        temporary: whether another attempt may succeed.
    """

    def __init__(self, reason: str, *, temporary: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.temporary = reason, temporary


@dataclass
class _Transfer:
    """A transfer in a separate thread, so that cancelling it need not wait for the next byte.

    Attributes:
        file: the file to download.
        partial: path of the received bytes.
        arrived: number of bytes received.
        stopped: set to stop the transfer.
        broken: the reason why the transfer ended early, if it did.
        guard: lock that must be held to write or to stop the transfer.
    """

    file: PublishedFile
    partial: Path
    arrived: int = 0
    stopped: bool = False
    broken: _Broken | FetchError | None = None
    guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        try:
            self._run()
        except (_Broken, FetchError) as broken:
            self.broken = broken
        except urllib.error.HTTPError as error:
            self.broken = _Broken(_answer(error), temporary=error.code >= 500)
        except urllib.error.URLError as error:
            self.broken = _Broken(reason_of(error.reason))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.broken = _Broken(reason_of(error))

    def _run(self) -> None:
        try:
            self._receive(self.arrived)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            self.arrived = 0  # the existing bytes are not from this file
            self._receive(0)

    def _receive(self, start: int) -> None:
        headers = {"User-Agent": "dioptre", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(self.file.address, headers=headers)  # noqa: S310  (only http and https, see _opener)
        with _opener().open(request, timeout=_SILENCE_S) as response:
            start = self._start_of(response, start)
            with self._opened(start) as target:
                self.arrived = start
                while block := response.read(_BLOCK):
                    with self.guard:
                        if self.stopped:
                            return
                        self._write(target, block)
                    if self.arrived > self.file.nbytes:
                        said = Message(
                            "the server sends more than the {size} MB of the file",
                            size=_megabytes(self.file.nbytes),
                        )
                        raise _Broken(said, temporary=False)
        if self.arrived < self.file.nbytes:
            raise _Broken(LOST)

    def _opened(self, start: int) -> FileIO:
        try:
            target = FileIO(self.partial, "r+" if start else "w")
            target.seek(start)
            target.truncate()
        except OSError as error:
            raise _not_kept(self.file, self.partial, error) from error
        return target

    def _write(self, target: FileIO, block: bytes) -> None:
        while block:
            try:
                written = target.write(block)
            except OSError as error:
                raise _not_kept(self.file, self.partial, error) from error
            self.arrived += written
            block = block[written:]

    def _start_of(self, response: Any, asked: int) -> int:
        """Return the position of the response's first byte; raise _Broken if the server announces another file."""
        total = response.headers.get("Content-Length", "")
        start = 0
        if response.status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != asked:
                self.partial.unlink(missing_ok=True)
                raise _Broken("the server resumed at the wrong position")
            start, total = asked, match[2]
        if total.isdecimal() and int(total) != self.file.nbytes:
            mb = round(int(total) / 1e6, 1)
            raise _Broken(f"the server offers a different file of {mb:g} MB", temporary=False)
        return start


def _transfer(file: PublishedFile, partial: Path, progress: Progress) -> None:
    """Receive the missing bytes; `progress` may raise to stop it.

    Raises:
        _Broken: the transfer ended early.
        FetchError: the received bytes cannot be written.
    """
    transfer = _Transfer(file=file, partial=partial, arrived=_size(partial))
    thread = threading.Thread(target=transfer.run, daemon=True, name="download")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_S)
            _report(file.nbytes, transfer.arrived, progress)
    except BaseException:
        with transfer.guard:  # once `stopped` is set, the thread writes nothing more
            transfer.stopped = True
        raise
    if transfer.broken is not None:
        raise transfer.broken


def _report(nbytes: int, arrived: int, progress: Progress) -> None:
    if not arrived:
        progress(0.0, "Connecting")
        return
    total_mb = _megabytes(nbytes)
    got_mb = min(total_mb, round(arrived / 1e6))
    progress(min(1.0, arrived / nbytes), Message("Downloading: {got} of {size} MB", got=got_mb, size=total_mb))


def _megabytes(nbytes: int) -> int:
    return max(1, round(nbytes / 1e6))


def _wait(seconds: float, progress: Progress, file: PublishedFile, arrived: int) -> None:
    """Pause before the next attempt; `progress` may cancel it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        progress(min(1.0, arrived / file.nbytes), "The connection was lost; trying again")
        time.sleep(min(_POLL_S, left))


def _is_complete(file: PublishedFile, partial: Path) -> bool:
    """Return whether the whole file has arrived; delete it if it is too long."""
    size = _size(partial)
    if size > file.nbytes:
        partial.unlink()
    return size == file.nbytes


def _is_right(file: PublishedFile, path: Path) -> bool:
    return _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _require_room(file: PublishedFile, folder: Path, *, arrived: int) -> None:
    needed = max(0, file.nbytes - arrived) + int(_CONVERTED * file.nbytes) + _FREE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(
            "There is not enough space on the disk: {needed} MB are needed, {free} MB are free in {folder}.",
            hint="Free some space, or set DIOPTRE_DATA_DIR to a folder on another disk.",
            code="disk-full",
            needed=round(needed / 1e6),
            free=round(free / 1e6),
            folder=folder,
        )


def _answer(error: urllib.error.HTTPError) -> str:
    return Message("the server answered {code} ({reason})", code=error.code, reason=str(error.reason))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _not_kept(file: PublishedFile, partial: Path, error: OSError) -> FetchError:
    """Return the error for received bytes that cannot be written, which another attempt would not change."""
    return FetchError(
        "{name} could not be saved in {folder}: {reason}.",
        hint="Nothing was installed. Free some space and check that you may write there, or set DIOPTRE_DATA_DIR "
        "to a folder on another disk.",
        code="disk-full",
        name=file.name,
        folder=partial.parent,
        reason=system_reason(error),
    )


def _failed(file: PublishedFile, reason: str) -> FetchError:
    return FetchError(
        "{name} could not be downloaded from {address}: {reason}.",
        hint=(
            "Nothing was installed. The next attempt resumes the download. Check the "
            "internet connection and the proxy settings, and try again."
        ),
        name=file.name,
        address=file.address,
        reason=reason,
    )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirect handler that refuses to leave HTTPS."""

    def redirect_request(  # noqa: PLR0917  (urllib's signature)
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise _Broken(_NO_REDIRECT_TO, temporary=False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for HTTP and HTTPS only, which uses the proxies set in the environment or the system."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=_certificates()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _certificates() -> ssl.SSLContext:
    """Return the system's certificates, or pip's if the system has none, as with the macOS installer of Python."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        try:
            from pip._vendor import certifi
        except ImportError:
            return context
        context.load_verify_locations(certifi.where())
    return context
