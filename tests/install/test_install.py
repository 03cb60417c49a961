"""install.py from the user's perspective, on a miniature checkout: real environments, no network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from installer.console import INSTALL
from tests.tracked import tracked

from .conftest import ENCODING, Checkout

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def listing(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_installs_once_runs_commands_and_touches_nothing_else(miniature: Checkout) -> None:
    before = listing(miniature.folder)
    first = miniature.install("greet", "a b")
    assert (first.returncode, first.stdout) == (0, "greet a b thanks\n"), first.stderr
    assert listing(miniature.folder) == before, "the checkout was changed"
    assert miniature.environments == [miniature.environment.name]
    assert not list((miniature.home / "cache").glob("*pip*"))
    assert not (miniature.home / "data.install.lock").exists()

    logged = miniature.log.stat().st_mtime_ns
    shutil.rmtree(miniature.wheels)  # From now on, anything that needs a package fails.
    started = time.monotonic()
    second = miniature.install("greet")
    assert (second.returncode, second.stdout, second.stderr) == (0, "greet thanks\n", "")
    # The goal is 1 s; the wide limit detects an installation but not a busy machine. Wine is ten times as slow.
    assert time.monotonic() - started < (30 if sys.platform == "win32" else 5)
    assert miniature.log.stat().st_mtime_ns == logged, "something was installed again"
    assert "up to date" in miniature.install().stderr

    # A changed core is reinstalled without any package's wheel.
    (miniature.folder / "core/dioptre/__main__.py").write_text("print('new core')\n", encoding="utf-8")
    assert miniature.install("greet").stdout == "new core\n"
    # The same holds for changed weights; weights added by a user stay.
    added = miniature.home / "data" / "weights" / "mine"
    added.mkdir()
    shutil.rmtree(miniature.folder / "weights" / "small-model")
    miniature.add_weights("other-model", b"x")
    assert miniature.install("greet").returncode == 0
    assert sorted(path.name for path in added.parent.iterdir()) == ["mine", "other-model"]
    # A lost weight file is restored.
    (added.parent / "other-model" / "arrays" / "0").unlink()
    assert miniature.install("greet").returncode == 0
    assert (added.parent / "other-model" / "arrays" / "0").read_bytes() == b"x"

    removed = miniature.install("--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert not miniature.home.exists()
    assert "not installed" in miniature.install("--uninstall").stderr


def test_the_environments_python_is_scrubbed_and_gets_its_arguments(installed: Checkout, tmp_path: Path) -> None:
    (tmp_path / "needed.py").write_text("raise RuntimeError('a stranger was imported')\n", encoding="utf-8")
    outcome = installed.install("greet", PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere")
    assert outcome.stdout == "greet thanks\n", outcome.stderr
    outcome = installed.install("python", "-c", "import sys; print(sys.prefix, sys.argv[1:])", "--help")
    assert outcome.stdout == f"{installed.environment} ['--help']\n"
    outcome = installed.install("test", "-k", "some thing")
    assert outcome.stdout.startswith("pytest the checkout -o cache_dir="), outcome.stderr
    assert outcome.stdout.endswith(" -k some thing\n")
    assert installed.install("test").stdout.endswith("--ignore=tests/worker/test_preview_and_result.py\n")


@posix
@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_an_interrupted_installation_is_finished_by_the_next(miniature: Checkout, how: str) -> None:
    process = subprocess.Popen(
        miniature.command("greet"), env=miniature.variables(), stderr=subprocess.PIPE, start_new_session=True
    )
    with process:
        try:
            _wait_for(lambda: list((miniature.home / "data").glob("environment-*/pyvenv.cfg")))
            process.send_signal(signal.Signals[how])
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (143 if how == "SIGTERM" else -signal.Signals[how])
    assert (b"Interrupted" in errors) == (how == "SIGTERM")
    assert not miniature.environment.exists()
    outcome = miniature.install("greet")
    assert (outcome.returncode, outcome.stdout) == (0, "greet thanks\n"), outcome.stderr
    assert miniature.environments == [miniature.environment.name]


def test_two_at_once_install_once(miniature: Checkout) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": ENCODING}
    both = [subprocess.Popen(miniature.command("greet"), env=miniature.variables(), **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=900) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert [stdout for stdout, _ in outputs] == ["greet thanks\n"] * 2
    made = ["Creating an environment" in stderr for _, stderr in outputs]
    assert sorted(made) == [False, True]


def test_damaged_or_missing_weights_are_named(miniature: Checkout) -> None:
    values = miniature.folder / "weights" / "small-model" / "arrays" / "0"
    content = values.read_bytes()
    values.write_bytes(content[:-1] + b"!")
    outcome = miniature.install("greet")
    assert outcome.returncode == 1
    assert "small-model are damaged" in outcome.stderr
    assert "Hint: Download or clone" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    values.unlink()
    assert "small-model are incomplete" in miniature.install("greet").stderr
    assert not miniature.environment.exists(), "time was spent before the weights were looked at"


def test_too_small_a_disk_is_said_before_anything_is_made(miniature: Checkout) -> None:
    miniature.ask_for_space("1 << 60")
    outcome = miniature.install("greet")
    assert outcome.returncode == 1
    assert "MiB free but needs 1099511627776 MiB." in outcome.stderr
    assert "Hint: Free some space, or set DIOPTRE_HOME" in outcome.stderr
    assert not list((miniature.home / "data").glob("environment*"))


def test_a_package_that_is_not_the_locked_one_is_refused(miniature: Checkout) -> None:
    miniature.add_wheel("needed", "WORD = 'malice'\n")
    outcome = miniature.install("greet")
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert "DO NOT MATCH THE HASHES" in outcome.stderr
    assert "Hint: A download was damaged or replaced" in outcome.stderr
    assert f"Log: {miniature.log}" in outcome.stderr
    assert not miniature.environment.exists()


def test_a_failed_update_leaves_the_old_environment_working(installed: Checkout) -> None:
    lock = installed.folder / "locks" / "runtime.txt"
    before = lock.read_text(encoding="utf-8")
    lock.write_text(before.replace("needed==1.0", "needed==2.0"), encoding="utf-8")
    outcome = installed.install("greet")
    lock.write_text(before, encoding="utf-8")
    assert outcome.returncode == 1
    assert "No matching distribution" in outcome.stderr
    logged = installed.log.stat().st_mtime_ns
    assert installed.install("greet").stdout == "greet thanks\n"
    assert installed.log.stat().st_mtime_ns == logged, "something was installed again"


def test_doctor_changes_nothing_without_an_environment(miniature: Checkout) -> None:
    outcome = miniature.install("doctor")
    assert outcome.returncode == 1
    assert f"Hint: Run: {INSTALL}" in outcome.stderr
    assert not miniature.home.exists()


def test_a_folder_of_somebody_else_is_not_removed(miniature: Checkout) -> None:
    precious = miniature.home / "data" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work", encoding="utf-8")
    outcome = miniature.install("--uninstall")
    assert outcome.returncode == 1
    assert "nothing was removed" in outcome.stderr
    assert precious.exists()


def test_wrong_use_and_help(miniature: Checkout) -> None:
    assert "--repair" in miniature.install("--help").stderr
    wrong = miniature.install("--frobnicate")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "no option --frobnicate" in wrong.stderr
    assert not miniature.home.exists()


def test_a_home_that_is_a_file_is_said_in_words(miniature: Checkout) -> None:
    miniature.home.write_text("not a folder", encoding="utf-8")
    outcome = miniature.install("greet")
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Error: ")
    assert "Hint: " in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_said_in_words(miniature: Checkout) -> None:
    miniature.home.mkdir()
    miniature.home.chmod(0o500)
    outcome = miniature.install("greet")
    miniature.home.chmod(0o700)
    assert outcome.returncode == 1
    assert "cannot be written" in outcome.stderr


def _wait_for(condition: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_bundle_installs_without_a_network(miniature: Checkout, tmp_path: Path) -> None:
    made = miniature.install("bundle", str(tmp_path / "carried" / "bundle"))
    assert made.returncode == 0, made.stderr
    bundle = Checkout(
        folder=tmp_path / "carried" / "bundle", wheels=tmp_path / "none", home=tmp_path / "other home"
    )
    assert sorted(path.name for path in (bundle.folder / "wheels").iterdir()) == [
        "builder-1.0-py3-none-any.whl",
        "bundle.json",
        "needed-1.0-py3-none-any.whl",
    ]
    shutil.copy(miniature.folder / "backend.py", bundle.folder)  # Only the miniature checkout needs this file.
    shutil.rmtree(miniature.folder)
    shutil.rmtree(miniature.wheels)
    offline = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "http://127.0.0.1:9/none"}
    installed = bundle.install("greet", **offline)
    assert (installed.returncode, installed.stdout) == (0, "greet thanks\n"), installed.stderr

    again = bundle.install("bundle", str(tmp_path / "second"), **offline)
    assert (again.returncode, "already a bundle" in again.stderr) == (1, True)
    about = bundle.folder / "wheels" / "bundle.json"
    about.write_text('{"python": "3.11", "system": "plan9 mips"}', encoding="utf-8")
    foreign = bundle.install("--repair", **offline)
    assert foreign.returncode == 1
    assert "This bundle is for plan9 mips" in foreign.stderr


def test_a_bundle_never_replaces_a_folder_and_leaves_none_behind(installed: Checkout, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    assert installed.install("bundle", str(taken)).returncode == 1
    failed = installed.install("bundle", str(tmp_path / "new"), PIP_FIND_LINKS="")
    assert failed.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def set_version(checkout: Checkout, version: str) -> None:
    file = checkout.folder / "pyproject.toml"
    lines = [
        line
        for line in file.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("version", "[project]"))
    ]
    file.write_text("\n".join([*lines, "[project]", f'version = "{version}"', ""]), encoding="utf-8")


def test_an_upgrade_keeps_what_the_user_added_and_a_downgrade_is_refused(miniature: Checkout) -> None:
    set_version(miniature, "0.9.0")
    assert miniature.install("greet").returncode == 0
    added = miniature.home / "data" / "weights" / "mine"
    added.mkdir()
    (added / "card.json").write_text('{"files": {}}', encoding="utf-8")
    (miniature.home / "data" / "settings.json").write_text('{"kept": true}', encoding="utf-8")
    set_version(miniature, "0.10.0")
    assert miniature.install("greet").returncode == 0
    set_version(miniature, "0.9.0")
    refused = miniature.install("greet")
    assert refused.returncode == 1
    assert "Dioptre 0.10.0 is installed; this is the older 0.9.0." in refused.stderr
    assert "Traceback" not in refused.stderr
    set_version(miniature, "0.10.0")
    assert miniature.install("greet").stdout == "greet thanks\n"
    assert (added / "card.json").is_file()
    assert (miniature.home / "data" / "settings.json").is_file()


@pytest.mark.parametrize(
    "name", ["data/thesis.txt", "cache/depth/scans.csv", "cache/pip/wheel", "data/weights/mine", "log/install.log"]
)
def test_a_name_alone_makes_no_folder_dioptres(name: str, miniature: Checkout) -> None:
    """A folder in use is refused. Other programs use these names, too; uninstalling leaves their folders alone."""
    precious = miniature.home / name
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work", encoding="utf-8")
    outcome = miniature.install("greet")
    assert (outcome.returncode, "is in use" in outcome.stderr) == (1, True)
    assert "Hint: Set DIOPTRE_HOME" in outcome.stderr
    assert [path for path in miniature.home.rglob("*") if path.is_file()] == [precious]
    miniature.install("--uninstall")
    assert precious.read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("trace", ["data/writing", "data/worker/worker.lock"])
def test_a_folder_in_which_dioptre_has_run_is_taken(trace: str, miniature: Checkout) -> None:
    """A copy of Dioptre installed with pip does not leave the installer's mark in its folders."""
    folder = miniature.home / "data" / "writing" if trace.endswith("writing") else (miniature.home / trace).parent
    folder.mkdir(parents=True, mode=0o700)
    if folder.name == "worker":
        (miniature.home / trace).touch()
    (miniature.home / "cache" / "kept").mkdir(parents=True)
    assert miniature.install("greet").returncode == 0


