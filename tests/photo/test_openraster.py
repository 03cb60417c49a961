"""Layered files are written according to the specification; the recipes in them are read defensively."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Layer
from dioptre.photo import inspect, matrix_profile, problems
from dioptre.photo.encode.openraster import merge
from dioptre_link.operation import Role

from .layered import read_layers, write_layers


def _layers() -> list[Layer]:
    rng = np.random.default_rng(2)
    cut = rng.random((30, 50, 4), np.float32)
    cut[:, :25, 3] = 0.0
    return [
        Layer(name="Subject ✂", role=Role.SUBJECT, pixels=cut),
        Layer(name="Result", role=Role.RESULT, pixels=rng.random((30, 50, 3), np.float32)),
        Layer(name="Depth", role=Role.DEPTH, pixels=rng.random((30, 50), np.float32), visible=False),
    ]


def test_structure_is_the_specifications(tmp_path: Path) -> None:
    write_layers(_layers(), tmp_path / "a.ora", resolution_dpi=(300.0, 300.0))
    with zipfile.ZipFile(tmp_path / "a.ora") as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        root = ElementTree.fromstring(archive.read("stack.xml"))
        assert (root.get("w"), root.get("h"), root.get("xres")) == ("50", "30", "300")
        layers = root.findall("stack/layer")
        assert [layer.get("name") for layer in layers] == ["Subject ✂", "Result", "Depth"]
        assert [layer.get("visibility") for layer in layers] == ["visible", "visible", "hidden"]
        pngs = [Image.open(io.BytesIO(archive.read(layer.get("src") or ""))) for layer in layers]
        assert [png.mode for png in pngs] == ["RGBA", "RGBA", "I;16"]
        assert pngs[2].info["icc_profile"] == matrix_profile.srgb_grey(), "Krita asks for a profile otherwise"
        merged = Image.open(io.BytesIO(archive.read("mergedimage.png")))
        assert (merged.mode, merged.size) == ("RGBA", (50, 30))
        thumbnail = Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png")))
        assert max(thumbnail.size) <= 256
    # The MIME type is at a fixed position, where other programs look for it.
    assert (tmp_path / "a.ora").read_bytes()[30:54] == b"mimetypeimage/openraster"


def test_round_trip(tmp_path: Path) -> None:
    recipe = {"version": 1, "steps": [{"operation": "portrait", "options": {"f_number": 2.8}}]}
    write_layers(_layers(), tmp_path / "a.ora", recipe=recipe)
    read = read_layers(tmp_path / "a.ora")
    assert (read.width, read.height, read.recipe) == (50, 30, recipe)
    for layer, original in zip(read.layers, _layers(), strict=True):
        assert (layer.name, layer.role, layer.visible) == (original.name, original.role, original.visible)
        bands = 1 if original.pixels.ndim == 2 else original.pixels.shape[2]
        tolerance = 0.51 / 65535 if bands == 1 else 1 / 255  # 8-bit colours are dithered.
        values = layer.pixels if bands == 1 else layer.pixels[..., :bands]
        np.testing.assert_allclose(values, original.pixels, atol=tolerance)


def test_merged_image_is_what_pillow_composes() -> None:
    layers = _layers()
    composed = Image.new("RGBA", (50, 30))
    for layer in reversed(layers[:2]):
        codes = merge([layer], width=50, height=30)
        composed = Image.alpha_composite(composed, Image.fromarray(codes))
    difference = merge(layers[:2], width=50, height=30).astype(int) - np.asarray(composed)
    assert np.abs(difference).max() <= 2  # Both results are dithered or rounded, the expected one twice.


def test_nothing_visible_is_transparent() -> None:
    assert merge([], width=3, height=2).tolist() == np.zeros((2, 3, 4)).tolist()


def test_existing_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.ora").write_text("mine", encoding="utf-8")
    with pytest.raises(problems.FileExists):
        write_layers(_layers(), tmp_path / "a.ora")


def _archive(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_an_archive_without_a_recipe_has_no_note(tmp_path: Path) -> None:
    assert inspect(_archive(tmp_path / "a.ora", {"stack.xml": b"<image/>"})) is None


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"dioptre/recipe.json": b"no json"}, problems.DamagedPicture),
        ({"dioptre/recipe.json": b"[]"}, problems.DamagedPicture),
        ({"dioptre/recipe.json": b" " * 30_000_000}, problems.PictureTooLarge),
    ],
)
def test_damaged_or_hostile_recipes_are_refused(
    tmp_path: Path, files: dict[str, bytes], kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        inspect(_archive(tmp_path / "a.ora", files))
    assert caught.value.hint


def test_cut_off_files_are_refused(tmp_path: Path) -> None:
    write_layers(_layers(), tmp_path / "a.ora", recipe={"steps": []})
    data = (tmp_path / "a.ora").read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "cut.ora").write_bytes(data[: int(share * len(data))])
        with pytest.raises(problems.DamagedPicture):
            inspect(tmp_path / "cut.ora")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_entries_are_stored_or_deflated(tmp_path: Path, method: int) -> None:
    """The format allows no other compression methods, whose decoders would raise other types of errors."""
    with pytest.raises(problems.DamagedPicture):
        inspect(_archive(tmp_path / "a.ora", {"dioptre/recipe.json": b'{"steps": []}'}, method))
