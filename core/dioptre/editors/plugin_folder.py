"""The plug-in in an editor's folder: its files, the shared package, and the paths of the user's data."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dioptre_link.paths import environment_dir, interpreter

NAME = "dioptre"  # name of the plug-in's folder in every editor
LINK = "dioptre_link"
FOLDERS_FILE = "folders.json"  # file in the plug-in's copy of dioptre_link with the paths of the user's data
INSTALL = "Run: python3 install.py"


class Finding(NamedTuple):
    """One result of a diagnosis; `level` is "ok", "warning" or "error"."""

    code: str
    level: str
    message: str
    fix: str = ""


def shared(origin: Path) -> Path:
    """Return the folder of the package that the editors and the core share.

    Args:
        origin: a checkout, or the installed package `dioptre`.
    """
    inside = origin / "core" / LINK
    return inside if inside.is_dir() else origin.parent / LINK


def put(source: Path, checkout: Path, target: Path, folders: Mapping[str, Path], *, executable: str = "") -> None:
    """Copy a plug-in to `target`, replacing an older version.

    The files go into a temporary folder first, which is then renamed.

    Args:
        source: the plug-in's folder.
        checkout: a checkout, or the installed package `dioptre`, which also contains the plug-ins.
        target: the folder in the editor.
        folders: the user's "data", "cache" and "log" folders, because a sandboxed editor would look elsewhere; also
            "python" if the worker runs in an environment other than the installer's.
        executable: name of the file that the editor starts, if it must be executable.
    """
    part = target.parent.parent / f".{NAME}-{os.getpid()}.part"  # outside plug-ins/, or an editor might start it
    shutil.rmtree(part, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    ignore = shutil.ignore_patterns("__pycache__")
    try:
        shutil.copytree(source, part, ignore=ignore)
        shutil.copytree(shared(checkout), part / LINK, ignore=ignore)
        (part / LINK / FOLDERS_FILE).write_text(json.dumps(_named(folders)), encoding="utf-8")
        if executable:
            (part / executable).chmod(0o755)
            (part / executable).touch()  # a new time makes GIMP query the plug-in's menu entries again
        if target.is_symlink() or target.is_file():
            target.unlink()
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_current(source: Path, checkout: Path, target: Path, folders: Mapping[str, Path]) -> bool:
    """Return whether `target` equals the plug-in, file by file, and uses `folders`."""
    try:
        known = json.loads((target / LINK / FOLDERS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    pairs = {**_files(source, target), **_files(shared(checkout), target / LINK)}
    return known == _named(folders) and all(same(here, there) for here, there in pairs.items())


def same(here: Path, there: Path) -> bool:
    """Return whether the file `there` exists and has the same bytes as `here`."""
    return there.is_file() and there.read_bytes() == here.read_bytes()


def problems(target: Path, editor: str) -> Iterator[Finding]:
    """Yield the problems of an installed plug-in: missing files, or a missing environment."""
    if not (target / LINK / "client.py").is_file():
        yield Finding(
            f"{editor}-plugin-incomplete", "error", f"{target} is incomplete: {LINK} is missing.", INSTALL
        )
        return
    try:
        text = (target / LINK / FOLDERS_FILE).read_text(encoding="utf-8")
        known = json.loads(text)
        python = Path(known.get("python") or interpreter(environment_dir(Path(known["data"]))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # without a valid file, the plug-in uses the default folders
    if not python.exists():
        yield Finding(
            f"{editor}-plugin-environment",
            "error",
            f"The plug-in in {target} expects Dioptre's environment at {python}, which does not exist.",
            INSTALL,
        )


def _named(folders: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(folder) for name, folder in folders.items()}


def _files(source: Path, target: Path) -> dict[Path, Path]:
    return {
        file: target / file.relative_to(source)
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
