"""Finds an editor for a test and runs commands in it.

An editor is either a tree built by `tree` (a folder that contains `.editor-tree`), run in a sandbox, or a program
of this machine, run with a separate home.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
HOME = "/home/editor"  # Path of the home folder inside the sandbox.
_PASSED_ON = ("DIOPTRE_PRECISION",)  # The editors' results are compared with those of this process.


@dataclass(frozen=True)
class Tree:
    """An editor tree with a home that persists between commands."""

    folder: Path
    home: Path

    def package_version(self, package: str) -> str:
        """Return the upstream version of a Debian package in the tree, such as 3.0.4."""
        for line in (self.folder / ".editor-tree").read_text(encoding="utf-8").splitlines():
            name, _, version = line.partition(" ")
            if name == package:
                return version.split(":")[-1].split("-")[0].split("+")[0]
        raise LookupError(package)

    def run(
        self,
        command: Sequence[str],
        *,
        binds: Mapping[Path | str, str] | None = None,
        writable: Mapping[Path | str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        gui: bool = False,
        limit_s: int = 300,
        options: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in the sandbox. `binds` maps outer to inner paths; `options` are passed to the sandbox."""
        return subprocess.run(
            [
                *self._sandbox(
                    binds or {}, writable or {}, environment or {}, gui=gui, limit_s=limit_s, more=options
                ),
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def start(
        self,
        command: Sequence[str],
        log: Path,
        *,
        binds: Mapping[Path | str, str] | None = None,
        writable: Mapping[Path | str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        gui: bool = False,
        limit_s: int = 300,
    ) -> subprocess.Popen[bytes]:
        """Start `command` as `run` does, but do not wait for it; its output goes to `log`."""
        with log.open("wb") as output:
            return subprocess.Popen(
                [
                    *self._sandbox(binds or {}, writable or {}, environment or {}, gui=gui, limit_s=limit_s),
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _sandbox(
        self,
        binds: Mapping[Path | str, str],
        writable: Mapping[Path | str, str],
        environment: Mapping[str, str],
        *,
        gui: bool,
        limit_s: int,
        more: Sequence[str] = (),
    ) -> list[str]:
        options = [*more, "--home", str(self.home), "--limit", str(limit_s)]
        for here, there in binds.items():
            options += ["--bind", f"{here}:{there}"]
        for here, there in writable.items():
            options += ["--bind", f"{here}:{there}:rw"]
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        for name, value in {**passed_on, **environment}.items():
            options += ["--env", f"{name}={value}"]
        return [str(HERE / "sandbox"), *(["--gui"] if gui else []), str(self.folder), *options, "--"]


@dataclass(frozen=True)
class ProductPython:
    """The Python environment of this test run, to be mounted in a sandbox at the same path."""

    python: Path = field(default_factory=lambda: Path(sys.executable))

    def binds(self) -> dict[Path | str, str]:
        folders = {Path(sys.prefix), Path(sys.base_prefix), Path(os.path.realpath(sys.base_prefix)), CHECKOUT}
        # The folders of an editable installation.
        folders |= {Path(folder) for folder in sys.path if Path(folder).is_dir()}
        # Sorted, so that parent folders are mounted first.
        return {folder: str(folder) for folder in sorted(folders)}


def install_plugin(source: Path, target: Path) -> Path:
    """Copy a plug-in and the shared package as install.py does; return `target`."""
    shutil.rmtree(target, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, target, ignore=ignore)
    shutil.copytree(CHECKOUT / "core/dioptre_link", target / "dioptre_link", ignore=ignore)
    return target
