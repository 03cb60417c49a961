"""The commands and options of install.py."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

from . import bundle, contents, extras, plugins, release, trees, weights, workers
from . import environment as environments
from .console import INSTALL, Console, Failure, Misuse, occupy
from .environment import Folders, Installer

CHECKOUT = Path(__file__).resolve().parents[1]
HELP = f"""\
Usage: {INSTALL}                     install or update Dioptre for this user
       {INSTALL} COMMAND [ARGS…]     the same, then run one of Dioptre's commands:
           run IN… -o DIR                     blur the background of portraits
           depth, lens-blur, super-resolution, models, …   list them: {INSTALL} commands
       {INSTALL} test [ARGS…]        the same, then run the usual tests (arguments go to pytest)
       {INSTALL} python ARGS…        run Dioptre's Python
       {INSTALL} cache clear         delete the cached depth and subjects
       {INSTALL} doctor [--json]     diagnose problems without changing anything
       {INSTALL} --repair            reinstall everything
       {INSTALL} --gimp-dir FOLDER   install the plug-in into this GIMP folder (such as …/GIMP/3.0)
       {INSTALL} --krita-dir FOLDER  install the plug-in into this Krita resource folder (such as
                                              …/share/krita); can be combined with --gimp-dir
       {INSTALL} --exr               add OpenEXR, which writes layers for compositing; --no-exr removes it
       {INSTALL} --gpu               add packages for an NVIDIA graphics card (Linux); --no-gpu removes them
       {INSTALL} --mp4               add PyAV, which writes films as MP4; --no-mp4 removes it
       {INSTALL} bundle FOLDER       create a folder that installs on machines without a network
       {INSTALL} release FOLDER      create the files of a release: archives, plug-in zips, wheel, SHA-256 sums
       {INSTALL} --uninstall         remove everything that was installed

Everything goes into your data folder. The variable DIOPTRE_HOME chooses another folder, and DIOPTRE_PYTHON chooses
the Python that the environment is based on.
"""
# Options for pytest if there are none: run in parallel, in as many processes as tests/conftest.py decides, without
# what takes longer than all other tests together, which .ci/run runs, too.
USUAL_TESTS = (
    *("-n", "auto", "--dist", "worksteal", "--durations", "10"),
    *(
        f"--ignore=tests/{slow}"
        for slow in (
            "faults",
            "install",
            "training",
            "docs",
            "batch/test_many.py",
            "link/test_standalone.py",
            "worker/test_preview_and_result.py",
        )
    ),
)
EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED, EXIT_TERMINATED = 1, 2, 130, 143
FOLDERS = ("--gimp-dir", "--krita-dir")
EXTRAS = {f"--{no}{name}": (name, not no) for name in extras.NAMES for no in ("", "no-")}
STARTS = frozenset({"--repair", *FOLDERS, *EXTRAS})  # Options that can begin a command line without a command.


def main(arguments: Sequence[str]) -> int:
    occupy()
    signal.signal(signal.SIGTERM, _terminate)
    console = Console()
    try:
        return _dispatch(list(arguments), console)
    except Misuse as misuse:
        console.say(f"Error: {misuse}\nHint: See {program()} --help.")
        return EXIT_USAGE
    except Failure as failure:
        console.say(f"Error: {failure.message}")
        if failure.hint:
            console.say(f"Hint: {failure.hint}")
        if failure.log:
            console.say(f"Log: {failure.log}")
        return EXIT_FAILED
    except PermissionError as error:
        console.say(f"Error: {error.filename} cannot be written ({error.strerror}).")
        console.say("Hint: Give yourself write access, or set DIOPTRE_HOME to another folder.")
        return EXIT_FAILED
    except OSError as error:
        console.say(f"Error: {error.strerror or error}: {error.filename or folders().data}.")
        console.say("Hint: Check that disk, or set DIOPTRE_HOME to another folder.")
        return EXIT_FAILED
    except (KeyboardInterrupt, _Terminated) as end:
        console.say("Interrupted. Run the same command again to finish.")
        return EXIT_CANCELLED if isinstance(end, KeyboardInterrupt) else EXIT_TERMINATED


def _dispatch(arguments: list[str], console: Console) -> int:
    where = folders()
    match arguments:
        case ["-h" | "--help" | "help", *_]:
            console.say(HELP)
        case ["--uninstall"]:
            uninstall(where, console)
        case []:
            _install(where, console, Options())
        case [option, *_] if option in STARTS:
            _install(where, console, parse(arguments))
        case ["doctor", *_] if not environments.read_marker(where.environment).get("core"):
            raise Failure(f"The environment in {where.data} is incomplete.", hint=f"Run: {INSTALL}")
        case ["doctor", *_]:
            _become(where, ["-P", "-m", "dioptre", *arguments])
        case ["bundle" | "release", *rest] if {"-h", "--help"}.intersection(rest):
            console.say(HELP)
        case ["bundle" | "release" as command, *rest] if len(rest) != 1 or rest[0].startswith("-"):
            raise Misuse(f"{command} needs exactly one folder.")
        case ["bundle", folder]:
            make_bundle(where, console, Path(folder))
        case ["release", folder]:
            make_release(where, console, Path(folder))
        case ["test", *rest]:
            ensure(where, console, tests=True)
            _become(where, ["-P", "-m", "pytest", *(rest or USUAL_TESTS)], tests=True)
        case ["python", *rest]:
            ensure(where, console)
            _become(where, rest)
        case ["commands"]:
            ensure(where, console)
            _become(where, ["-P", "-m", "dioptre", "--help"])
        case [option, *_] if option.startswith("-") and option != "--version":
            raise Misuse(f"install.py has no option {option}.")
        case _:
            ensure(where, console)
            _become(where, ["-P", "-m", "dioptre", *arguments])
    return 0


@contextmanager
def _closed() -> Iterator[None]:
    """Create files that no other user can change, whatever the umask: they are programs and plug-ins."""
    before = os.umask(0o077)
    os.umask(before | 0o022)
    try:
        yield
    finally:
        os.umask(before)


@_closed()
def _install(where: Folders, console: Console, wanted: Options) -> None:
    """Install or update Dioptre, and put the plug-ins into the editors' own folders or the named ones."""
    made = ensure(where, console, repair=wanted.repair, changes=wanted.extras)
    named = wanted.folders
    portable = bool(os.environ.get("DIOPTRE_HOME") or named)  # If true, only named folders may be changed.
    for name, editor in _editors():
        plugins.install(where, console, editor, chosen=named.get(f"--{name}-dir"), portable=portable)
    console.say(f"Dioptre is {'installed' if made else 'up to date'} in {where.data}.")
    if made and not portable and plugins.in_an_editor(where) and workers.begin(where):
        console.say(
            "It now prepares its networks in the background, for about a minute. You can start your editor."
        )


