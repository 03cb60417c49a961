"""Read OpenRaster files (.ora) written by any program.

Nothing is unpacked to disk. Sizes are checked before anything is decoded, and all layers together draw on the
file's budget, because many layers may refer to one picture.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from dioptre.contract import Layer
from dioptre_link.operation import Role

from .. import colour_profile, problems
from ..budget import MAX_MEGAPIXELS, Budget
from ..metadata import markup
from ..vips import vips
from .decoding import budget_of, opened

MIMETYPE = b"image/openraster"
ROLE = "dioptre-role"  # Dioptre's own attribute of a layer; other programs ignore it
STACK, MERGED, THUMBNAIL = "stack.xml", "mergedimage.png", "Thumbnails/thumbnail.png"
RECIPE = "dioptre/recipe.json"
GREY_ROLES = (Role.DEPTH, Role.CONFIDENCE, Role.SELECTION)
_MAX_STACK_XML = 1 << 20
_MAX_RECIPE = 1 << 22
_MAX_ENTRIES = 512
_MAX_DEPTH = 32  # maximum nesting of stacks, which are groups of layers
_CANVAS_BYTES = 16  # bytes per pixel of a layer, as float32 RGBA


@dataclass(frozen=True, kw_only=True)
class OpenRaster:
    """The content of an .ora file.

    Attributes:
        width: width of the canvas in pixels.
        height: height of the canvas in pixels.
        layers: the layers at the canvas' size, topmost first.
        recipe: Dioptre's recipe; empty if there is none.
        resolution_dpi: pixels per inch, x and y; None if the file has none.
    """

    width: int
    height: int
    layers: tuple[Layer, ...]
    recipe: Mapping[str, Any]
    resolution_dpi: tuple[float, float] | None = None


ZIP_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""Exceptions that `zipfile` raises for damaged, encrypted or unusually packed files, and for invalid names."""


