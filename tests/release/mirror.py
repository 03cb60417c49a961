"""Make a mirror from which uv can bring a Python without a network, out of a CPython that is on this machine.

    python tests/release/mirror.py FOLDER            this Python, for Linux
    python tests/release/mirror.py FOLDER PREFIX     the CPython 3.11.9 for Windows in PREFIX (tests/windows/prefix)

uv takes it with UV_PYTHON_DOWNLOADS_JSON_URL=FOLDER/downloads.json, which lists the archive with its SHA-256 in
place of uv's own list. The archive has the layout of the archives that uv downloads.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import tarfile
from pathlib import Path
from urllib.parse import quote

_LEFT_OUT = {"test", "site-packages", "__pycache__", "idlelib", "tkinter", "lib2to3", "pkgconfig"}


def main() -> None:
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True)
    windows = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    version = (3, 11, 9) if windows else sys.version_info[:3]
    dotted = ".".join(map(str, version))
    archive = folder / f"cpython-{dotted}.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        if windows:
            tar.add(windows, "python", filter=_needed)
        else:
            _add_this_python(tar, f"python{version[0]}.{version[1]}")
    system, libc = ("windows", "none") if windows else ("linux", "gnu")
    machine = "x86_64" if windows else platform.machine()
    entry = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": system,
        "libc": libc,
        **dict(zip(("major", "minor", "patch"), version, strict=True)),
        "prerelease": "",
        "url": ("file:///Z:" if windows else "file://") + quote(str(archive)),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "20260101",
    }
    listed = {f"cpython-{dotted}-{system}-{machine}-{libc}": entry}
    (folder / "downloads.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")


def _add_this_python(tar: tarfile.TarFile, name: str) -> None:
    prefix = Path(sys.base_prefix)
    tar.add((prefix / "bin" / name).resolve(), f"python/bin/{name}")
    tar.add(prefix / "lib" / name, f"python/lib/{name}", filter=_needed)
    for library in prefix.glob("lib/libpython3*.so*"):
        tar.add(library, f"python/lib/{library.name}")


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _LEFT_OUT.intersection(entry.name.split("/")) or entry.name.endswith(".a") else entry


if __name__ == "__main__":
    main()
