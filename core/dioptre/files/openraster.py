"""OpenRaster files (.ora): layers that GIMP, Krita, MyPaint and others open.

https://www.openraster.org/baseline/file-layout-spec.html. Colour layers are 8-bit sRGB RGBA, which every reader
takes; depth and confidence are 16-bit grey, which Krita keeps and GIMP converts to the document's precision.
Reading never unpacks to disk and checks sizes before it decodes anything.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from dioptre.imaging.layers import Layer, row_slices
from dioptre.runtime import release_after
from dioptre_link.operations import Role

from . import colour_profile, matrix_profile, problems
from .atomic import replacing
from .curves import in_bands
from .encode import Extras, encode
from .picture import Format
from .vips import vips

_MIMETYPE = b"image/openraster"
_ROLE = "dioptre-role"  # our own attribute of a layer; other programs pass over it
STACK, MERGED, THUMBNAIL = "stack.xml", "mergedimage.png", "Thumbnails/thumbnail.png"
RECIPE = "dioptre/recipe.json"
_THUMBNAIL_PX = 256  # the specification's size
_MAX_STACK_XML = 1 << 20
_MAX_RECIPE = 1 << 22
_MAX_ENTRIES = 512
_MAX_DEPTH = 32  # nested stacks
_GREY_ROLES = (Role.DEPTH, Role.CONFIDENCE)
_ENCODERS = 2  # PNG compression is the slow part; each holds a layer's bytes meanwhile…
_ONE_BY_ONE_PIXELS = 48_000_000  # …which from this size on is too much


@dataclass(frozen=True, kw_only=True)
class OpenRaster:
    """What an .ora file holds. Layers are at the canvas' size, top first; recipe is empty where there is none.

    resolution_dpi: pixels per inch, x and y; None where the file does not say.
    """

    width: int
    height: int
    layers: tuple[Layer, ...]
    recipe: Mapping[str, Any]
    resolution_dpi: tuple[float, float] | None = None


def write_openraster(
    layers: Sequence[Layer],
    path: Path,
    *,
    recipe: Mapping[str, Any] | None = None,
    resolution_dpi: tuple[float, float] | None = None,
    force: bool = False,
) -> None:
    """Write layers, top first, with a merged image and a thumbnail.

    The canvas is as large as the largest layer; all lie at its top left. Colours outside sRGB are clipped.
    Raises FileExists, UnwritableFile.
    """
    with replacing(path, force=force) as beside:
        write_openraster_to(beside, layers, recipe=recipe, resolution_dpi=resolution_dpi)


def write_openraster_to(
    path: Path,
    layers: Sequence[Layer],
    *,
    recipe: Mapping[str, Any] | None = None,
    resolution_dpi: tuple[float, float] | None = None,
) -> None:
    """Write to `path` as it is, for callers that publish a set of files together."""
    if not layers:
        raise ValueError("an OpenRaster file needs a layer")
    height, width = (max(layer.shape[axis] for layer in layers) for axis in (0, 1))
    shown = [layer for layer in layers if layer.visible]
    alone = _covering(shown, width=width, height=height)
    encoders = _ENCODERS if height * width < _ONE_BY_ONE_PIXELS else 1
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive, ThreadPoolExecutor(encoders) as pool:
        archive.writestr(zipfile.ZipInfo("mimetype"), _MIMETYPE)
        archive.writestr(entry(STACK), _stack_xml(layers, width, height, resolution_dpi))
        small = None
        for index, packed in enumerate(pool.map(lambda layer: _packed(layer, thumb=layer is alone), layers)):
            archive.writestr(entry(f"data/layer{index}.png"), packed.png)
            if packed.small is not None:  # what is shown is this layer alone
                archive.writestr(entry(MERGED), packed.png)
                small = packed.small
            del packed
        if small is None:
            whole = merge(shown, width=width, height=height)
            archive.writestr(entry(MERGED), encode(whole, Format.PNG))
            small = thumbnail(whole)
        archive.writestr(entry(THUMBNAIL), encode(small, Format.PNG))
        if recipe:
            text = json.dumps(recipe, ensure_ascii=False, indent=2).encode()
            archive.writestr(entry(RECIPE), text, compress_type=zipfile.ZIP_DEFLATED)


def entry(name: str) -> zipfile.ZipInfo:
    """An entry without a time: the same layers make the same file, and a clock before 1980 does no harm."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o600 << 16
    return entry


def _covering(layers: Sequence[Layer], *, width: int, height: int) -> Layer | None:
    """The colour layer that alone is seen, top first; None where several are, or grey is."""
    covers = layers and layers[0].shape == (height, width, 3)
    return layers[0] if covers else None


