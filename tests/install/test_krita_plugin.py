"""Krita's folders, the plug-in in them, its setting in kritarc, and the findings of `doctor`."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dioptre.editors import krita_plugin
from dioptre.editors.krita_plugin import Home
from installer import plugins
from installer.console import Console
from installer.environment import Folders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's folders")
SETTINGS = "[General]\nlanguage=de\n\n[python]\nenable_scripter=true\n\n[theme]\nTheme=dark\n"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    for folder in (".local/share/krita", ".var/app/org.kde.krita/data/krita", ".config"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".config/kritarc").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def folders(user: Path) -> dict[str, Path]:
    return {name: user / name for name in ("data", "cache", "log")}


def installed(checkout: Path, user: Path) -> Home:
    home = krita_plugin.homes({}, home=user)[0]
    environment = user / "data/environment/bin"
    environment.mkdir(parents=True, exist_ok=True)
    (environment / "python").touch()
    krita_plugin.install(checkout, home, folders(user))
    return home


def codes(user: Path, home: Home) -> list[str]:
    return [found.code for found in krita_plugin.findings({}, home=user) if str(home.folder) in found.message]


def test_folders_of_krita_are_found(user: Path) -> None:
    found = krita_plugin.homes({}, home=user)
    assert [(home.folder.relative_to(user).as_posix(), home.kind) for home in found] == [
        (".local/share/krita", "native"),
        (".var/app/org.kde.krita/data/krita", "Flatpak"),
    ]
    assert found[1].settings == user / ".var/app/org.kde.krita/config/kritarc"
    moved = krita_plugin.expected({"XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c"}, home=user)
    assert (moved.folder, moved.settings) == (Path("/d/krita"), Path("/c/kritarc"))


def test_install_is_whole_enabled_current_and_removable(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    assert krita_plugin.is_current(checkout, home, folders(user))
    assert krita_plugin.is_enabled(home)
    assert home.entry.read_text(encoding="utf-8").startswith("[Desktop Entry]")
    assert json.loads((home.plugin / "dioptre_link/folders.json").read_text())["data"] == str(user / "data")
    enabled = SETTINGS.replace("[python]\n", "[python]\nenable_dioptre=true\n")
    assert home.settings.read_text(encoding="utf-8") == enabled
    (home.plugin / "jobs.py").unlink()
    assert not krita_plugin.is_current(checkout, home, folders(user))
    installed(checkout, user)
    assert krita_plugin.is_current(checkout, home, folders(user))
    assert [path.name for path in home.folder.iterdir()] == ["pykrita"], "nothing of the user's was there"
    assert home.settings.read_text(encoding="utf-8") == enabled
    assert not krita_plugin.is_current(checkout, home, {**folders(user), "data": user / "moved"})
    assert krita_plugin.remove(home)
    assert not krita_plugin.remove(home)
    assert list((home.folder / "pykrita").iterdir()) == []
    assert home.settings.read_text(encoding="utf-8") == SETTINGS


@pytest.mark.parametrize("what", ["added", "changed", "foreign", "link", "entry", "compiled"])
def test_what_dioptre_did_not_write_is_moved_aside(what: str, checkout: Path, user: Path, tmp_path: Path) -> None:
    home = krita_plugin.homes({}, home=user)[0]
    if what in ("added", "changed", "entry", "compiled"):
        installed(checkout, user)
    home.plugin.mkdir(parents=True, exist_ok=True)
    names = {"added": "mine.py", "changed": "jobs.py", "compiled": "__pycache__/mine.txt"}
    mine = home.plugin / names.get(what, "__init__.py")
    if what == "compiled":
        mine.parent.mkdir()
        (mine.parent / "jobs.cpython-311.pyc").touch()
    if what == "link":
        home.plugin.rmdir()
        (tmp_path / "mine").mkdir()
        home.plugin.symlink_to(tmp_path / "mine")
    if what == "entry":
        mine = home.entry
    mine.write_text("mine", encoding="utf-8")
    (aside,) = krita_plugin.install(checkout, home, folders(user))
    assert aside.parent == home.folder
    kept = aside if what == "entry" else aside / mine.relative_to(home.plugin)
    assert kept.read_text(encoding="utf-8") == "mine"
    assert krita_plugin.is_current(checkout, home, folders(user))
    assert krita_plugin.install(checkout, home, folders(user)) == []


def test_removal_leaves_what_was_added_or_changed(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    for name in ("mine.py", "jobs.py"):
        (home.plugin / name).write_text("mine", encoding="utf-8")
    home.entry.write_text("mine", encoding="utf-8")
    (home.plugin / "__pycache__").mkdir()
    (home.plugin / "__pycache__/jobs.cpython-311.pyc").touch()
    (home.plugin / "dioptre_link/__pycache__").mkdir()
    (home.plugin / "dioptre_link/__pycache__/notes.txt").write_text("mine", encoding="utf-8")
    assert krita_plugin.remove(home)
    assert sorted(path.name for path in home.plugin.iterdir()) == ["dioptre_link", "jobs.py", "mine.py"]
    assert [path.name for path in (home.plugin / "dioptre_link").rglob("*")] == ["__pycache__", "notes.txt"]
    assert home.entry.read_text(encoding="utf-8") == "mine"
    assert not krita_plugin.remove(home)


def test_a_list_that_names_files_elsewhere_deletes_none(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    precious = [user / "precious", home.folder / "precious"]
    for path in precious:
        path.write_text("mine", encoding="utf-8")
    written = home.plugin / "dioptre_link/written.json"
    sha256 = hashlib.sha256(b"mine").hexdigest()
    names = (str(precious[0]), "../../precious", "dioptre_link/../../../precious")
    written.write_text(json.dumps(dict.fromkeys(names, sha256) | json.loads(written.read_text())), encoding="utf-8")
    assert krita_plugin.remove(home)
    assert not home.plugin.exists()
    assert all(path.is_file() for path in precious)


def test_without_settings_they_are_made_and_emptied(checkout: Path, user: Path) -> None:
    home = krita_plugin.homes({}, home=user)[1]
    krita_plugin.install(checkout, home, {})
    assert home.settings.read_text(encoding="utf-8") == "[python]\nenable_dioptre=true\n"
    krita_plugin.remove(home)
    assert home.settings.read_text(encoding="utf-8") == ""


def test_who_switched_it_off_wants_it_off(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    off = home.settings.read_text(encoding="utf-8").replace("enable_dioptre=true", "enable_dioptre=false")
    home.settings.write_text(off, encoding="utf-8")
    installed(checkout, user)
    assert krita_plugin.is_enabled(home) is False
    assert krita_plugin.is_current(checkout, home, folders(user))
    assert codes(user, home) == ["krita-plugin-disabled"]


def test_a_working_plugin_is_no_problem(checkout: Path, user: Path) -> None:
    assert codes(user, installed(checkout, user)) == ["krita-plugin"]


def test_every_reason_not_to_appear_is_named(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    home.settings.write_text(SETTINGS, encoding="utf-8")
    shutil.rmtree(user / "data/environment")
    assert codes(user, home) == ["krita-plugin-disabled", "krita-plugin-environment"]
    shutil.rmtree(home.plugin / "dioptre_link")
    assert codes(user, home) == ["krita-plugin-incomplete"]
    home.entry.unlink()
    assert codes(user, home) == ["krita-plugin-missing"]


def test_no_krita_is_said(tmp_path: Path) -> None:
    assert [found.code for found in krita_plugin.findings({}, home=tmp_path)] == ["krita-none"]


def test_the_installer_leaves_nothing(checkout: Path, user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = Folders(checkout=checkout, data=user / "data", cache=user / "cache", log=user / "log")
    where.data.mkdir()
    folder = user / "elsewhere/krita"
    plugins.install(where, Console(), krita_plugin, chosen=folder, portable=True)
    assert "No settings of Krita name" in capsys.readouterr().err
    home = krita_plugin.chosen(folder)
    assert [path.name for path in folder.iterdir()] == ["pykrita"]  # no kritarc that no Krita reads
    assert krita_plugin.is_current(checkout, home, folders(user))
    (home.plugin / "jobs.py").write_text("mine", encoding="utf-8")
    plugins.update(where, Console(), krita_plugin)
    assert krita_plugin.is_current(checkout, home, folders(user))
    assert "were moved to" in capsys.readouterr().err
    plugins.remove(where, Console(), krita_plugin)
    assert not home.plugin.exists()
    assert not home.entry.exists()


def test_a_folder_that_kritarc_names_is_switched_on_there(
    checkout: Path, user: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("HOME", user), ("XDG_CONFIG_HOME", user / ".config"), ("XDG_DATA_HOME", user / "share")):
        monkeypatch.setenv(name, str(value))
    folder, settings = user / "elsewhere/krita", user / ".config/kritarc"
    settings.write_text(f"ResourceDirectory={folder}\n{SETTINGS}", encoding="utf-8")
    where = Folders(checkout=checkout, data=user / "data", cache=user / "cache", log=user / "log")
    where.data.mkdir()
    plugins.install(where, Console(), krita_plugin, chosen=folder, portable=True)
    assert "restart Krita" in capsys.readouterr().err
    home = krita_plugin.chosen(folder)
    assert (home.folder, home.settings, krita_plugin.is_enabled(home)) == (folder, settings, True)
    assert krita_plugin.chosen(user / "share/krita").settings == settings


def test_an_old_krita_and_misplaced_files_are_named(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    with closing(sqlite3.connect(home.folder / "resourcecache.sqlite")) as cache, cache:
        cache.execute("CREATE TABLE version_information (id INTEGER PRIMARY KEY, krita_version TEXT)")
        cache.execute("INSERT INTO version_information VALUES (1, '6.0.4.1')")
    assert codes(user, home) == ["krita-plugin"]
    with closing(sqlite3.connect(home.folder / "resourcecache.sqlite")) as cache, cache:
        cache.execute("INSERT INTO version_information VALUES (2, '5.1.5')")
    assert codes(user, home) == ["krita-too-old"]
    (home.folder / "resourcecache.sqlite").unlink()
    shutil.copytree(home.plugin, home.folder / "pykrita/dioptre-krita/dioptre")
    shutil.copytree(home.plugin, home.folder / "dioptre")
    assert codes(user, home) == ["krita-plugin-place", "krita-plugin-place"]
