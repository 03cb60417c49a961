"""Checks of `doctor` that try things out: access to the worker's secrets, sandboxed editors, and a tiny job."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dioptre.editors import gimp_plugin, krita_plugin
from dioptre_link.errors import DioptreError
from dioptre_link.scratch import temporary_folder
from dioptre_link.start import meeting_dir, rendezvous_file

from .finding import ERROR, OK, WARNING, Finding

_SIDE_PX = 64
_SLOW_S = 60.0  # a tiny job that takes longer is reported as slow; the first job also compiles programs


def secrets() -> Iterator[Finding]:
    """Check whether other users could read the worker's token or the pictures in its exchange folder."""
    if sys.platform == "win32":
        return
    open_to_others = [path for path in (rendezvous_file(), meeting_dir() / "exchange") if _others_may(path)]
    for path in open_to_others:
        yield Finding(
            code="worker-secret-open",
            level=ERROR,
            message=f"Other users of this machine can read {path}.",
            fix=f"Run: chmod go= '{path}', then: dioptre worker --stop",
        )
    if not open_to_others:
        yield Finding(
            code="worker-secret", level=OK, message="Only you can access the worker's token and exchange folder."
        )


def _others_may(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return bool(stat.S_IMODE(found.st_mode) & 0o077) or found.st_uid != os.getuid()


def sandboxes() -> Iterator[Finding]:
    """List editors in a sandbox (Flatpak, snap), which must be allowed to access the worker's folder."""
    folder = meeting_dir()
    editors = (
        ("GIMP", "org.gimp.GIMP", gimp_plugin.homes()),
        ("Krita", "org.kde.krita", krita_plugin.homes()),
    )
    for editor, app, homes in editors:
        for home in homes:
            if home.kind not in ("Flatpak", "snap"):
                continue
            yield Finding(
                code="sandbox",
                level=OK,
                message=f"{editor} runs in a sandbox ({home.kind}) and needs access to {folder}.",
                fix=(
                    "If Dioptre does not start in it, run: flatpak override --user "
                    f"--talk-name=org.freedesktop.Flatpak --filesystem='{folder}' {app}"
                )
                if home.kind == "Flatpak"
                else "If it does not have access, start the worker yourself: dioptre worker",
            )


def job() -> Iterator[Finding]:
    """Check that a tiny picture can be read, processed by a network in JAX, and written."""
    from dioptre import runtime

    runtime.prepare_if_needed()
    import numpy as np

    from dioptre import photo as files
    from dioptre.recipes.on_file import follow_on_file
    from dioptre_link.catalogue import white_balance
    from dioptre_link.operation import Role
    from dioptre_link.recipe import Recipe, Step

    started = time.monotonic()
    ramp = np.linspace(0.0, 1.0, _SIDE_PX, dtype=np.float32)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.float32(0.5)), axis=-1)
    try:
        with temporary_folder() as scratch:
            before, after = scratch / "before.png", scratch / "after.png"
            files.save(photo, before)
            made = follow_on_file(Recipe(steps=(Step(operation=white_balance.OPERATION.name),)), before)
            layer = next(layer for layer in made.result.layers if layer.role is Role.RESULT)
            files.save(layer.pixels, after, like=made.picture)
            result = files.load(after).pixels
    except DioptreError as error:
        yield Finding(
            code="job-failed",
            level=ERROR,
            message=f"A small test job failed: {error.message}",
            fix=error.hint or _REINSTALL,
        )
        return
    took = time.monotonic() - started
    if result.shape[:2] != (_SIDE_PX, _SIDE_PX) or not np.isfinite(result).all() or float(result.std()) < 0.05:
        yield Finding(
            code="job-wrong", level=ERROR, message="A small test job returned an invalid picture.", fix=_REINSTALL
        )
    elif took > _SLOW_S:
        yield Finding(
            code="job-slow",
            level=WARNING,
            message=f"A small test job took {took:.0f} s.",
            fix="Run doctor again: the first run compiles the networks. If it stays slow, close other programs.",
        )
    else:
        yield Finding(
            code="job",
            level=OK,
            message=f"A small test job, including reading and writing files, took {took:.1f} s.",
        )


_REINSTALL = "Run: python3 install.py --repair"
