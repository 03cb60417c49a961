"""Install, update, check and remove the editors' plug-ins.

The folders of installed plug-ins are recorded in the user's data folder, so that uninstalling removes all of them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from . import trees
from .console import INSTALL, Console
from .environment import Folders

RECORD = "plugins.json"


def in_an_editor(where: Folders) -> bool:
    """Return whether the plug-in was installed in an editor."""
    return any(_recorded(where).values())


def install_gimp(
    where: Folders, console: Console, gimp: ModuleType, *, chosen: Path | None, portable: bool
) -> None:
    """Install GIMP's plug-in into every folder of GIMP 3, or only into `chosen`, and check that GIMP lists it.

    Args:
        where: Folders of this installation.
        console: Reports progress.
        gimp: The module dioptre.editors.gimp_plugin.
        chosen: The only folder to install into, if given.
        portable: Whether Dioptre is in a folder that the user chose; then only named folders are changed.
    """
    homes = _gimp_homes(gimp, console, chosen=chosen, portable=portable)
    folders = {"data": where.data, "cache": where.cache, "log": where.log}
    for home in homes:
        _record(where, gimp=str(home.folder))
        if gimp.is_current(where.checkout, home, folders):
            continue
        console.step(f"Installing the plug-in into {home.folder} ({home.kind})")
        _say_moved(console, gimp.install(where.checkout, home, folders))
        _say_whether_it_appears(console, gimp, home)


def update(where: Folders, console: Console, gimp: ModuleType) -> None:
    """Update GIMP's installed plug-ins to this checkout's version, because plug-ins and core must match."""
    folders = {"data": where.data, "cache": where.cache, "log": where.log}
    for folder in _recorded(where).get("gimp", []):
        home = gimp.Home(Path(folder), "installed")
        if home.plugin.is_dir() and not gimp.is_current(where.checkout, home, folders):
            _say_moved(console, gimp.install(where.checkout, home, folders))


def remove(where: Folders, console: Console, gimp: ModuleType) -> None:
    """Delete every GIMP plug-in that was installed."""
    homes = [gimp.Home(Path(folder), "installed") for folder in _recorded(where).get("gimp", [])]
    for home in homes:
        _say_removed(console, home, gimp.remove(home))


def install_krita(
    where: Folders, console: Console, krita: ModuleType, *, chosen: Path | None, portable: bool
) -> None:
    """Install Krita's plug-in into every resource folder of Krita, or only into `chosen`, and enable it.

    Args:
        where: Folders of this installation.
        console: Reports progress.
        krita: The module dioptre.editors.krita_plugin.
        chosen: The only folder to install into, if given.
        portable: Whether Dioptre is in a folder that the user chose; then only named folders are changed.
    """
    folders = {"data": where.data, "cache": where.cache, "log": where.log}
    for home in _krita_homes(krita, console, chosen=chosen, portable=portable):
        if krita.is_current(where.checkout, home, folders):
            continue
        console.step(f"Installing the plug-in into {home.folder} ({home.kind})")
        _say_moved(console, krita.install(where.checkout, home, folders))
        _record(where, krita=str(home.folder))
        if krita.is_enabled(home):
            console.say(f"The plug-in was installed in {home.plugin}; restart Krita to see Filter ▸ Dioptre.")
        else:
            console.say(f"The plug-in was installed in {home.plugin}, but it is turned off in {home.settings}.")


def update_krita(where: Folders, console: Console, krita: ModuleType) -> None:
    """Update Krita's installed plug-ins, as `update` does GIMP's."""
    folders = {"data": where.data, "cache": where.cache, "log": where.log}
    for folder in _recorded(where).get("krita", []):
        home = krita.chosen(Path(folder))
        if home.plugin.is_dir() and not krita.is_current(where.checkout, home, folders):
            _say_moved(console, krita.install(where.checkout, home, folders))


def remove_krita(where: Folders, console: Console, krita: ModuleType) -> None:
    """Delete every Krita plug-in that was installed, and its entry in kritarc."""
    for folder in _recorded(where).get("krita", []):
        home = krita.chosen(Path(folder))
        _say_removed(console, home, krita.remove(home))


def _krita_homes(krita: ModuleType, console: Console, *, chosen: Path | None, portable: bool) -> list[Any]:
    if chosen is not None:
        return [krita.chosen(chosen.absolute())]
    if portable:
        return []
    found: list[Any] = krita.homes()
    if not found and krita.program():
        found = [krita.expected()]  # Krita creates its folder when first started, and then finds the plug-in.
    if not found:
        for finding in krita.findings():
            console.say(f"{finding.message} {finding.fix}")
    return found


def _gimp_homes(gimp: ModuleType, console: Console, *, chosen: Path | None, portable: bool) -> list[Any]:
    if chosen is not None:
        return [gimp.Home(chosen.absolute(), "--gimp-dir")]
    if portable:
        return []
    if not gimp.homes() and (program := gimp.console()):
        console.step("Starting GIMP once so that it creates its folder")
        gimp.first_start(program)
    found: list[Any] = gimp.homes()
    if not found:
        for finding in gimp.findings():
            console.say(f"{finding.message} {finding.fix}")
    return found


def _say_whether_it_appears(console: Console, gimp: ModuleType, home: Any) -> None:
    program = gimp.console(home.folder.name) if home.kind in ("native", "GIMP3_DIRECTORY", "--gimp-dir") else None
    if program is None:
        console.say(f"The plug-in was installed in {home.plugin}; restart GIMP to see Filters ▸ Dioptre.")
        return
    console.step("Checking that GIMP finds the plug-in")
    if gimp.appears(program, home):
        console.say(f"GIMP {gimp.version(program)} has Filters ▸ Dioptre. (Restart it if it is running.)")
    else:
        console.say(f"GIMP does not list the plug-in in {home.plugin}. Run: {INSTALL} doctor")


def _say_removed(console: Console, home: Any, removed: bool) -> None:
    if home.plugin.exists():
        console.say(f"Dioptre did not write all of {home.plugin}; the rest was left there.")
    elif removed:
        console.say(f"Removed {home.plugin}.")


def _say_moved(console: Console, aside: list[Path]) -> None:
    for place in aside:
        console.say(f"Earlier files that Dioptre did not write were moved to {place}.")


def _recorded(where: Folders) -> dict[str, list[str]]:
    with suppress(OSError, ValueError):
        record = json.loads((where.data / RECORD).read_text(encoding="utf-8"))
        return {editor: [str(folder) for folder in folders] for editor, folders in record.items()}
    return {}


def _record(where: Folders, **installed: str) -> None:
    record = _recorded(where)
    for editor, folder in installed.items():
        record[editor] = sorted({*record.get(editor, []), folder})
    part = where.data / f"{RECORD}.part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    trees.rename(part, where.data / RECORD)
