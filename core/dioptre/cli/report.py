"""The archive for a bug report: findings of `doctor`, versions, and places in the code where errors occurred.

It contains nothing private. Only information known to be harmless is included: from the logs, places in the code of
Dioptre and its packages, and types of errors, but never messages, which may contain names of pictures and folders.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from dioptre.editors.plugin_folder import Finding
from dioptre.photo import replacing
from dioptre_link import paths

_FRAME = re.compile(r'^\s*File "(?P<file>.*)", line (?P<line>\d+), in (?P<name>\w+|<\w+>)$')
_HEAD = re.compile(
    r"^(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S*\s.*?\b(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\b"
)
_ERROR = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Cancelled))(?::|$)")
_MAX_LOG_BYTES = 1 << 22
_SETTINGS = ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES", "NPROC", "XLA_FLAGS", "DIOPTRE_MAX_MEGAPIXELS")


def write_report(path: Path, findings: Iterable[Finding], *, force: bool) -> list[str]:
    """Write a .zip of text files and return their names; raise FileExists or UnwritableFile if that fails."""
    parts = {
        "findings.json": json.dumps([_without_places(each) for each in findings], indent=1),
        "machine.json": json.dumps(_machine(), indent=1),
        "packages.txt": "".join(f"{line}\n" for line in _packages()),
        **{f"{name}.txt": text for name, text in _logs()},
    }
    with replacing(path, force=force) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return list(parts)


def without_places(text: str) -> str:
    """Remove this user's folders, user name and machine name from a string."""
    known = {
        str(paths.data_dir()): "<data>",
        str(paths.cache_dir()): "<cache>",
        str(paths.log_dir()): "<log>",
        sys.prefix: "<environment>",
        str(Path.home()): "<home>",
    }
    for place in sorted(known, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(place, known[place])
    with suppress(OSError, KeyError, ImportError):
        text = re.sub(rf"\b{re.escape(getpass.getuser())}\b", "<user>", text)
    node = platform.node()
    return re.sub(rf"\b{re.escape(node)}\b", "<machine>", text) if node else text


def _without_places(finding: Finding) -> dict[str, str]:
    return {name: without_places(value) for name, value in {"type": "finding", **finding._asdict()}.items()}


def _machine() -> dict[str, object]:
    import psutil

    return {
        "dioptre": metadata.version("dioptre"),
        "python": sys.version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "memory_free_bytes": psutil.virtual_memory().available,
        "settings": {name: without_places(os.environ[name]) for name in _SETTINGS if name in os.environ},
    }


def _packages() -> list[str]:
    return sorted({f"{each.name}=={each.version}" for each in metadata.distributions()})


def _logs() -> Iterator[tuple[str, str]]:
    for file in sorted(paths.log_dir().glob("*.log*")):
        try:
            with file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - _MAX_LOG_BYTES))
                lines = stream.read().decode("utf-8", "replace").splitlines()
        except OSError:
            continue
        yield re.sub(r"\W+", "-", file.name), "".join(f"{line}\n" for line in harmless(lines))


def harmless(lines: Iterable[str]) -> Iterator[str]:
    """Yield the harmless parts of a log: times, levels, places in the code, and types of errors."""
    for line in lines:
        if head := _HEAD.match(line):
            yield f"{head['when']} {head['level']}"
        elif frame := _FRAME.match(line):
            yield f"  {_module(frame['file'])}:{frame['line']} {frame['name']}"
        elif error := _ERROR.match(line):
            yield f"  {error['kind']}"


def _module(file: str) -> str:
    """Return a source file's path relative to the packages, or a placeholder for the user's own files."""
    for sign in ("/site-packages/", "/core/dioptre", "/lib/python"):
        if sign in (there := file.replace("\\", "/")):
            name = there.rpartition(sign)[2]
            return f"dioptre{name}" if sign == "/core/dioptre" else name
    return "<elsewhere>"
