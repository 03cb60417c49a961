"""Convert between editors' pixel formats and the core's, in bands, and reduce inputs to previews.

The core's pixels are float32, sRGB-encoded, with straight alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import RawIOBase
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.contract import Picture, Plane
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.numbers import LUMINANCE
from dioptre.imaging.resize import resize
from dioptre.imaging.shapes import map_chunks
from dioptre.programs import kept
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.wire import PixelFormat, Pixels

_BAND_BYTES = 1 << 20  # size of a band; 1 MiB stays in a core's cache during several NumPy operations
_LARGE_BAND_BYTES = 32 << 20  # size of a band for compiled operations, which divide it into smaller chunks
_NUMPY: dict[str, Any] = {"u8": np.uint8, "u16": np.uint16, "f16": np.float16, "f32": np.float32}
_FULL = {"u8": 255, "u16": 65535}
_LARGEST_F16 = 65504.0

_Curve = Callable[..., Any]
_BAND_ROWS = 256


def _of_colour(curve: _Curve) -> tuple[_Curve, _Curve]:
    """Return a curve for data without and with alpha; the second function takes flat RGBA and preserves alpha."""

    def leaving_alpha(flat: Float[Array, " n"]) -> Float[Array, " n"]:
        rgba = flat.reshape(-1, 4)
        return jnp.where(jnp.arange(4) == 3, rgba, curve(rgba)).reshape(-1)

    return curve, kept(leaving_alpha, name=f"{curve.__name__}, leaving alpha")


_ENCODE = _of_colour(linear_to_srgb)
_DECODE = _of_colour(srgb_to_linear)


def read_picture(file: RawIOBase, pixels: Pixels) -> Picture:
    """Read a picture: (H, W, 3), or (H, W, 4) if the format has alpha; sRGB-encoded, straight alpha."""
    layout = pixels.format
    shape = (pixels.height, pixels.width, 4 if layout.channels in (2, 4) else 3)
    picture = np.empty(shape, np.float32)
    if layout.dtype == "f32" and layout.order == "rgb" and layout.channels >= 3:
        _read_into(file, picture)
    else:
        for rows, raw in _bands(file, pixels):
            band = picture[rows]
            if layout.channels >= 3:
                _to_float(raw, band)
                if layout.order == "bgr":
                    band[..., :3] = band[..., 2::-1].copy()
            else:
                _to_float(raw[..., :1], band[..., :3])
                _to_float(raw[..., 1:], band[..., 3:])
    if layout.encoding == "linear":
        for rows in _rows(pixels.height, picture[0].nbytes, _LARGE_BAND_BYTES):
            picture[rows] = _converted(picture[rows], _ENCODE)
    return picture


def read_plane(file: RawIOBase, pixels: Pixels) -> Plane:
    """Read disparity or a selection, unchanged; raise UsageError unless it has one channel."""
    if pixels.format.channels != 1:
        raise UsageError(
            "A depth layer or selection must have one channel, not {channels}.", channels=pixels.format.channels
        )
    plane = np.empty((pixels.height, pixels.width), np.float32)
    if pixels.format.dtype == "f32":
        _read_into(file, plane)
    else:
        for rows, raw in _bands(file, pixels):
            _to_float(raw[..., 0], plane[rows])
    return plane


def write_layer(file: RawIOBase, layer: Float32[np.ndarray, "h w *c"], layout: PixelFormat) -> None:
    """Write a layer's pixels (see `contract.Layer`) in the format `layout`; planes get a single channel.

    Colours are converted to linear light or grey (luminance) if requested. Integers and half floats are clipped to
    their range.
    """
    ready = layer.dtype == np.float32 and layer.flags.c_contiguous and layout.dtype == "f32"
    same = layer.ndim == 2 or (layer.shape[2] == layout.channels and layout.order == "rgb")
    if ready and same and (layer.ndim == 2 or (layout.encoding == "srgb" and layout.channels >= 3)):
        _write_all(file, layer)
        return
    compiled = layer.ndim == 3 and (layout.encoding == "linear" or layout.channels < 3)
    for rows in _rows(layer.shape[0], layer[0].nbytes, _LARGE_BAND_BYTES if compiled else _BAND_BYTES):
        band = layer[rows]
        _write_all(file, _from_float(band if band.ndim == 2 else _arranged(band, layout), layout.dtype))


def _arranged(band: Picture, layout: PixelFormat) -> Float32[np.ndarray, "h w C"]:
    if layout.channels < 3:
        linear = _converted(band, _DECODE)
        colour = linear[..., :3] @ LUMINANCE
        colour = (colour if layout.encoding == "linear" else map_chunks(_ENCODE[0], colour))[..., None]
    else:
        ready = _converted(band, _DECODE) if layout.encoding == "linear" else band
        if band.shape[2] == layout.channels and layout.order == "rgb":
            return ready
        colour = ready[..., 2::-1] if layout.order == "bgr" else ready[..., :3]
    if layout.channels in (1, 3):
        return np.ascontiguousarray(colour)
    arranged = np.empty((*band.shape[:2], layout.channels), np.float32)
    arranged[..., :-1] = colour
    arranged[..., -1] = band[..., 3] if band.shape[2] == 4 else 1.0
    return arranged


def _to_float(raw: np.ndarray, out: np.ndarray) -> None:
    if raw.dtype.kind == "u":
        np.divide(raw, np.float32(np.iinfo(raw.dtype).max), out=out, dtype=np.float32)
    else:
        out[...] = raw


def _from_float(values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype in _FULL:
        scaled = np.clip(values, 0, 1, dtype=np.float32)
        scaled *= np.float32(_FULL[dtype])
        scaled += np.float32(0.5)
        return np.asarray(scaled, _NUMPY[dtype])
    if dtype == "f16":
        values = np.clip(values, -_LARGEST_F16, _LARGEST_F16)
    return np.ascontiguousarray(values, _NUMPY[dtype])


def _converted(band: Picture, curves: tuple[_Curve, _Curve]) -> Picture:
    return map_chunks(curves[band.shape[2] == 4], band)


def _rows(height: int, row_bytes: int, band_bytes: int) -> Iterator[slice]:
    step = max(1, band_bytes // row_bytes)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def _bands(file: RawIOBase, pixels: Pixels) -> Iterator[tuple[slice, np.ndarray]]:
    for rows in _rows(pixels.height, pixels.width * 16, _BAND_BYTES):
        shape = (rows.stop - rows.start, pixels.width, pixels.format.channels)
        raw = np.empty(shape, _NUMPY[pixels.format.dtype])
        _read_into(file, raw)
        yield rows, raw


def _read_into(file: RawIOBase, array: np.ndarray) -> None:
    view = memoryview(array.data).cast("B")
    while view:
        count = file.readinto(view)
        if not count:
            raise DioptreError(
                "The editor's pixel file was truncated while it was being read.", code="input-missing"
            )
        view = view[count:]


def _write_all(file: RawIOBase, array: np.ndarray) -> None:
    view = memoryview(np.ascontiguousarray(array).data).cast("B")
    while view:
        view = view[file.write(view) or 0 :]


def reduced_picture(picture: Picture, size: tuple[int, int]) -> Float32[np.ndarray, "H W c"]:
    """Reduce an sRGB-encoded, straight-alpha picture to (height, width), averaged in linear light."""
    linear = np.empty_like(picture)
    for first in range(0, picture.shape[0], _BAND_ROWS):
        rows = slice(first, first + _BAND_ROWS)
        linear[rows, :, :3] = map_chunks(_DECODE[0], picture[rows, :, :3])
    if picture.shape[2] == 4:
        linear[..., 3] = picture[..., 3]
        linear[..., :3] *= picture[..., 3:]
    small = resize(linear, size, method="area")
    if picture.shape[2] == 4:
        small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    small[..., :3] = map_chunks(_ENCODE[0], small[..., :3])
    return small


def reduced_plane(plane: Plane, size: tuple[int, int]) -> Float32[np.ndarray, "H W"]:
    """Resize disparity or a selection to (height, width)."""
    if plane.shape == tuple(size):
        return plane
    smaller = plane.shape[0] >= size[0]
    return resize(plane, size, method="area" if smaller else "bilinear")
