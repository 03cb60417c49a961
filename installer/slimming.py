"""Remove files that no program loads, after pip has verified every file's SHA-256.

These are the packages' own tests, all of SciPy but `ndimage`, files for compilers, programs for other systems, and
on Linux symbol tables. Compiled modules are removed too, because Python compiles the few that it imports. RECORD,
pip's list of a package's files, is updated to match.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import struct
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

_TESTS = frozenset({"tests", "internal_test_util"})
_TEST_ENDING = "_test.py"
# Headers, import libraries and Cython sources. Type stubs stay, because mypy reads them.
_FOR_COMPILERS = frozenset([".a", ".c", ".cpp", ".h", ".hpp", ".lib", ".pxd", ".pyx"])
_BUILDS = "cffi"  # Reads its headers when a package is built from source.
# Subpackages that neither Dioptre nor its dependencies import; `tests/install/test_slimming.py` checks it.
_SCIPY = "cluster constants datasets differentiate fft fftpack integrate interpolate io linalg misc odr optimize"
_SCIPY_TOO = "signal sparse spatial special stats"
_UNUSED = {"scipy": frozenset([*_SCIPY.split(), *_SCIPY_TOO.split()])}
_IMPORTED = frozenset({"special"})  # By `scipy.ndimage`, for a function that Dioptre does not call.
# Large module that only NumPy's own tests load.
_UNUSED_MODULES = frozenset({("numpy", "_core", "_simd")})
# SciPy's linear algebra library and what only that loads; on Windows and macOS, too.
_UNUSED_LIBRARIES = re.compile(r"scipy(\.libs|/\.dylibs)/lib(scipy_openblas|gfortran|quadmath)[^/]*")
_LEAVES_OUT = "Dioptre's installer leaves out"
_PLACEHOLDER = f"""\
raise ImportError(
    "{_LEAVES_OUT} {{package}}.{{part}}, because Dioptre does not use it. To add it, run: "
    "python3 install.py python -m pip install --force-reinstall --no-deps {{package}}=={{version}}"
)
"""
_PLACEHOLDER_AT_USE = f"""\
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
{textwrap.indent(_PLACEHOLDER, "    ")}"""
_LOADED = 1  # PT_LOAD, a segment that the loader maps.
_ALLOCATED = 2  # SHF_ALLOC, a section in such a segment.
_CHUNK = 1 << 20
_HEADER = 64  # Size of an ELF-64 header in bytes.
_SYMBOLS_WORTH_BYTES = 1 << 16  # Smallest saving for which a file is changed.


def slim(site_packages: Path, *, whole: bool = False) -> None:
    """Remove what no program loads from every package in `site_packages`.

    Args:
        site_packages: The folder of the packages.
        whole: Keep the subpackages that Dioptre does not use, because the user's own packages may.
    """
    unused = {} if whole else _UNUSED
    for record in site_packages.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
        kept = [*_kept(site_packages, rows, unused), *_placeholders(site_packages, record, rows, unused)]
        if kept != rows:
            with record.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(kept)
    for name in _TESTS:
        for folder in sorted(site_packages.rglob(name), reverse=True):
            with suppress(OSError):  # Leave folders that are not empty.
                folder.rmdir()


def lacking(site_packages: Path) -> list[str]:
    """Return the packages from which subpackages were left out."""
    return [
        package
        for package, parts in _UNUSED.items()
        if any(
            _LEAVES_OUT in path.read_text(encoding="utf-8")
            for path in (site_packages / package / part / "__init__.py" for part in parts)
            if path.is_file()
        )
    ]


def _kept(site_packages: Path, rows: list[list[str]], unused: Mapping[str, frozenset[str]]) -> Iterator[list[str]]:
    """Yield the rows of a RECORD (path, hash, size) to keep, and delete the files of the others."""
    for row in rows:
        name = PurePosixPath(row[0])
        path = site_packages / name
        if ".." in name.parts:
            yield row
        elif _is_unneeded(name, unused):
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, site_packages)
        elif ".so" in name.suffixes and drop_symbols(path):
            yield [row[0], f"sha256={_digest(path)}", str(path.stat().st_size)]
        else:
            yield row


def _is_unneeded(name: PurePosixPath, unused: Mapping[str, frozenset[str]]) -> bool:
    """Return whether no program loads this file of a package."""
    package, *inside = name.parts
    if inside and (_TESTS.intersection(inside[:-1]) or name.name.endswith(_TEST_ENDING)):
        return True
    if inside and inside[0] in unused.get(package, ()):
        return True
    if unused and _UNUSED_LIBRARIES.fullmatch(str(name)):
        return True
    if name.suffix != ".pyi" and (*name.parts[:-1], name.name.partition(".")[0]) in _UNUSED_MODULES:
        return True
    if name.suffix == ".pyc" or (name.suffix in _FOR_COMPILERS and package != _BUILDS):
        return True
    return name.suffix == ".exe" and sys.platform != "win32" and package in ("pip", "setuptools")


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and its parents below `root` as far as they are empty."""
    with suppress(OSError):
        while folder != root:
            folder.rmdir()
            folder = folder.parent


def _placeholders(
    site_packages: Path, record: Path, rows: list[list[str]], unused: Mapping[str, frozenset[str]]
) -> Iterator[list[str]]:
    """Write a module for each removed subpackage that says how to add it; yield the RECORD's rows for them."""
    package, version = record.parent.name.removesuffix(".dist-info").split("-")[:2]
    installed = {PurePosixPath(row[0]) for row in rows}
    for part in sorted(unused.get(package, ())):
        module = PurePosixPath(package, part, "__init__.py")
        if module in installed:
            path = site_packages / module
            path.parent.mkdir()
            text = _PLACEHOLDER_AT_USE if part in _IMPORTED else _PLACEHOLDER
            path.write_text(text.format(package=package, part=part, version=version), encoding="utf-8")
            yield [str(module), f"sha256={_digest(path)}", str(path.stat().st_size)]


def drop_symbols(path: Path) -> bool:
    """Truncate a shared library after its loaded part, which removes the symbol names that only debuggers use.

    The layout follows the ELF-64 specification, little-endian. The loader reads only the program headers.

    Returns:
        Whether anything was removed.
    """
    with path.open("r+b") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER or header[:6] != b"\x7fELF\x02\x01":
            return False
        segments_at, sections_at = struct.unpack_from("<QQ", header, 32)
        segment_size, segments, section_size, sections = struct.unpack_from("<4H", header, 54)
        file.seek(segments_at)
        table = file.read(segment_size * segments)
        end = segments_at + len(table)
        for index in range(segments):
            kind, offset, size = struct.unpack_from("<I4xQ16xQ", table, index * segment_size)
            if kind == _LOADED:
                end = max(end, offset + size)
        file.seek(sections_at)
        table = file.read(section_size * sections)
        for index in range(sections):
            flags, offset, size = struct.unpack_from("<8xQ8xQQ", table, index * section_size)
            if flags & _ALLOCATED and offset > end:
                return False
        if os.fstat(file.fileno()).st_size - end < _SYMBOLS_WORTH_BYTES:
            return False
        file.seek(0)
        file.write(_without_sections(header))
        file.truncate(end)
    return True


def _without_sections(header: bytes) -> bytes:
    """Return the header of a file without a section table."""
    changed = bytearray(header)
    struct.pack_into("<Q", changed, 40, 0)  # e_shoff
    struct.pack_into("<2H", changed, 60, 0, 0)  # e_shnum, e_shstrndx
    return bytes(changed)


def _digest(path: Path) -> str:
    """Return the SHA-256 in RECORD's format: URL-safe base64 without padding."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
