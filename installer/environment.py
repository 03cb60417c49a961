"""The virtual environments: each has a separate folder, and a pointer file selects one once it is complete.

`installed.json` in an environment lists its contents, so that the next run can detect and finish an interrupted
installation. `environment.json` in the data folder names the environment in use. A new environment never reuses an
old one's folder, because a worker may still be running from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import extras, pythons, trees
from .console import INSTALL, Console, Failure

MARKER = "installed.json"
LOCKED = "locked.txt"  # The lock file that the environment was created from, for `doctor`.
PIP_CACHE = "dioptre-pip"  # Never the user's own cache, which is called pip.
_LOCKS = ("build", "runtime", "test", "lint", "docs")
_INSTALLED = "whole packages"  # a change replaces the environments of the same lock files
_NEEDED_BYTES = 1500 * 2**20  # Space for the environment, plus pip's downloads during installation.
_EXTRA_BYTES = {"exr": 10 * 2**20, "gpu": 8000 * 2**20, "mp4": 120 * 2**20}
_TAIL_LINES = 12
_FETCHING = 0.7  # Fraction of pip's time that downloading takes; unpacking takes the rest.
_PIP_OPTIONS = (
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar=off",
    "--root-user-action=ignore",
    "--no-warn-script-location",
)
_CHECKED = (  # Wheels only, except for pyvips, which is published as source.
    *("--no-deps", "--require-hashes"),
    *("--only-binary=:all:", "--no-binary=pyvips"),
)
_NO_LINKS = "That disk has no symbolic links (FAT, exFAT); set DIOPTRE_HOME to a folder on another disk."
_HINTS = (
    ("No space left on device", "Free some space on that disk and run the same command again."),
    ("DO NOT MATCH THE HASHES", "A download was damaged or replaced; run again, or check your package mirror."),
    ("No matching distribution", "Check the internet connection and pip's settings ('pip config list')."),
    ("DLL load failed", "Install Microsoft's Visual C++ Redistributable for x64, then run the same command again."),
    ("Permission denied", "Give yourself write access to the folder, or set DIOPTRE_HOME to another one."),
    ("'lib' -> '", _NO_LINKS),  # venv's link lib64
    ("symlink", _NO_LINKS),
)
_DEFAULT_HINT = (
    "Check the internet connection and run the same command again; the installation continues where it stopped."
)


@dataclass(frozen=True)
class Folders:
    """The folders of an installation. `checkout` is only ever read.

    Attributes:
        checkout: The source of the installation.
        data: Folder of the environments and weights.
        cache: Folder of the caches.
        log: Folder of the logs.
        paths: The checkout's module `dioptre_link.paths`, which reads the pointer like the plug-ins; needed for
            environments.
        uv: The checkout's module `dioptre_link.uv`, for a release that carries uv.
    """

    checkout: Path
    data: Path
    cache: Path
    log: Path
    paths: Any = None
    uv: Any = None

    @property
    def environment(self) -> Path:
        """The environment in use; if none is recorded, the folder that older versions of Dioptre used."""
        return self.paths.environment_dir(self.data)

    @property
    def environments(self) -> list[Path]:
        """Every environment in the data folder, including unfinished and outdated ones."""
        folders = [path for path in self.data.glob("environment*") if path.is_dir()]
        unfinished = "environment.new"  # Folder of an unfinished environment in version 0.1.0.
        return [path for path in folders if self.paths.is_environment(path.name) or path.name == unfinished]

    @property
    def python(self) -> Path:
        return interpreter(self.environment)

    @property
    def lock(self) -> Path:
        """File that is locked during an installation; not in the data folder, which may be removed meanwhile."""
        return self.data.with_name(f"{self.data.name}.install.lock")

    @property
    def log_file(self) -> Path:
        return self.log / "install.log"

    def use(self, environment: Path) -> None:
        """Select `environment`, which must be complete, as the environment in use."""
        part = self.data / f"{self.paths.POINTER}.new"
        part.write_text(json.dumps({"environment": environment.name}) + "\n", encoding="utf-8")
        trees.rename(part, self.data / self.paths.POINTER)


def interpreter(environment: Path) -> Path:
    """Return the Python of a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def read_marker(environment: Path) -> dict[str, Any]:
    """Return an environment's marker; empty if nothing is installed or an installation was interrupted."""
    try:
        marker = trees.read_json(environment / MARKER)
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) and interpreter(environment).exists() else {}


