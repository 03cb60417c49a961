"""A small file costs little, whatever it declares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from dioptre import photo
from dioptre.photo import problems
from dioptre.photo.budget import of_bytes
from dioptre.photo.metadata import containers, markup, tiff_tags, xmp
from dioptre.photo.metadata.exif import Frame
from dioptre_link.errors import DioptreError

from . import corpus, hostile
from .costs import bounded_cost

Action = Callable[[Path], object]


def _saved_as(suffix: str) -> Action:
    """Return an action that reads a picture and writes it with the file's metadata."""

    def work(path: Path) -> None:
        picture = photo.load(path)
        photo.save(picture.pixels, path.with_name(f"saved{suffix}"), like=picture)

    return work


CASES: dict[str, tuple[Callable[[], bytes], str, tuple[Action, ...]]] = {
    "extended XMP": (lambda: hostile.extended_xmp(100), ".jpg", (photo.load, photo.read_embedded_depth)),
    "EXIF of many pointers": (
        lambda: hostile.jpeg_with_exif(hostile.exif_of_pointers(8000, 2700)),
        ".jpg",
        (_saved_as(".jpg"), _saved_as(".tif")),
    ),
    "EXIF of shared bytes": (
        lambda: hostile.png_with_exif(hostile.exif_of_shared_bytes(4000, 500_000)),
        ".png",
        (_saved_as(".png"), _saved_as(".tif")),
    ),
    "density with an exponent": (
        lambda: hostile.jpeg_with_xmp(hostile.xmp_with_density("1e100000000")),
        ".jpg",
        (_saved_as(".jpg"),),
    ),
    "density of many digits": (
        lambda: hostile.jpeg_with_xmp(hostile.xmp_with_density("1" * 5000)),
        ".jpg",
        (_saved_as(".jpg"),),
    ),
    "profile of shared bytes": (
        lambda: hostile.png_with_profile(hostile.profile_of_shared_bytes(7_900_000)),
        ".png",
        (photo.load,),
    ),
    "namespaces": (
        lambda: hostile.jpeg_with_xmp(hostile.xmp_of_namespaces(1400)),
        ".jpg",
        (photo.inspect, photo.read_embedded_depth),
    ),
    "elements": (
        lambda: hostile.jpeg_with_xmp(hostile.xmp_of_elements(16_000)),
        ".jpg",
        (photo.inspect, photo.read_embedded_depth),
    ),
    "Lab": (lambda: hostile.lab_tiff(14_000, strips=280), ".tif", (photo.load, photo.inspect)),
    "PNG": (lambda: hostile.announced_png(14_000, 14_000), ".png", (photo.load, photo.inspect)),
    "recipe too deep": (hostile.recipe_too_deep, ".json", (photo.inspect,)),
    "recipe in XMP too deep": (
        lambda: hostile.jpeg_with_xmp(hostile.xmp_with_recipe("[" * 20_000)),
        ".jpg",
        (photo.inspect,),
    ),
    "recipe in an archive too deep": (
        lambda: corpus.ora({"stack.xml": b"<image/>", "dioptre/recipe.json": hostile.recipe_too_deep()}),
        ".ora",
        (photo.inspect,),
    ),
    "UTF-16 document type in XMP": (
        lambda: hostile.jpeg_with_xmp(hostile.utf16_doctype()),
        ".jpg",
        (photo.load, photo.inspect, photo.read_embedded_depth),
    ),
    "unknown encoding in XMP": (
        lambda: hostile.jpeg_with_xmp(hostile.unknown_encoding()),
        ".jpg",
        (photo.load, photo.inspect, photo.read_embedded_depth),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_small_files_cost_little(name: str, tmp_path: Path) -> None:
    """Each case ends with a result or a clear error. Without a budget, the first one took 6.5 GB of memory."""
    make, suffix, actions = CASES[name]
    path = tmp_path / f"case{suffix}"
    path.write_bytes(make())
    size = path.stat().st_size
    refused: list[DioptreError] = []
    for action in actions:
        with bounded_cost(file_bytes=size, pixels=4e6):
            try:
                action(path)
            except DioptreError as error:
                refused.append(error)
    assert all(error.message and error.hint for error in refused)


def test_fields_of_a_tiff_file_share_no_bytes() -> None:
    """While fields could share bytes, a file of 62 KB took 21 s and 190 MB, and one of a megabyte took 4 GB."""
    blob = hostile.exif_of_shared_bytes(4000, 500_000)
    with bounded_cost(file_bytes=len(blob), pixels=0):
        gathered = tiff_tags.to_exif(blob)
    assert gathered is not None
    assert len(gathered) < 3 * len(blob)
    assert tiff_tags.to_exif(corpus.exif().removeprefix(b"Exif\0\0")) is not None, "an ordinary one is kept"


def test_namespaces_are_not_kept_from_one_file_to_the_next() -> None:
    kept = len(ElementTree._namespace_map)  # type: ignore[attr-defined]
    for number in range(3):
        packet = hostile.xmp_of_namespaces(200, first=200 * number)
        written = xmp.updated(packet, note=None, frame=Frame(width=3, height=2))
        assert written is not None
        assert b'p%d:a="1"' % (200 * number) in written, "the document's own prefixes stay"
    assert len(ElementTree._namespace_map) == kept  # type: ignore[attr-defined]


def test_more_namespaces_than_any_program_writes_are_refused() -> None:
    assert xmp.parsed(hostile.xmp_of_namespaces(100)) is not None
    assert xmp.parsed(hostile.xmp_of_namespaces(1400)) is None


def test_extended_xmp_in_pieces_is_read_when_it_is_whole() -> None:
    def assembled(pieces: list[bytes], announced: int) -> list[tuple[bytes, bytes]]:
        head = containers.EXTENDED_XMP_HEADER + b"A" * 32 + announced.to_bytes(4, "big")
        return list(containers.extended_xmp([(containers.APP1, head + piece) for piece in pieces]))

    pieces = [b"\0\0\0\4efgh", b"\0\0\0\0abcd"]
    assert assembled(pieces, 8) == [(b"A" * 32, b"abcdefgh")]
    assert assembled(pieces, 1 << 26) == []
    assert assembled([*pieces, b"\0\0\0\2xx"], 8) == []


def test_document_types_are_refused_in_every_encoding() -> None:
    for encoding in ("utf-8", "utf-16", "latin-1"):
        head = f'<?xml version="1.0" encoding="{encoding}"?>'
        plain = f"{head}<x a='1'/>".encode(encoding)
        assert markup.parse_xml(plain, budget=of_bytes(plain)).root.get("a") == "1"
        typed = f"{head}<!DOCTYPE x []><x/>".encode(encoding)
        with pytest.raises(markup.BadMarkup, match="document type"):
            markup.parse_xml(typed, budget=of_bytes(typed))


def test_depth_image_larger_than_its_picture_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is checked first, because libheif decodes a depth image only when its values are requested."""
    import pillow_heif

    class Depth:
        size = (30_000, 30_000)

        @property
        def __array_interface__(self) -> dict[str, object]:
            raise AssertionError("it was decoded")

    opened = SimpleNamespace(size=(64, 48), info={"depth_images": [Depth()]})
    monkeypatch.setattr(pillow_heif, "open_heif", lambda file: opened)
    path = tmp_path / "a.heic"
    path.write_bytes(corpus.pictures()["plain.heic"])
    assert photo.read_embedded_depth(path) is None


def test_flat_pictures_of_a_sane_size_are_read(tmp_path: Path) -> None:
    """The limit relative to the file's size still admits pictures that are nearly uniform."""
    path = tmp_path / "flat.png"
    path.write_bytes(hostile.flat_png(5000, 4000))
    assert photo.load(path).pixels.shape == (4000, 5000, 3)


def test_memory_is_asked_for_before_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dioptre.photo import budget

    monkeypatch.setattr(budget, "free_bytes", lambda: budget.RESERVE_BYTES + 1000)
    path = tmp_path / "flat.png"
    path.write_bytes(hostile.flat_png(5000, 4000))
    with pytest.raises(problems.NotEnoughMemory, match="GB of memory"):
        photo.load(path)


def test_strips_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    path.write_bytes(hostile.lab_tiff(64, strips=1))
    assert photo.load(path).pixels.shape == (64, 64, 3)
    path.write_bytes(hostile.lab_tiff(64, strips=4))
    with pytest.raises(problems.DamagedPicture):
        photo.load(path)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "0", "many"])
def test_limits_that_are_no_numbers_are_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(corpus.pictures()["alpha.png"])
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", text)
    with pytest.raises(DioptreError, match="DIOPTRE_MAX_MEGAPIXELS"):
        photo.load(path)
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", "1")
    assert np.isfinite(photo.load(path).pixels).all()
