"""Damaged and hostile files quickly give a picture or a clear error, and nothing is written."""

from __future__ import annotations

import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dioptre import photo
from dioptre.photo.decode.decoding import decode
from dioptre.photo.formats.tiff import read_tiff
from dioptre.photo.metadata import xmp
from dioptre.photo.metadata.exif import Frame
from dioptre_link.errors import DioptreError
from dioptre_link.recipe import Recipe, RecipeError
from tests.photo.test_damage import independent

from . import corpus
from .costs import bounded_cost
from .trials import count, mutated, told, trials, with_other_fields

QUICK_S = 20.0  # Time limit: thousands of times the typical duration, so that even a busy machine meets it.
MAX_MEGAPIXELS = 2.0


@pytest.fixture(autouse=True)
def nothing_else_is_written(tmp_path: Path) -> object:
    """The parent folder, to which hostile file names point, must not change."""
    before = sorted(path.name for path in tmp_path.parent.iterdir())
    yield
    assert sorted(path.name for path in tmp_path.parent.iterdir()) == before


def survives(action: Callable[[], object], *, file_bytes: int = 1 << 16) -> bool:
    """Return whether the action succeeded. Clear errors are acceptable, but not other errors or high cost."""
    started = time.monotonic()
    said: str | None = None
    with bounded_cost(file_bytes=file_bytes, pixels=4e6):
        try:
            action()
        except DioptreError as error:
            said = error.message
    assert time.monotonic() - started < QUICK_S, "it took too long"
    assert said is None or (said.strip() and "Traceback" not in said), "an error without words"
    return said is None


def test_damaged_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", str(MAX_MEGAPIXELS))
    seeds = corpus.pictures()
    loaded = 0
    for number, rng in trials("pictures", share=0.5):
        name = rng.choice(sorted(seeds))
        path = tmp_path / f"p{number}{Path(name).suffix}"
        path.write_bytes(mutated(seeds[name], rng))

        def work(path: Path = path) -> None:
            picture = photo.load(path)
            assert picture.pixels.dtype == np.float32
            assert np.isfinite(picture.pixels).all()
            assert 0 < picture.width * picture.height <= MAX_MEGAPIXELS * 1e6
            with_note = xmp.make_note(operation="depth", models={}, recipe={})
            photo.save(picture.pixels, path.with_suffix(".out.png"), like=picture, note=with_note)

        with told(number, name):
            read = survives(work)
            loaded += read
            survives(lambda path=path: photo.inspect(path))
            survives(lambda path=path: photo.read_embedded_depth(path))
            survives(lambda path=path: photo.read_depth(path, width=28, height=20))
        count("damaged picture", name, "read" if read else "refused")
        for each in tmp_path.iterdir():
            each.unlink()
    assert loaded > 0


def _black(codes: np.ndarray) -> float:
    """Return the part of a picture that is black in all channels."""
    return float((codes == 0).all(2).mean())


def test_damage_is_never_a_black_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is read in silence has no new black parts, unless Pillow sees them, too."""
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", str(MAX_MEGAPIXELS))
    seeds, path, whole = corpus.tiled_tiffs() | corpus.pictures(), tmp_path / "a", {}
    for name, data in seeds.items():
        path.write_bytes(data)
        whole[name] = decode(path)
    for number, rng in trials("black", share=0.5):
        name = rng.choice(sorted(corpus.tiled_tiffs()) if number % 2 else sorted(seeds))
        data = seeds[name]
        is_tiff = data[:4] == b"II*\0" and name != "raw.dng"
        data = with_other_fields(data, rng) if is_tiff and rng.random() < 0.6 else mutated(data, rng)
        path.write_bytes(data)
        with told(number, name):
            try:
                found = decode(path)
            except DioptreError:
                count("damage", name, "refused")
                continue
            said = len(found.messages) > len(whole[name].messages)
            black = 0.0 if said else _black(found.codes) - _black(whole[name].codes)
            if black > 0.02 and not is_as_promised(path):
                with warnings.catch_warnings(action="ignore"):
                    other = independent(path)
                assert other is not None, f"{black:.0%} are black; Pillow does not read it"
                assert _black(other) > _black(found.codes) - 0.02, f"{black:.0%} are black; Pillow sees a picture"
            count("damage", name, "said" if said else "read")


def is_as_promised(path: Path) -> bool:
    """Return whether a TIFF has consistent fields that make another picture of the same bytes.

    Tiles have a margin, which a greater height or width shows.
    """
    with path.open("rb") as file:
        tiff = read_tiff(file, file.read(1 << 16))
    layout = None if tiff is None else tiff.layout
    return layout is not None and layout.tiled and (layout.height, layout.width) != corpus.SIZE


def test_a_decoder_message_that_is_not_text_harms_no_other_file(tmp_path: Path) -> None:
    """libvips quotes a property's name from the file in its message, and keeps the message until it is read."""
    damaged, whole = tmp_path / "a.heic", tmp_path / "b.tif"
    damaged.write_bytes(corpus.pictures()["plain.heic"].replace(b"clap", b"cla\xd6"))
    whole.write_bytes(corpus.pictures()["cmyk.tif"])
    with pytest.raises(DioptreError):
        photo.load(damaged)
    assert photo.load(whole).pixels.shape == (*corpus.SIZE, 3)