def merge(layers: Sequence[Layer], *, width: int, height: int) -> np.ndarray:
    """Compose layers, top first, as editors show them (sRGB-encoded); uint8 (height, width, 4)."""
    needed: list[Layer] = []
    for layer in layers:
        needed.append(layer)
        covers = len(layer.shape) == 2 or layer.shape[2] == 3
        if covers and layer.shape[:2] == (height, width):
            break
    if len(needed) == 1 and needed[0].shape[:2] == (height, width):
        return _rgba_codes(needed[0])
    canvas = np.zeros((height, width, 4), np.float32)  # premultiplied
    readers = [(layer.shape[0], layer.reader()) for layer in reversed(needed)]

    def work(rows: slice) -> None:
        for layer_height, read in readers:
            if rows.start >= layer_height:
                continue
            over = as_rgba(read(slice(rows.start, min(rows.stop, layer_height))))
            band = canvas[rows][: over.shape[0], : over.shape[1]]
            alpha = over[..., 3:]
            band *= 1.0 - alpha
            band[..., :3] += over[..., :3] * alpha
            band[..., 3:] += alpha
        canvas[rows][..., :3] /= np.maximum(canvas[rows][..., 3:], np.float32(1e-6))

    in_bands((height, width), work)
    return _rgba_codes(Layer(name="", role=Role.RESULT, pixels=canvas))


# what zipfile raises for damaged archives; names that are not text come as ValueError
ZIP_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises for damaged, encrypted or unusually packed files."""

_DAMAGES = (*ZIP_DAMAGES, ValueError)


def read_openraster(path: Path, *, max_megapixels: float = 200.0) -> OpenRaster:
    """Read an .ora file of any program; groups are flattened, opacity becomes alpha.

    Roles are ours where we wrote the file; else a layer called Depth is depth and every other one a result.
    max_megapixels: limit for the canvas, and five times that for all layers together.
    Raises MissingFile, UnreadableFile, NotAPicture, DamagedPicture, PictureTooLarge.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, max_megapixels * 1e6)
    except _DAMAGES as error:
        raise damaged(path) from error
    except OSError as error:
        raise problems.reading(error, path) from error


def read_recipe(path: Path) -> Mapping[str, Any]:
    """Return the recipe in an .ora file without reading its layers; empty where there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_recipe(archive, path)
    except _DAMAGES as error:
        raise damaged(path) from error
    except OSError as error:
        raise problems.reading(error, path) from error


def _read_recipe(archive: zipfile.ZipFile, path: Path) -> Mapping[str, Any]:
    if RECIPE not in archive.namelist():
        return {}
    try:
        recipe = json.loads(bounded(archive, archive.getinfo(RECIPE), _MAX_RECIPE, path))
    except ValueError as error:
        raise damaged(path) from error
    return recipe if isinstance(recipe, dict) else {}


def read_stack(
    archive: zipfile.ZipFile, path: Path, max_pixels: float
) -> tuple[ElementTree.Element, dict[str, zipfile.ZipInfo], list[Item]]:
    """The checked stack.xml, the archive's entries by name, and the layers that the stack names.

    Raises NotAPicture, DamagedPicture, PictureTooLarge.
    """
    entries = {entry.filename: entry for entry in archive.infolist()[: _MAX_ENTRIES + 1]}
    if len(entries) > _MAX_ENTRIES or STACK not in entries:
        raise damaged(path)
    mimetype = entries.get("mimetype")
    if mimetype is None or mimetype.file_size > 64 or archive.read("mimetype").strip() != _MIMETYPE:
        raise problems.NotAPicture(
            f"{problems.shown(path)} is not an OpenRaster file.", hint="Save it as OpenRaster (.ora) in an editor."
        )
    text = bounded(archive, entries[STACK], _MAX_STACK_XML, path)
    if b"<!" in text.replace(b"<!--", b""):  # no document type, no entities
        raise damaged(path)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (entities were refused above)
        width, height = int(root.get("w", "")), int(root.get("h", ""))
        found = list(_walk(root, visible=True, opacity=1.0, offset=(0, 0), depth=0))
    except (ElementTree.ParseError, ValueError) as error:
        raise damaged(path) from error
    if not (0 < width <= max_pixels and 0 < height <= max_pixels and found):
        raise damaged(path)
    _check_pixels(width * height, max_pixels, path)
    _check_pixels(width * height * len(found), 5 * max_pixels, path)
    return root, entries, found


def _read(archive: zipfile.ZipFile, path: Path, max_pixels: float) -> OpenRaster:
    root, entries, found = read_stack(archive, path, max_pixels)
    width, height = int(root.get("w", "")), int(root.get("h", ""))
    layers = tuple(_read_layer(archive, entries, item, path, (height, width), max_pixels) for item in found)
    return OpenRaster(
        width=width,
        height=height,
        layers=layers,
        recipe=_read_recipe(archive, path),
        resolution_dpi=_resolution(root),
    )


def _resolution(root: ElementTree.Element) -> tuple[float, float] | None:
    try:
        dpi = float(root.get("xres", "")), float(root.get("yres", ""))
    except ValueError:
        return None
    return dpi if all(1 <= d <= 65535 for d in dpi) else None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One layer element, with what its groups add to place, opacity and visibility."""

    name: str
    source: str
    role: str
    x: int
    y: int
    opacity: float
    visible: bool