def read_openraster(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> OpenRaster:
    """Read an .ora file written by any program; groups are flattened, and opacity becomes alpha.

    Files written by Dioptre contain the layers' roles. In others, a layer named Depth is depth and every other
    layer a result.

    Args:
        path: the file.
        max_megapixels: limit for the canvas; all layers together may have five times as many.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read.
        NotAPicture: the file is not an OpenRaster file.
        DamagedPicture: the file is damaged.
        PictureTooLarge: the file exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    with opened_archive(path, max_megapixels=max_megapixels) as (archive, budget):
        return _read(archive, budget)


def read_recipe(path: Path) -> Mapping[str, Any]:
    """Return the recipe in an .ora file without reading its layers; empty if there is none."""
    with opened_archive(path) as (archive, budget):
        return _read_recipe(archive, budget)


@contextmanager
def opened_archive(
    path: Path, *, max_megapixels: float = MAX_MEGAPIXELS
) -> Iterator[tuple[zipfile.ZipFile, Budget]]:
    """Open a layered file with a budget for its size; convert errors to Dioptre's own."""
    with opened(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except ZIP_DAMAGES as error:
            raise damaged(path) from error
        with archive:
            yield archive, budget_of(file, path, max_megapixels=max_megapixels)


def _read_recipe(archive: zipfile.ZipFile, budget: Budget) -> Mapping[str, Any]:
    if RECIPE not in archive.namelist():
        return {}
    try:
        return markup.json_object(bounded(archive, archive.getinfo(RECIPE), _MAX_RECIPE, budget))
    except markup.BadMarkup as error:
        raise damaged(budget.path) from error


def read_stack(
    archive: zipfile.ZipFile, budget: Budget
) -> tuple[ElementTree.Element, dict[str, zipfile.ZipInfo], list[Item]]:
    """Read and check a layered file's structure.

    Args:
        archive: the file.
        budget: its budget.

    Returns:
        The root of stack.xml, the archive's entries by name, and the layers in the stack.

    Raises:
        NotAPicture: the file is not an OpenRaster file.
        DamagedPicture: the file is damaged.
        PictureTooLarge: the file exceeds a limit.
    """
    path = budget.path
    entries = {entry.filename: entry for entry in archive.infolist()[: _MAX_ENTRIES + 1]}
    if len(entries) > _MAX_ENTRIES or STACK not in entries:
        raise damaged(path)
    mimetype = entries.get("mimetype")
    if mimetype is None or mimetype.file_size > 64 or bounded(archive, mimetype, 64, budget).strip() != MIMETYPE:
        raise problems.NotAPicture(
            "{file} is not an OpenRaster file.",
            hint="Save it as OpenRaster (.ora) in an editor.",
            file=problems.shown(path),
        )
    text = bounded(archive, entries[STACK], _MAX_STACK_XML, budget)
    try:
        root = markup.parse_xml(text, budget=budget).root
        width, height = int(root.get("w", "")), int(root.get("h", ""))
        items = list(_walk(root, visible=True, opacity=1.0, offset=(0, 0), depth=0))
    except (markup.BadMarkup, ValueError) as error:
        raise damaged(path) from error
    if not (width > 0 and height > 0 and items):
        raise damaged(path)
    budget.check_picture(width, height)
    if width * height * len(items) > budget.limits.layer_pixels:
        raise problems.too_many_layers(path, limit_megapixels=budget.limits.layer_pixels / 1e6)
    return root, entries, items


def _read(archive: zipfile.ZipFile, budget: Budget) -> OpenRaster:
    root, entries, items = read_stack(archive, budget)
    width, height = int(root.get("w", "")), int(root.get("h", ""))
    budget.check_memory(width * height * len(items) * _CANVAS_BYTES)
    layers: list[Layer] = []
    source, values = "", np.empty(0, np.float32)
    for item in items:
        if item.source != source or not source:
            source, values = item.source, _values(read_codes(archive, entries, item, budget))
        layers.append(_layer(values, item, (height, width)))
    return OpenRaster(
        width=width,
        height=height,
        layers=tuple(layers),
        recipe=_read_recipe(archive, budget),
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
    """A layer element, with its position, opacity and visibility combined with those of its groups."""

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
                role=child.get(ROLE, ""),
                x=at[0],
                y=at[1],
                opacity=strength,
                visible=shown,
            )


def _values(codes: np.ndarray) -> np.ndarray:
    values = np.empty(codes.shape, np.float32)
    colour_profile.normalise(codes, out=values)
    return values


def _layer(values: np.ndarray, item: Item, canvas: tuple[int, int]) -> Layer:
    role = role_of(item, grey=values.shape[2] < 3)
    if role in GREY_ROLES:
        pixels = _placed(values[..., :1], item, canvas)[..., 0]
    else:
        rgba = as_rgba(values)
        if item.opacity < 1.0:
            rgba = rgba * np.array([1.0, 1.0, 1.0, item.opacity], np.float32)
        pixels = _placed(rgba, item, canvas)
    return Layer(name=item.name, role=role, pixels=pixels, visible=item.visible)


def read_codes(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], item: Item, budget: Budget
) -> np.ndarray:
    """Decode a layer's PNG file without converting its values.

    Args:
        archive: the layered file.
        entries: the archive's entries by name.
        item: the layer.
        budget: the file's budget.

    Returns:
        The values, uint8 or uint16 (H, W, 1 to 4).

    Raises:
        DamagedPicture: the layer is missing or damaged.
        PictureTooLarge: the layer exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    unsafe = item.source.startswith(("/", "\\")) or ".." in item.source.replace("\\", "/").split("/")
    if unsafe or item.source not in entries:
        raise damaged(budget.path)
    limit = budget.limits.pixels * 8 + (1 << 20)
    png = bounded(archive, entries[item.source], limit, budget)
    try:
        image = vips().Image.pngload_buffer(png, fail_on="error")
        budget.check_picture(image.width, image.height)
        budget.take_layer(image.width * image.height)
        codes: np.ndarray = image.numpy()
    except vips().Error as error:
        raise damaged(budget.path) from error
    return codes.reshape(image.height, image.width, -1)


def role_of(item: Item, *, grey: bool) -> Role:
    """Return a layer's role from Dioptre's attribute, or else from its name."""
    try:
        role = Role(item.role)
    except ValueError:
        role = Role.DEPTH if item.name.casefold() == "depth" else Role.RESULT
    if role in GREY_ROLES and not grey and item.role == "":
        return Role.DEPTH
    return role


def _placed(values: np.ndarray, item: Item, canvas: tuple[int, int]) -> np.ndarray:
    """Place a layer at its position on the canvas, and crop it to the canvas."""
    height, width = canvas
    if values.shape[:2] == canvas and item.x == item.y == 0:
        return values
    result = np.zeros((height, width, values.shape[2]), np.float32)
    top, left = max(0, item.y), max(0, item.x)
    bottom, right = min(height, item.y + values.shape[0]), min(width, item.x + values.shape[1])
    if bottom > top and right > left:
        result[top:bottom, left:right] = values[top - item.y : bottom - item.y, left - item.x : right - item.x]
    return result


def bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int, budget: Budget) -> bytes:
    """Read an entry, but never more than `limit` bytes or the remaining budget, whatever its header declares.

    Raises:
        DamagedPicture: the entry is damaged or packed in an unsupported way.
        PictureTooLarge: the entry exceeds the limit or the budget.
    """
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the format allows no other methods
        raise damaged(budget.path)
    if entry.file_size > limit or not budget.take_unpacked(entry.file_size):
        raise problems.PictureTooLarge(
            "{file} contains {filename} of {file_size} MB, which is too large.",
            hint="Open it in an editor and save it again.",
            file=problems.shown(budget.path),
            filename=repr(entry.filename),
            file_size=format(entry.file_size / 1e6, ".0f"),
        )
    try:
        with archive.open(entry) as file:
            data = file.read(entry.file_size + 1)
    except ZIP_DAMAGES as error:
        raise damaged(budget.path) from error
    if len(data) > entry.file_size:
        raise damaged(budget.path)
    return data


def damaged(path: Path) -> problems.DamagedPicture:
    """Return the error for a damaged file."""
    return problems.DamagedPicture(
        "{file} is not a complete OpenRaster file.",
        hint="Open it in an editor and save it again.",
        file=problems.shown(path),
    )


def as_rgba(pixels: np.ndarray) -> np.ndarray:
    """Convert grey, grey with alpha, RGB or RGBA to float32 (H, W, 4)."""
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
