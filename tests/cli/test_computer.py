"""The situations of a computer that `doctor` explains, each built here."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dioptre import runtime
from dioptre.cli import computer, findings
from dioptre.editors.plugin_folder import Finding
from dioptre_link import paths


def codes(check: Callable[[], Iterator[Finding]]) -> list[str]:
    return [found.code for found in check()]


def test_this_computer_has_none_of_them() -> None:
    for check in (computer.processor, computer.libraries, computer.places):
        assert [found for found in check() if found.level != "ok"] == []


@pytest.mark.parametrize(
    ("flags", "code"),
    [("sse2 sse4_2", "processor-old"), ("sse2 avx avx2 fma", "processor")],
)
def test_an_old_processor(flags: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"model name\t: A processor of 2012\nflags\t\t: {flags}\n\n", encoding="utf-8")
    monkeypatch.setattr(runtime, "_PROCESSORS", listed)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    (found,) = computer.processor()
    assert found.code == code
    assert "A processor of 2012" in found.message


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script as sysctl")
def test_rosetta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysctl = tmp_path / "sysctl"
    sysctl.write_text('#!/bin/sh\n[ "$*" = "-n sysctl.proc_translated" ] && echo 1\n', encoding="utf-8")
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert codes(computer.processor) == ["rosetta"]


def test_missing_libraries_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        if name == "msvcp140.dll":
            raise OSError(126, "The specified module could not be found")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", load, raising=False)
    (found,) = computer.libraries()
    assert (found.code, "msvcp140.dll" in found.message) == ("visual-cpp-missing", True)


@pytest.mark.parametrize(
    ("folder", "variable"), [("OneDrive - Studio/Dioptre", ""), ("Dropbox/d", ""), ("Meine Cloud/d", "OneDrive")]
)
def test_a_synchronised_folder(folder: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIOPTRE_DATA_DIR", raising=False)
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / folder))
    if variable:
        assert codes(computer.places) == []
        monkeypatch.setenv(variable, str(tmp_path / "Meine Cloud"))
    assert "synchronised-folder" in codes(computer.places)


def test_a_folder_too_deep_for_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "environment_dir", lambda: Path("C:/Users/eva/AppData/Local/Dioptre/data/e-01234"))
    monkeypatch.setattr(sys, "platform", "win32")
    assert codes(computer.places) == []
    monkeypatch.setattr(paths, "environment_dir", lambda: Path("C:/Users/eva") / "deep folders" / ("x" * 60))
    assert codes(computer.places) == ["path-too-long"]


def test_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    of = SimpleNamespace(total=4 * findings.GIB, available=3 * findings.GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: of)
    assert codes(findings.memory) == ["memory-low"]
