"""GIMP's folders, the plug-in in them, and the findings of `doctor` if GIMP does not list it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from dioptre.editors import gimp_plugin
from dioptre.editors.gimp_plugin import Home
from installer import plugins
from installer.console import Console
from installer.environment import Folders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's folders")


@pytest.fixture
def user(tmp_path: Path) -> Path:
    for folder in (
        ".config/GIMP/2.10",
        ".config/GIMP/3.0",
        ".config/GIMP/3.2",
        ".var/app/org.gimp.GIMP/config/GIMP/3.0",
    ):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def folders(user: Path) -> dict[str, Path]:
    return {name: user / name for name in ("data", "cache", "log")}


def installed(checkout: Path, user: Path) -> Home:
    home = gimp_plugin.homes({}, home=user)[0]
    environment = user / "data/environment/bin"
    environment.mkdir(parents=True)
    (environment / "python").touch()
    gimp_plugin.install(checkout, home, folders(user))
    return home


def codes(user: Path, home: Home) -> list[str]:
    """Return the findings about one GIMP folder, without those about other folders and GIMP's Python."""
    return [found.code for found in gimp_plugin.findings({}, home=user) if str(home.folder) in found.message]


def test_folders_of_gimp_3_are_found(user: Path) -> None:
    found = gimp_plugin.homes({}, home=user)
    assert [(home.folder.relative_to(user).as_posix(), home.kind) for home in found] == [
        (".config/GIMP/3.0", "native"),
        (".config/GIMP/3.2", "native"),
        (".var/app/org.gimp.GIMP/config/GIMP/3.0", "Flatpak"),
    ]
    elsewhere = gimp_plugin.homes(
        {"GIMP3_DIRECTORY": str(user / "mine"), "XDG_CONFIG_HOME": str(user / "x")}, home=user
    )
    assert [home.kind for home in elsewhere] == ["GIMP3_DIRECTORY", "Flatpak"]
    (user / "snap/gimp/current/.config/GIMP/3.0").mkdir(parents=True)
    assert gimp_plugin.homes({}, home=user)[-1].kind == "snap"


def test_install_is_whole_current_and_removable(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    before = sorted(path for path in home.folder.rglob("*"))
    assert gimp_plugin.is_current(checkout, home, folders(user))
    assert os.access(home.plugin / "dioptre.py", os.X_OK)
    assert json.loads((home.plugin / "dioptre_link/folders.json").read_text())["data"] == str(user / "data")
    (home.plugin / "dioptre_link/client.py").unlink()
    assert not gimp_plugin.is_current(checkout, home, folders(user))
    gimp_plugin.install(checkout, home, folders(user))
    assert gimp_plugin.is_current(checkout, home, folders(user))
    assert sorted(path for path in home.folder.rglob("*")) == before
    assert not gimp_plugin.is_current(checkout, home, {**folders(user), "data": user / "moved"})
    assert gimp_plugin.remove(home)
    assert not gimp_plugin.remove(home)
    assert list((home.folder / "plug-ins").iterdir()) == []


def test_a_working_plugin_is_no_problem(checkout: Path, user: Path) -> None:
    assert codes(user, installed(checkout, user)) == ["gimp-plugin"]


def test_every_reason_not_to_appear_is_named(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    (home.plugin / "dioptre.py").chmod(0o644)
    assert codes(user, home) == ["gimp-plugin-executable"]
    (home.plugin / "dioptre.py").chmod(0o755)
    shutil.rmtree(user / "data/environment")
    assert codes(user, home) == ["gimp-plugin-environment"]
    shutil.rmtree(home.plugin / "dioptre_link")
    assert codes(user, home) == ["gimp-plugin-incomplete"]
    home.plugin.rename(home.plugin.with_name("dioptre-main"))
    assert codes(user, home) == ["gimp-plugin-name", "gimp-plugin-missing"]
    shutil.rmtree(home.plugin.with_name("dioptre-main"))
    (home.folder / "plug-ins/dioptre.py").touch()
    assert codes(user, home) == ["gimp-plugin-place", "gimp-plugin-missing"]


def test_no_gimp_and_an_old_one_are_told_apart(tmp_path: Path) -> None:
    assert [found.code for found in gimp_plugin.findings({}, home=tmp_path)] == ["gimp-none"]
    (tmp_path / ".config/GIMP/2.10").mkdir(parents=True)
    assert [found.code for found in gimp_plugin.findings({}, home=tmp_path)] == ["gimp-too-old"]


def test_the_installer_remembers_where_and_removes_it(
    checkout: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console()
    where = Folders(checkout=checkout, **folders(user))
    where.data.mkdir()
    monkeypatch.setenv("PATH", "")  # There is no GIMP to query.
    chosen = user / "mine"
    plugins.install(where, console, gimp_plugin, chosen=chosen, portable=True)
    assert gimp_plugin.is_current(checkout, Home(chosen, "test"), folders(user))
    # No folder was chosen, so none is changed.
    plugins.install(where, console, gimp_plugin, chosen=None, portable=True)
    assert not list(user.glob(".config/GIMP/3.0/*"))
    (chosen / "plug-ins/dioptre/dioptre.py").unlink()
    plugins.update(where, console, gimp_plugin)
    assert gimp_plugin.is_current(checkout, Home(chosen, "test"), folders(user))
    plugins.remove(where, console, gimp_plugin)
    assert list((chosen / "plug-ins").iterdir()) == []


def test_gimp_asks_an_updated_plugin_for_its_entries(user: Path) -> None:
    """GIMP compares the modification time of the plug-in's main file, which an update may leave unchanged."""
    checkout = Path(__file__).resolve().parents[2]
    source = checkout / "plugin/gimp/dioptre/dioptre.py"
    entry = installed(checkout, user).plugin / "dioptre.py"
    assert entry.stat().st_mtime > source.stat().st_mtime


def test_a_plugin_too_deep_or_in_gimp_2_is_named(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    too_deep = home.folder / "plug-ins/dioptre-gimp/dioptre"
    shutil.copytree(home.plugin, too_deep)
    assert codes(user, home) == ["gimp-plugin-place"]
    shutil.rmtree(too_deep)
    shutil.copytree(home.plugin, user / ".config/GIMP/2.10/plug-ins/dioptre")
    found = [found for found in gimp_plugin.findings({}, home=user) if "2.10" in found.message]
    assert [each.code for each in found] == ["gimp-plugin-place"]


def test_another_version_of_the_plugin_is_named(checkout: Path, user: Path) -> None:
    home = installed(checkout, user)
    wire = home.plugin / "dioptre_link/wire.py"
    wire.write_text(wire.read_text(encoding="utf-8") + "\n# older\n", encoding="utf-8")
    assert codes(user, home) == ["gimp-plugin-version"]
