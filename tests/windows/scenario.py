"""Test a Windows user's work with Dioptre under Wine: install, work, update while a worker is running, remove.

    python tests/windows/scenario.py PREFIX PACKAGES FILES [--short | --units]

The user unpacks the release's zip from FILES/release and has no Python: install.cmd lets uv bring one, here from
FILES/mirror, which holds the prefix's own. With --short it installs, runs once, starts a worker and uninstalls.
With --units it also runs the unit tests in UNITS, which takes a long time.

DIOPTRE_WINDOWS_LIMIT_S   time limit of everything together in seconds, so that a program that hangs cannot use up a
                          caller's own limit (default: none)
DIOPTRE_WINDOWS_COMPILED  folder in which --short keeps the programs that JAX compiles, because compiling takes half
                          of the first run (default: none)

Wine cannot test virus scanners, the Store's sandbox, real consoles, graphics cards, real speed, GIMP or Krita.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from wine import Outcome, Windows, windows_path

CHECKOUT = Path(__file__).resolve().parents[2]
# The rest of the path may take 79 of 260 characters: C:\Users\, a name of 20, and
# AppData\Local\Dioptre\data\environment-0123456789ab.
LONGEST_PATH = 180
UNITS = ("tests/link", "tests/install", "tests/photo", "tests/worker")
ON_PATH = "C:\\Python311"  # Python's installer offers to add its folder to PATH.
_TEMPORARY = "Temp/dioptre*"


class Scenario:
    """Steps that share one user and one checkout, in folders with spaces and umlauts."""

    def __init__(self, windows: Windows, folder: Path, files: Path) -> None:
        self.windows = windows
        self.files = files
        self.checkout = folder / "Dioptre für Windows"
        self.photos = folder / "Meine Bilder"
        self.out = folder / "Ergebnisse"
        self.dioptre = windows.local / "Dioptre"
        self.editors = [windows.roaming / "GIMP/3.0", windows.roaming / "krita"]

    def prepare(self) -> None:
        self.windows.end()
        shutil.rmtree(self.dioptre, ignore_errors=True)
        for editor in self.editors:
            shutil.rmtree(editor, ignore_errors=True)
            editor.mkdir(parents=True)
        for left in self.windows.user.glob(_TEMPORARY):  # by an earlier run that failed
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        (archive,) = (self.files / "release").glob("dioptre-*-windows.zip")
        with zipfile.ZipFile(archive) as release:
            release.extractall(self.checkout.parent)
        (unpacked,) = self.checkout.parent.glob("dioptre-*")
        unpacked.rename(self.checkout)
        for name in ("tests", "translations"):  # what the unit tests need
            shutil.copytree(CHECKOUT / name, self.checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.photos.mkdir()
        for name in ("Kaffee & Kuchen.jpg", "Zweiter Versuch.jpg"):
            shutil.copy(CHECKOUT / "examples/coffee.jpg", self.photos / name)

    def installer(self, *arguments: str | Path, status: int = 0, **variables: str) -> Outcome:
        """Run install.py like a user and check that it exits with `status`."""
        outcome = self.windows.python(self.checkout / "install.py", *arguments, **variables)
        shown = " ".join(str(each) for each in arguments) or "(install)"
        say(f"install.py {shown}: status {outcome.status}, {outcome.seconds:.1f} s")
        if outcome.status != status:
            sys.exit(f"{outcome.text}\nwindows: FAILED: install.py {shown} ended with {outcome.status}")
        return outcome

    def script(self, *arguments: str | Path, **variables: str) -> Outcome:
        """Run install.cmd like a user who has no Python."""
        listed = windows_path(self.files / "mirror/downloads.json")
        script = windows_path(self.checkout / "install.cmd")
        return self.windows.run("cmd", "/c", script, *arguments, UV_PYTHON_DOWNLOADS_JSON_URL=listed, **variables)

    def start_by_double_click(self) -> None:
        uv = self.checkout / "uv"
        check((uv / "uv.exe").is_file(), "the release carries no uv")
        aside = uv.rename(self.checkout / "without")
        without = self.script("--help")
        check(without.status == 1 and "No Python was found" in without.text, f"install.cmd said {without.text}")
        aside.rename(uv)
        found = self.script("--help", WINEPATH=ON_PATH)
        check(found.status == 0 and "py install.py doctor" in found.text, f"install.cmd said {found.text}")
        check(not self.pythons.exists(), "uv brought a Python, although there is one")
        (uv / "version").write_text("3.11\n", encoding="ascii")  # the mirror's
        brought = self.script("models", "list")
        say(f"install.cmd without a Python: status {brought.status}, {brought.seconds:.1f} s")
        check(brought.status == 0, f"install.cmd said {brought.text}")
        config = (self.environment() / "pyvenv.cfg").read_text(encoding="utf-8")
        check("data\\python\\cpython-3.11" in config, f"the environment uses another Python: {config}")

    @property
    def pythons(self) -> Path:
        return self.dioptre / "data/python"

    def run(self, name: str) -> None:
        self.installer("run", self.photos / "Kaffee & Kuchen.jpg", "-o", self.out / name)
        expect_files(self.out / name, "jpg", "ora", "json", "png")

    def run_with_kept_programs(self, kept: Path) -> None:
        compiled = self.dioptre / "cache/compiled"
        if kept.is_dir():
            shutil.copytree(kept, compiled, dirs_exist_ok=True)
        self.run("fresh")
        shutil.copytree(compiled, kept, dirs_exist_ok=True)

    def measure(self) -> None:
        environment = self.environment()
        names = [str(path.relative_to(environment)) for path in environment.rglob("*")]
        longest = max(names, key=len)
        say(f"longest installed path: {len(longest)} characters ({longest})")
        check(len(longest) <= LONGEST_PATH, "an installed path is too long for Windows")
        size = sum(path.stat().st_size for path in (self.dioptre / "data").rglob("*") if path.is_file())
        say(f"installed, without caches and logs: {size / 1e6:.0f} MB")

    def environment(self) -> Path:
        pointer = json.loads((self.dioptre / "data/environment.json").read_text(encoding="utf-8"))
        return self.dioptre / "data" / str(pointer["environment"])

    def install_plugins(self) -> None:
        self.installer()
        gimp, krita = self.editors
        check((gimp / "plug-ins/dioptre/dioptre.py").is_file(), "GIMP's plug-in is missing")
        check((krita / "pykrita/dioptre/__init__.py").is_file(), "Krita's plug-in is missing")

    def batch(self) -> None:
        self.installer("batch", self.photos, "-o", self.out / "batch")
        check(len(list((self.out / "batch").glob("*-portrait.jpg"))) == 2, "the batch lacks results")

    def worker_job(self) -> str:
        outcome = self.installer("python", self.checkout / "tests/windows/client_job.py")
        last = outcome.text.strip().splitlines()[-1]
        say(f"worker: {last}")
        check("tcp port" in last, "the worker was not reached as expected")
        return last

    def update_while_a_worker_lives(self) -> None:
        before = self.environment()
        pid = self.worker_job().rpartition(" ")[2]
        lock = self.checkout / "locks/runtime.txt"
        lock.write_text(lock.read_text(encoding="utf-8") + "# an update\n", encoding="utf-8")
        module = self.checkout / "core/dioptre/__init__.py"
        module.write_text(module.read_text(encoding="utf-8") + "\n# an update\n", encoding="utf-8")
        self.installer("models", "list")
        check(self.environment() != before, "the update took the old environment's folder")
        left = sorted(path.name for path in (self.dioptre / "data").glob("environment-*"))
        check(left == [self.environment().name], f"environments were left: {left}")
        check(self.worker_job().rpartition(" ")[2] != pid, "the old worker still runs")

    def doctor(self) -> None:
        text = self.installer("doctor").text
        check("No errors found." in text, f"doctor said {text}")

    def units(self) -> None:
        for folder in UNITS:
            outcome = self.installer("test", folder, "-q", "-rs", "--tb=short", WINEPATH=ON_PATH)
            say(f"{folder}: {outcome.text[-3000:]}")

    def uninstall(self) -> None:
        self.worker_job()
        removed = self.script("--uninstall")
        check(removed.status == 0, f"install.cmd said {removed.text}")
        check(not self.dioptre.exists(), f"{self.dioptre} was left: {names(self.dioptre)}")
        gimp, krita = self.editors
        check(not list((gimp / "plug-ins").iterdir()), "GIMP's plug-in was left")
        check(not list((krita / "pykrita").iterdir()), "Krita's plug-in was left")
        temporary = [
            each.name for base in (self.windows.local, self.windows.user) for each in base.glob(_TEMPORARY)
        ]
        check(not temporary, f"temporary files were left: {temporary}")


def names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*")][:20]


def expect_files(folder: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        check(any(path.stat().st_size for path in folder.glob(f"*.{suffix}")), f"{folder} has no .{suffix}")


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"windows: FAILED: {otherwise}")


def say(text: str) -> None:
    sys.stdout.write(f"windows: {text}\n")
    sys.stdout.flush()


def short(scenario: Scenario) -> None:
    if kept := os.environ.get("DIOPTRE_WINDOWS_COMPILED"):
        scenario.run_with_kept_programs(Path(kept))
    else:
        scenario.run("fresh")
    scenario.install_plugins()  # After the run: a new installation starts a worker, which stores programs, too.
    scenario.measure()
    scenario.doctor()


def whole(scenario: Scenario) -> None:
    scenario.run("fresh")  # Installs Dioptre first.
    scenario.measure()
    scenario.install_plugins()
    scenario.run("warm")
    scenario.batch()
    scenario.worker_job()
    scenario.doctor()
    scenario.update_while_a_worker_lives()


def main() -> None:
    limit_s = float(os.environ.get("DIOPTRE_WINDOWS_LIMIT_S", "inf"))
    windows = Windows(Path(sys.argv[1]), Path(sys.argv[2]), limit_s=limit_s)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="windows-") as folder:
        scenario = Scenario(windows, Path(folder), Path(sys.argv[3]))
        try:
            scenario.prepare()
            scenario.start_by_double_click()
            if "--short" in sys.argv:
                short(scenario)
            else:
                whole(scenario)
            if "--units" in sys.argv:
                scenario.units()
            scenario.uninstall()
        except TimeoutError as error:
            limit = "" if math.isinf(limit_s) else f" (DIOPTRE_WINDOWS_LIMIT_S allows {limit_s:.0f} s in all)"
            sys.exit(f"windows: FAILED{limit}: {error}")
        finally:
            windows.end()
    say(f"passed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
