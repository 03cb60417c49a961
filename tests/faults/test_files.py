"""Damaged and hostile files quickly give a picture or a clear error, and nothing is written."""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dioptre import files
from dioptre.files import exif as exif_module
from dioptre.files import notes
from dioptre.files.colour_profile import BadProfile
from dioptre.files.colour_profile import model as colour_model
from dioptre.files.frame import Frame
from dioptre.files.openraster_reading import read_openraster, read_recipe
from dioptre.files.sheet import Panel
from dioptre_link.errors import DioptreError
from dioptre_link.recipe import Recipe, RecipeError

from . import corpus
from .costs import bounded_cost
from .trials import count, mutated, told, trials

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
            picture = files.load(path)
            assert picture.pixels.dtype == np.float32
            assert np.isfinite(picture.pixels).all()
            assert 0 < picture.width * picture.height <= MAX_MEGAPIXELS * 1e6
            with_note = notes.make(operation="depth", models={}, recipe={})
            files.save(picture.pixels, path.with_suffix(".out.png"), like=picture, note=with_note)

        with told(number, name):
            read = survives(work)
            loaded += read
            survives(lambda path=path: files.inspect(path))
            survives(lambda path=path: files.read_embedded_depth(path))
            survives(lambda path=path: files.read_depth(path, width=28, height=20))
            files.size_of(path)
        count("damaged picture", name, "read" if read else "refused")
        for each in tmp_path.iterdir():
            each.unlink()
    assert loaded > 0


def test_a_decoder_message_that_is_not_text_harms_no_other_file(tmp_path: Path) -> None:
    """libvips quotes a property's name from the file in its message, and keeps the message until it is read."""
    damaged, whole = tmp_path / "a.heic", tmp_path / "b.tif"
    damaged.write_bytes(corpus.pictures()["plain.heic"].replace(b"clap", b"cla\xd6"))
    whole.write_bytes(corpus.pictures()["cmyk.tif"])
    assert files.size_of(damaged) == (0, 0)
    assert files.load(whole).pixels.shape == (*corpus.SIZE, 3)


def test_damaged_layered_files(tmp_path: Path) -> None:
    whole = corpus.layered()
    path = tmp_path / "a.ora"
    for number, rng in trials("ora", share=0.08):
        path.write_bytes(mutated(whole, rng))
        with told(number, "ora"):
            read = survives(lambda: read_openraster(path))
            survives(lambda: read_recipe(path))
            survives(lambda: files.inspect(path))
        count("damaged layered file", "ora", "read" if read else "refused")


