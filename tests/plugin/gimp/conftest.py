"""A real GIMP 3 for the tests: the one named by DIOPTRE_TEST_GIMP, or this machine's own.

DIOPTRE_TEST_GIMP is either a folder created by tests/editors/tree, or a command that runs GIMP's programs (such as
`env` or `flatpak run --command=…`) and ends with the console program.
"""

from __future__ import annotations

import ast
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dioptre.editors import gimp_plugin

from ...editors.host import CHECKOUT, HOME, ProductPython, Tree

NO_GIMP = "NO GIMP 3 WAS FOUND: the GIMP plug-in's tests were not run"
HERE = Path(__file__).parent
GIMPRC = """(config-version "{version}")
(show-welcome-dialog no)
(check-updates no)
(color-profile-policy keep)
"""
_EVALUATE = (  # Code that runs the scripts, with inside/rig.py loaded as the module `rig`.
    "import importlib.util, runpy, sys; "
    "rig = importlib.util.spec_from_file_location('rig', {folder!r} + '/rig.py'); "
    "sys.modules['rig'] = importlib.util.module_from_spec(rig); rig.loader.exec_module(sys.modules['rig']); "
    "[runpy.run_path({folder!r} + '/' + script, run_name='inside') for script in {scripts!r}]"
)
# These limits only guard against hanging: many checks take two minutes on an idle machine.
CONSOLE_LIMIT_S, GUI_LIMIT_S = 900, 1800

# The documents that each script for `Gimp.person` creates; one GIMP is tested per run.
_STARTS: dict[str, dict[str, bytes]] = {}


