"""Install, enable, remove and diagnose the plug-in in Krita's folders."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from . import plugin_folder, programs
from .plugin_folder import INSTALL, LINK, NAME, Finding, same

EDITOR = "Krita"
DESKTOP = f"{NAME}.desktop"
OLDEST = (5, 2)
SWITCH = f"enable_{NAME}"  # key in kritarc's group [python]
_FOLDER = "ResourceDirectory"  # key in kritarc of the folder chosen in Configure Krita ▸ General ▸ Resources
TURN_ON = "In Krita, open Settings ▸ Configure Krita… ▸ Python Plugin Manager, select Dioptre and restart Krita."


class Home(NamedTuple):
    """A resource folder of Krita (such as ~/.local/share/krita), its kritarc, and the kind of installation."""

    folder: Path
    settings: Path | None  # None if it is not known which Krita uses the folder
    kind: str  # "native", "Flatpak", "snap", or the option that named the folder

    @property
    def plugin(self) -> Path:
        """The plug-in's folder."""
        return self.folder / "pykrita" / NAME

    @property
    def entry(self) -> Path:
        """The desktop file by which Krita finds the plug-in."""
        return self.folder / "pykrita" / DESKTOP


def homes(environ: Mapping[str, str] = os.environ, *, home: Path | None = None) -> list[Home]:
    """Return Krita's existing resource folders on this machine; an AppImage uses the native ones.

    Args:
        environ: environment variables.
        home: the user's home folder; the current user's if None.
    """
    return [each for each in _places(environ, home or Path.home()) if each.folder.is_dir()]


def expected(environ: Mapping[str, str] = os.environ, *, home: Path | None = None) -> Home:
    """Return the folder that a native Krita uses once it has been started."""
    return next(_places(environ, home or Path.home()))


def program() -> str | None:
    """Return the path of Krita's program on this machine, or None if it is not found."""
    return next(programs.find(("krita",), product="Krita"), None)


def chosen(folder: Path) -> Home:
    """Return the `Home` of a resource folder that the user chose.

    Its settings are those of the installation that it belongs to, or that names it as its resource folder.
    """
    for each in _places(os.environ, Path.home()):
        if each.folder == folder or f"{_FOLDER}={folder}" in _lines(each):
            return Home(folder, each.settings, "--krita-dir")
    return Home(folder, None, "--krita-dir")


def _places(environ: Mapping[str, str], user: Path) -> Iterator[Home]:
    if sys.platform == "win32":
        roaming = Path(environ.get("APPDATA") or user / "AppData/Roaming")
        local = Path(environ.get("LOCALAPPDATA") or user / "AppData/Local")
        yield Home(roaming / "krita", local / "kritarc", "native")
        for cache in programs.packaged("*Krita*", environ, user):
            yield Home(cache / "Roaming/krita", cache / "Local/kritarc", "Microsoft Store")
        return
    if sys.platform == "darwin":
        library = user / "Library"
        yield Home(library / "Application Support/krita", library / "Preferences/kritarc", "native")
        return
    data = Path(environ.get("XDG_DATA_HOME") or user / ".local/share")
    config = Path(environ.get("XDG_CONFIG_HOME") or user / ".config")
    yield Home(data / "krita", config / "kritarc", "native")
    flatpak = user / ".var/app/org.kde.krita"
    yield Home(flatpak / "data/krita", flatpak / "config/kritarc", "Flatpak")
    snap = user / "snap/krita/current"
    yield Home(snap / ".local/share/krita", snap / ".config/kritarc", "snap")


def install(checkout: Path, home: Home, folders: Mapping[str, Path]) -> list[Path]:
    """Install the plug-in into `home`, replacing an older version, and enable it.

    Args:
        checkout: as in `plugin_folder.put`.
        home: Krita's folder.
        folders: as in `plugin_folder.put`.

    Returns:
        The paths to which earlier files were moved.
    """
    entry = checkout / "plugin/krita" / DESKTOP
    aside = plugin_folder.put(_source(checkout), checkout, home.plugin, folders, beside=entry)
    if is_enabled(home) is None:  # a user who has disabled the plug-in wants it to stay disabled
        _switch(home, "true")
    return aside


def is_current(checkout: Path, home: Home, folders: Mapping[str, Path]) -> bool:
    """Return whether the plug-in in `home` equals the one in `checkout` and is registered in kritarc.

    The files are compared one by one, and the plug-in must use `folders`.
    """
    current = plugin_folder.is_current(_source(checkout), checkout, home.plugin, folders)
    registered = home.settings is None or is_enabled(home) is not None
    return current and same(checkout / "plugin/krita" / DESKTOP, home.entry) and registered


def _source(checkout: Path) -> Path:
    return checkout / "plugin/krita" / NAME


def remove(home: Home) -> bool:
    """Delete the plug-in from `home` and its entry from kritarc; return whether it was installed there."""
    if not plugin_folder.take(home.plugin):
        return False
    _switch(home, None)
    return True