STACK = '<image version="0.0.5" w="20" h="20"><stack><layer name="a" src="{}"/></stack></image>'
HOSTILE_NAMES = (
    "../victim.png",
    "/etc/passwd",
    "data/../../victim.png",
    "C:\\victim.png",
    "data\0x.png",
    "",
    "a" * 70000,
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_layers_that_point_elsewhere(name: str, tmp_path: Path) -> None:
    victim = tmp_path.parent / "victim.png"
    path = tmp_path / "a.ora"
    content = corpus.pictures()["alpha.png"]
    entries = {"stack.xml": STACK.format(name.replace("\0", "&#0;")).encode()}
    if name and "\0" not in name and len(name) < 60000:
        entries[name] = content
    path.write_bytes(corpus.ora(entries))
    survives(lambda: read_openraster(path))
    assert not victim.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["a.ora"]


def bombs() -> dict[str, bytes]:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    laughing = f'<?xml version="1.0"?><!DOCTYPE image [<!ENTITY l0 "lol">{laughs}]><image>&l11;</image>'
    deep = "<stack>" * 20_000 + "</stack>" * 20_000
    many = "".join('<layer name="a" src="data/a.png"/>' for _ in range(100_000))
    wide = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    png = bytearray(corpus.pictures()["alpha.png"])
    png[16:24] = wide
    return {
        "zeros": corpus.ora({"stack.xml": b"\0" * (64 << 20)}),
        "laughs": corpus.ora({"stack.xml": laughing.encode()}),
        "deep": corpus.ora({"stack.xml": f'<image w="9" h="9">{deep}</image>'.encode()}),
        "many layers": corpus.ora(
            {
                "stack.xml": f'<image w="9" h="9"><stack>{many}</stack></image>'.encode(),
                "data/a.png": corpus.pictures()["alpha.png"],
            }
        ),
        "huge canvas": corpus.ora(
            {"stack.xml": STACK.replace('w="20"', 'w="2000000000"').format("data/a.png").encode()}
        ),
        "huge layer": corpus.ora({"stack.xml": STACK.format("data/a.png").encode(), "data/a.png": bytes(png)}),
        "layer bomb": corpus.ora(
            {"stack.xml": STACK.format("data/a.png").encode(), "data/a.png": b"\0" * (128 << 20)}
        ),
        "recipe bomb": corpus.ora(
            {"stack.xml": STACK.format("x").encode(), "dioptre/recipe.json": b" " * (128 << 20)}
        ),
        "encrypted": encrypted(),
        "many entries": corpus.ora({f"data/{i}": b"" for i in range(70_000)}, compression=zipfile.ZIP_STORED),
    }


def encrypted() -> bytes:
    content = bytearray(corpus.ora({"stack.xml": STACK.format("x").encode()}))
    for sign in (b"PK\3\4", b"PK\1\2"):
        at = content.rfind(sign)
        content[at + (6 if sign == b"PK\3\4" else 8)] |= 1
    return bytes(content)


BOMBS = (
    *("zeros", "laughs", "deep", "many layers", "huge canvas"),
    *("huge layer", "layer bomb", "recipe bomb", "encrypted", "many entries"),
)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, tmp_path: Path) -> None:
    import resource

    path = tmp_path / "bomb.ora"
    path.write_bytes(bombs_once()[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = path.stat().st_size
    assert not survives(lambda: read_openraster(path), file_bytes=size), "a bomb was read"
    survives(lambda: files.inspect(path), file_bytes=size)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600 << 10, f"it took {grown >> 10} MiB"


_BOMBS: dict[str, bytes] = {}


def bombs_once() -> dict[str, bytes]:
    if not _BOMBS:
        _BOMBS.update(bombs())
    return _BOMBS


def test_damaged_recipes(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for number, rng in trials("recipes", share=0.1):
        damaged = mutated(corpus.recipe_text(), rng)
        path.write_bytes(damaged)
        with told(number, damaged):
            read = survives(lambda text=damaged: Recipe.from_json(text.decode("utf-8", "replace")))
            survives(lambda: files.inspect(path))
        count("damaged recipe", "json", "read" if read else "refused")


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


HEAD = corpus.xmp()[:400]


@settings(deadline=None)
@given(st.binary(max_size=600) | st.binary(max_size=200).map(lambda tail: HEAD + tail))
def test_xmp_of_any_bytes(packet: bytes) -> None:
    notes.read(packet)
    after = notes.updated(
        packet, note=notes.make(operation="depth", models={}, recipe={}), frame=Frame(width=3, height=2)
    )
    assert after is not None
    assert notes.read(after) is not None


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
    assert notes.read(packet) is None
    after = notes.updated(
        packet, note=notes.make(operation="depth", models={}, recipe={}), frame=Frame(width=3, height=2)
    )
    assert after is not None
    assert b"root:" not in after
    assert time.monotonic() - started < QUICK_S


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 1 << 30))
def test_exif_that_points_anywhere(offset: int, seed: int) -> None:
    rng = Random(seed)
    blob = bytearray(corpus.exif().removeprefix(b"Exif\0\0"))
    at = rng.randrange(4, len(blob) - 4)
    order = "<" if blob[:2] == b"II" else ">"
    blob[at : at + 4] = struct.pack(order + "I", rng.choice((offset, 8, at, 0)))
    upright = exif_module.upright(bytes(blob), Frame(width=20, height=28, orientation=6), srgb=True)
    assert upright is None or isinstance(upright, bytes)
    exif_module.camera_is_adobe_rgb(bytes(blob))


def test_profiles_of_damaged_bytes() -> None:
    whole = corpus.adobe_rgb()
    for number, rng in trials("icc", share=0.1):
        damaged = mutated(whole, rng)
        with told(number, "icc"):
            try:
                model = colour_model(damaged, bands=3)
                out = np.empty((4, 5, 3), np.float32)
                model.to_srgb(np.full((4, 5, 3), 100, np.uint8), out=out)
            except BadProfile:
                count("damaged colour profile", "icc", "refused")
                continue
            assert np.isfinite(out).all()
        count("damaged colour profile", "icc", "read")


def test_sheets_of_any_size() -> None:
    for number, rng in trials("sheet", share=0.01):
        size = (rng.choice((1, 2, 7, 300)), rng.choice((1, 2, 7, 300)))
        with told(number, size):
            pixels = np.zeros((*size, rng.choice((3, 4))), np.float32)
            assert files.sheet([Panel(caption="a", pixels=pixels)]).size > 0
        count("contact sheet of an odd size", "png", "made")


def test_links_in_place_of_files(tmp_path: Path) -> None:
    """A result is never written through a link at its destination."""
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"mine")
    link = tmp_path / "out.png"
    link.symlink_to(victim)
    pixels = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(DioptreError, match="already exists"):
        files.save(pixels, link)
    files.save(pixels, link, force=True)
    assert victim.read_bytes() == b"mine"
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DioptreError, match="already exists"):
        files.save(pixels, dangling)
    assert not (tmp_path / "nowhere.png").exists()
