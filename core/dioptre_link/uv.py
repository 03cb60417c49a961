"""Run a CPython that uv brings, where a computer has none. A release carries uv; a clone of the source does not.

The folder `uv` of a release holds `version` (the CPython to bring) and uv's program for one system, or in a
plug-in's zip uv's wheels for several. A bundle for machines without a network also has `python` there: uv's cache
with the download of CPython. The CPython goes into the folder `python` of Dioptre's data, and is removed with it.
`install.sh` and `install.cmd` do the same for a release that is unpacked.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
import zipfile
import zlib
from pathlib import Path

FOLDER = "uv"
VERSION = "version"
DOWNLOADS = "python"
PROGRAM = "uv.exe" if sys.platform == "win32" else "uv"
PLATFORMS = {"windows": "win_amd64", "macos": "macosx_11_0_arm64", "linux": "manylinux_2_17_x86_64"}
NAMES = re.compile(
    r"cpython-.*|\.(uv|lock|temp|cache|gitignore)"
)  # what uv and `command` write into the data folder
_WITHOUT_TRACES = ("run", "--no-project", "--no-config", "--no-cache", "--managed-python", "--python")


def command(source: Path, data: Path) -> list[str]:
    """Return a command line that runs CPython with the arguments that follow, downloading it first if needed.

    Run it with the variables of `variables`.

    Args:
        source: Dioptre's source, with a folder `uv` if it is from a release.
        data: Dioptre's data folder.

    Returns:
        The command line; empty if the source carries no uv for this system.
    """
    folder = source / FOLDER
    program = folder / PROGRAM
    if not program.is_file():
        wheel = next(folder.glob(f"uv-*{_tag()}*.whl"), None)
        if wheel is None:
            return []
        program = unpack(wheel, data / "python" / ".uv")
    version = (folder / VERSION).read_text(encoding="ascii").strip()
    return [str(program), *_WITHOUT_TRACES, version, "python"]


def variables(source: Path, data: Path) -> dict[str, str]:
    """Return the environment variables for `command`, with the same arguments, and the user's own for uv."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    downloads = source / FOLDER / DOWNLOADS
    cache = {"UV_PYTHON_CACHE_DIR": str(downloads)} if downloads.is_dir() else {}
    return {**chosen, "UV_PYTHON_INSTALL_DIR": str(data / "python"), **cache}


def unpack(wheel: Path, folder: Path) -> Path:
    """Extract uv's program and its licence from its wheel into `folder`, and return the program's path.

    Raises:
        OSError: the wheel is damaged, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as content:
            wanted = (name for name in content.namelist() if re.search(r"/(scripts/uv(\.exe)?|LICENSE-MIT)$", name))
            for name in wanted:
                part = folder / f".{name.rpartition('/')[2]}.part"
                part.write_bytes(content.read(name))
                part.chmod(0o755)
                part.replace(folder / name.rpartition("/")[2])
        return next(folder.glob("uv*"))
    except (zipfile.BadZipFile, zlib.error, EOFError, StopIteration) as error:
        raise OSError(errno.EIO, "It is damaged, so download Dioptre again", str(wheel)) from error


def _tag() -> str:
    """Return the platform tag of the wheel that runs here; on Windows for ARM, that for x86-64, as for JAX."""
    system = {"win32": "windows", "darwin": "macos", "linux": "linux"}.get(sys.platform, "")
    machine = platform.machine().lower()
    fits = sys.platform == "win32" or machine == ("arm64" if sys.platform == "darwin" else "x86_64")
    return PLATFORMS[system] if system and fits else "none"
