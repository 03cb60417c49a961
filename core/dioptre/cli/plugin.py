"""The command `dioptre plugin`: manage the editors' plug-ins if Dioptre was installed with pip, pipx or uv."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dioptre_link.errors import DioptreError
from dioptre_link.paths import cache_dir, data_dir, log_dir

from .reporting import say

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(name="plugin")
def group() -> None:
    """Install the plug-ins in GIMP and Krita, or remove them."""


@group.command(name="install")
@click.option("--gimp-dir", type=_FOLDER, help="Install only into this GIMP folder, such as …/GIMP/3.0.")
@click.option(
    "--krita-dir", type=_FOLDER, help="Install only into this Krita resource folder, such as …/share/krita."
)
def install(gimp_dir: Path | None, krita_dir: Path | None) -> None:
    """Install the plug-ins in every GIMP 3 and Krita of this user."""
    origin = _origin()
    folders = {"data": data_dir(), "cache": cache_dir(), "log": log_dir(), "python": Path(sys.executable)}
    homes = _homes(gimp_dir, krita_dir)
    if not homes:
        raise DioptreError(
            "No GIMP 3 or Krita folder was found.",
            hint="Start the editor once, or specify its folder with --gimp-dir or --krita-dir.",
            code="no-editor",
        )
    for editor, home in homes:
        for place in editor.install(origin, home, folders):
            say(f"Earlier files that Dioptre did not write were moved to {place}.")
        say(f"The plug-in was installed in {home.plugin}. Restart the editor.")
        if editor.EDITOR == "Krita" and (off := editor.why_off(home)):
            say(off)


@group.command(name="remove")
@click.option("--gimp-dir", type=_FOLDER, help="Remove only from this GIMP folder.")
@click.option("--krita-dir", type=_FOLDER, help="Remove only from this Krita resource folder.")
def remove(gimp_dir: Path | None, krita_dir: Path | None) -> None:
    """Delete the plug-ins."""
    removed = [home.plugin for editor, home in _homes(gimp_dir, krita_dir) if editor.remove(home)]
    for folder in removed:
        say(f"Removed {folder}.")
    if not removed:
        say("No Dioptre plug-in was found.")


def _homes(gimp_dir: Path | None, krita_dir: Path | None) -> list[tuple[Any, Any]]:
    """Return pairs of an editor's module and one of its folders: the folders given, or all that exist."""
    from dioptre.editors import gimp_plugin, krita_plugin

    editors: list[tuple[Any, Path | None]] = [(gimp_plugin, gimp_dir), (krita_plugin, krita_dir)]
    if gimp_dir or krita_dir:
        return [(editor, editor.chosen(folder.absolute())) for editor, folder in editors if folder]
    return [(editor, home) for editor, _ in editors for home in editor.homes()]


def _origin() -> Path:
    """Return the folder that contains the plug-ins: the installed package, or the checkout around it."""
    package = Path(__file__).resolve().parents[1]
    for origin in (package, package.parents[1]):
        if (origin / "plugin").is_dir():
            return origin
    raise DioptreError(
        "This installation does not include the plug-ins.",
        hint="Run: python3 install.py",
        code="no-plugin",
    )
