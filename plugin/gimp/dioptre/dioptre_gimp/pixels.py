"""Transfers pixels between GIMP's drawables and files in bands, in formats that GIMP converts to automatically."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dioptre_link.buffers import Buffer
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat

from .host import Gegl, Gimp

BAND_ROWS = 256  # Rows per band: two rows of GEGL tiles, or 25 MB of a 24-megapixel float picture.


@dataclass(frozen=True)
class Format:
    """A pixel layout with its names in babl and on the wire. A misspelt babl name would terminate the process."""

    babl: str
    wire: PixelFormat


_COLOUR = {
    (channels, dtype): Format(f"{model} {babl}", PixelFormat(dtype, channels))
    for channels, model in ((1, "Y'"), (2, "Y'A"), (3, "R'G'B'"), (4, "R'G'B'A"))
    for dtype, babl in (("u8", "u8"), ("u16", "u16"), ("f32", "float"))
}
DEPTH = _COLOUR[1, "f32"]
DEPTH_SHOWN = _COLOUR[1, "u16"]  # 16 bits distinguish all values of an 8-bit layer, whatever its profile.
SELECTION = Format("Y float", PixelFormat("f32", 1))

_EXACT = {
    Gimp.Precision.U8_NON_LINEAR: "u8",
    Gimp.Precision.U8_PERCEPTUAL: "u8",
    Gimp.Precision.U16_NON_LINEAR: "u16",
    Gimp.Precision.U16_PERCEPTUAL: "u16",
}
_EIGHT_BIT = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL, Gimp.Precision.U8_LINEAR)


def is_eight_bit(image: Gimp.Image) -> bool:
    return any(image.get_precision() == precision for precision in _EIGHT_BIT)


def picture_format(image: Gimp.Image, *, alpha: bool) -> Format:
    """Return the smallest format that holds a layer of `image` exactly, as sRGB-encoded values.

    It is an integer format if the image itself holds sRGB-encoded integers. Otherwise it is float, which keeps a
    wider profile's colours outside sRGB (below 0 or above 1).
    """
    dtype = "f32"
    for precision, exact in _EXACT.items():
        if image.get_precision() == precision and _is_srgb(image):
            dtype = exact
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    return _COLOUR[(1 if grey else 3) + alpha, dtype]


def _is_srgb(image: Gimp.Image) -> bool:
    profile = image.get_color_profile()
    if profile is None:
        return True
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    builtin = Gimp.ColorProfile.new_d65_gray_srgb_trc() if grey else Gimp.ColorProfile.new_rgb_srgb()
    return profile.is_equal(builtin)


def bands(width: int, height: int) -> Iterator[Gegl.Rectangle]:
    for top in range(0, height, BAND_ROWS):
        yield Gegl.Rectangle.new(0, top, width, min(BAND_ROWS, height - top))


def write_out(
    drawable: Gimp.Drawable,
    buffer: Buffer,
    pixel_format: Format,
    on_bytes: Callable[[bytes], object] | None = None,
) -> Iterator[float]:
    """Write all pixels of `drawable` into `buffer`, one band per step; yield the completed fraction."""
    width, height = drawable.get_width(), drawable.get_height()
    source = drawable.get_buffer()
    for band in bands(width, height):
        rows = source.get(band, 1.0, pixel_format.babl, Gegl.AbyssPolicy.NONE)
        buffer.write_rows(band.y, rows)
        if on_bytes is not None:
            on_bytes(rows)
        yield (band.y + band.height) / height


def read_in(buffer: Buffer, target: Gegl.Buffer, pixel_format: Format) -> Iterator[float]:
    """Write all pixels of `buffer` into GIMP's `target`, one band per step; yield the completed fraction."""
    width, height = buffer.pixels.width, buffer.pixels.height
    expected = width * pixel_format.wire.pixel_bytes
    for band in bands(width, height):
        rows = buffer.read_rows(band.y, band.height)
        if len(rows) != expected * band.height:  # GEGL would read past the end of the rows.
            raise ValueError(f"{len(rows)} bytes for {band.height} rows of {expected}")
        target.set(band, pixel_format.babl, rows)
        yield (band.y + band.height) / height
    target.flush()


