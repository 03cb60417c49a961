"""A miniature checkout: the real installer, a core of three lines, and wheels built here. Needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import locale
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

BACKEND = """
import zipfile
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "dioptre-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel_directory + "/" + name, "w") as wheel:
        wheel.write("core/dioptre/__init__.py", "dioptre/__init__.py")
        wheel.write("core/dioptre/__main__.py", "dioptre/__main__.py")
        info = "dioptre-0.1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: dioptre\\nVersion: 0.1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
MAIN = """
import os, pathlib, sys, needed
if sys.argv[1:] == ["worker", "--stop"]:
    pathlib.Path(os.environ["DIOPTRE_DATA_DIR"], "worker", "stop").touch()
print(*sys.argv[1:], needed.WORD)
"""


# Encoding of what Python programs write to a pipe; on Windows it is the code page.
ENCODING = locale.getencoding() if sys.platform == "win32" else "utf-8"


@dataclass
class Checkout:
    """The miniature checkout, the wheels that it may install, and a separate home."""

    folder: Path
    wheels: Path
    home: Path

    @property
    def environment(self) -> Path:
        """Folder of the environment in use, or a folder that does not exist if nothing is installed."""
        pointer = self.home / "data" / "environment.json"
        name = json.loads(pointer.read_text(encoding="utf-8"))["environment"] if pointer.exists() else "none"
        return self.home / "data" / str(name)

    @property
    def environments(self) -> list[str]:
        return sorted(path.name for path in (self.home / "data").glob("environment-*"))

    def python(self) -> Path:
        return self.environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def log(self) -> Path:
        return self.home / "log" / "install.log"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-I", "-c", _RUN, str(self.folder), *arguments]

    def variables(self, **changes: str) -> dict[str, str]:
        return {
            **os.environ,
            "DIOPTRE_HOME": str(self.home),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
            **changes,
        }

    def install(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.variables(**changes),
            capture_output=True,
            text=True,
            encoding=ENCODING,
            errors="replace",
            timeout=900,  # This limit only guards against hanging.
            check=False,
        )

    def add_wheel(self, name: str, content: str) -> str:
        """Create a wheel of a package with one module, and return its line for a lock file."""
        path = self.wheels / f"{name}-1.0-py3-none-any.whl"
        files = {
            f"{name}.py": content,
            f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(
            f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},\n"
            for file, text in files.items()
        )
        with zipfile.ZipFile(path, "w") as wheel:
            for file, text in {**files, f"{name}-1.0.dist-info/RECORD": record}.items():
                wheel.writestr(file, text)
        return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def ask_for_space(self, amount: str) -> None:
        """Make the installer require `amount` bytes, given as a Python expression."""
        module = self.folder / "installer" / "environment.py"
        changed, count = re.subn(
            r"(?m)^(_NEEDED_BYTES = )[^#\n]*", rf"\g<1>{amount}  ", module.read_text(encoding="utf-8")
        )
        assert count == 1
        module.write_text(changed, encoding="utf-8")

    def add_weights(self, name: str, content: bytes) -> Path:
        folder = self.folder / "weights" / name
        (folder / "arrays").mkdir(parents=True)
        (folder / "arrays" / "0").write_bytes(content)
        card = {"id": name, "files": {"arrays/0": hashlib.sha256(content).hexdigest()}}
        (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
        return folder


# install.py is started from an unrelated folder, as users may do.
_RUN = "import runpy, sys; folder = sys.argv.pop(1); sys.argv[0] = 'install.py'; sys.path.insert(0, folder); \
runpy.run_path(folder + '/install.py', run_name='__main__')"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Checkout:
    """The miniature checkout that is copied for each test."""
    base = tmp_path_factory.mktemp("Ordner für Bilder")
    made = Checkout(folder=base / "the checkout", wheels=base / "wheels", home=base / "home")
    made.wheels.mkdir()
    shutil.copytree(checkout / "installer", made.folder / "installer", ignore=shutil.ignore_patterns("__pycache__"))
    made.ask_for_space("100 * 2**20")  # A fifteenth of the real requirement, so that the tests run on small disks.
    shutil.copy(checkout / "install.py", made.folder)
    link = made.folder / "core" / "dioptre_link"
    link.mkdir(parents=True)
    for name in ("paths.py", "uv.py"):
        shutil.copy(checkout / "core" / "dioptre_link" / name, link)
    core = made.folder / "core" / "dioptre"
    core.mkdir()
    (core / "__init__.py").write_text("", encoding="utf-8")
    (core / "__main__.py").write_text(MAIN, encoding="utf-8")
    (made.folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    (made.folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (made.folder / "README.md").write_text("A miniature.\n", encoding="utf-8")
    locks = made.folder / "locks"
    locks.mkdir()
    (locks / "build.txt").write_text(made.add_wheel("builder", ""), encoding="utf-8")
    (locks / "runtime.txt").write_text(made.add_wheel("needed", "WORD = 'thanks'\n"), encoding="utf-8")
    (locks / "uv.txt").write_text(f"uv==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")  # cannot be had
    (locks / "test.txt").write_text(made.add_wheel("pytest", _FAKE_PYTEST), encoding="utf-8")
    made.add_weights("small-model", b"values" * 1000)
    return made


_FAKE_PYTEST = "import os, sys\nprint('pytest', os.path.basename(os.getcwd()), *sys.argv[1:])\n"


@pytest.fixture
def miniature(template: Checkout, tmp_path: Path) -> Checkout:
    """A fresh miniature checkout with nothing installed, in a path with spaces and an umlaut."""
    base = tmp_path / "Ordner für Bilder"
    shutil.copytree(template.folder, base / "the checkout")
    shutil.copytree(template.wheels, base / "wheels")
    return Checkout(folder=base / "the checkout", wheels=base / "wheels", home=base / "home")


@pytest.fixture(scope="session")
def installed(template: Checkout) -> Checkout:
    """A miniature checkout that is already installed; tests that use it must not change it."""
    outcome = template.install()
    assert outcome.returncode == 0, outcome.stderr
    return template
