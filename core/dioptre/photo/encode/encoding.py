"""Encode arrays of numbers as picture files.

libvips writes PNG, TIFF and AVIF (16 bits and float, or 10 and 12 bits, which Pillow lacks). Pillow writes JPEG
(with the original's quantization tables, which libvips does not support) and WebP (with unchanged metadata).
pillow-heif writes HEIC, and pyjpegxl JPEG XL.

Files are encoded in memory, so a full disk causes an ordinary error in the write that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from ..metadata import containers, png_texts, tiff_tags
from ..metadata import xmp as notes
from ..picture import Format
from ..vips import vips
from . import boxes, multi_picture

DEPTHS: dict[Format, tuple[int, ...]] = {
    Format.JPEG: (8,),
    Format.PNG: (8, 16),
    Format.TIFF: (8, 16, 32),
    Format.WEBP: (8,),
    Format.HEIC: (8, 16),
    Format.AVIF: (8, 16),
    Format.JPEGXL: (8, 16),  # not 32, because libjxl fails for floats with a wide range
}
"""Writable formats with their bit depths; 32 is float, 16 means 10 or 12 bits in HEIC and AVIF."""
PACKED_BITS = {Format.HEIC: 10, Format.AVIF: 12}
"""Largest bit depth of these formats when 16 bits are requested."""
HOLDS_ALPHA = (Format.PNG, Format.TIFF, Format.WEBP, Format.HEIC, Format.AVIF, Format.JPEGXL)
LARGEST_SIDE = {Format.JPEG: 65_500, Format.WEBP: 16_383, Format.HEIC: 16_384, Format.AVIF: 16_384}
"""Largest width and height in pixels of the formats, or of their encoders, that have such a limit."""
LARGEST_AREA = {Format.HEIC: 142_606_336}
"""Largest number of pixels: H.265's for its highest ordinary levels, which x265 keeps to."""
_JPEG_QUALITY = 95
_QUALITY_90_LUMINANCE = 738  # sum of the standard's luminance table at quality 90; a smaller sum means finer steps
_WEBP_QUALITY = 95
_HEIC_QUALITY = 92
_AVIF_QUALITY = 93  # about as faithful as a JPEG of quality 95, in half the bytes
# Effort 1 of 9 takes 0.5 s per megapixel on one core; 4 takes twelve times as long and saves a tenth of the bytes.
_AVIF_EFFORT = 1
_AVIF_SPEED = 10 - _AVIF_EFFORT  # the same, as libavif counts it
_JPEGXL_DISTANCE = 0.2  # Butteraugli distance; 1 is just noticeable, 0.2 has the PSNR of a JPEG of quality 95
_PNG_COMPRESSION = 3  # level 3 of 9 is within a few percent of level 6 on photos, in a third of the time
_PNG_FILTER = "up"  # a fifth smaller than without on photographs, half on depth maps, and no slower
T = TypeVar("T")

_THREADS = 2  # each holds a whole layer in memory
_ONE_BY_ONE_PIXELS = 48_000_000  # from this many pixels on, one part is encoded at a time to save memory


