"""Enlarge a layered file: replace the pixels of every layer and keep everything else that the program wrote.

Groups, blend modes, opacity, names, visibility and unknown attributes are kept; sizes, positions and resolution are
scaled. The merged picture is enlarged separately, because only the program that wrote the file can render its blend
modes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np

from dioptre.imaging.layers import Layer
from dioptre_link.operation import Role

from . import colour_profile
from .atomic import replacing
from .budget import MAX_MEGAPIXELS, Budget
from .encode import Extras, encode
from .openraster import entry, thumbnail
from .openraster_reading import (
    MERGED,
    RECIPE,
    STACK,
    THUMBNAIL,
    Item,
    as_rgba,
    bounded,
    opened_archive,
    read_codes,
    read_stack,
    role_of,
)
from .picture import Format

_MAX_KEPT = 1 << 22  # largest size in bytes of an entry that is copied without being parsed
_PLANES = (Role.DEPTH, Role.CONFIDENCE, Role.SELECTION)

Enlarge = Callable[[Layer, float, float], np.ndarray]
"""Enlarges a layer. It also receives the fractions of the work done before and after this layer."""


def enlarge_openraster(
    source: Path,
    file: Path,
    *,
    scale: float,
    enlarge: Enlarge,
    max_megapixels: float = MAX_MEGAPIXELS,
    force: bool = False,
) -> tuple[int, int]:
    """Write an enlarged copy of a layered file.

    After an error, nothing is written.

    Args:
        source: the layered file.
        file: the enlarged file.
        scale: factor for width and height.
        enlarge: called first for the merged picture, which has an empty name, then for each layer from the bottom
            up.
        max_megapixels: largest picture size.
        force: replace an existing file.

    Returns:
        The new height and width.

    Raises:
        DioptreError: reading or writing the file failed, or `enlarge` failed.
    """
    with (
        opened_archive(source, max_megapixels=max_megapixels) as (archive, budget),
        replacing(file, force=force, permissions_of=source) as stream,
    ):
        return _enlarge(archive, budget, stream, scale, enlarge)


def _enlarge(
    archive: zipfile.ZipFile, budget: Budget, stream: BinaryIO, scale: float, enlarge: Enlarge
) -> tuple[int, int]:
    root, entries, items = read_stack(archive, budget)
    size = round(int(root.get("h", "")) * scale), round(int(root.get("w", "")) * scale)
    merged = Item(name="", source=MERGED, role="", x=0, y=0, opacity=1.0, visible=True)
    work = ([merged] if MERGED in entries else []) + list({item.source: item for item in reversed(items)}.values())
    kept = [name for name in (RECIPE,) if name in entries]
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as made:
        made.writestr(entry("mimetype"), b"image/openraster")
        made.writestr(entry(STACK), _stack(root, size, scale))
        for number, item in enumerate(work):
            codes, icc = read_codes(archive, entries, item, budget)
            layer = Layer(name=item.name, role=role_of(item, grey=codes.shape[2] < 3), pixels=_pixels(codes, item))
            larger = _codes(enlarge(layer, number / len(work), (number + 1) / len(work)), codes)
            made.writestr(entry(item.source), encode(larger, Format.PNG, extras=Extras(icc=icc)))
            if item is merged:
                made.writestr(entry(THUMBNAIL), encode(thumbnail(_eight_bits(larger)), Format.PNG))
        for name in kept:
            made.writestr(
                entry(name), bounded(archive, entries[name], _MAX_KEPT, budget), compress_type=zipfile.ZIP_DEFLATED
            )
    return size


def _stack(root: ElementTree.Element, size: tuple[int, int], scale: float) -> bytes:
    root.set("h", str(size[0]))
    root.set("w", str(size[1]))
    for name in ("xres", "yres"):
        if (dpi := root.get(name)) is not None:
            try:
                root.set(name, str(round(float(dpi) * scale)))
            except ValueError:
                continue
    for element in root.iter():
        for name in ("x", "y"):
            if element.tag in ("layer", "stack") and (place := element.get(name)) is not None:
                element.set(name, str(round(int(place) * scale)))
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _pixels(codes: np.ndarray, item: Item) -> np.ndarray:
    """Convert codes to float32: (H, W) for a plane, else (H, W, 4)."""
    values = np.empty(codes.shape, np.float32)
    colour_profile.normalise(codes, out=values)
    return values[..., 0] if role_of(item, grey=codes.shape[2] < 3) in _PLANES else as_rgba(values)


def _codes(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Convert pixels to the type and number of channels of `like`."""
    bands = like.shape[2]
    if pixels.ndim == 2:
        values = np.repeat(pixels[..., None], bands, axis=2)
        if bands in (2, 4):
            values[..., -1] = 1.0
    else:
        colours = pixels[..., : 1 if bands < 3 else 3]
        values = colours if bands in (1, 3) else np.concatenate([colours, pixels[..., 3:4]], axis=2)
    result = np.empty(values.shape, like.dtype)
    colour_profile.quantise(np.ascontiguousarray(values), dtype=like.dtype, out=result)
    return result


def _eight_bits(codes: np.ndarray) -> np.ndarray:
    """Convert codes to uint8 RGB or RGBA."""
    codes = codes if codes.dtype == np.uint8 else (codes >> 8).astype(np.uint8)
    return codes if codes.shape[2] >= 3 else np.repeat(codes[..., :1], 3, axis=2)


def read_openraster_depth(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray | None:
    """Read the topmost depth layer that covers the canvas.

    Args:
        path: the layered file.
        max_megapixels: largest picture size.

    Returns:
        Disparity, float32 (h, w) in [0, 1]; None if there is no such layer.

    Raises:
        DioptreError: as in `read_openraster`.
    """
    with opened_archive(path, max_megapixels=max_megapixels) as (archive, budget):
        root, entries, items = read_stack(archive, budget)
        canvas = int(root.get("h", "")), int(root.get("w", ""))
        for item in items:
            if role_of(item, grey=True) is not Role.DEPTH or (item.x, item.y) != (0, 0):
                continue
            codes, _ = read_codes(archive, entries, item, budget)
            if codes.shape[:2] == canvas:
                return _pixels(codes[..., :1], item)
    return None
