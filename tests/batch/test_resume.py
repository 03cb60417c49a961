"""`--resume` skips pictures whose results are complete, and no others."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from PIL import Image

from dioptre.batch.batch import Summary, run_batch
from dioptre.batch.contact_sheet import PAGE, Shown, shown_before, write_page
from dioptre.batch.plan import preview_paths, survey
from dioptre_link.recipe import Recipe, Step
from tests.faults.costs import bounded_cost

from .test_batch import Threads, Watcher

PORTRAIT = Recipe(steps=(Step(operation="portrait"),))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, name in enumerate(("a.png", "b.png")):
        Image.new("RGB", (24, 16), (index * 40, 100, 200)).save(folder / name)
    return folder


def batch(photos: Path, *, resume: bool = True, force: bool = False) -> Summary:
    return run_batch(
        photos,
        photos.parent / "out",
        PORTRAIT,
        executor=lambda _: Threads(),
        watcher=Watcher(),
        resume=resume,
        force=force,
    )


@pytest.mark.parametrize("damage", ["emptied", "cut", "a bit"])
def test_damage_is_noticed(damage: str, photos: Path) -> None:
    batch(photos)
    out = photos.parent / "out"
    result = out / "a-portrait.png"
    whole = result.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) - 20] ^= 1
    result.write_bytes({"emptied": b"", "cut": whole[:-30], "a bit": bytes(damaged)}[damage])
    again = batch(photos)
    assert {name: error.code for name, error in again.failures.items()} == {"a.png": "damaged-result"}
    assert again.finished_before == 1
    assert result.read_bytes() != whole, "an edit of the user's would be lost"
    assert batch(photos, force=True).made == 1
    assert result.read_bytes() == whole
    assert batch(photos).finished_before == 2


@pytest.mark.parametrize("name", ["a-portrait.png", "a-portrait.json", "contact-sheet.html"])
def test_a_pipe_among_the_results_is_not_read_from(name: str, photos: Path) -> None:
    """Files planted in the results folder must not block the batch."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes")
    batch(photos)
    out = photos.parent / "out"
    (out / name).unlink()
    os.mkfifo(out / name)
    assert batch(photos).failures.keys() <= {"a.png"}


def test_a_recipe_that_lists_no_files_vouches_for_none(photos: Path) -> None:
    batch(photos)
    recipe = photos.parent / "out" / "a-portrait.json"
    content = json.loads(recipe.read_text(encoding="utf-8"))
    del content["files"]
    recipe.write_text(json.dumps(content), encoding="utf-8")
    assert {name: error.code for name, error in batch(photos).failures.items()} == {"a.png": "file-exists"}


ROWS = '<meta name="generator" content="Dioptre"><script type="application/json" id="rows">'


@pytest.mark.parametrize(
    "rows",
    [
        "[" * 500_000,
        "{}",
        "[1, null]",
        '[{"name": "a"}]',
        '[{"name": "a", "original": 1, "result": [], "before": {}, "after": null, "messages": 5}]',
        '[{"name": "a", "original": "x", "result": "\\u0000", "before": null, "after": null, "messages": []}]',
        json.dumps(
            [dict.fromkeys(("before", "after"), None) | dict.fromkeys(("name", "original", "result"), "y" * 5000)]
        ),
    ],
)
def test_a_contact_sheet_that_somebody_made_up_costs_little(rows: str, tmp_path: Path) -> None:
    (tmp_path / PAGE).write_text(f"{ROWS}{rows}</script>", encoding="utf-8")
    with bounded_cost(file_bytes=len(rows), pixels=0):
        assert shown_before(tmp_path) == []


@pytest.mark.parametrize("name", ["original", "result", "before", "after"])
@pytest.mark.parametrize(
    "link",
    [
        "/secret.png",
        "//server/share/a.png",
        r"\\server\share\a.png",
        r"\a.png",
        "c:/a.png",
        "c:a.png",
        "a/../../b.png",
    ],
)
def test_no_link_of_a_contact_sheet_that_somebody_made_up_leaves_its_folder(
    name: str, link: str, tmp_path: Path
) -> None:
    """Windows sends the user's name and a hash of the password to a server whose share a page shows."""
    row = {
        "name": "a",
        "original": "../a.png",
        "result": "r.png",
        "before": "b.png",
        "after": "c.png",
        "messages": [],
    }
    (tmp_path / "r.png").touch()
    (tmp_path / PAGE).write_text(f"{ROWS}{json.dumps([row, row | {name: link}])}</script>", encoding="utf-8")
    (kept,) = shown_before(tmp_path)
    assert kept.original == tmp_path / "../a.png"
    if name != "original":
        (tmp_path / PAGE).write_text(f"{ROWS}{json.dumps([row | {name: '../r.png'}])}</script>", encoding="utf-8")
        assert shown_before(tmp_path) == []


def test_a_photo_on_another_drive_has_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relative = os.path.relpath

    def of_windows(path: Path, start: Path) -> str:
        if Path(path).name == "far.png":
            raise ValueError("path is on mount 'D:', start on mount 'C:'")
        return relative(path, start)

    monkeypatch.setattr(os.path, "relpath", of_windows)
    (tmp_path / "r.png").touch()
    shown = Shown(name="a", original=tmp_path / "far.png", result=tmp_path / "r.png", before=None, after=None)
    for _ in range(2):
        page = write_page(tmp_path, title="t", steps=["Depth"], shown=[shown], missing=[])
        assert 'a: <a href="r.png">result</a>' in page.read_text(encoding="utf-8")
        (shown,) = shown_before(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_who_may_not_read_a_picture_may_not_read_its_result(photos: Path) -> None:
    (photos / "a.png").chmod(0o600)
    (photos / "b.png").chmod(0o644)
    before = os.umask(0o022)
    try:
        batch(photos)
    finally:
        os.umask(before)
    out = photos.parent / "out"
    found = survey(photos, out, PORTRAIT).items
    for item, expected in zip(found, (0o600, 0o644), strict=True):
        for path in (*out.glob(f"{item.stem}-portrait.*"), *preview_paths(out, item)):
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are text")
def test_names_that_are_not_text(photos: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xff.png")
    (photos / "b.png").rename(photos / name)
    summary = batch(photos, resume=False)
    assert not summary.failures
    assert summary.made == 2
    assert summary.page is not None
    page = summary.page.read_text(encoding="utf-8")
    assert "caf%E9%20%FF.png" in page
    assert batch(photos).finished_before == 2


@pytest.mark.parametrize("name", ["contact-sheet.html", "contact-sheet"])
@pytest.mark.parametrize("folder", [True, False])
def test_what_has_the_contact_sheets_name_costs_the_sheet_alone(name: str, folder: bool, photos: Path) -> None:
    out = photos.parent / "out"
    out.mkdir()
    if folder:
        (out / name).mkdir()
        (out / name / "mine").touch()
    else:
        (out / name).write_text("mine", encoding="utf-8")
    summary = batch(photos)
    assert summary.made == 2
    assert not summary.failures
    if name == "contact-sheet.html":
        assert summary.page is None
        assert summary.page_error is not None
        assert summary.page_error.hint
    else:
        assert summary.page is not None
    assert (out / name / "mine").exists() if folder else (out / name).read_text(encoding="utf-8") == "mine"
