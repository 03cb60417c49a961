"""Install, remove and diagnose the plug-in in GIMP's folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from . import plugin_folder, programs
from .plugin_folder import INSTALL, NAME, Finding

EDITOR = "GIMP"
ENTRY = f"{NAME}.py"  # GIMP only starts a plug-in whose folder has the same name as its file
TIMEOUT_S = 180.0  # time limit; GIMP's first start is slow, because it queries every plug-in's procedures
_SERIES = re.compile(r"3\.\d*[02468]")  # a development series (3.1) uses the folder of the next stable series (3.2)
_ASK = (
    "from gi.repository import Gimp; "
    "found = Gimp.get_pdb().lookup_procedure('dioptre-portrait'); "
    "print('DIOPTRE IS THERE' if found else 'DIOPTRE IS NOT THERE')"
)


class Home(NamedTuple):
    """One of GIMP's own folders, such as ~/.config/GIMP/3.0, and the kind of installation that uses it."""

    folder: Path
    kind: str  # "native", "Flatpak", "snap", or the variable or option that named the folder

    @property
    def plugin(self) -> Path:
        """The plug-in's folder."""
        return self.folder / "plug-ins" / NAME


def homes(environ: Mapping[str, str] = os.environ, *, home: Path | None = None) -> list[Home]:
    """Return GIMP 3's existing folders on this machine.

    The folder in GIMP3_DIRECTORY is included even if it does not exist.

    Args:
        environ: environment variables.
        home: the user's home folder; the current user's if None.
    """
    user = home or Path.home()
    found = []
    if chosen := environ.get("GIMP3_DIRECTORY"):
        found.append(Home(user / chosen, "GIMP3_DIRECTORY"))  # GIMP, too, resolves this relative to the home folder
    for base, kind in _bases(environ, user):
        if base.is_dir():
            found += [Home(each, kind) for each in sorted(base.iterdir()) if _SERIES.fullmatch(each.name)]
    unique: dict[Path, Home] = {}
    for each in found:
        unique.setdefault(each.folder.resolve(), each)
    return list(unique.values())


def chosen(folder: Path) -> Home:
    """Return the `Home` of a folder that the user chose."""
    return Home(folder, "--gimp-dir")


def _bases(environ: Mapping[str, str], user: Path) -> Iterator[tuple[Path, str]]:
    if sys.platform == "win32":
        yield Path(environ.get("APPDATA") or user / "AppData/Roaming") / "GIMP", "native"
        for cache in programs.packaged("*GIMP*", environ, user):
            yield cache / "Roaming/GIMP", "Microsoft Store"
        return
    if sys.platform == "darwin":
        yield user / "Library/Application Support/GIMP", "native"
        return
    yield Path(environ.get("XDG_CONFIG_HOME") or user / ".config") / "GIMP", "native"
    yield user / ".var/app/org.gimp.GIMP/config/GIMP", "Flatpak"
    yield user / "snap/gimp/current/.config/GIMP", "snap"


def program(series: str = "") -> str | None:
    """Return the path of GIMP 3's console program, or None if it is not found.

    Args:
        series: the wanted series, such as "3.0"; any GIMP 3 if empty.
    """
    names = [f"gimp-console-{series}"] if series else ["gimp-console-3.2", "gimp-console-3.0"]
    for found in programs.find((*names, "gimp-console-3", "gimp-console"), product="GIMP"):
        if (version(found) or "").startswith(series or "3."):
            return found
    return None


def version(program: str) -> str | None:
    """Return the version that `program --version` prints, such as "3.0.4", or None if it prints none."""
    match = re.search(r"\d+(\.\d+)+", _said([program, "--version"]))
    return match.group() if match else None


def first_start(program: str) -> None:
    """Start GIMP once so that it creates its own folder; it may import the settings of an older version."""
    _said([program, "-i", "--quit"])


def install(checkout: Path, home: Home, folders: Mapping[str, Path]) -> list[Path]:
    """Install the plug-in into `home`, replacing an older version; return where earlier files were moved.

    Args:
        checkout: as in `plugin_folder.put`.
        home: GIMP's folder.
        folders: as in `plugin_folder.put`.
    """
    return plugin_folder.put(_source(checkout), checkout, home.plugin, folders, executable=ENTRY)


def is_current(checkout: Path, home: Home, folders: Mapping[str, Path]) -> bool:
    """Return whether the plug-in in `home` equals the one in `checkout`, file by file, and uses `folders`."""
    return plugin_folder.is_current(_source(checkout), checkout, home.plugin, folders)


def _source(checkout: Path) -> Path:
    return checkout / "plugin/gimp" / NAME


def remove(home: Home) -> bool:
    """Delete the plug-in from `home`; return whether it was installed there."""
    return plugin_folder.take(home.plugin)