def bombs() -> dict[str, bytes]:
    return {
        "recipe bomb": corpus.ora({"stack.xml": b"<image/>", "dioptre/recipe.json": b" " * (128 << 20)}),
        "encrypted": encrypted(),
        "many entries": corpus.ora({f"data/{i}": b"" for i in range(70_000)}, compression=zipfile.ZIP_STORED),
    }


def encrypted() -> bytes:
    content = bytearray(corpus.ora({"dioptre/recipe.json": b"{}"}))
    for sign in (b"PK\3\4", b"PK\1\2"):
        at = content.rfind(sign)
        content[at + (6 if sign == b"PK\3\4" else 8)] |= 1
    return bytes(content)


BOMBS = ("recipe bomb", "encrypted", "many entries")


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, tmp_path: Path) -> None:
    import resource

    path = tmp_path / "bomb.ora"
    path.write_bytes(bombs_once()[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = path.stat().st_size
    survives(lambda: photo.inspect(path), file_bytes=size)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600 << 10, f"it took {grown >> 10} MiB"


_BOMBS: dict[str, bytes] = {}


def bombs_once() -> dict[str, bytes]:
    if not _BOMBS:
        _BOMBS.update(bombs())
    return _BOMBS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    JSON, st.sampled_from(["steps", "models", "input_sha256", "version", "title", "depth_range_per_m", "options"])
)
def test_recipes_of_any_shape(value: object, where: str) -> None:
    content = corpus.RECIPE.to_dict()
    if where == "options":
        content["steps"][0]["options"] = value
    else:
        content[where] = value
    try:
        recipe = Recipe.from_dict(content)
    except RecipeError:
        return
    assert Recipe.from_json(recipe.to_json()) == recipe


HOSTILE_XMP = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"<a>" * 50_000,
    b"<x>" * 30_000 + b"</x>" * 30_000,
    b"<a " + b" ".join(b'x%d="1"' % i for i in range(20_000)) + b"/>",
    b"\xff\xfe" + "<x/>".encode("utf-16-le"),
)


@pytest.mark.parametrize("packet", HOSTILE_XMP, ids=range(len(HOSTILE_XMP)))
def test_hostile_xmp(packet: bytes) -> None:
    started = time.monotonic()
    assert xmp.read(packet) is None
    after = xmp.updated(
        packet, note=xmp.make_note(operation="depth", models={}, recipe={}), frame=Frame(width=3, height=2)
    )
    assert after is not None
    assert b"root:" not in after
    assert time.monotonic() - started < QUICK_S


def test_links_in_place_of_files(tmp_path: Path) -> None:
    """A result is never written through a link at its destination."""
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"mine")
    link = tmp_path / "out.png"
    link.symlink_to(victim)
    pixels = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(DioptreError, match="already exists"):
        photo.save(pixels, link)
    photo.save(pixels, link, force=True)
    assert victim.read_bytes() == b"mine"
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DioptreError, match="already exists"):
        photo.save(pixels, dangling)
    assert not (tmp_path / "nowhere.png").exists()