def is_enabled(home: Home) -> bool | None:
    """Return whether kritarc enables the plug-in; None without an entry, which Krita treats as disabled."""
    lines = _lines(home)
    start, end = _group(lines)
    for line in lines[start:end]:
        name, _, value = line.partition("=")
        if name.strip() == SWITCH:
            return value.strip().lower() == "true"
    return None


def why_off(home: Home) -> str:
    """Return why Krita does not load the installed plug-in, and what to do; "" if it does."""
    if is_enabled(home):
        return ""
    if home.settings is None:
        return f"No settings of Krita name {home.folder}, so none were changed. {TURN_ON}"
    return f"It is turned off in {home.settings}. {TURN_ON}"


def _lines(home: Home) -> list[str]:
    if home.settings is None or not home.settings.exists():
        return []
    return home.settings.read_text(encoding="utf-8").splitlines()


def _group(lines: list[str]) -> tuple[int, int]:
    """Return the range of lines in the group [python], without its heading; empty if there is no such group."""
    if "[python]" not in lines:
        return len(lines), len(lines)
    start = lines.index("[python]") + 1
    ends = (number for number in range(start, len(lines)) if re.match(r"\[.*\]", lines[number]))
    return start, next(ends, len(lines))


def _switch(home: Home, value: str | None) -> None:
    """Write the plug-in's line in kritarc, or delete it if `value` is None; keep everything else."""
    if home.settings is None:
        return
    lines = _lines(home)
    start, end = _group(lines)
    kept = [line for line in lines[start:end] if line.partition("=")[0].strip() != SWITCH]
    before, after = lines[:start], lines[end:]
    if value is not None:
        before = before if start and lines[start - 1 : start] == ["[python]"] else [*before, "[python]"]
        kept = [f"{SWITCH}={value}", *kept]
    elif not any(line.strip() for line in kept) and before and before[-1] == "[python]":
        before, kept = before[:-1], []
    text = "".join(f"{line}\n" for line in (*before, *kept, *after))
    if not text and not home.settings.exists():
        return
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    part = home.settings.with_name(f"{home.settings.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    if home.settings.exists():
        shutil.copymode(home.settings, part)
    part.replace(home.settings)


def findings(environ: Mapping[str, str] = os.environ, *, home: Path | None = None) -> Iterator[Finding]:
    """Yield the reasons why the plug-in may not appear in Krita, each with a fix, without starting Krita."""
    found = homes(environ, home=home)
    if not found:
        yield Finding(
            "krita-none",
            "warning",
            "No Krita folder was found, so the plug-in is not installed. The command line works without Krita.",
            "Start Krita once, then run: python3 install.py. If Krita uses another folder: python3 install.py "
            "--krita-dir FOLDER",
        )
    yield from plugin_folder.findings(EDITOR, found, _problems)


def _last_version(home: Home) -> str:
    """Return the version of the Krita that used the folder last, or "" if it is not recorded, as before Krita 5."""
    resources = home.folder / "resourcecache.sqlite"
    if not resources.is_file():
        return ""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{resources.as_uri()}?mode=ro", uri=True)) as cache:
        rows = cache.execute("SELECT krita_version FROM version_information ORDER BY id DESC LIMIT 1").fetchall()
        return str(rows[0][0]) if rows else ""
    return ""


def _problems(home: Home) -> Iterator[Finding]:
    version = _last_version(home)
    if version and tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        yield Finding(
            "krita-too-old",
            "error",
            f"Krita {version} used {home.folder} last; the plug-in needs Krita 5.2.",
            "Install Krita 5.2 or later from krita.org and start it once.",
        )
    misplaced = [home.folder / NAME, home.folder / "pykrita" / LINK]
    misplaced += [path.parent for path in (home.folder / "pykrita").glob(f"*/{NAME}/__init__.py")]
    for folder in misplaced:
        if folder.is_dir():
            yield Finding(
                "krita-plugin-place",
                "error",
                f"{folder} is not where Krita looks for plug-ins.",
                "Delete that folder, and choose dioptre-krita.zip in Krita's Tools ▸ Scripts ▸ Import Python "
                f"Plugin from File…, or: {INSTALL}",
            )
    if not home.entry.is_file() or not (home.plugin / "__init__.py").is_file():
        yield Finding(
            "krita-plugin-missing",
            "error",
            f"The plug-in is not installed in {home.folder / 'pykrita'} ({home.kind}).",
            INSTALL,
        )
        return
    if not is_enabled(home) and (home.plugin / LINK).is_dir():
        yield Finding(
            "krita-plugin-disabled",
            "warning",
            f"The plug-in in {home.plugin} is turned off in {home.settings}.",
            TURN_ON,
        )
    yield from plugin_folder.problems(home.plugin, "krita")
