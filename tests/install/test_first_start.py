"""The first start of a plug-in from a zip, which runs the real installer, here on a miniature checkout."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from dioptre_link.editing import first_start
from dioptre_link.errors import DioptreError
from dioptre_link.language import translated
from installer import release
from installer.console import Console

from .conftest import Checkout


@pytest.fixture
def zipped(miniature: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A miniature checkout next to a plug-in from a zip, with an editor's environment variables."""
    for name in [name for name in os.environ if name.startswith("DIOPTRE_")]:
        monkeypatch.delenv(name)
    for name, value in miniature.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONHOME", "/an/editors/own")
    monkeypatch.setattr(first_start, "SOURCE", miniature.folder)
    monkeypatch.setattr(first_start, "LINK", miniature.folder.parent)
    return miniature


def steps_of_installation() -> list[tuple[float, str]]:
    return [(step.fraction, step.phase) for step in first_start.install(poll_s=0.05)]


def test_the_core_is_installed_with_progress_and_only_once(zipped: Checkout) -> None:
    assert first_start.is_needed()
    steps = first_start.install(poll_s=0.05)
    for step in steps:
        if step.phase.startswith("Installing build tools"):
            break
    steps.close()  # Here, the user cancels.
    assert first_start.is_needed()
    seen = steps_of_installation()
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9
    phases = list(dict.fromkeys(phase for _, phase in seen))
    assert "Installing dependencies (unpacking…)" in phases
    assert phases[-1] == "Copying the weights"
    assert translated("Copying the weights", languages=("de",)) != "Copying the weights"
    assert not first_start.is_needed()
    assert zipped.python().exists()
    assert zipped.install("greet").stdout == "greet thanks\n"


def test_a_newer_zip_updates_the_core_and_an_older_one_leaves_it(zipped: Checkout) -> None:
    for _ in first_start.install(poll_s=0.05):
        pass
    marker = zipped.environment / "installed.json"
    installed = json.loads(marker.read_text(encoding="utf-8"))
    about = zipped.folder / first_start.ABOUT
    for version, core, needed in (
        ("0.2", installed["core"], False),
        ("0.2", "other", True),
        ("0.1.0", "other", True),
        ("0.0.9", "other", False),
    ):
        marker.write_text(json.dumps({**installed, "version": "0.1.0"}), encoding="utf-8")
        about.write_text(json.dumps({"version": version, "core": core}), encoding="utf-8")
        assert first_start.is_needed() is needed, (version, core)
    marker.write_text(json.dumps({**installed, "core": ""}), encoding="utf-8")
    assert first_start.is_needed(), "it was interrupted"


def test_what_the_installer_says_is_the_error(zipped: Checkout) -> None:
    zipped.add_wheel("needed", "WORD = 'malice'\n")
    with pytest.raises(DioptreError) as caught:
        steps_of_installation()
    assert caught.value.message.startswith("The installation failed: Installing the Python packages failed.")
    assert caught.value.message.endswith(f" See the log {zipped.log}.")
    assert caught.value.hint.startswith("A download was damaged or replaced")
    assert first_start.is_needed()


def test_without_a_python_the_way_to_one_is_shown(zipped: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(zipped.folder))
    monkeypatch.setattr(first_start, "_registered", lambda: ())
    with pytest.raises(DioptreError, match="No Python") as caught:
        steps_of_installation()
    assert "Python" in caught.value.hint


def test_an_installed_dioptre_is_found_by_its_folder(zipped: Checkout, installed: Checkout) -> None:
    with pytest.raises(DioptreError, match="does not contain an installation of Dioptre"):
        first_start.adopt(zipped.wheels)
    for chosen in (installed.home, installed.home / "data"):
        first_start.adopt(chosen)
        folders = json.loads((zipped.folder.parent / "folders.json").read_text(encoding="utf-8"))
        assert folders == {kind: str(installed.home / kind) for kind in ("data", "cache", "log")}


def test_a_plug_in_that_was_installed_otherwise_is_left_alone(
    zipped: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_start, "SOURCE", tmp_path / "nothing")
    assert not first_start.is_needed()
    monkeypatch.setattr(first_start, "SOURCE", zipped.folder)
    monkeypatch.setenv("DIOPTRE_PYTHON", "/some/python")
    assert not first_start.is_needed()


def test_the_zips_hold_plug_in_core_and_installer(checkout: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    ignore = shutil.ignore_patterns("__pycache__", "arrays")
    for name in ("core", "plugin", "installer", "locks", "weights"):
        shutil.copytree(checkout / name, small / name, ignore=ignore)
    for name in ("install.py", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(checkout / name, small)
    release.make_zips(small, tmp_path / "zips", Console())
    with zipfile.ZipFile(tmp_path / "zips/dioptre-krita.zip") as archive:
        names = archive.namelist()
        assert [name for name in names if name.endswith("/")] == ["dioptre/"], "Krita takes the first such folder"
        assert [name for name in names if name.endswith(".desktop")] == ["dioptre.desktop"]
        assert {
            "dioptre/__init__.py",
            "dioptre/dioptre_link/client.py",
            "dioptre/source/core/dioptre/py.typed",
        } <= {*names}
        archive.extractall(tmp_path / "krita")
    with zipfile.ZipFile(tmp_path / "zips/dioptre-gimp.zip") as archive:
        assert archive.getinfo("dioptre/dioptre.py").external_attr >> 16 == 0o100755
        assert archive.getinfo("dioptre/source/install.py").external_attr >> 16 == 0o100644
        assert "dioptre/source/locks/runtime.txt" in archive.namelist()
    from installer import environment

    source = tmp_path / "krita/dioptre/source"
    about = json.loads((source / "about.json").read_text(encoding="utf-8"))
    assert about == {"version": environment.version(checkout), "core": environment.core_hash(source)}
