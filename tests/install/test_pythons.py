"""Which Python is taken, and what is said when there is none."""

from __future__ import annotations

import stat
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def pythons(installer: ModuleType) -> ModuleType:
    return import_module("installer.pythons")


def fake(path: Path, answer: str) -> Path:
    """An executable that answers the probe like a Python of another version."""
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' {answer}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the fakes are shell scripts")
class TestFind:
    @pytest.fixture(autouse=True)
    def empty_path(self, pythons: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("DIOPTRE_PYTHON", raising=False)
        monkeypatch.setattr(sys, "executable", str(fake(tmp_path / "running", "3 10 True CPython venv")))

    def test_takes_a_newer_one_than_the_running_one(self, pythons: ModuleType, tmp_path: Path) -> None:
        fake(tmp_path / "python3.12", "3 12 True CPython venv")
        fake(tmp_path / "python3.13", "3 13 True CPython venv")
        assert pythons.find().path == tmp_path / "python3.13"

    def test_passes_over_what_cannot_be_used(self, pythons: ModuleType, tmp_path: Path) -> None:
        fake(tmp_path / "python3.14", "3 14 True PyPy venv")
        fake(tmp_path / "python3.13", "3 13 False CPython venv")
        fake(tmp_path / "python3.12", "nonsense")
        fake(tmp_path / "python3.11", "3 11 True CPython venv")
        fake(tmp_path / "python3", "3 15 True CPython venv")
        assert pythons.find().path == tmp_path / "python3.11"

    def test_without_venv_names_the_package(self, pythons: ModuleType, tmp_path: Path) -> None:
        fake(tmp_path / "python3.11", "3 11 True CPython none")
        with pytest.raises(Exception, match="virtual environments") as caught:
            pythons.find()
        assert "python3.11-venv" in caught.value.hint

    def test_without_any_says_what_to_install(self, pythons: ModuleType) -> None:
        with pytest.raises(Exception, match=r"3\.11 to 3\.14") as caught:
            pythons.find()
        assert "apt install" in caught.value.hint

    def test_a_chosen_one_must_fit(
        self, pythons: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        fake(tmp_path / "python3.13", "3 13 True CPython venv")
        monkeypatch.setenv("DIOPTRE_PYTHON", str(fake(tmp_path / "old", "3 9 True CPython venv")))
        with pytest.raises(Exception, match="DIOPTRE_PYTHON"):
            pythons.find()


def test_the_running_python_answers_the_probe(pythons: ModuleType) -> None:
    found = pythons.probe(Path(sys.executable))
    assert found.version == sys.version_info[:2]
    assert found.usable == (found.version >= (3, 11))
