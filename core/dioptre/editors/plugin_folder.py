"""The plug-in in an editor's folder: its files, the shared package, and the paths of the user's data."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import dioptre_link
from dioptre_link import strict_json
from dioptre_link.paths import environment_dir, interpreter

NAME = "dioptre"  # name of the plug-in's folder in every editor
LINK = "dioptre_link"
FOLDERS_FILE = "folders.json"  # file in the plug-in's copy of dioptre_link with the paths of the user's data
WRITTEN = "written.json"  # file next to it with the SHA-256 of each file of the plug-in as it was installed
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


def put(
    source: Path,
    checkout: Path,
    target: Path,
    folders: Mapping[str, Path],
    *,
    executable: str = "",
    beside: Path | None = None,
) -> list[Path]:
    """Copy a plug-in to `target`, replacing an older version.

    The files go into a temporary folder first, which is then renamed. An existing folder is deleted only if
    Dioptre wrote all of it, and moved aside otherwise.

    Args:
        source: the plug-in's folder.
        checkout: a checkout, or the installed package `dioptre`, which also contains the plug-ins.
        target: the folder in the editor.
        folders: the user's "data", "cache" and "log" folders, because a sandboxed editor would look elsewhere; also
            "python" if the worker runs in an environment other than the installer's.
        executable: name of the file that the editor starts, if it must be executable.
        beside: a file to copy next to `target`.

    Returns:
        The paths to which earlier files were moved.
    """
    aside: list[Path] = []
    entry = target.parent / (beside or source).name
    ours = () if beside is None else (_sha256(beside), _written(target).get(f"../{entry.name}"))
    if beside is not None and os.path.lexists(entry) and _sha256(entry) not in ours:
        aside.append(_moved_aside(entry))
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
        hashes = {path.relative_to(part).as_posix(): _sha256(path) for path in part.rglob("*") if path.is_file()}
        if beside is not None:
            hashes[f"../{beside.name}"] = _sha256(beside)
        (part / LINK / WRITTEN).write_text(json.dumps(hashes), encoding="utf-8")
        if target.is_dir() and not target.is_symlink() and not _strangers(target):
            shutil.rmtree(target)
        elif os.path.lexists(target):
            aside.append(_moved_aside(target))
        part.rename(target)
        if beside is not None:
            shutil.copyfile(beside, entry)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return aside


def take(target: Path) -> bool:
    """Delete what `put` wrote, unless it was changed since; return whether anything was installed in `target`."""
    known = _written(target)
    for name, expected in known.items():
        if _sha256(file := target / name) == expected:
            file.unlink()
    if known:
        (target / LINK / WRITTEN).unlink()
        for compiled in target.rglob("__pycache__/*.pyc"):
            with suppress(OSError):  # it is a folder
                compiled.unlink()
        for folder in (*sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True), target):
            with suppress(OSError):  # it holds something else
                folder.rmdir()
    return bool(known)


def _written(target: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that `put` wrote, by its path in `target`; empty if it wrote none."""
    try:
        known = strict_json.parsed((target / LINK / WRITTEN).read_text(encoding="utf-8"))
        return {str(name): str(expected) for name, expected in known.items() if _is_in_reach(str(name))}
    except (OSError, ValueError, AttributeError):
        return {}


def _is_in_reach(name: str) -> bool:
    """Return whether a listed path is in the plug-in's folder or directly beside it, whoever wrote the list."""
    parts = Path(name).parts
    inside = parts[1:] if parts[:1] == ("..",) and len(parts) == 2 else parts
    return not Path(name).is_absolute() and ".." not in inside


def _strangers(target: Path) -> list[Path]:
    """Return the files in a folder that Dioptre did not write, or that were changed since."""
    known = _written(target)
    known[f"{LINK}/{WRITTEN}"] = ""
    files = (path for path in target.rglob("*") if path.is_symlink() or not path.is_dir())
    named = {path.relative_to(target).as_posix(): path for path in files if not path.match("__pycache__/*.pyc")}
    return [path for name, path in named.items() if known.get(name) not in ("", _sha256(path))]


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file, or what no file has."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else "none"


def _moved_aside(path: Path) -> Path:
    """Move a file or folder out of the folder in which the editor looks for plug-ins; return its new path."""
    places = (path.parent.parent / f"{path.name}-before-dioptre{number or ''}" for number in range(1000))
    place = next(place for place in places if not os.path.lexists(place))
    path.rename(place)
    return place


def is_current(source: Path, checkout: Path, target: Path, folders: Mapping[str, Path]) -> bool:
    """Return whether `target` equals the plug-in, file by file, and uses `folders`."""
    try:
        known = strict_json.parsed((target / LINK / FOLDERS_FILE).read_text(encoding="utf-8"))
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
    ours = Path(dioptre_link.__file__).parent
    if not all(same(here, there) for here, there in _files(ours, target / LINK).items() if here.suffix == ".py"):
        yield Finding(
            f"{editor}-plugin-version",
            "error",
            f"The plug-in in {target} is from another version of Dioptre than the installed one.",
            INSTALL,
        )
    try:
        text = (target / LINK / FOLDERS_FILE).read_text(encoding="utf-8")
        known = strict_json.parsed(text)
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


def findings(editor: str, homes: Iterable[Any], problems: Callable[[Any], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield the problems of the plug-in in each of an editor's folders, or that it is installed there."""
    for home in homes:
        if home.kind == "Microsoft Store":
            yield Finding(
                f"{editor.lower()}-store",
                "warning",
                f"{editor} is the Microsoft Store's edition, which keeps its files apart in {home.folder}.",
                f"If Dioptre does not appear in it, install {editor} from its own site, start it once, then: "
                "python3 install.py",
            )
        code = f"{editor.lower()}-plugin"
        installed = Finding(code, "ok", f"The plug-in is installed in {home.plugin} ({home.kind}).")
        yield from list(problems(home)) or [installed]


def _named(folders: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(folder) for name, folder in folders.items()}


def _files(source: Path, target: Path) -> dict[Path, Path]:
    return {
        file: target / file.relative_to(source)
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
