"""Layered files are written according to the specification and read defensively."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Layer
from dioptre.photo import matrix_profile, problems, read_openraster, write_openraster
from dioptre.photo.encode.encoding import encode
from dioptre.photo.encode.openraster import merge
from dioptre.photo.picture import Format
from dioptre_link.operation import Role


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
    write_openraster(_layers(), tmp_path / "a.ora", resolution_dpi=(300.0, 300.0))
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
    write_openraster(_layers(), tmp_path / "a.ora", recipe=recipe)
    read = read_openraster(tmp_path / "a.ora")
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
        write_openraster(_layers(), tmp_path / "a.ora")


def _archive(
    path: Path, stack: str | bytes, files: dict[str, bytes], mimetype: bytes = b"image/openraster"
) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("stack.xml", stack)
        for name, data in files.items():
            archive.writestr(name, data, compress_type=zipfile.ZIP_DEFLATED)
    return path


_PNG = encode(np.full((4, 6, 3), 255, np.uint8), Format.PNG)


def test_other_programs_files(tmp_path: Path) -> None:
    stack = """<image version="0.0.1" w="10" h="8"><stack>
      <stack x="1" y="2" opacity="0.5"><layer name="in a group" src="a.png" x="3" y="-1" opacity="0.5"/></stack>
      <layer name="depth" src="grey.png" visibility="hidden"/><layer src="a.png"/></stack></image>"""
    grey = encode(np.full((8, 10, 1), 128, np.uint8), Format.PNG)
    read = read_openraster(_archive(tmp_path / "a.ora", stack, {"a.png": _PNG, "grey.png": grey}))
    group, depth, plain = read.layers
    assert group.pixels.shape == (8, 10, 4)
    assert group.pixels[1, 4].tolist() == [1, 1, 1, 0.25]
    assert group.pixels[0, 4, 3] == group.pixels[1, 3, 3] == 0
    assert (depth.role, depth.visible, depth.pixels.shape) == (Role.DEPTH, False, (8, 10))
    assert (plain.role, plain.name) == (Role.RESULT, "")


_ONE = '<image w="{w}" h="{h}"><stack><layer src="{src}"/></stack></image>'


@pytest.mark.parametrize(
    "stack",
    [
        "no xml",
        "<image/>",
        "<image w='x' h='2'><stack><layer src='a.png'/></stack></image>",
        "<image w='2' h='2'><stack/></image>",
        _ONE.format(w=-5, h=5, src="a.png"),
        _ONE.format(w=6, h=4, src="missing.png"),
        _ONE.format(w=6, h=4, src="../a.png"),
        _ONE.format(w=6, h=4, src="/etc/passwd"),
        _ONE.format(w=6, h=4, src="broken.png"),
        "<image w='6' h='4'><stack><layer src='a.png' opacity='dim'/></stack></image>",
        "<image w='6' h='4'>" + "<stack>" * 500 + "<layer src='a.png'/>" + "</stack>" * 500 + "</image>",
        "<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + _ONE.format(w=6, h=4, src="a.png"),
    ],
)
def test_damaged_or_hostile_files_are_refused(tmp_path: Path, stack: str) -> None:
    files = {"a.png": _PNG, "broken.png": _PNG[:60], "../a.png": _PNG}
    with pytest.raises(problems.DamagedPicture) as caught:
        read_openraster(_archive(tmp_path / "a.ora", stack, files))
    assert caught.value.hint


def test_not_openraster(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.ora", _ONE.format(w=6, h=4, src="a.png"), {"a.png": _PNG}, b"application/zip")
    with pytest.raises(problems.NotAPicture):
        read_openraster(path)
    path.write_bytes(b"no archive at all")
    with pytest.raises(problems.DamagedPicture):
        read_openraster(path)
    with pytest.raises(problems.MissingFile):
        read_openraster(tmp_path / "nowhere.ora")


def test_bombs_are_refused(tmp_path: Path) -> None:
    huge = _archive(tmp_path / "canvas.ora", _ONE.format(w=100_000, h=100_000, src="a.png"), {"a.png": _PNG})
    many = "<layer src='a.png'/>" * 400
    layers = _archive(
        tmp_path / "layers.ora", f"<image w='2000' h='2000'><stack>{many}</stack></image>", {"a.png": _PNG}
    )
    zeros = _archive(tmp_path / "zip.ora", _ONE.format(w=6, h=4, src="a.png"), {"a.png": bytes(30_000_000)})
    big = encode(np.zeros((2000, 2000, 1), np.uint8), Format.PNG)
    layer = _archive(tmp_path / "layer.ora", _ONE.format(w=6, h=4, src="a.png"), {"a.png": big})
    for path in (huge, layers, zeros, layer):
        with pytest.raises((problems.PictureTooLarge, problems.DamagedPicture)):
            read_openraster(path, max_megapixels=3)


def test_cut_off_files_are_refused(tmp_path: Path) -> None:
    write_openraster(_layers(), tmp_path / "a.ora")
    data = (tmp_path / "a.ora").read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "cut.ora").write_bytes(data[: int(share * len(data))])
        with pytest.raises(problems.DamagedPicture):
            read_openraster(tmp_path / "cut.ora")
    # The archive's own checksum detects a flipped byte in the middle of a layer.
    middle = len(data) // 3
    (tmp_path / "bad.ora").write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    with pytest.raises(problems.DamagedPicture):
        read_openraster(tmp_path / "bad.ora")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_entries_are_stored_or_deflated(tmp_path: Path, method: int) -> None:
    """The format allows no other compression methods, whose decoders would raise other types of errors."""
    with zipfile.ZipFile(tmp_path / "a.ora", "w", method) as archive:
        archive.writestr("mimetype", "image/openraster")
    with pytest.raises(problems.DamagedPicture):
        read_openraster(tmp_path / "a.ora")
