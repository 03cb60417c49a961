"""Which pictures of a folder a batch processes, under which names, and that none stops or replaces another."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from dioptre.batch.plan import preview_paths, survey

from .test_batch import NAMES, PORTRAIT, add, batch
from .test_batch import photos as photos

SYSTEM = ("@eaDir", "@Recycle", "#recycle", ".Trash-1000", ".Trashes", "__MACOSX", "Thumbs", "$RECYCLE.BIN")


def test_pictures_in_system_folders_are_left_out_and_counted(photos: Path) -> None:
    for name in SYSTEM:
        add(photos / "below" / name / "a.jpg" / "SYNOPHOTO_THUMB_XL.jpg")
    add(photos / "#recycle" / "old.jpg")
    add(photos / "# my #recycled" / "kept.jpg")
    summary = batch(photos)
    assert summary.made == len(NAMES) + 1
    assert summary.left_out == dict.fromkeys(SYSTEM, 1) | {"#recycle": 2}


@pytest.mark.parametrize("name", ["a" * 240, "風" * 80, "é" * 120], ids=["a", "han", "accent"])
def test_a_name_that_would_be_too_long_is_shortened(photos: Path, name: str) -> None:
    twin = name[:-1] + "z"
    add(photos / f"{name}.jpg")
    add(photos / "deep" / f"{twin}.png")
    add(photos / f"{twin}.png")
    for options in ({}, {"resume": True}, {"force": True}):
        summary = batch(photos, **options)
        assert not summary.failures
        assert summary.made + summary.finished_before == len(NAMES) + 3
    out = photos.parent / "out"
    results = [path for path in out.rglob("*-portrait.*") if path.stem.startswith(name[:40])]
    assert len(results) == 6
    assert len({path.with_suffix("") for path in results}) == 3
    for item in survey(photos, out, PORTRAIT).items:
        assert all(path.is_file() for path in preview_paths(out, item))


@pytest.mark.parametrize(
    "names",
    [
        ("photo.jpg", "photo.tif", "photo-jpg.jpg"),
        ("photo-jpg.jpg", "photo-jpg.png", "photo-jpg-jpg.webp", "photo.jpg", "photo.tif"),
        ("photo.jpg", "Photo.jpg", "PHOTO.JPG", "photo.JPG", "photo-jpg.png"),
        ("\u00e9.png", "e\u0301.png"),  # one name to macOS
        ("a/b.jpg", "a--b.jpg", "A/B.jpg"),
    ],
)
def test_every_picture_has_its_own_files(tmp_path: Path, names: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        add(tmp_path / "photos" / name, colour=index * 20)
    out = tmp_path / "out"
    for force in (False, True):
        summary = batch(tmp_path / "photos", force=force)
        assert summary.made == len(names)
        found = survey(tmp_path / "photos", out, PORTRAIT).items
        for item in found:
            result = item.folder / item.outputs(PORTRAIT).result()
            assert result.read_bytes() == item.source.read_bytes()
            before, _ = preview_paths(out, item)
            assert before.read_bytes() == item.source.read_bytes()
        folded = {str(item.folder / item.stem).casefold() for item in found}
        assert len(folded) == len(names)


def test_pictures_are_found_by_what_they_hold(tmp_path: Path) -> None:
    place = tmp_path / "photos"
    add(tmp_path / "one.jpg")
    place.mkdir()
    for name in (
        "a.HIF",
        "b.mpo",
        "c.download",
        "d.THM",
        "f.erf",
        "g.erf",
        "g.hif",
    ):  # g.hif: of the RAW photo g.erf
        shutil.copy(tmp_path / "one.jpg", place / name)
    (place / "e.txt").write_text("not a picture", encoding="utf-8")
    found = [item.name for item in survey(place, tmp_path / "out", PORTRAIT).items]
    assert found == ["a.HIF", "b.mpo", "c.download", "f.erf", "g.hif"]


def test_an_error_that_nobody_expects_stops_no_other_picture(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dioptre.batch import batch as module

    def failing(path: Path) -> str:
        if path.name == "b.jpg":
            raise OSError(5, "Input/output error")
        return real(path)

    real = module.sha256_of
    monkeypatch.setattr(module, "sha256_of", failing)
    summary = batch(photos)
    assert summary.made == len(NAMES) - 1
    assert list(summary.failures) == ["b.jpg"]
    assert "Input/output error" in (photos.parent / "out" / "contact-sheet.html").read_text(encoding="utf-8")


def test_folders_may_be_nested_deeply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, depth = tmp_path / "photos", 1200  # deeper than Python's recursion, and longer than a path may be
    add(place / "a.jpg")
    monkeypatch.chdir(place)
    for _ in range(depth):
        Path("folder").mkdir()
        os.chdir("folder")
    summary = batch(place)
    for _ in range(depth):  # pytest cannot remove them
        os.chdir("..")
        Path("folder").rmdir()
    assert summary.made == 1
    assert len(summary.unread) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_link_that_leads_nowhere_stops_no_batch(tmp_path: Path) -> None:
    place = tmp_path / "photos"
    add(place / "a.jpg")
    for name in ("loop", "loop.jpg"):
        (place / name).symlink_to(name)
    (place / "missing").symlink_to("nothing")
    summary = batch(place)
    assert summary.made == 1
    assert list(summary.failures) == ["loop.jpg"]