def folders() -> Folders:
    """Return the folders of this user's installation."""
    link = CHECKOUT / "core" / "dioptre_link"
    paths, uv = (_module(link / name, package="dioptre_link") for name in ("paths.py", "uv.py"))
    return Folders(
        checkout=CHECKOUT, data=paths.data_dir(), cache=paths.cache_dir(), log=paths.log_dir(), paths=paths, uv=uv
    )


@_closed()
def ensure(
    where: Folders,
    console: Console,
    *,
    repair: bool = False,
    tests: bool = False,
    changes: Mapping[str, bool] | None = None,
) -> bool:
    """Bring the installation in line with this checkout.

    This is fast and offline if everything is up to date. It is safe to interrupt it, and to run it twice at once.

    Args:
        where: Folders of this installation.
        console: Reports progress.
        repair: Reinstall everything.
        tests: Also install the packages that the tests need.
        changes: Extras to add (True) or remove (False).

    Returns:
        Whether anything had to be done.

    Raises:
        Failure: The installation failed or was refused.
    """
    if changes:
        _refuse_folder_in_use(where)
        contents.mark(where)
        extras.choose(where.data, changes)
    wanted: dict[str, Any] = {
        "dependencies": environments.locks_hash(where.checkout, ("build", "runtime")),
        "core": environments.core_hash(where.checkout),
        "weights": weights.cards(where.checkout),
        "version": environments.version(where.checkout),
        "extras": {name: environments.locks_hash(where.checkout, (name,)) for name in extras.chosen(where.data)},
    }
    _refuse_downgrade(where, wanted["version"])
    if tests:
        wanted["tests"] = environments.locks_hash(where.checkout, ("test",))
    if not repair and _up_to_date(where, wanted) and where.environments == [where.environment]:
        return False
    _refuse_folder_in_use(where)
    with _locked(where, console) as lock:
        if repair or not _up_to_date(where, wanted):
            _bring_up_to_date(where, console, lock, wanted=wanted, repair=repair)
            return True
        _remove_outdated(where)
    return False


@contextmanager
def _locked(where: Folders, console: Console) -> Iterator[int]:
    def waiting() -> None:
        console.say("Another installation is running; waiting for it…")

    with workers.exclusive(where.lock, waiting=waiting) as lock:
        yield lock


