"""The choice of the Python interpreter, and the messages if none is suitable."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from installer import pythons


def fake(path: Path, answer: str) -> Path:
    """Create an executable that answers the installer's probe like a Python of another version."""
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' {answer}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the fakes are shell scripts")
class TestFind:
    @pytest.fixture(autouse=True)
    def empty_path(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("DIOPTRE_PYTHON", raising=False)
        monkeypatch.setattr(sys, "executable", str(fake(tmp_path / "running", "3 10 True CPython venv")))

    def test_takes_a_newer_one_than_the_running_one(self, tmp_path: Path) -> None:
        fake(tmp_path / "python3.12", "3 12 True CPython venv")
        fake(tmp_path / "python3.13", "3 13 True CPython venv")
        assert pythons.find().path == tmp_path / "python3.13"

    def test_passes_over_what_cannot_be_used(self, tmp_path: Path) -> None:
        fake(tmp_path / "python3.14", "3 14 True PyPy venv")
        fake(tmp_path / "python3.13", "3 13 False CPython venv")
        fake(tmp_path / "python3.12", "nonsense")
        fake(tmp_path / "python3.11", "3 11 True CPython venv")
        fake(tmp_path / "python3", "3 15 True CPython venv")
        assert pythons.find().path == tmp_path / "python3.11"

    def test_without_venv_names_the_package(self, tmp_path: Path) -> None:
        fake(tmp_path / "python3.11", "3 11 True CPython none")
        with pytest.raises(Exception, match="virtual environments") as caught:
            pythons.find()
        assert "python3.11-venv" in caught.value.hint

    def test_without_any_says_what_to_install(self) -> None:
        with pytest.raises(Exception, match=r"3\.11 to 3\.14") as caught:
            pythons.find()
        assert "apt install" in caught.value.hint

    def test_a_chosen_one_must_fit(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        fake(tmp_path / "python3.13", "3 13 True CPython venv")
        monkeypatch.setenv("DIOPTRE_PYTHON", str(fake(tmp_path / "old", "3 9 True CPython venv")))
        with pytest.raises(Exception, match="DIOPTRE_PYTHON"):
            pythons.find()


@pytest.mark.skipif(sys.platform == "win32", reason="the fakes are shell scripts")
class TestRefused:
    """The installer's judgement of a Python, from its answer to the probe: supported, or refused with a reason."""

    @pytest.mark.parametrize(
        ("answer", "system", "problem"),
        [
            ("3 12 True CPython venv mingw_x86_64 AMD64 ordinary", "win32", "MSYS2"),
            ("3 12 True CPython venv win-arm64 ARM64 ordinary", "win32", "ARM"),
            ("3 12 True CPython venv win-amd64 AMD64 store", "win32", "Microsoft Store"),
            ("3 12 True CPython venv macosx-11.0-universal2 x86_64 ordinary", "darwin", "Intel Macs"),
            ("3 12 False CPython venv win32 AMD64 ordinary", "win32", "32-bit"),
            ("3 12 True PyPy venv linux-x86_64 x86_64 ordinary", "linux", "PyPy, not CPython"),
            ("3 10 True CPython venv linux-x86_64 x86_64 ordinary", "linux", "Python 3.10"),
            ("3 12 True CPython venv win-amd64 AMD64 ordinary", "win32", ""),
            ("3 12 True CPython venv macosx-11.0-universal2 arm64 ordinary", "darwin", ""),
            ("3 12 True CPython venv macosx-11.0-universal2 x86_64 ordinary", "linux", ""),
        ],
    )
    def test_says_why(
        self,
        *,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        answer: str,
        system: str,
        problem: str,
    ) -> None:
        program = fake(tmp_path / "python", answer)
        monkeypatch.setattr(pythons.sys, "platform", system)
        found = pythons.probe(program)
        assert found.usable == (not problem)
        assert problem in found.problem


def test_the_running_python_answers_the_probe() -> None:
    found = pythons.probe(Path(sys.executable))
    assert found.version == sys.version_info[:2]
    assert found.usable == (found.version >= (3, 11))
