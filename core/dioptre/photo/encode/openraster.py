"""Write OpenRaster files (.ora): layers that GIMP, Krita, MyPaint and other programs can open.

https://www.openraster.org/baseline/file-layout-spec.html. Colour layers are 8-bit sRGB RGBA, which every reader
accepts; depth and confidence are 16-bit grey, which Krita keeps and GIMP converts to the document's precision.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO
from xml.etree import ElementTree

import numpy as np

from dioptre.contract import Layer, LayerOnDemand, row_slices
from dioptre.runtime import release_after
from dioptre_link.operation import Role

from .. import colour_profile, matrix_profile
from ..curves import in_bands
from ..decode.inspection import RECIPE
from ..picture import Extras, Format
from .encoding import Encoders, encode

_MIMETYPE = b"image/openraster"
_ROLE = "dioptre-role"  # Dioptre's own attribute of a layer; other programs ignore it
_STACK, _MERGED, _THUMBNAIL = "stack.xml", "mergedimage.png", "Thumbnails/thumbnail.png"
_THUMBNAIL_PX = 256  # maximum width and height of a thumbnail, from the specification


def canvas(layers: Sequence[Layer]) -> tuple[int, int]:
    """Return the height and width of the canvas for the layers."""
    return max(layer.shape[0] for layer in layers), max(layer.shape[1] for layer in layers)


class LayerFiles:
    """The files inside an OpenRaster file: layers, their merged image and a thumbnail, encoded from now on.

    The canvas has the size of the largest layer, and all layers start at its top left. Colours outside sRGB are
    clipped.
    """

    def __init__(self, layers: Sequence[Layer], encoders: Encoders) -> None:
        """Start to encode.

        Args:
            layers: the layers, topmost first; at least one.
            encoders: threads, of which those with layers to compute start first if there are several.
        """
        self._layers, self._canvas = layers, canvas(layers)
        height, width = self._canvas
        shown = [layer for layer in layers if layer.visible]
        alone = _covering(shown, width=width, height=height)
        first = (
            sorted(layers, key=lambda layer: not isinstance(layer, LayerOnDemand)) if encoders.several else layers
        )
        packed = {id(layer): encoders.start(partial(_packed, layer, thumb=layer is alone)) for layer in first}
        self._packed = [packed[id(layer)] for layer in layers]
        merged = partial(_merged, shown, width=width, height=height)
        self._merged = None if alone is not None else encoders.start(merged)

    def write_to(
        self,
        stream: BinaryIO,
        *,
        recipe: Mapping[str, Any] | None = None,
        resolution_dpi: tuple[float, float] | None = None,
        on_png: Callable[[Layer, bytes], None] | None = None,
    ) -> None:
        """Write the file, once; waits for the encoders.

        Args:
            stream: an open file.
            recipe: the recipe to store in the file.
            resolution_dpi: pixels per inch, x and y.
            on_png: called with each layer and its file.
        """
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo("mimetype"), _MIMETYPE)
            archive.writestr(entry(_STACK), _stack_xml(self._layers, *self._canvas, resolution_dpi))
            small = None
            for index, layer in enumerate(self._layers):
                packed = self._packed.pop(0).result()
                archive.writestr(entry(f"data/layer{index}.png"), packed.png)
                if on_png is not None:
                    on_png(layer, packed.png)
                if packed.small is not None:  # this layer covers all others, so it is the merged picture, too
                    archive.writestr(entry(_MERGED), packed.png)
                    small = packed.small
                del packed
            if self._merged is not None:
                merged = self._merged.result()
                archive.writestr(entry(_MERGED), merged.png)
                small = merged.small
            assert small is not None  # one layer covers the others, or they were merged
            archive.writestr(entry(_THUMBNAIL), encode(small, Format.PNG))
            if recipe:
                text = json.dumps(recipe, ensure_ascii=False, indent=2).encode()
                archive.writestr(entry(RECIPE), text, compress_type=zipfile.ZIP_DEFLATED)


def entry(name: str) -> zipfile.ZipInfo:
    """Create an archive entry with a fixed time, so that equal layers always give identical files."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o600 << 16
    return entry


