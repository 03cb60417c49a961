"""A real Krita for the tests: the editor tree named by DIOPTRE_TEST_KRITA (created by tests/editors/tree)."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dioptre.editors import krita_plugin

from ...editors.host import CHECKOUT, HOME, ProductPython, Tree
from .logic import document, plugin

__all__ = ["document", "plugin"]  # Re-exported fixtures.

HERE = Path(__file__).parent
LIMIT_S = 900  # This limit only guards against hanging: the longest script takes two minutes on an idle machine.
STARTS = 4  # Maximum number of starts of Krita per script: it may crash in a few checks, but not in all.
CHECKS = "dioptre_check"  # The start-up plug-in that drives Krita from inside.
# This command uses Krita's ready-made resource database, without which a first start takes a minute.
_KRITA = 'cp -r --update=none /usr/share/editors/home/. "$HOME" && exec krita --nosplash'


@dataclass(frozen=True)
class Krita:
    """One Krita with the plug-in installed.

    Attributes:
        version: Version of Krita.
        out: Folder shared by the tests and Krita.
        cache: Dioptre's cache with compiled programs, which may outlast the run.
        tree: The editor tree.
        limit_s: Time limit for a script.
    """

    version: str
    out: Path
    cache: Path
    tree: Tree
    limit_s: int = LIMIT_S

    def values(self, script: str, *, command: str = _KRITA, **environment: str) -> Any:
        """Run inside/`script` in a Krita with a screen, and return the JSON that it leaves under its own name."""
        found, ended = self._run([script], command, environment)
        if script not in found:
            raise AssertionError(ended)
        return found[script]

    def checks(self, script: str, **environment: str) -> Mapping[str, str]:
        """Run a script of checks and return "" for each check that passed, or else its error."""
        return self.checks_of({script: check_names(script)}, **environment)[script]

    def checks_of(self, wanted: Mapping[str, Sequence[str]], **environment: str) -> dict[str, dict[str, str]]:
        """Run these checks of several scripts in one Krita with one worker, and return their results by script.

        If Krita exits during a check, this check fails and the others run in a new Krita.
        """
        results: dict[str, dict[str, str]] = {script: {} for script in wanted}
        for start in range(STARTS):
            left = [(script, name) for script in wanted for name in wanted[script] if name not in results[script]]
            if not left:
                break
            scripts = list(dict.fromkeys(script for script, _ in left))
            names = " ".join(f"{script}:{name}" for script, name in left)
            found, ended = self._run(scripts, _KRITA, {**environment, "WANTED": names})
            for script in found:
                results[script] |= found[script]
            left = [(script, name) for script, name in left if name not in results[script]]
            over = start == STARTS - 1 or any("start" in result for result in found.values())
            for script, name in left if over else left[:1]:
                results[script][name] = results[script].get("start", ended)
        return results

    def _run(
        self, scripts: Sequence[str], command: str, environment: Mapping[str, str]
    ) -> tuple[dict[str, Any], str]:
        """Return the output of each script that left any, and a description of Krita's exit."""
        left = {script: self.out / f"{Path(script).stem}.json" for script in scripts}
        for file in left.values():
            file.unlink(missing_ok=True)
        for kept in self.tree.home.glob("*krita-*-autosave.kra"):
            # Krita would ask about an autosave file, and accept neither clicks nor quitting until answered.
            kept.unlink()
        done = self.tree.run(
            ["sh", "-c", command],
            binds={
                **ProductPython().binds(),
                HERE / "inside": "/inside",
                CHECKOUT / "examples": "/examples",
                CHECKOUT / "weights": f"{HOME}/dioptre/data/weights",
            },
            writable={self.out: "/out", self.cache: f"{HOME}/dioptre/cache"},
            environment={
                "OUT": "/out",
                "CHECKS": " ".join(f"/inside/{script}" for script in scripts),
                "DIOPTRE_PYTHON": str(ProductPython().python),
                "PYTHONFAULTHANDLER": "1",  # A crash shows which line of Python led to it.
                **environment,
            },
            gui=True,
            limit_s=self.limit_s * len(scripts),
        )
        log = self.out / f"{Path(scripts[0]).stem}.log"  # The log includes the duration of each check.
        log.write_text(done.stdout, encoding="utf-8")
        ended = f"Krita ended with {done.returncode}:\n{done.stdout[-4000:]}"
        there = {script: file for script, file in left.items() if file.exists()}
        return {script: json.loads(file.read_text(encoding="utf-8")) for script, file in there.items()}, ended


def check_names(script: str) -> list[str]:
    """Return the names of the check_… functions in a script that runs inside Krita."""
    parsed = ast.parse((HERE / "inside" / script).read_text(encoding="utf-8"))
    names = [node.name for node in parsed.body if isinstance(node, ast.FunctionDef)]
    return [name for name in names if name.startswith("check_")]


@pytest.fixture(scope="session")
def make_krita(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Krita]:
    """A function that creates a Krita with a separate home."""
    return lambda: install(tmp_path_factory.mktemp("krita").resolve())


@pytest.fixture(scope="session")
def krita(make_krita: Callable[[], Krita]) -> Krita:
    return make_krita()


def install(out: Path, *, limit_s: int = LIMIT_S) -> Krita:
    """Create a Krita with a new home next to `out`, or skip the test if there is no Krita."""
    out.mkdir(parents=True, exist_ok=True)
    named = os.environ.get("DIOPTRE_TEST_KRITA", "")
    if not (named and (Path(named) / ".editor-tree").is_file()):
        pytest.skip("NO KRITA WAS FOUND: the Krita plug-in's tests were not run (see DIOPTRE_TEST_KRITA)")
    tree = Tree(Path(named), out.with_name(f"{out.name}-home"))
    resources = tree.home / ".local/share/krita"
    home = krita_plugin.Home(resources, tree.home / ".config/kritarc", "test")
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text(f"AutoSaveInterval=0\n[python]\nenable_{CHECKS}=true\n", encoding="utf-8")
    krita_plugin.install(CHECKOUT, home, {name: Path(HOME) / "dioptre" / name for name in ("data", "cache", "log")})
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / "inside" / CHECKS, resources / "pykrita" / CHECKS, ignore=ignore)
    shutil.copy(HERE / "inside" / f"{CHECKS}.desktop", resources / "pykrita")
    cache = Path(os.environ.get("DIOPTRE_TEST_CACHE") or out.with_name(f"{out.name}-cache"))
    cache.mkdir(parents=True, exist_ok=True)
    return Krita(tree.package_version("krita"), out, cache, tree, limit_s)