@dataclass(frozen=True, kw_only=True)
class Extras:
    """The metadata and storage options of a file; `picture.Source` describes the fields."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    photoshop: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    resolution_dpi: tuple[float, float] | None = None
    quantisation: tuple[tuple[int, ...], ...] = ()
    compression: str = "deflate"
    lossless: bool = False
    packed_bits: int = 0


PLAIN = Extras()


def encode(codes: np.ndarray, kind: Format, *, extras: Extras = PLAIN, further: Sequence[np.ndarray] = ()) -> bytes:
    """Encode an array as a file.

    Args:
        codes: uint8, uint16 or float32 (H, W, 1 to 4), in a combination that DEPTHS and HOLDS_ALPHA allow.
        kind: the file format.
        extras: metadata and storage options.
        further: more views of the same shape, from left to right, which make a JPEG an MPO. They have no metadata.
    """
    if further:
        assert kind is Format.JPEG
        plain = replace(PLAIN, icc=extras.icc, quantisation=extras.quantisation)
        views = [_jpeg(codes, extras), *(_jpeg(view, plain) for view in further)]
        return multi_picture.joined(views, multi_picture.DISPARITY, others=multi_picture.DISPARITY)
    writers = {
        Format.JPEG: _jpeg,
        Format.PNG: _png,
        Format.TIFF: _tiff,
        Format.WEBP: _webp,
        Format.HEIC: _heic,
        Format.AVIF: _avif,
        Format.JPEGXL: _jpegxl,
    }
    return writers[kind](np.ascontiguousarray(codes), extras)


def holds_grey(kind: Format, *, bits: int, alpha: bool) -> bool:
    """Return whether a grey picture stays one in a format, instead of becoming RGB.

    Args:
        kind: the file format.
        bits: bits per channel.
        alpha: whether there is an alpha channel.
    """
    if kind is Format.AVIF:  # libvips writes three channels, and Pillow no more than 8 bits
        return bits == 8 and not alpha
    return kind is not Format.WEBP and not (kind is Format.HEIC and alpha)


def _jpeg(codes: np.ndarray, extras: Extras) -> bytes:
    tables = extras.quantisation
    options: dict[str, Any] = {"quality": _JPEG_QUALITY}
    if tables and sum(tables[0]) <= _QUALITY_90_LUMINANCE:
        # With the camera's own fine tables, unedited areas lose almost nothing when they are compressed again.
        options = {"qtables": [list(tables[0]), list(tables[min(1, len(tables) - 1)])]}
    if extras.resolution_dpi is not None:
        options |= {"dpi": extras.resolution_dpi}
    file = BytesIO()
    _pillow(codes).save(file, "JPEG", icc_profile=extras.icc, subsampling=0, **options)
    xmp, extended_xmp = notes.split(extras.xmp)
    return containers.into_jpeg(
        file.getvalue(),
        exif=extras.exif,
        xmp=xmp,
        extended_xmp=extended_xmp,
        photoshop=extras.photoshop,
        texts=extras.texts,
    )


def _webp(codes: np.ndarray, extras: Extras) -> bytes:
    metadata = {"icc_profile": extras.icc or b"", "exif": extras.exif or b"", "xmp": extras.xmp or b""}
    if codes.shape[2] < 3:  # WebP has no grey format
        codes = np.concatenate([np.repeat(codes[..., :1], 3, 2), codes[..., 1:]], 2)
    file = BytesIO()
    _pillow(codes).save(
        file, "WEBP", lossless=extras.lossless, exact=True, quality=_WEBP_QUALITY, method=4, **metadata
    )
    return file.getvalue()


def _png(codes: np.ndarray, extras: Extras) -> bytes:
    image = _vips_image(codes, extras)
    png: bytes = image.pngsave_buffer(
        compression=_PNG_COMPRESSION,
        filter=_PNG_FILTER,
        bitdepth=8 * codes.dtype.itemsize,
        keep=vips().enums.ForeignKeep.ICC,
    )
    chunks = png_texts.chunks(exif=extras.exif, xmp=extras.xmp, photoshop=extras.photoshop, texts=extras.texts)
    return containers.into_png(png, chunks)


def _tiff(codes: np.ndarray, extras: Extras) -> bytes:
    image = _vips_image(codes, extras)
    keep = vips().enums.ForeignKeep
    predictor = "float" if image.format == "float" else "horizontal"
    tiff: bytes = image.tiffsave_buffer(
        compression=extras.compression, predictor=predictor, keep=keep.ICC | keep.XMP
    )
    return tiff_tags.into_tiff(tiff, extras.exif, photoshop=extras.photoshop)


def _heic(codes: np.ndarray, extras: Extras) -> bytes:
    import pillow_heif

    if codes.shape[2] == 2:  # libheif has no grey with alpha
        codes = np.concatenate([np.repeat(codes[..., :1], 3, 2), codes[..., 1:]], 2)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[codes.shape[2]] + (";16" if codes.dtype == np.uint16 else "")
    heif = pillow_heif.from_bytes(mode=mode, size=(codes.shape[1], codes.shape[0]), data=codes.tobytes())
    options: dict[str, Any] = {"quality": _HEIC_QUALITY, "chroma": 444, "exif": extras.exif, "xmp": extras.xmp}
    if extras.icc:
        options |= {"icc_profile": extras.icc, "icc_profile_type": "prof"}
    file = BytesIO()
    heif.save(file, **options)
    return file.getvalue()


def _avif(codes: np.ndarray, extras: Extras) -> bytes:
    bits = 8 if codes.dtype == np.uint8 else extras.packed_bits or PACKED_BITS[Format.AVIF]
    if bits > 8:  # libvips expects the value in the top bits
        codes = packed(codes, bits=bits) << np.uint16(16 - bits)
    if holds_grey(Format.AVIF, bits=bits, alpha=codes.shape[2] != 1):
        file = BytesIO()
        metadata = {"icc_profile": extras.icc or b"", "xmp": extras.xmp or b""}
        _pillow(codes).save(file, "AVIF", quality=_AVIF_QUALITY, speed=_AVIF_SPEED, **metadata)
        avif = file.getvalue()
    else:
        keep = vips().enums.ForeignKeep
        avif = _vips_image(codes, extras).heifsave_buffer(
            compression="av1",
            bitdepth=bits,
            Q=_AVIF_QUALITY,
            effort=_AVIF_EFFORT,
            subsample_mode="off",
            keep=keep.ICC | keep.XMP,
        )
    return avif if extras.exif is None else boxes.with_exif(avif, extras.exif)


def _jpegxl(codes: np.ndarray, extras: Extras) -> bytes:
    """Encode JPEG XL in sRGB, the only colours that pyjpegxl writes."""
    import pyjpegxl

    speed = pyjpegxl.EncoderSpeed.Falcon if extras.lossless else pyjpegxl.EncoderSpeed.Cheetah
    jxl = pyjpegxl.encode_from_numpy(codes, lossless=extras.lossless, quality=_JPEGXL_DISTANCE, speed=speed)
    return boxes.with_metadata(jxl, exif=extras.exif, xmp=extras.xmp)


def packed(codes: np.ndarray, *, bits: int) -> np.ndarray:
    """Convert full-range uint16 values to `bits` bits, with rounding."""
    top = np.float32((1 << bits) - 1)
    return (codes * (top / np.float32(65535.0)) + np.float32(0.5)).astype(np.uint16)


def _pillow(codes: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(codes[..., 0] if codes.shape[2] == 1 else codes)


def _vips_image(codes: np.ndarray, extras: Extras) -> Any:
    height, width, bands = codes.shape
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[codes.dtype.name]
    grey, colour = {"uchar": ("b-w", "srgb"), "ushort": ("grey16", "rgb16"), "float": ("b-w", "srgb")}[kind]
    options: dict[str, Any] = {"interpretation": grey if bands < 3 else colour}
    if extras.resolution_dpi is not None:
        options |= {"xres": extras.resolution_dpi[0] / 25.4, "yres": extras.resolution_dpi[1] / 25.4}
    image = vips().Image.new_from_memory(codes.data, width, height, bands, kind).copy(**options)
    blobs = {"icc-profile-data": extras.icc, "xmp-data": extras.xmp}
    for name, blob in blobs.items():
        if blob is not None:
            image.set_type(vips().GValue.blob_type, name, blob)
    if extras.resolution_dpi is not None:
        image.set_type(vips().GValue.gstr_type, "resolution-unit", "in")
    return image


class Encoders:
    """Threads that encode the parts of a result; at the end of the block, parts that have not begun are dropped.

    Attributes:
        several: whether two parts are encoded at the same time. If not, start them in the order in which they are
            written, so that few encoded parts are in memory.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Prepare the threads.

        Args:
            shape: shape of the largest layer; the height and the width come first.
        """
        self.several = shape[0] * shape[1] < _ONE_BY_ONE_PIXELS
        self._pool = ThreadPoolExecutor(_THREADS if self.several else 1)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Call `work` in a thread, after those that were started before."""
        return self._pool.submit(work)

    def __enter__(self) -> Encoders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