def _bring_up_to_date(where: Folders, console: Console, lock: int, *, wanted: dict[str, Any], repair: bool) -> None:
    """Update the installation to the state `wanted`; a new environment is used only once it is complete."""
    where.data.mkdir(parents=True, exist_ok=True)
    contents.mark(where)
    weights.check(where.checkout)  # Check first, before spending minutes on the rest.
    installer = Installer(where, console, lock, python=bundle.python_wanted(where.checkout))
    environment = where.environment
    before = environments.read_marker(environment).get("weights", {})
    if repair or environments.read_marker(environment).get("dependencies") != wanted["dependencies"]:
        environment = installer.make(wanted["dependencies"], afresh=repair)
    marker = {} if repair else {"extras": {}, **environments.read_marker(environment)}
    if any(marker.get(name) != wanted[name] for name in ("core", "extras")) or before != wanted["weights"]:
        workers.end(where, console)  # A worker that is still busy keeps its environment.
    if marker.get("core") != wanted["core"]:
        environments.write_marker(environment, {**environments.read_marker(environment), "core": ""})
        installer.install_core(environment, fresh="core" not in marker)
        for _, editor in _editors():
            plugins.update(where, console, editor)
    marker = environments.read_marker(environment)
    if "tests" in wanted and marker.get("tests") != wanted["tests"]:
        console.step("Installing the test packages")
        installer.install(environment, "test")
    _bring_extras(installer, environment, before=marker.get("extras", {}), wanted=wanted["extras"])
    console.step("Copying the weights", span=(0.96, 1.0))
    weights.install(where.checkout, where.data / "weights", wanted=wanted["weights"], before=before)
    environments.write_marker(environment, {**marker, **wanted})
    where.use(environment)
    console.finish()
    _remove_outdated(where)


def _bring_extras(
    installer: Installer, environment: Path, *, before: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    """Add and remove extras. `before` and `wanted` map each extra to the hash of its lock file."""
    for name in before.keys() - wanted.keys():
        installer.remove_extra(environment, name)
    for name, lock in wanted.items():
        if before.get(name) != lock:
            installer.add_extra(environment, name)


def _remove_outdated(where: Folders) -> None:
    """Delete environments that are no longer in use, unless a worker is still running."""
    if workers.is_running(where):
        return
    for folder in where.environments:
        if folder != where.environment:
            trees.remove(folder, tries=1)
    for left in where.data.glob(f"{trees.REMOVED}environment*"):  # An earlier removal was killed.
        shutil.rmtree(left, ignore_errors=True)


def make_bundle(where: Folders, console: Console, folder: Path) -> None:
    """Create a bundle in `folder`, from which Dioptre can be installed without a network."""
    ensure(where, console)
    with _locked(where, console) as lock:
        bundle.make(where, console, Installer(where, console, lock), folder)
    script = folder / ("install.cmd" if sys.platform == "win32" else "install.sh")
    console.say(
        f"On a machine like this one, without a network: {'' if sys.platform == 'win32' else 'sh '}{script}"
    )


def make_release(where: Folders, console: Console, folder: Path) -> None:
    """Write the files of a release into `folder`."""
    ensure(where, console)
    with _locked(where, console) as lock:
        release.make(where, console, Installer(where, console, lock), folder.absolute())


def _refuse_folder_in_use(where: Folders) -> None:
    """Refuse to install into a folder that already contains unrelated files."""
    found = contents.strangers(where)
    if not found or contents.is_home(where):  # In this order: another installation may just have marked the folder.
        return
    names = ", ".join(path.name for path in found[:3]) + (" and others" if len(found) > 3 else "")
    raise Failure(
        f"{found[0].parent} is in use: {names}.",
        hint="Set DIOPTRE_HOME to a new or an empty folder.",
    )


def _refuse_downgrade(where: Folders, version: str) -> None:
    """Refuse to install an older version, which may misread data that a newer one has left."""
    installed = str(environments.read_marker(where.environment).get("version", ""))
    if version and _numbers(version) < _numbers(installed):
        raise Failure(
            f"Dioptre {installed} is installed; this is the older {version}.",
            hint=f"Use the newer one. To go back, remove everything first: {INSTALL} --uninstall",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)) if version else ()


def _up_to_date(where: Folders, wanted: dict[str, Any]) -> bool:
    marker = {"extras": {}, **environments.read_marker(where.environment)}
    same = all(marker.get(name) == value for name, value in wanted.items())
    return same and weights.complete(where.data / "weights", marker["weights"])