def _walk(
    element: ElementTree.Element, *, visible: bool, opacity: float, offset: tuple[int, int], depth: int
) -> Iterator[Item]:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    for child in element:
        shown = visible and child.get("visibility", "visible") != "hidden"
        strength = opacity * min(1.0, max(0.0, float(child.get("opacity", "1"))))
        at = (offset[0] + int(child.get("x", "0")), offset[1] + int(child.get("y", "0")))
        if child.tag == "stack":
            yield from _walk(child, visible=shown, opacity=strength, offset=at, depth=depth + 1)
        elif child.tag == "layer":
            yield Item(
                name=child.get("name", ""),
                source=child.get("src", ""),
                role=child.get(_ROLE, ""),
                x=at[0],
                y=at[1],
                opacity=strength,
                visible=shown,
            )


def _read_layer(
    archive: zipfile.ZipFile,
    entries: Mapping[str, zipfile.ZipInfo],
    item: Item,
    path: Path,
    canvas: tuple[int, int],
    max_pixels: float,
) -> Layer:
    codes, _ = read_codes(archive, entries, item, path, max_pixels)
    values = np.empty(codes.shape, np.float32)
    colour_profile.normalise(codes, out=values)
    role = role_of(item, grey=codes.shape[2] < 3)
    if role in _GREY_ROLES:
        pixels = _placed(values[..., :1], item, canvas)[..., 0]
    else:
        rgba = as_rgba(values)
        rgba[..., 3] *= np.float32(item.opacity)
        pixels = _placed(rgba, item, canvas)
    return Layer(name=item.name, role=role, pixels=pixels, visible=item.visible)


def read_codes(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], item: Item, path: Path, max_pixels: float
) -> tuple[np.ndarray, bytes | None]:
    """The values of a layer's PNG file as they are, (H, W, 1 to 4), uint8 or uint16, and its colour profile."""
    unsafe = item.source.startswith(("/", "\\")) or ".." in item.source.replace("\\", "/").split("/")
    if unsafe or item.source not in entries:
        raise damaged(path)
    png = bounded(archive, entries[item.source], int(max_pixels * 8) + (1 << 20), path)
    try:
        image = vips().Image.pngload_buffer(png, fail_on="truncated")
        _check_pixels(image.width * image.height, max_pixels, path)
        codes: np.ndarray = image.numpy()
        icc = image.get("icc-profile-data") if "icc-profile-data" in image.get_fields() else None
    except vips().Error as error:
        raise damaged(path) from error
    return codes.reshape(image.height, image.width, -1), icc


def role_of(item: Item, *, grey: bool) -> Role:
    """What a layer is for, as we wrote it or as its name says."""
    try:
        role = Role(item.role)
    except ValueError:
        role = Role.DEPTH if item.name.casefold() == "depth" else Role.RESULT
    if role in _GREY_ROLES and not grey and item.role == "":
        return Role.DEPTH
    return role


def _placed(values: np.ndarray, item: Item, canvas: tuple[int, int]) -> np.ndarray:
    """Put a layer at its place on a canvas, cut to it."""
    height, width = canvas
    if values.shape[:2] == canvas and item.x == item.y == 0:
        return values
    result = np.zeros((height, width, values.shape[2]), np.float32)
    top, left = max(0, item.y), max(0, item.x)
    bottom, right = min(height, item.y + values.shape[0]), min(width, item.x + values.shape[1])
    if bottom > top and right > left:
        result[top:bottom, left:right] = values[top - item.y : bottom - item.y, left - item.x : right - item.x]
    return result


def bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int, path: Path) -> bytes:
    """Read one entry, never more than `limit` bytes whatever its header says."""
    if entry.file_size > limit:
        raise problems.PictureTooLarge(
            f"{problems.shown(path)} holds {entry.filename!r} of {entry.file_size / 1e6:.0f} MB, too much.",
            hint="Open it in an editor and save it again.",
        )
    with archive.open(entry) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise damaged(path)
    return data


def _check_pixels(pixels: int, limit: float, path: Path) -> None:
    if pixels > limit:
        raise problems.PictureTooLarge(
            f"{problems.shown(path)} has {pixels / 1e6:.0f} megapixels of layers; the limit is {limit / 1e6:.0f}.",
            hint="Make the document smaller first.",
        )


def damaged(path: Path) -> problems.DamagedPicture:
    return problems.DamagedPicture(
        f"{problems.shown(path)} is not a whole OpenRaster file.", hint="Open it in an editor and save it again."
    )


def _stack_xml(
    layers: Sequence[Layer], width: int, height: int, resolution_dpi: tuple[float, float] | None
) -> bytes:
    size = {"version": "0.0.3", "w": str(width), "h": str(height)}
    if resolution_dpi is not None:
        size |= {"xres": str(round(resolution_dpi[0])), "yres": str(round(resolution_dpi[1]))}
    root = ElementTree.Element("image", size)
    stack = ElementTree.SubElement(root, "stack")
    for index, layer in enumerate(layers):
        attributes = {
            "name": layer.name,
            "src": f"data/layer{index}.png",
            "x": "0",
            "y": "0",
            "opacity": "1.0",
            "visibility": "visible" if layer.visible else "hidden",
            "composite-op": "svg:src-over",
            _ROLE: layer.role.value,
        }
        ElementTree.SubElement(stack, "layer", attributes)
    text: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


@dataclass(frozen=True, kw_only=True)
class _Packed:
    """A layer's file and, where asked for, its thumbnail."""

    png: bytes
    small: np.ndarray | None


def _packed(layer: Layer, *, thumb: bool) -> _Packed:
    codes = _layer_codes(layer)
    packed = _Packed(png=_layer_png(codes), small=thumbnail(codes) if thumb else None)
    del codes
    release_after((layer.shape[0], layer.shape[1]))
    return packed


def _layer_codes(layer: Layer) -> np.ndarray:
    """uint16 (H, W, 1) for depth, uint8 (H, W, 4) for colour."""
    if len(layer.shape) == 3:
        return _rgba_codes(layer)
    codes, read = np.empty((*layer.shape, 1), np.uint16), layer.reader()
    in_bands(
        layer.shape,
        lambda rows: colour_profile.quantise(read(rows), dtype=codes.dtype, out=codes[rows][..., 0]),
    )
    return codes


def _layer_png(codes: np.ndarray) -> bytes:
    if codes.shape[2] == 4:
        return encode(codes, Format.PNG)
    # Krita asks the user for a profile where 16 bits have none. With sRGB's curve no editor changes the values.
    return encode(codes, Format.PNG, extras=Extras(icc=matrix_profile.srgb_grey()))


def as_rgba(pixels: np.ndarray) -> np.ndarray:
    """Return float32 (H, W, 4) of grey, grey with alpha, RGB or RGBA."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    bands = pixels.shape[2]
    if bands == 4:
        return pixels
    result = np.ones((*pixels.shape[:2], 4), np.float32)
    result[..., :3] = pixels[..., : 1 if bands < 3 else 3]
    if bands == 2:
        result[..., 3] = pixels[..., 1]
    return result


def _rgba_codes(layer: Layer) -> np.ndarray:
    """Return uint8 (H, W, 4); colours are dithered, alpha is rounded."""
    codes, read = np.empty((*layer.shape[:2], 4), np.uint8), layer.reader()

    for block in row_slices(layer.shape[0]):
        pixels = read(block)

        def work(rows: slice, pixels: np.ndarray = pixels, first: int = block.start) -> None:
            place = slice(first + rows.start, first + rows.stop)
            noise = colour_profile.dither(place, width=codes.shape[1], channels=4, dtype=codes.dtype)
            if noise is not None:
                noise[..., 3] = 0.5
            colour_profile.quantise(as_rgba(pixels[rows]), dtype=codes.dtype, out=codes[place], thresholds=noise)

        in_bands(pixels.shape, work)
    return codes


def thumbnail(merged: np.ndarray) -> np.ndarray:
    """The small picture that the format asks for, of uint8 (H, W, 3 or 4)."""
    from PIL import Image

    image = Image.fromarray(merged)
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)