def appears(program: str, home: Home) -> bool | None:
    """Ask GIMP whether it has loaded the plug-in.

    Args:
        program: path of GIMP's console program.
        home: the folder that GIMP should use.

    Returns:
        Whether GIMP has loaded the plug-in; None if GIMP does not answer.
    """
    command = [program, "-i", "-d", "-f", "--batch-interpreter", "python-fu-eval", "-b", _ASK, "--quit"]
    said = _said(command, GIMP3_DIRECTORY=str(home.folder))
    if "DIOPTRE IS THERE" in said:
        return True
    return False if "DIOPTRE IS NOT THERE" in said else None


def _said(command: list[str], **variables: str) -> str:
    """Return a program's output; empty if it cannot be run or does not end in time."""
    try:
        done = subprocess.run(  # noqa: S603  (GIMP and python3 as found on PATH, with our own arguments)
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def findings(environ: Mapping[str, str] = os.environ, *, home: Path | None = None) -> Iterator[Finding]:
    """Yield the reasons why the plug-in may not appear in GIMP, each with a fix, without starting GIMP."""
    found = homes(environ, home=home)
    if not found:
        yield _no_gimp(environ, home or Path.home())
        return
    for base, _ in _bases(environ, home or Path.home()):
        for old in base.glob(f"2.*/plug-ins/**/{ENTRY}"):
            yield Finding(
                "gimp-plugin-place",
                "error",
                f"{old.parent} is in the folder of GIMP 2, which cannot run the plug-in.",
                f"Delete that folder, then: {INSTALL}",
            )
    yield from plugin_folder.findings(EDITOR, found, _problems)
    if sys.platform == "linux" and any(each.kind == "native" for each in found):
        yield from _python_problems()


def _no_gimp(environ: Mapping[str, str], user: Path) -> Finding:
    for base, _ in _bases(environ, user):
        if base.is_dir() and any(each.name.startswith("2.") for each in base.iterdir()):
            return Finding(
                "gimp-too-old",
                "warning",
                f"Only GIMP 2 has been used here (its folder is in {base}); the plug-in needs GIMP 3.",
                "Install GIMP 3.0 or later and start it once, then: python3 install.py",
            )
    return Finding(
        "gimp-none",
        "warning",
        "No GIMP 3 folder was found, so the plug-in is not installed. The command line works without GIMP.",
        "Start GIMP 3 once, then run: python3 install.py. If GIMP uses another folder: python3 install.py "
        "--gimp-dir FOLDER",
    )


def _problems(home: Home) -> Iterator[Finding]:
    plugins = home.folder / "plug-ins"
    if (plugins / ENTRY).exists():
        yield Finding(
            "gimp-plugin-place",
            "error",
            f"{plugins / ENTRY} is directly in the plug-ins folder, where GIMP 3 ignores it.",
            f"Delete it, then: {INSTALL}",
        )
    for entry in sorted(plugins.glob(f"*/*/{ENTRY}")):
        yield Finding(
            "gimp-plugin-place",
            "error",
            f"{entry.parent} is one folder too deep for GIMP 3.",
            f"Move it to {home.plugin}, or delete it, then: {INSTALL}",
        )
    for entry in plugins.glob(f"*/{ENTRY}"):
        if entry.parent.name != NAME:
            yield Finding(
                "gimp-plugin-name",
                "error",
                f"{entry.parent} contains the plug-in, but GIMP 3 requires its folder to be named {NAME!r}.",
                f"Delete that folder, then: {INSTALL}",
            )
    entry = home.plugin / ENTRY
    if not entry.is_file():
        yield Finding(
            "gimp-plugin-missing", "error", f"The plug-in is not installed in {plugins} ({home.kind}).", INSTALL
        )
        return
    if os.name == "posix" and not os.access(entry, os.X_OK):
        yield Finding("gimp-plugin-executable", "error", f"{entry} is not executable.", f"chmod +x '{entry}'")
    yield from plugin_folder.problems(home.plugin, "gimp")


def _python_problems() -> Iterator[Finding]:
    """Check that the `python3` with which GIMP starts the plug-in has PyGObject and GIMP's typelib."""
    python = shutil.which("python3")
    if python is None or program() is None:
        return
    said = _said([python, "-c", "import gi; gi.require_version('Gimp', '3.0'); print('loaded')"]).strip()
    if not said.endswith("loaded"):
        last = said.splitlines()[-1:] or ["no message"]
        yield Finding(
            "gimp-python",
            "error",
            f"GIMP runs Python plug-ins with {python}, which cannot load GIMP's library: {last[0]}",
            "Install it (Debian, Ubuntu: apt install gir1.2-gimp-3.0 python3-gi), and make sure that no other "
            "python3 comes first on GIMP's PATH.",
        )
