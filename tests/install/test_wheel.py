"""The wheel contains all of Dioptre: after `pip install` it works without a checkout, including the plug-ins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tracked import tracked

pytest.importorskip("hatchling", reason="the build tools are in the environment that install.py makes")

NEEDED = ("PATH", "SYSTEMROOT")  # On Windows, Python does not start without the second.


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    variables = {name: value for name, value in os.environ.items() if name != "DIOPTRE_BUILD_CORE_ONLY"}
    subprocess.run([*command, "-w", str(folder), str(checkout)], env=variables, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def package(wheel: Path) -> Path:
    """The wheel's contents as pip unpacks them, away from the checkout."""
    folder = wheel.parent / "site-packages"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder)
    return folder


def dioptre(package: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DIOPTRE_")}
    return subprocess.run(
        [sys.executable, "-m", "dioptre", *arguments],
        env=variables | {"PYTHONPATH": str(package), "DIOPTRE_HOME": str(home), "LANGUAGE": "en"},
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installers_wheel_is_the_core_alone(checkout: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    variables = {**os.environ, "DIOPTRE_BUILD_CORE_ONLY": "1"}
    subprocess.run([*command, "-w", str(tmp_path), str(checkout)], env=variables, check=True)
    (made,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(made) as content:
        assert not [name for name in content.namelist() if name.startswith(("dioptre/weights", "dioptre/plugin/"))]


def test_every_weight_and_plugin_file_is_in_it(checkout: Path, package: Path) -> None:
    for name in ("weights", "plugin"):
        files = tracked(f"{name}/**")
        assert files
        for file in files:
            inside = package / "dioptre" / name / file.relative_to(checkout / name)
            assert inside.read_bytes() == file.read_bytes()


def test_its_models_are_found_without_a_checkout(package: Path, tmp_path: Path) -> None:
    outcome = dioptre(package, tmp_path, "models", "list", "--json")
    assert outcome.returncode == 0, outcome.stderr
    assert len(outcome.stdout.splitlines()) >= 3


def test_the_plug_ins_go_into_the_editors_and_out_again(package: Path, tmp_path: Path) -> None:
    gimp, krita = tmp_path / "GIMP/3.0", tmp_path / "krita"
    options = ("--gimp-dir", str(gimp), "--krita-dir", str(krita))
    outcome = dioptre(package, tmp_path / "home", "plugin", "install", *options)
    assert outcome.returncode == 0, outcome.stderr
    for plugin in (gimp / "plug-ins/dioptre", krita / "pykrita/dioptre"):
        known = json.loads((plugin / "dioptre_link/folders.json").read_text(encoding="utf-8"))
        assert known["python"] == sys.executable
        asked = subprocess.run(
            [sys.executable, "-c", "from dioptre_link import start; print(start.environment_python())"],
            env={"PYTHONPATH": str(plugin), **{name: os.environ[name] for name in NEEDED if name in os.environ}},
            capture_output=True,
            text=True,
            check=True,
        )
        assert asked.stdout.strip() == sys.executable
    assert (gimp / "plug-ins/dioptre/dioptre.py").is_file()
    assert dioptre(package, tmp_path / "home", "plugin", "remove", *options).stdout.count("Removed") == 2
    assert not list((gimp / "plug-ins").iterdir())
