"""Editors outside PATH, where their installers put them on Windows and macOS; sys.platform is patched."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptre.editors import gimp_plugin, krita_plugin, programs


def program(path: Path) -> str:
    path.parent.mkdir(parents=True)
    path.touch()
    return str(path)


def test_windows_installers_folders_are_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs.sys, "platform", "win32")
    monkeypatch.setattr(programs, "_registered", lambda product: [tmp_path / "elsewhere"])
    everybody = program(tmp_path / "Program Files/GIMP 3/bin/gimp-console-3.0.exe")
    own = program(tmp_path / "Local/Programs/GIMP 3.2/bin/gimp-console-3.0.exe")
    registered = program(tmp_path / "elsewhere/bin/gimp-console-3.0.exe")
    program(tmp_path / "Program Files/Krita (x64)/bin/krita.exe")
    environ = {
        "PATH": "",
        "ProgramFiles": str(tmp_path / "Program Files"),
        "LOCALAPPDATA": str(tmp_path / "Local"),
    }
    found = list(programs.find(("gimp-console-3.0",), product="GIMP", environ=environ))
    assert found == [registered, everybody, own]


def test_applications_on_a_mac_are_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs.sys, "platform", "darwin")
    monkeypatch.setattr(programs.Path, "home", lambda: tmp_path)
    krita = program(tmp_path / "Applications/krita.app/Contents/MacOS/krita")
    program(tmp_path / "Applications/GIMP.app/Contents/MacOS/gimp-console")
    assert list(programs.find(("krita",), product="Krita", environ={"PATH": ""})) == [krita]


def test_store_editions_have_folders_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gimp_plugin.sys, "platform", "win32")
    environ = {"APPDATA": str(tmp_path / "Roaming"), "LOCALAPPDATA": str(tmp_path / "Local")}
    gimp = tmp_path / "Local/Packages/GIMP.GIMP_abc/LocalCache/Roaming/GIMP/3.0"
    krita = tmp_path / "Local/Packages/49800Krita_abc/LocalCache/Roaming/krita"
    for folder in (gimp, krita, tmp_path / "Roaming/GIMP/3.0"):
        folder.mkdir(parents=True)
    assert [(home.folder, home.kind) for home in gimp_plugin.homes(environ, home=tmp_path)] == [
        (tmp_path / "Roaming/GIMP/3.0", "native"),
        (gimp, "Microsoft Store"),
    ]
    (home,) = krita_plugin.homes(environ, home=tmp_path)
    assert (home.folder, home.kind) == (krita, "Microsoft Store")
    assert home.settings == krita.parents[1] / "Local/kritarc"
    for editor, module in (("gimp", gimp_plugin), ("krita", krita_plugin)):
        found = {finding.code: finding for finding in module.findings(environ, home=tmp_path)}
        assert "LocalCache" in found[f"{editor}-store"].message