def _covering(layers: Sequence[Layer], *, width: int, height: int) -> Layer | None:
    """Return the first layer if it is RGB and as large as the canvas, so that it covers all others; else None."""
    covers = layers and layers[0].shape == (height, width, 3)
    return layers[0] if covers else None


def merge(layers: Sequence[Layer], *, width: int, height: int) -> np.ndarray:
    """Merge layers as editors do, by blending sRGB-encoded values.

    Args:
        layers: the layers, topmost first.
        width: width of the canvas in pixels.
        height: height of the canvas in pixels.

    Returns:
        The merged picture, uint8 (height, width, 4).
    """
    needed: list[Layer] = []
    for layer in layers:
        needed.append(layer)
        covers = len(layer.shape) == 2 or layer.shape[2] == 3
        if covers and layer.shape[:2] == (height, width):
            break
    if len(needed) == 1 and needed[0].shape[:2] == (height, width):
        return _rgba_codes(needed[0])
    canvas = np.zeros((height, width, 4), np.float32)  # premultiplied by alpha
    readers = [(layer.shape[0], layer.reader()) for layer in reversed(needed)]

    def work(rows: slice) -> None:
        for layer_height, read in readers:
            if rows.start >= layer_height:
                continue
            over = _as_rgba(read(slice(rows.start, min(rows.stop, layer_height))))
            band = canvas[rows][: over.shape[0], : over.shape[1]]
            alpha = over[..., 3:]
            band *= 1.0 - alpha
            band[..., :3] += over[..., :3] * alpha
            band[..., 3:] += alpha
        canvas[rows][..., :3] /= np.maximum(canvas[rows][..., 3:], np.float32(1e-6))

    in_bands((height, width), work)
    return _rgba_codes(Layer(name="", role=Role.RESULT, pixels=canvas))


def _stack_xml(
    layers: Sequence[Layer], height: int, width: int, resolution_dpi: tuple[float, float] | None
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
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


@dataclass(frozen=True, kw_only=True)
class _Packed:
    """A layer's PNG file, with its thumbnail if requested."""

    png: bytes
    small: np.ndarray | None


def _packed(layer: Layer, *, thumb: bool) -> _Packed:
    codes = _layer_codes(layer)
    packed = _Packed(png=_layer_png(codes), small=thumbnail(codes) if thumb else None)
    del codes
    release_after((layer.shape[0], layer.shape[1]))
    return packed


def _merged(shown: Sequence[Layer], *, width: int, height: int) -> _Packed:
    whole = merge(shown, width=width, height=height)
    return _Packed(png=encode(whole, Format.PNG), small=thumbnail(whole))


def _layer_codes(layer: Layer) -> np.ndarray:
    """Convert a layer to uint16 (H, W, 1) for depth or uint8 (H, W, 4) for colour."""
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
    # Krita asks the user for a profile if 16-bit grey has none. With sRGB's curve, no editor changes the values.
    return encode(codes, Format.PNG, extras=Extras(icc=matrix_profile.srgb_grey()))


def _rgba_codes(layer: Layer) -> np.ndarray:
    """Convert a layer to uint8 (H, W, 4), with colours dithered and alpha rounded."""
    codes, read = np.full((*layer.shape[:2], 4), 255, np.uint8), layer.reader()

    for block in row_slices(layer.shape[0]):
        pixels = np.atleast_3d(read(block))
        bands = pixels.shape[2]

        def work(rows: slice, pixels: np.ndarray = pixels, bands: int = bands, first: int = block.start) -> None:
            place = slice(first + rows.start, first + rows.stop)
            noise = colour_profile.dither(place, width=codes.shape[1], channels=3, dtype=codes.dtype)
            for channel in range(3 if bands in (1, 3) else 4):  # loops over a pixel's channels are slow
                colour_profile.quantise(
                    pixels[rows][..., channel if bands > 2 else channel // 3],
                    dtype=codes.dtype,
                    out=codes[place][..., channel],
                    thresholds=None if noise is None or channel == 3 else noise[..., channel],
                )

        in_bands(pixels.shape, work)
    return codes


def thumbnail(merged: np.ndarray) -> np.ndarray:
    """Return the thumbnail that the format requires, from uint8 (H, W, 3 or 4)."""
    from PIL import Image

    image = Image.fromarray(merged)
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image)


def _as_rgba(pixels: np.ndarray) -> np.ndarray:
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
