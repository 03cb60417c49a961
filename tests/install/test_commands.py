"""The command line of install.py, without installing anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from installer import commands, contents, plugins, workers
from installer.environment import Folders

Installed = dict[str, tuple[Path | None, bool]]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """For each editor, the chosen plug-in folder, and whether only chosen folders may be changed."""
    asked: Installed = {}

    def install(*given: Any, chosen: Path | None, portable: bool) -> None:
        asked[given[2].EDITOR] = (chosen, portable)

    monkeypatch.delenv("DIOPTRE_HOME", raising=False)
    monkeypatch.setattr(commands, "ensure", lambda *_, **options: asked.setdefault("options", options) is None)
    monkeypatch.setattr(plugins, "install", install)
    monkeypatch.setattr(plugins, "in_an_editor", lambda _: True)
    monkeypatch.setattr(workers, "begin", lambda _: asked.setdefault("worker", (None, True)) is not None)
    return asked


def test_both_editors_folders_are_named_together(installed: Installed) -> None:
    assert commands.main(["--krita-dir", "k", "--gimp-dir", "g"]) == 0
    assert installed == {
        "options": {"repair": False, "changes": {}},
        "GIMP": (Path("g"), True),
        "Krita": (Path("k"), True),
    }


def test_a_new_installation_starts_a_worker(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "ensure", lambda *_, **__: True)
    assert commands.main([]) == 0
    assert "worker" in installed
    assert "You can start your editor" in "".join(capsys.readouterr())


def test_an_installation_that_is_up_to_date_starts_no_worker(installed: Installed) -> None:
    assert commands.main([]) == 0
    assert "worker" not in installed


def test_an_installation_that_begins_meanwhile_is_no_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = Folders(checkout=tmp_path, data=tmp_path / "data", cache=tmp_path / "cache", log=tmp_path / "log")
    look = contents.strangers

    def meanwhile(where: Folders) -> list[Path]:
        contents.mark(where)
        where.log.mkdir()
        where.log_file.write_text("Creating an environment", encoding="utf-8")
        return look(where)

    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    monkeypatch.setattr(contents, "strangers", meanwhile)
    commands._refuse_folder_in_use(where)
    (where.data / contents.MARK).unlink()
    monkeypatch.setattr(contents, "strangers", look)
    with pytest.raises(commands.Failure, match=r"log is in use: install\.log"):
        commands._refuse_folder_in_use(where)


def test_a_folder_and_a_repair_go_together(installed: Installed) -> None:
    assert commands.main(["--repair", "--gimp-dir", "g"]) == 0
    assert installed == {
        "options": {"repair": True, "changes": {}},
        "GIMP": (Path("g"), True),
        "Krita": (None, True),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--krita-dir"],
        ["--krita-dir", "--gimp-dir", "g"],
        ["--gimp-dir", "g", "--gimp-dir", "h"],
        ["--repair", "photo.jpg"],
        ["--gpu", "--no-gpu"],
        ["--gpu", "run"],
        ["bundle"],
        ["release", "--force"],
    ],
)
def test_wrong_arguments_install_nothing(
    arguments: list[str], installed: Installed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(arguments) == commands.EXIT_USAGE
    assert installed == {}
    assert "--help" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bundle", "release"])
def test_help_is_not_taken_for_a_folder(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commands.main([command, "--help"]) == 0
    assert f"{command} FOLDER" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_program_is_named_as_it_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "argv", ["../my photos/install.py", "run"])
    assert commands.program() == "python3 '../my photos/install.py'"


@pytest.mark.skipif(sys.platform == "win32", reason="there the command is a child, not this process")
def test_a_command_learns_how_it_was_started_and_the_tests_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    monkeypatch.delenv("DIOPTRE_PROGRAM", raising=False)
    monkeypatch.setattr(sys, "argv", ["install.py", "run"])
    monkeypatch.setattr(commands.os, "execve", lambda _path, _arguments, environment: started.append(environment))
    commands._become(commands.folders(), ["-m", "dioptre"])
    commands._become(commands.folders(), ["-P", "-m", "pytest"], tests=True)
    assert [environment.get("DIOPTRE_PROGRAM") for environment in started] == ["python3 install.py", None]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX descriptors")
@pytest.mark.parametrize(
    ("where", "arguments", "code"),
    [("2>&-", ["--help"], 0), (">&- 2>&- <&-", ["--nope"], 2), ("2>/dev/full", ["--uninstall"], 0)],
)
def test_a_closed_or_full_stderr_changes_no_exit_code(
    where: str, arguments: list[str], code: int, tmp_path: Path
) -> None:
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    done = subprocess.run(
        ["sh", "-c", f'"$@" {where}', "sh", sys.executable, commands.CHECKOUT / "install.py", *arguments],
        env={**os.environ, "DIOPTRE_HOME": str(tmp_path / "home")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, b"")
