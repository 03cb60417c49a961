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


def install(where: Folders, console: Console, editor: ModuleType, *, chosen: Path | None, portable: bool) -> None:
    """Install an editor's plug-in into every folder of the editor, or only into `chosen`, and say if it appears.

    Args:
        where: Folders of this installation.
        console: Reports progress.
        editor: The module dioptre.editors.gimp_plugin or krita_plugin.
        chosen: The only folder to install into, if given.
        portable: Whether Dioptre is in a folder that the user chose; then only named folders are changed.
    """
    for home in _homes(editor, console, chosen=chosen, portable=portable):
        _record(where, editor, home.folder)
        if editor.is_current(where.checkout, home, _folders(where)):
            continue
        console.step(f"Installing the plug-in into {home.folder} ({home.kind})")
        _say_moved(console, editor.install(where.checkout, home, _folders(where)))
        if editor.EDITOR == "GIMP":
            _say_whether_gimp_lists_it(console, editor, home)
        elif off := editor.why_off(home):
            console.say(f"The plug-in was installed in {home.plugin}. {off}")
        else:
            console.say(f"The plug-in was installed in {home.plugin}; restart Krita to see Filter ▸ Dioptre.")


def update(where: Folders, console: Console, editor: ModuleType) -> None:
    """Update an editor's installed plug-ins to this checkout's version, because plug-ins and core must match."""
    for home in _installed(where, editor):
        if home.plugin.is_dir() and not editor.is_current(where.checkout, home, _folders(where)):
            _say_moved(console, editor.install(where.checkout, home, _folders(where)))


def remove(where: Folders, console: Console, editor: ModuleType) -> None:
    """Delete every plug-in that was installed in an editor, and Krita's entry for it in kritarc."""
    for home in _installed(where, editor):
        removed = editor.remove(home)
        if home.plugin.exists():
            console.say(f"Dioptre did not write all of {home.plugin}; the rest was left there.")
        elif removed:
            console.say(f"Removed {home.plugin}.")


def _folders(where: Folders) -> dict[str, Path]:
    return {"data": where.data, "cache": where.cache, "log": where.log}


def _homes(editor: ModuleType, console: Console, *, chosen: Path | None, portable: bool) -> list[Any]:
    if chosen is not None:
        return [editor.chosen(chosen.absolute())]
    if portable:
        return []
    found: list[Any] = editor.homes()
    if not found and (program := editor.program()):
        if editor.EDITOR == "GIMP":
            console.step("Starting GIMP once so that it creates its folder")
            editor.first_start(program)
            found = editor.homes()
        else:
            found = [editor.expected()]  # Krita creates its folder when first started, and then finds the plug-in.
    if not found:
        for finding in editor.findings():
            console.say(f"{finding.message} {finding.fix}")
    return found


def _say_whether_gimp_lists_it(console: Console, gimp: ModuleType, home: Any) -> None:
    program = gimp.program(home.folder.name) if home.kind in ("native", "GIMP3_DIRECTORY", "--gimp-dir") else None
    if program is None:
        console.say(f"The plug-in was installed in {home.plugin}; restart GIMP to see Filters ▸ Dioptre.")
        return
    console.step("Checking that GIMP finds the plug-in")
    if gimp.appears(program, home):
        console.say(f"GIMP {gimp.version(program)} has Filters ▸ Dioptre. (Restart it if it is running.)")
    else:
        console.say(f"GIMP does not list the plug-in in {home.plugin}. Run: {INSTALL} doctor")


def _say_moved(console: Console, aside: list[Path]) -> None:
    for place in aside:
        console.say(f"Earlier files that Dioptre did not write were moved to {place}.")


def _recorded(where: Folders) -> dict[str, list[str]]:
    with suppress(OSError, ValueError, AttributeError, TypeError):
        record = trees.read_json(where.data / RECORD)
        return {editor: [str(folder) for folder in folders] for editor, folders in record.items()}
    return {}


def _installed(where: Folders, editor: ModuleType) -> list[Any]:
    return [editor.chosen(Path(folder)) for folder in _recorded(where).get(editor.EDITOR.lower(), [])]


def _record(where: Folders, editor: ModuleType, folder: Path) -> None:
    record = _recorded(where)
    name = editor.EDITOR.lower()
    record[name] = sorted({*record.get(name, []), str(folder)})
    part = where.data / f"{RECORD}.part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    trees.rename(part, where.data / RECORD)
