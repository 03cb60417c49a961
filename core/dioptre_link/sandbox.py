"""Start programs outside an editor's Flatpak sandbox, where Dioptre's environment can run."""

from __future__ import annotations

import configparser
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

INFO = Path("/.flatpak-info")  # exists in every Flatpak sandbox and describes it
_SPAWN = "flatpak-spawn"
_REFUSALS = ("Portal call failed", "Can't find bus")  # errors of flatpak-spawn without the permission


def flatpak_app() -> str | None:
    """Return the id of the Flatpak application that runs this process, such as `org.gimp.GIMP`; None outside."""
    if not INFO.exists():
        return None
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(INFO.read_text(encoding="utf-8"))
        return parser.get("Application", "name")
    except (OSError, ValueError, configparser.Error):
        return ""


def on_host(command: Sequence[str], environment: Mapping[str, str]) -> list[str] | None:
    """Return the command that runs `command` outside the Flatpak sandbox; None if there is no way or no sandbox.

    The program outlives the editor. It needs the editor's own environment to reach Flatpak. Flatpak refuses it
    unless the application may talk to `org.freedesktop.Flatpak`; see `is_refusal`.

    Args:
        command: program and arguments, as seen from outside the sandbox.
        environment: the program's environment. Only Dioptre's own variables are passed on, because the others
            describe the sandbox.
    """
    if flatpak_app() is None or (spawn := shutil.which(_SPAWN)) is None:
        return None
    ours = [f"--env={name}={value}" for name, value in environment.items() if name.startswith("DIOPTRE_")]
    return [spawn, "--host", *ours, *command]


def is_refusal(output: str) -> bool:
    """Return whether this output is flatpak-spawn's own error rather than that of the program."""
    return any(line.startswith(_REFUSALS) for line in output.splitlines())