def test_in_a_cache_that_others_use_only_dioptres_own_files_go(miniature: Checkout) -> None:
    """The cache holds other programs' files, as is possible with version 0.1.0 or a shared DIOPTRE_CACHE_DIR."""
    assert miniature.install("greet").returncode == 0
    cache = miniature.home / "cache"
    own = [
        cache / name for name in ("mozilla/a", "pip/wheels/b", "pytest/c", "depth/scans.csv", "kept/letters.txt")
    ]
    programs = (f"programs/1a.{kind}" for kind in ("program", "values", "compiled"))
    ours = [cache / name for name in (f"depth/{'0' * 64}.exact", "kept/1a2b.kept", "compiled/jit-cache", *programs)]
    for path in (*own, *ours):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", encoding="utf-8")
    removed = miniature.install("--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert sorted(path for path in miniature.home.rglob("*") if path.is_file()) == sorted(own)
    assert "Not created by Dioptre, so not removed" in removed.stderr


def test_a_home_of_0_1_0_is_recognised_and_only_ours_is_removed(miniature: Checkout) -> None:
    """Version 0.1.0 could install into a folder in use; a lock file shows that it is a home of Dioptre."""
    own = [
        miniature.home / name
        for name in (
            "data/thesis.txt",
            "data/weights/notes/a",
            "data/weights/mine/card.json",
            "cache/mine/b",
            "log/diary.log",
            "log/diary",
            "other",
        )
    ]
    for path in (*own, miniature.home / "data" / "install.lock"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if path.name == "install.lock" else "mine", encoding="utf-8")
    assert miniature.install("greet").returncode == 0
    for name in (
        "cache/compiled/x-cache",
        "cache/kept/1a2b.kept",
        "data/keep-nothing",
        "data/weights.lock",
        "data/writing/0.jsonl",
        "data/worker/worker.json",
        "log/dioptre.log.1",
    ):
        (miniature.home / name).parent.mkdir(parents=True, exist_ok=True)
        (miniature.home / name).write_text("ours", encoding="utf-8")
    removed = miniature.install("--uninstall")
    assert removed.returncode == 0, removed.stderr
    assert sorted(path for path in miniature.home.rglob("*") if path.is_file()) == sorted(own)
    assert "Not created by Dioptre, so not removed" in removed.stderr
    assert "thesis.txt" in removed.stderr


def test_a_folder_with_the_name_of_a_network_is_not_replaced(miniature: Checkout) -> None:
    assert miniature.install("greet").returncode == 0
    theirs = miniature.home / "data" / "weights" / "another-model"
    theirs.mkdir()
    (theirs / "card.json").write_text('{"mine": true}', encoding="utf-8")
    shutil.copytree(miniature.folder / "weights" / "small-model", miniature.folder / "weights" / theirs.name)
    refused = miniature.install("greet")
    assert (refused.returncode, f"{theirs.name} is not a network of Dioptre" in refused.stderr) == (1, True)
    assert (theirs / "card.json").read_text(encoding="utf-8") == '{"mine": true}'
    shutil.rmtree(theirs)
    assert miniature.install("greet").returncode == 0


def test_a_link_in_the_home_is_removed_and_not_followed(miniature: Checkout, tmp_path: Path) -> None:
    assert miniature.install("greet").returncode == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine", encoding="utf-8")
    try:
        (miniature.home / "cache" / "compiled").symlink_to(elsewhere)
    except OSError:
        pytest.skip("no symbolic links here")
    assert miniature.install("--uninstall").returncode == 0
    assert (elsewhere / "file").read_text(encoding="utf-8") == "mine"
    assert not miniature.home.exists()


def test_every_name_that_the_core_uses_is_known_to_the_installer(checkout: Path) -> None:
    """If the installer's list lacked a folder, it would be refused at installation and left behind later."""
    from installer import contents

    known = {"data": contents.DATA, "cache": contents.CACHE}
    found = set()
    for source in [*tracked("core/**/*.py"), *tracked("plugin/**/*.py")]:
        text = source.read_text(encoding="utf-8")
        for kind, name in re.findall(r"\b(data|cache|log)_dir\(\) / (?:\"([^\"]+)\"|\w+)", text):
            if name:
                found.add((kind, name))
    assert len(found) >= 8
    for kind, name in found:
        assert contents.LOG.fullmatch(name) if kind == "log" else name in known[kind], (kind, name)


def test_the_python_that_uv_brought_belongs_to_dioptre_and_other_files_beside_it_stay(miniature: Checkout) -> None:
    pythons = miniature.home / "data" / "python"
    (pythons / "cpython-3.13.1-linux-x86_64-gnu" / "bin").mkdir(parents=True)
    (pythons / ".lock").touch()
    assert miniature.install().returncode == 0, "it was there before the first installation, which it starts"
    (pythons / "of the user").mkdir()
    outcome = miniature.install("--uninstall")
    assert outcome.returncode == 0
    assert [path.name for path in pythons.iterdir()] == ["of the user"]
    assert str(pythons) in outcome.stderr
