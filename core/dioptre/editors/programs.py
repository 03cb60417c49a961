"""Find installed editors: on PATH, in Windows' registry, and in the folders that their installers use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_UNINSTALL = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"


def find(names: tuple[str, ...], *, product: str, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield the paths of programs with these names, those on PATH first.

    Args:
        names: file names without ".exe".
        product: the editor's name, e.g. "GIMP 3"; entries in Windows' program list and folder names start with it.
        environ: environment variables.
    """
    for name in names:
        if program := shutil.which(name, path=environ.get("PATH")):
            yield program
    suffix = ".exe" if sys.platform == "win32" else ""
    for folder in folders(product, environ=environ):
        for name in names:
            if (program_file := folder / f"{name}{suffix}").is_file():
                yield str(program_file)


def folders(product: str, *, environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Yield folders that may contain programs of `product`."""
    system: str = sys.platform
    if system == "win32":
        for place in (*_registered(product), *_usual(product, environ)):
            yield place / "bin"
    elif system == "darwin":
        name = product.split()[0].lower()
        for base in (Path("/Applications"), Path.home() / "Applications"):
            bundles = base.glob("*.app") if base.is_dir() else ()
            yield from (app / "Contents/MacOS" for app in sorted(bundles) if app.stem.lower().startswith(name))


def _usual(product: str, environ: Mapping[str, str]) -> Iterator[Path]:
    bases = [Path(environ[name]) for name in ("ProgramFiles", "ProgramW6432") if environ.get(name)]
    if local := environ.get("LOCALAPPDATA"):
        bases.append(Path(local) / "Programs")
    for base in dict.fromkeys(bases):
        if base.is_dir():
            yield from sorted(each for each in base.iterdir() if each.name.startswith(product) and each.is_dir())


def _registered(product: str) -> Iterator[Path]:
    """Yield the folders in Windows' list of installed programs, for this user and for all users."""
    if sys.platform != "win32":
        return
    import winreg

    for root in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
        with suppress(OSError), winreg.OpenKey(root, _UNINSTALL) as programs:
            for index in range(winreg.QueryInfoKey(programs)[0]):
                with suppress(OSError), winreg.OpenKey(programs, winreg.EnumKey(programs, index)) as program:
                    name, _ = winreg.QueryValueEx(program, "DisplayName")
                    place, _ = winreg.QueryValueEx(program, "InstallLocation")
                    if str(name).startswith(product) and place:
                        yield Path(str(place).strip('"'))


def packaged(pattern: str, environ: Mapping[str, str], user: Path) -> Iterator[Path]:
    """Yield the `LocalCache` folders of Microsoft Store editions, to which Windows redirects their AppData.

    Args:
        pattern: pattern of the package folder's name, e.g. "*GIMP*".
        environ: environment variables.
        user: the user's home folder.
    """
    packages = Path(environ.get("LOCALAPPDATA") or user / "AppData/Local") / "Packages"
    if packages.is_dir():
        yield from (each / "LocalCache" for each in sorted(packages.glob(pattern)))