def write_marker(environment: Path, marker: Mapping[str, Any]) -> None:
    """Write an environment's marker atomically."""
    temporary = environment / (MARKER + ".new")
    temporary.write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
    trees.rename(temporary, environment / MARKER)


def locks_hash(checkout: Path, names: Sequence[str]) -> str:
    """Return one SHA-256 for the named lock files of the checkout together, and for how they are installed."""
    files = _hash_of(checkout, [checkout / "locks" / f"{name}.txt" for name in names])
    return hashlib.sha256(f"{_INSTALLED}\0{files}".encode()).hexdigest()


def version(checkout: Path) -> str:
    """Return the version of the checkout, or "" if it is not stated."""
    try:
        text = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r'^version = "([^"]*)"', text, re.MULTILINE)
    return found[1] if found else ""


def core_hash(checkout: Path) -> str:
    """Return the SHA-256 of all sources of the installed core."""
    sources = [path for path in (checkout / "core").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    if not sources:
        raise Failure(f"{checkout} has no core folder.", hint="Download or clone all of Dioptre again.")
    return _hash_of(checkout, [checkout / "pyproject.toml", checkout / "README.md", *sorted(sources)])


def _hash_of(checkout: Path, paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Failure(
                f"{path.relative_to(checkout)} is missing from {checkout}.",
                hint="Download or clone all of Dioptre again.",
            ) from None
        digest.update(f"{path.relative_to(checkout).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


class Installer:
    """Runs pip for one installation while holding the lock, and logs pip's output."""

    def __init__(
        self, folders: Folders, console: Console, lock: int, *, python: tuple[int, int] | None = None
    ) -> None:
        """Prepare the log.

        Args:
            folders: Folders of the installation.
            console: Reports progress.
            lock: Descriptor of the lock file.
            python: The only Python version to use, or None for any supported one.
        """
        self._python = python
        self._folders = folders
        self._console = console
        self._lock = lock
        folders.log.mkdir(parents=True, exist_ok=True)
        folders.log_file.write_text("", encoding="utf-8")

    def make(self, dependencies: str, *, afresh: bool = False) -> Path:
        """Create an environment with the locked dependencies and the user's own packages.

        An environment that an interrupted run had completed is reused, unless `afresh` is set.

        Args:
            dependencies: Hash of the lock files.
            afresh: Always create a new environment.

        Returns:
            The environment, which is not in use yet.

        Raises:
            Failure: There is not enough space, no suitable Python, or a package could not be installed.
        """
        new = self._folder_for(dependencies, afresh=afresh)
        if read_marker(new).get("dependencies") == dependencies:
            return new
        self._need_space(_NEEDED_BYTES)
        python = pythons.find(only=self._python, carried=self._carried)
        version = ".".join(map(str, python.version))
        self._console.step(f"Creating an environment with Python {version}", span=(0.0, 0.04))
        self._run(
            [str(python.path), "-I", "-m", "venv", "--prompt", "dioptre", str(new)],
            what="The environment could not be created",
        )
        self._console.step("Installing build tools", span=(0.04, 0.1))
        self.install(new, "build", "--no-compile")
        self._console.step("Installing dependencies", span=(0.1, 0.75))
        self.install(new, "runtime", "--no-build-isolation", "--no-compile")
        self._install_added(new, self._added())
        shutil.copyfile(self._folders.checkout / "locks" / "runtime.txt", new / LOCKED)
        write_marker(new, {"dependencies": dependencies, "python": version})
        shutil.rmtree(self._folders.cache / PIP_CACHE, ignore_errors=True)
        return new

    def _carried(self) -> Path | None:
        """Return the CPython that uv brings, downloading it if needed, or None if this checkout carries no uv."""
        checkout, data, uv = self._folders.checkout, self._folders.data, self._folders.uv
        if uv is None or not (command := uv.command(checkout, data)):
            return None
        self._console.step("Downloading Python")
        script = ("-I", "-X", "utf8", "-c", "import sys; print(sys.executable)")
        variables = uv.variables(checkout, data)
        return Path(self._run([*command, *script], what="Python could not be downloaded", variables=variables)[-1])

    def _folder_for(self, dependencies: str, *, afresh: bool) -> Path:
        """Return a folder for a new environment; remove any old one in it unless that is complete and reusable."""
        current = self._folders.environment
        for suffix in ("", "-2", "-3", "-4"):
            candidate = self._folders.data / f"environment-{dependencies[:12]}{suffix}"
            if candidate == current and candidate.exists():
                continue
            ready = read_marker(candidate).get("dependencies") == dependencies and not afresh
            if ready or trees.remove(candidate):
                return candidate
        raise trees.in_use(self._folders.data)

    def _added(self) -> list[str]:
        """Return the packages that the user added to the current environment, as pinned requirements."""
        locks = self._folders.checkout / "locks"
        old = self._folders.environment
        known = (*_LOCKS, *read_marker(old).get("extras", {}))
        return extras.added(old, [old / LOCKED, *(locks / f"{name}.txt" for name in known)])

    def _install_added(self, new: Path, wanted: list[str]) -> None:
        """Install the user's own packages, as far as they fit the new environment."""
        if not wanted:
            return
        locks = self._folders.checkout / "locks"
        self._console.step(f"Reinstalling your own packages ({', '.join(wanted)})")
        constraints = new / "constraints.txt"
        constraints.write_text("\n".join(extras.pinned(locks / "runtime.txt").values()) + "\n", encoding="utf-8")
        try:
            self._pip(new, *self._source(), "--constraint", str(constraints), *wanted)
        except Failure as failure:
            self._console.say(f"{', '.join(wanted)} could not be reinstalled. Log: {failure.log}")
            self._console.say(f"Hint: Try again later: {INSTALL} python -m pip install {' '.join(wanted)}")
        constraints.unlink()

    def install(self, environment: Path, name: str, *options: str) -> None:
        """Install one lock file; pip checks every file against the SHA-256 in it."""
        lock = self._folders.checkout / "locks" / f"{name}.txt"
        total = sum(line[:1].isalnum() for line in lock.read_text(encoding="utf-8").splitlines())
        self._pip(environment, *_CHECKED, *self._source(), *options, "-r", str(lock), total=total)

    def add_extra(self, environment: Path, name: str) -> None:
        """Install the lock file of an extra."""
        self._need_space(_EXTRA_BYTES[name])
        self._console.step(f"Installing the packages for --{name}")
        self.install(environment, name, "--no-build-isolation", "--no-compile")
        shutil.rmtree(self._folders.cache / PIP_CACHE, ignore_errors=True)

    def remove_extra(self, environment: Path, name: str) -> None:
        """Uninstall the packages that only this extra's lock file names."""
        locks = self._folders.checkout / "locks"
        needed = set().union(*(extras.pinned(locks / f"{each}.txt") for each in ("build", "runtime")))
        names = [each for each in extras.pinned(locks / f"{name}.txt") if each not in needed]
        self._console.step(f"Removing the packages of --{name}")
        self._pip(environment, "--yes", *names, command="uninstall")

    def download(self, name: str, folder: Path, *, platform: str = "") -> None:
        """Download the files of one lock file into `folder`; pip checks each against the SHA-256 in it.

        Args:
            name: Name of the lock file.
            folder: Folder to download to.
            platform: Platform tag of another system; default: this one.
        """
        lock = self._folders.checkout / "locks" / f"{name}.txt"
        elsewhere = ("--platform", platform) if platform else ("--no-build-isolation",)
        options = (*elsewhere, "--dest", str(folder), "-r", str(lock))
        self._pip(self._folders.environment, *_CHECKED, *options, command="download")

    def build_wheel(self, folder: Path) -> None:
        """Build Dioptre's own wheel, with weights and plug-ins, into `folder`."""
        options = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder))
        self._pip(self._folders.environment, *options, str(self._folders.checkout), command="wheel")

    def download_python(self, uv: Path, version: str, downloads: Path) -> None:
        """Let uv download CPython `version` for this system into its cache `downloads`; uv checks the SHA-256."""
        with tempfile.TemporaryDirectory() as unpacked:
            places = {"UV_PYTHON_CACHE_DIR": str(downloads), "UV_PYTHON_INSTALL_DIR": unpacked}
            command = [str(uv), "python", "install", "--no-config", "--no-cache", "--no-bin", version]
            self._run(command, what="Python could not be downloaded", variables=places)

    def _source(self) -> tuple[str, ...]:
        """Return pip's options for the package source: a bundle's wheels, or else pip's own settings."""
        wheels = self._folders.checkout / "wheels"
        return ("--no-index", "--find-links", str(wheels)) if wheels.is_dir() else ()

    def install_core(self, environment: Path, *, fresh: bool = False) -> None:
        """Install Dioptre itself from the checkout over any previous version, and check that it starts.

        The check also compiles the modules that jobs import, and only those: a fifth of what pip would compile.

        Args:
            environment: The environment.
            fresh: The environment is new; pip's own modules are then not stored in compiled form, because pip runs
                again only for updates.
        """
        self._console.step("Installing Dioptre", span=(0.75, 0.82))
        options = ("--no-deps", "--no-index", "--no-build-isolation", "--force-reinstall", "--no-compile")
        alone = {"DIOPTRE_BUILD_CORE_ONLY": "1"}  # Weights and plug-ins are copied from the checkout.
        self._pip(environment, *options, str(self._folders.checkout), compiled=not fresh, variables=alone)
        self._console.step("Starting Dioptre for the first time", span=(0.82, 0.96))
        command = [str(interpreter(environment)), "-I", "-m", "dioptre", "worker", "--check"]
        self._run(command, what="Dioptre is installed, but does not start")

    def _pip(
        self,
        environment: Path,
        *arguments: str,
        total: int = 0,
        command: str = "install",
        compiled: bool = True,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        options = _PIP_OPTIONS if command == "install" else _PIP_OPTIONS[:2]
        line = [
            str(interpreter(environment)),
            "-I" if compiled else "-IB",
            "-X",
            "utf8",
            "-m",
            "pip",
            command,
            *options,
            *arguments,
        ]
        self._run(line, what="Installing the Python packages failed", total=total, variables=variables)

    def _run(
        self, command: Sequence[str], *, what: str, total: int = 0, variables: Mapping[str, str] | None = None
    ) -> list[str]:
        """Run one step and log its output. The process inherits the lock, so no second installation can run.

        Args:
            command: The command line.
            what: Sentence for the error.
            total: Number of packages to be collected.
            variables: More environment variables.

        Returns:
            The last lines of the output.

        Raises:
            Failure: The command failed.
        """
        tail: list[str] = []
        collected = 0
        with self._folders.log_file.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env={**self._child_environment(), **(variables or {})},
                cwd=self._folders.data,
                pass_fds=() if sys.platform == "win32" else (self._lock,),
            ) as process:
                assert process.stdout is not None
                try:
                    for line in process.stdout:
                        log.write(line)
                        tail = [*tail[1 - _TAIL_LINES :], line.rstrip()]
                        if line.startswith("Collecting "):
                            collected += 1
                            of = max(total, collected)
                            words = f"{collected} of {of}: {line[11:].split()[0]}"
                            self._console.detail(words, part=_FETCHING * collected / of)
                        elif line.startswith("Installing collected packages"):
                            self._console.detail("unpacking…", part=_FETCHING)
                except BaseException:
                    process.terminate()
                    raise
        if process.returncode:
            text = "\n".join(tail)
            hint = next((hint for sign, hint in _HINTS if sign in text), _DEFAULT_HINT)
            raise Failure(f"{what}.\n{text}", hint=hint, log=str(self._folders.log_file))
        return tail

    def _child_environment(self) -> dict[str, str]:
        """Return the environment variables for pip: keep index, proxy and certificates, but drop redirections."""
        elsewhere = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_CONSTRAINT", "PIP_NO_BINARY")
        environment = scrubbed_environment()
        for name in elsewhere:
            environment.pop(name, None)
        environment["PIP_USER"] = "0"
        environment.setdefault("PIP_CACHE_DIR", str(self._folders.cache / PIP_CACHE))
        environment["PKG_CONFIG_LIBDIR"] = ""  # Keeps pyvips from compiling against the system's libvips.
        return environment

    def _need_space(self, needed: int) -> None:
        self._folders.data.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folders.data).free
        if free < needed:
            raise Failure(
                f"{self._folders.data} has {free // 2**20} MiB free but needs {needed // 2**20} MiB.",
                hint="Free some space, or set DIOPTRE_HOME to a folder on a larger disk.",
            )


def scrubbed_environment() -> dict[str, str]:
    """Return the process environment without variables that make another Python load foreign modules."""
    unwanted = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in unwanted}