@dataclass(frozen=True)
class Gimp:
    """One GIMP with the plug-in installed.

    Attributes:
        version: Version of GIMP, such as 3.0.4.
        out: Folder shared by the tests and GIMP.
        cache: Dioptre's cache with compiled functions, shared by all GIMPs of a run (or of all runs, if
            DIOPTRE_TEST_CACHE names a folder).
        tree: The editor tree, or None for this machine's GIMP.
        command: The console program.
        config: GIMP's own folder, as seen from here.
    """

    version: str
    out: Path
    cache: Path
    tree: Tree | None
    command: tuple[str, ...]  # The console program.
    config: Path  # GIMP's own folder, as seen from here.

    @property
    def series(self) -> str:
        return ".".join(self.version.split(".")[:2])

    def path(self, here: Path) -> str:
        """Return the path of `out`, or of a file in it, as GIMP sees it."""
        return str(here) if self.tree is None else str(Path("/out") / here.relative_to(self.out))

    def console(
        self,
        *scripts: str,
        environment: Mapping[str, str] | None = None,
        binds: Mapping[Path | str, str] | None = None,
        writable: Mapping[Path | str, str] | None = None,
        worker: bool = True,
        fonts: bool = False,
        sandbox: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run these scripts of inside/ in GIMP's own Python, one after the other.

        Args:
            *scripts: Names of the scripts.
            environment: Additional environment variables.
            binds: Additional read-only mounts, as a path outside the sandbox → the path inside.
            writable: Additional writable mounts, likewise.
            worker: Whether the plug-in may start a worker.
            fonts: Whether GIMP loads its fonts, which takes a while.
            sandbox: Additional options of the sandbox.

        Returns:
            The finished process.
        """
        inside = str(HERE / "inside") if self.tree is None else "/inside"
        variables = {"OUT": self.path(self.out), "INSIDE": inside, "EXAMPLES": str(CHECKOUT / "examples")}
        if worker:
            variables["DIOPTRE_PYTHON"] = str(ProductPython().python)
        variables |= dict(environment or {})
        code = _EVALUATE.format(folder=inside, scripts=scripts)
        options = [
            "-i",
            "-d",
            *([] if fonts else ["-f"]),
            "--batch-interpreter",
            "python-fu-eval",
            "-b",
            code,
            "--quit",
        ]
        if self.tree is not None:
            return self.tree.run(
                [*self.command, *options],
                binds={**self.binds(), **(binds or {})},
                writable={**self.writable(), **(writable or {})},
                environment=variables,
                limit_s=CONSOLE_LIMIT_S,
                options=sandbox,
            )
        home = {"GIMP3_DIRECTORY": str(self.config)}
        return subprocess.run(
            [*self.command, *options],
            env={**os.environ, **home, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=CONSOLE_LIMIT_S,
            check=False,
        )

    def gui(
        self,
        script: str,
        *,
        limit_s: int,
        sandbox: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run inside/`script` in a sandbox with a screen; its first argument is GIMP's graphical program."""
        assert self.tree is not None
        return self.tree.run(
            ["bash", f"/inside/{script}", self.command[0].replace("console-", "")],
            binds=self.binds(),
            writable=self.writable(),
            environment={"OUT": "/out", "DIOPTRE_PYTHON": str(ProductPython().python), **(environment or {})},
            gui=True,
            limit_s=limit_s,
            options=sandbox,
        )

    def person(
        self,
        script: str,
        *,
        start: str = "small_screen.py",
        named: str = "",
        sandbox: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run inside/`script`, which uses GIMP like a person, on the start.xcf of another script; it must succeed.

        Args:
            script: As in `gui`.
            start: Script that creates the document.
            named: Prefix of screenshots; DIOPTRE_TEST_SCREENSHOTS names a folder for them.
            sandbox: As in `gui`.
            environment: As in `gui`.
        """
        if self.tree is None:
            pytest.skip("needs a virtual display (an editor tree has one)")
        if start not in _STARTS:
            self.values(start, environment={"DIALOG": "make"}, worker=False)
            made = [self.out / name for name in ("start.xcf", "original.xcf")]
            _STARTS[start] = {file.name: file.read_bytes() for file in made if file.exists()}
        for name, document in _STARTS[start].items():
            (self.out / name).write_bytes(document)
        done = self.gui(script, limit_s=GUI_LIMIT_S, sandbox=sandbox, environment=environment)
        if folder := os.environ.get("DIOPTRE_TEST_SCREENSHOTS"):
            for picture in self.out.glob("*.png"):
                shutil.copy(picture, Path(folder) / f"gimp-{self.series}-{named}{picture.name}")
        assert done.returncode == 0, done.stdout[-4000:]

    def binds(self) -> dict[Path | str, str]:
        shown = {HERE / "inside": "/inside", CHECKOUT / "weights": f"{HOME}/dioptre/data/weights"}
        return {**ProductPython().binds(), **shown}

    def values(self, script: str, **options: Any) -> Any:
        """Run a script and return the JSON that it leaves under its own name."""
        return self.values_of((script,), **options)[script]

    def values_of(self, scripts: Sequence[str], **options: Any) -> dict[str, Any]:
        """Run several scripts like `values`, in one GIMP with one worker."""
        left = {script: self.out / f"{Path(script).stem}.json" for script in scripts}
        for file in left.values():
            file.unlink(missing_ok=True)
        done = self.console(*scripts, **options)
        (self.out / "console.log").write_text(done.stdout, encoding="utf-8")
        if missing := [script for script, file in left.items() if not file.exists()]:
            raise AssertionError(f"{missing[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}")
        return {script: json.loads(file.read_text(encoding="utf-8")) for script, file in left.items()}

    def writable(self) -> dict[Path | str, str]:
        return {self.out: "/out", self.cache: f"{HOME}/dioptre/cache"}

    def checks(self, script: str, **options: Any) -> dict[str, str]:
        """Run a script of checks and return "" for each check that passed, or else its error."""
        return self.values(script, **options)


def give_weights(data: Path) -> None:
    """Link the weights into a data folder, as after an installation."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "weights").symlink_to(CHECKOUT / "weights")


def check_names(script: str) -> list[str]:
    """Return the names of the check_… functions in a script that runs inside GIMP."""
    parsed = ast.parse((HERE / "inside" / script).read_text(encoding="utf-8"))
    return [
        node.name for node in parsed.body if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
    ]


@pytest.fixture(scope="session")
def make_gimp(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Gimp]:
    """A function that creates a GIMP with a separate home."""
    cache = Path(os.environ.get("DIOPTRE_TEST_CACHE") or tmp_path_factory.getbasetemp() / "cache").resolve()
    cache.mkdir(parents=True, exist_ok=True)
    return lambda: install(tmp_path_factory.mktemp("gimp").resolve(), cache)


@pytest.fixture(scope="session")
def gimp(make_gimp: Callable[[], Gimp]) -> Gimp:
    return make_gimp()


def install(out: Path, cache: Path) -> Gimp:
    """Create a GIMP with a new home next to `out`, or skip the test if there is no GIMP."""
    named = os.environ.get("DIOPTRE_TEST_GIMP", "")
    if named and (Path(named) / ".editor-tree").is_file():
        home = out.with_name(f"{out.name}-home")
        tree = Tree(Path(named), home)
        version = tree.package_version("gimp")
        series = ".".join(version.split(".")[:2])
        console = (f"gimp-console-{series}",)
        return _installed(version, out, cache, tree, command=console, config=home / ".config/GIMP" / series)
    command = tuple(shlex.split(named)) if named else _own_console()
    version = _version(command) if command else None
    if version is None:
        pytest.skip(f"{NO_GIMP} (see DIOPTRE_TEST_GIMP)")
    return _installed(version, out, cache, None, command=command, config=out / "GIMP")


def _installed(
    version: str, out: Path, cache: Path, tree: Tree | None, *, command: tuple[str, ...], config: Path
) -> Gimp:
    config.mkdir(parents=True)
    (config / "gimprc").write_text(GIMPRC.format(version=version), encoding="utf-8")
    data = out / "dioptre" if tree is None else Path(HOME) / "dioptre"
    folders = {"data": data / "data", "log": data / "log", "cache": cache if tree is None else data / "cache"}
    if tree is None:
        give_weights(folders["data"])
    gimp_plugin.install(CHECKOUT, gimp_plugin.Home(config, "test"), folders)
    return Gimp(version, out, cache, tree, command, config)


def _own_console() -> tuple[str, ...]:
    for name in ("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console"):
        if found := shutil.which(name):
            return (found,)
    return ()


def _version(command: tuple[str, ...]) -> str | None:
    try:
        said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    version = said.stdout.strip().split()[-1] if said.stdout.strip() else ""
    return version if version.startswith("3.") else None