def read_small(drawable: Gimp.Drawable, size: tuple[int, int], *, grey: bool = False) -> bytes:
    """Return the drawable reduced to `size` (width, height), as 8-bit sRGB-encoded RGBA or grey."""
    scale = max(size[0] / drawable.get_width(), size[1] / drawable.get_height())
    pixel_format = "Y' u8" if grey else "R'G'B'A u8"
    rect = Gegl.Rectangle.new(0, 0, *size)
    return drawable.get_buffer().get(rect, scale, pixel_format, Gegl.AbyssPolicy.CLAMP)


def read_bands(drawable: Gimp.Drawable, pixel_format: Format) -> Iterator[bytes]:
    """Yield all pixels of `drawable` in bands from the top."""
    source = drawable.get_buffer()
    for band in bands(drawable.get_width(), drawable.get_height()):
        yield source.get(band, 1.0, pixel_format.babl, Gegl.AbyssPolicy.NONE)


def content_hash(drawable: Gimp.Drawable) -> str:
    """Return the SHA-256 of the drawable's size and raw values, which changes when a user paints on it."""
    width, height = drawable.get_width(), drawable.get_height()
    digest = hashlib.sha256(f"{width}x{height} ".encode("ascii"))
    source = drawable.get_buffer()
    for band in bands(width, height):
        digest.update(source.get(band, 1.0, None, Gegl.AbyssPolicy.NONE))
    return digest.hexdigest()


def selection_bands(image: Gimp.Image, layer: Gimp.Layer) -> Iterator[tuple[int, bytes]]:
    """Yield the selection over `layer`, 0 to 1, as (first row, rows) from the top; it is 0 outside the canvas."""
    source = image.get_selection().get_buffer()
    _, x, y = layer.get_offsets()
    for band in bands(layer.get_width(), layer.get_height()):
        rect = Gegl.Rectangle.new(x, y + band.y, band.width, band.height)
        yield band.y, source.get(rect, 1.0, SELECTION.babl, Gegl.AbyssPolicy.NONE)


def is_opaque(drawable: Gimp.Drawable) -> bool:
    """Return whether every pixel is fully opaque."""
    if not drawable.has_alpha():
        return True
    source = drawable.get_buffer()
    for band in bands(drawable.get_width(), drawable.get_height()):
        alpha = source.get(band, 1.0, "A u8", Gegl.AbyssPolicy.NONE)
        if alpha.count(b"\xff") != len(alpha):
            return False
    return True


def check_room(nbytes: int) -> None:
    """Check that GIMP has room for another `nbytes`, because it loses pixels silently when it runs out.

    Raises:
        DioptreError: The tile cache and the swap folder together are too small.
    """
    settings = Gegl.config()
    folder, cache_bytes = settings.get_property("swap"), settings.get_property("tile-cache-size")
    try:
        free = shutil.disk_usage(folder).free
    except (OSError, TypeError):  # The swap folder may exist only inside GIMP's sandbox.
        return
    if nbytes > cache_bytes + free:
        raise DioptreError(
            "The result needs {nbytes} GB, but GIMP's swap folder {folder} has only {free} GB left.",
            hint="Free some disk space, or choose another folder in GIMP's Preferences ▸ Folders.",
            nbytes=format(nbytes / 1e9, ".2g"),
            folder=folder,
            free=format(free / 1e9, ".2g"),
        )


def copy_mask(mask: Gimp.Drawable, target: Gimp.Drawable) -> None:
    """Copy `mask` into the mask `target` of the same size."""
    read, write = mask.get_buffer(), target.get_buffer()
    for band in bands(mask.get_width(), mask.get_height()):
        write.set(band, SELECTION.babl, read.get(band, 1.0, SELECTION.babl, Gegl.AbyssPolicy.NONE))
    write.flush()