def uninstall(where: Folders, console: Console) -> None:
    """Remove everything that belongs to Dioptre from the data, cache and log folders, including added models."""
    if not where.data.exists():
        console.say(f"Dioptre is not installed: {where.data} does not exist.")
        return
    if not contents.is_home(where):
        raise Failure(
            f"{where.data} was not created by Dioptre's installer, so nothing was removed.",
            hint="Correct DIOPTRE_HOME, or remove that folder yourself.",
        )
    with _locked(where, console):
        if not workers.end(where, console):
            raise Failure(
                "Dioptre's worker is still computing, so nothing was removed.",
                hint="Wait until it finishes, or cancel the job in the editor, then run the same command again.",
            )
        # Remove environments first: if one is still in use, nothing else is removed.
        for folder in where.environments:
            if not trees.remove(folder):
                raise trees.in_use(folder)
        for _, editor in _editors():
            plugins.remove(where, console, editor)
        stays = contents.remove(where)
    _remove_if_empty(where)
    console.say(f"Removed Dioptre from {where.data}, {where.cache} and {where.log}.")
    if stays:
        console.say(f"Not created by Dioptre, so not removed: {', '.join(map(str, stays))}.")


def _remove_if_empty(where: Folders) -> None:
    """Remove the folder around data, cache and log if it is empty and belongs to Dioptre."""
    home = os.environ.get("DIOPTRE_HOME")
    around = Path(home) if home else where.data.parent if sys.platform == "win32" else None
    if around and around.is_dir() and not any(around.iterdir()):
        around.rmdir()


def _become(where: Folders, arguments: Sequence[str], *, tests: bool = False) -> NoReturn:
    """Replace this process with the environment's Python, without PYTHONPATH and similar variables."""
    environment = environments.scrubbed_environment()
    if tests:  # Tests run in the checkout and write to the cache.
        os.chdir(where.checkout)
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["HYPOTHESIS_STORAGE_DIRECTORY"] = str(where.cache / "hypothesis")
        arguments = [*arguments[:3], "-o", f"cache_dir={where.cache / 'pytest'}", *arguments[3:]]
    else:
        environment["DIOPTRE_PROGRAM"] = program()
    command = [str(where.python), *arguments]
    if sys.platform == "win32":  # On Windows, exec would return to the shell at once.
        with subprocess.Popen(command, env=environment) as process:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C also reaches the child, which cleans up.
            sys.exit(process.wait())
    os.execve(command[0], command, environment)


def program() -> str:
    """Return the command with which the user started install.py, for usage lines and hints."""
    launcher = os.environ.get("DIOPTRE_LAUNCHER", "")
    script = launcher or sys.argv[0] or "install.py"
    if sys.platform == "win32":
        return f"{'' if launcher else 'py '}{subprocess.list2cmdline([script])}"
    return f"{'sh' if launcher else 'python3'} {shlex.quote(script)}"


def _editors() -> Iterator[tuple[str, ModuleType]]:
    """Yield the name and the module of each editor whose plug-in this checkout has."""
    for name in ("gimp", "krita"):
        if (CHECKOUT / "plugin" / name).is_dir():
            module = CHECKOUT / "core" / "dioptre" / "editors" / f"{name}_plugin.py"
            yield name, _module(module, package="dioptre_editors")


def _module(path: Path, *, package: str) -> ModuleType:
    """Load one file of the checkout as a module of `package`, so that its imports find the files next to it."""
    if not path.is_file():
        raise Failure(f"{path} is missing.", hint="Download or clone all of Dioptre again.")
    if package not in sys.modules:
        module = ModuleType(package)
        module.__path__ = [str(path.parent)]
        sys.modules[package] = module
    return importlib.import_module(f"{package}.{path.stem}")


class _Terminated(BaseException):
    """Raised when another program asks this process to terminate."""


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


@dataclass(frozen=True, kw_only=True)
class Options:
    """Parsed options.

    Attributes:
        repair: Reinstall everything.
        folders: Folders given with --gimp-dir and --krita-dir, by option.
        extras: Extras to add (True) or remove (False).
    """

    repair: bool = False
    folders: dict[str, Path] = field(default_factory=dict)
    extras: dict[str, bool] = field(default_factory=dict)


def parse(arguments: Sequence[str]) -> Options:
    """Parse the arguments.

    Raises:
        Misuse: An option is unknown, repeated or incomplete.
    """
    repair, folders, wanted = False, dict[str, Path](), dict[str, bool]()
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if option == "--repair":
            repair = True
        elif option in EXTRAS and EXTRAS[option][0] not in wanted:
            name, add = EXTRAS[option]
            wanted[name] = add
        elif option in FOLDERS and option not in folders:
            if not rest or rest[0].startswith("-"):
                raise Misuse(f"{option} needs a folder.")
            folders[option] = Path(rest.pop(0))
        else:
            raise Misuse(f"{' '.join(arguments)}: {option} cannot be used here.")
    return Options(repair=repair, folders=folders, extras=wanted)
