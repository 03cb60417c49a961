"""Decode the kinds of TIFF that libvips does not read, with the codecs of Pillow and of the standard library.

Those are the compressions Zstandard, LZMA, JPEG 2000, PNG, JPEG XL and old-style JPEG, 64-bit and 16-bit floats,
12 and other numbers of bits, tiles in separate planes, 8-bit Lab, and YCbCr. The codecs decompress one strip or
tile at a time; NumPy converts its bytes to samples, so every compression works with every kind of sample.
"""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import problems
from .budget import Budget
from .decoded import PYTHON_DECODER_ERRORS, Decoded, any_size, damaged, note_several, turned
from .picture import Colour, Format, Source
from .tiff_layout import COMPRESSIONS, FLOAT, LZMA, OLD_JPEG, PALETTE, SIGNED, UNSIGNED, ZSTD, TiffLayout
from .tiff_properties import TiffProperties, describe_tiff

_BY_PILLOW = {5: "tiff_lzw", 32773: "packbits", ZSTD: "zstd"}  # compressions, with the names that Pillow gives them
_PACKBITS = 32773
_MOST_PACKED = 32 << 20  # bytes of PackBits whose runs are counted, which takes a second
_PICTURES = {33003, 33005, 34712, 34933}  # each strip or tile is a JPEG 2000 or PNG file
_JPEG_XL = {50002, 52546}
_DEFLATE = {8, 32946}
_SAMPLES = {1, LZMA, *_DEFLATE, *_BY_PILLOW}  # lossless compressions of bytes, which work for every kind of sample
_NOT_OF_VIPS = _PICTURES | _JPEG_XL | {OLD_JPEG, LZMA, ZSTD, 34887, 34934, 22610}
_VIPS_BITS = {UNSIGNED: {8, 16, 32}, SIGNED: {8, 16, 32}, FLOAT: {32}}
_BITS = {UNSIGNED: {*range(1, 17), 24, 32, 64}, FLOAT: {16, 32, 64}}
_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_COLOURS = {0: Colour.GREY, 1: Colour.GREY, 3: Colour.PALETTE, 5: Colour.CMYK, 8: Colour.LAB}
_WHITE_IS_ZERO, _YCBCR, _LAB = 0, 6, 8
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def is_for_vips(layout: TiffLayout) -> bool:
    """Return whether libvips reads a TIFF with this layout."""
    bits = layout.bits[0]
    small = bits in (1, 2, 4) and layout.samples == 1 and layout.sample_format == UNSIGNED
    known = small or bits in _VIPS_BITS.get(layout.sample_format, ())
    is_8_bit_lab = layout.photometric == _LAB and bits == 8
    wide_palette = layout.photometric == PALETTE and bits > 8
    plain_ycbcr = layout.photometric == _YCBCR and layout.compression in _SAMPLES  # libvips would take it for RGB
    return (
        layout.compression not in _NOT_OF_VIPS
        and known
        and len(set(layout.bits)) == 1
        and not (layout.tiled and layout.planar)
        and not (is_8_bit_lab or wide_palette or plain_ycbcr)
    )


def decode_tiff(
    file: BinaryIO, path: Path, budget: Budget | None, *, layout: TiffLayout, tiff: TiffProperties
) -> Decoded:
    """Decode a TIFF within a budget; without a budget, return only the file's properties.

    Raises:
        NotAPicture: the file has a compression, a kind of samples or a number of channels that is not supported.
        DamagedPicture: the file is damaged or incomplete.
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    channels = _supported(layout, path)
    floating = layout.sample_format == FLOAT
    bits = 32 if floating else 8 if max(layout.bits) <= 8 else 16
    source = Source(
        format=Format.TIFF,
        colour=_COLOURS.get(layout.photometric, Colour.RGB),
        bits=bits,
        floating=floating,
        alpha=layout.samples == channels + 1,
        icc=layout.icc,
        xmp=layout.xmp,
        resolution_dpi=layout.resolution_dpi
        if tiff.orientation < 5
        else (layout.resolution_dpi or ())[::-1] or None,
    )
    bands = (3 if layout.photometric == PALETTE else channels) + source.alpha
    found = Decoded(codes=np.empty((0, 0, bands), np.uint8), source=source, premultiplied=layout.extra[:1] == (1,))
    describe_tiff(found, tiff, path)
    if tiff.several:
        note_several(found.messages, path, "layers or pages")
    if budget is None:
        return found
    size = max(layout.bits) // 8 + 1
    budget.check_picture(*layout.piece)
    budget.check_picture(layout.width, layout.height, bytes_per_pixel=3 * size * layout.samples + 16)
    try:
        with any_size():
            codes = _decoded(file, layout)
    except PYTHON_DECODER_ERRORS as error:
        raise damaged(path) from error
    found.codes = turned(_codes(codes, layout), tiff.orientation)
    return found


def _supported(layout: TiffLayout, path: Path) -> int:
    """Return the number of colour channels; raise NotAPicture if the kind of TIFF is not supported."""
    name = COMPRESSIONS.get(layout.compression, str(layout.compression))
    if layout.compression not in _SAMPLES | _PICTURES | _JPEG_XL | {OLD_JPEG} or _is_missing(layout.compression):
        raise problems.unsupported_compression(path, name)
    bits = set(layout.bits)
    coded = layout.compression not in _SAMPLES
    known = len(bits) == 1 and bits <= ({8, 16} if coded else _BITS.get(layout.sample_format, set()))
    if layout.sample_format == SIGNED:
        raise problems.unsupported_values(path, "int")
    if not known:
        raise problems.unsupported_bits(path, max(bits))
    channels = _CHANNELS.get(layout.photometric)
    lab = layout.photometric == _LAB and (layout.sample_format != UNSIGNED or not bits <= {8, 16})
    wide_ycbcr = layout.photometric == _YCBCR and bits != {8}
    if channels is None or lab or wide_ycbcr:
        raise problems.unsupported_colours(path)
    if layout.samples not in (channels, channels + 1):
        raise problems.too_many_channels(path, layout.samples)
    return channels


def _is_missing(compression: int) -> bool:
    """Return whether this computer's Pillow was built without a codec, or the package for JPEG XL is missing."""
    if compression in _JPEG_XL:
        try:
            import pyjpegxl  # noqa: F401
        except ImportError:
            return True
    if compression in _BY_PILLOW:
        from PIL import Image

        try:
            Image.new("L", (1, 1)).save(io.BytesIO(), "TIFF", compression=_BY_PILLOW[compression])
        except (OSError, RuntimeError, ValueError):
            return True
    return False


def _decoded(file: BinaryIO, layout: TiffLayout) -> np.ndarray:
    """Return the picture's samples (H, W, C) in their own type."""
    if layout.compression != OLD_JPEG and not (layout.photometric == _YCBCR and layout.compression in _SAMPLES):
        return _assembled(file, layout)
    from PIL import Image

    file.seek(0)
    with Image.open(file) as image:  # Pillow converts YCbCr, in which colours can have fewer samples
        codes = _values(image, (layout.height, layout.width, layout.samples))
        return np.asarray(image.convert("RGB")) if image.mode == "YCbCr" else codes


def _values(image: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the samples of a Pillow image; raise ValueError before it is decoded if it has another size."""
    if image.size != (shape[1], shape[0]):
        raise ValueError(image.size)
    return np.asarray(image).reshape(shape)


def _assembled(file: BinaryIO, layout: TiffLayout) -> np.ndarray:
    """Decode every strip or tile and return the picture's samples (H, W, C) in their own type."""
    width, height = layout.piece
    across, down, planes = layout.grid
    result: np.ndarray | None = None
    for number, (start, size) in enumerate(layout.pieces[: across * down * planes]):
        plane, place = divmod(number, across * down)
        top, left = place // across * height, place % across * width
        file.seek(start)
        rows = height if layout.tiled else min(height, layout.height - top)
        block = _piece(file.read(size), layout, shape=(rows, width, 1 if layout.planar else layout.samples))
        if result is None:
            result = np.empty((layout.height, layout.width, layout.samples), block.dtype)
        target = result[top : top + rows, left : left + width, plane : plane + block.shape[2]]
        target[:] = block[: target.shape[0], : target.shape[1]]
    assert result is not None
    return result


def _piece(data: bytes, layout: TiffLayout, *, shape: tuple[int, int, int]) -> np.ndarray:
    """Decode a strip or tile to samples of the given shape (rows, columns, samples)."""
    if layout.compression in _SAMPLES:
        return _samples(_decompressed(data, layout, shape), layout, shape)
    if layout.compression in _JPEG_XL:
        import pyjpegxl

        head = pyjpegxl.probe(data)
        if (head.height, head.width) != shape[:2]:
            raise ValueError(head.width, head.height)
        return np.asarray(pyjpegxl.decode_to_numpy(data, dtype=f"uint{layout.bits[0]}")[1]).reshape(shape)
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        codes = _values(image, shape)
    if layout.photometric == _YCBCR:
        codes = np.asarray(Image.fromarray(codes, "YCbCr").convert("RGB"))
    return codes


def _decompressed(data: bytes, layout: TiffLayout, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the bytes of a strip or tile, uint8 (rows, bytes per row)."""
    rows, row_bytes = shape[0], -(-shape[1] * shape[2] * layout.bits[0] // 8)
    data = data.translate(_REVERSED) if layout.fill_order == 2 else data
    if layout.compression in _BY_PILLOW:
        return _unpacked(data, layout.compression, rows, row_bytes)
    if layout.compression != 1:
        data = _inflated(data, rows * row_bytes, layout.compression)
    return np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)


def _inflated(data: bytes, size: int, compression: int) -> bytes:
    """Decompress LZMA or Deflate to at most `size` bytes, and as many again to reach and compare the checksum."""
    if compression == LZMA:
        xz = lzma.LZMADecompressor()
        result = xz.decompress(data, size)
        if not (xz.eof or xz.needs_input):
            xz.decompress(b"", size)
        return result
    stream = zlib.decompressobj()
    result = stream.decompress(data, size)
    stream.decompress(stream.unconsumed_tail, size)
    return result


def compare_checksums(file: BinaryIO, layout: TiffLayout, path: Path) -> None:
    """Compare the checksums of a TIFF with Deflate, which libtiff does not always do.

    Raises:
        DamagedPicture: one of them is wrong.
    """
    if layout.compression not in _DEFLATE:
        return
    size = layout.piece[0] * layout.piece[1] * layout.samples * (max(layout.bits) // 8 + 1)
    for start, length in layout.pieces:
        file.seek(start)
        data = file.read(length)
        try:
            _inflated(data.translate(_REVERSED) if layout.fill_order == 2 else data, size, layout.compression)
        except zlib.error as error:
            raise damaged(path) from error


def is_packed_whole(file: BinaryIO, layout: TiffLayout) -> bool:
    """Return whether the runs of every PackBits strip or tile fill its rows exactly; True for other compressions.

    libtiff stops when the rows are full, and so passes over most damage. A byte of padding may follow.
    """
    if layout.compression != _PACKBITS or sum(size for _, size in layout.pieces) > _MOST_PACKED:
        return True
    width, height = layout.piece
    across, down, planes = layout.grid
    row_bytes = -(-width * (1 if layout.planar else layout.samples) * layout.bits[0] // 8)
    for number, (start, size) in enumerate(layout.pieces[: across * down * planes]):
        top = number % (across * down) // across * height
        rows = {height} if layout.tiled else {height, min(height, layout.height - top)}
        file.seek(start)
        data, at, filled = file.read(size), 0, 0
        while at < size - 1:
            run = data[at]
            at += run + 2 if run < 128 else 2 if run > 128 else 1
            filled += run + 1 if run < 128 else 257 - run if run > 128 else 0
        if at > size or filled not in {each * row_bytes for each in rows}:
            return False
    return True


def _unpacked(data: bytes, compression: int, rows: int, row_bytes: int) -> np.ndarray:
    """Decompress with Pillow, which receives the data as an 8-bit grey TIFF with one strip."""
    from PIL import Image

    tags = {
        256: row_bytes,
        257: rows,
        258: 8,
        259: compression,
        262: 1,
        273: 122,
        277: 1,
        278: rows,
        279: len(data),
    }
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + fields + bytes(4)
    with Image.open(io.BytesIO(head + data)) as image:
        return np.asarray(image)


def _samples(raw: np.ndarray, layout: TiffLayout, shape: tuple[int, int, int]) -> np.ndarray:
    """Convert the bytes of a strip or tile, uint8 (rows, bytes per row), to samples, undoing the predictor."""
    bits, order = layout.bits[0], layout.order
    if bits not in (8, 16, 32, 64):
        return _packed(raw, bits, order, shape)
    if (
        layout.predictor == 3
    ):  # the differences of the bytes, most significant bytes first; Adobe's technical note 3
        summed = np.cumsum(raw.reshape(shape[0], -1, shape[2]), axis=1, dtype=np.uint8)
        planes = summed.reshape(shape[0], bits // 8, -1).swapaxes(1, 2)
        return np.ascontiguousarray(planes).view(f">f{bits // 8}").reshape(shape)
    if layout.predictor == 2:
        whole = raw.view(f"{order}u{bits // 8}").astype(f"u{bits // 8}").reshape(shape)
        whole = np.cumsum(whole, axis=1, dtype=whole.dtype)
        return whole.view(f"f{bits // 8}") if layout.sample_format == FLOAT else whole
    return raw.view(f"{order}{'f' if layout.sample_format == FLOAT else 'u'}{bits // 8}").reshape(shape)


def _packed(raw: np.ndarray, bits: int, order: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Return samples that do not fill 1, 2, 4 or 8 bytes, as uint8, uint16 or uint32."""
    count = shape[1] * shape[2]
    if bits == 24:
        parts = raw.reshape(shape[0], count, 3).astype(np.uint32)
        parts = parts if order == ">" else parts[..., ::-1]
        return (parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2]).reshape(shape)
    result = np.zeros((shape[0], count), np.uint8 if bits <= 8 else np.uint16)
    for row, packed in zip(result, raw, strict=True):  # by rows, because bits as bytes take much memory
        each = np.unpackbits(packed, count=count * bits).reshape(count, bits)
        for column in range(bits):
            row <<= 1
            row |= each[:, column]
    return result.reshape(shape)


def _codes(samples: np.ndarray, layout: TiffLayout) -> np.ndarray:
    """Convert samples to the values of `Decoded.codes`: full-range uint8 or uint16, or float32."""
    if layout.photometric == PALETTE:
        return _coloured(samples, layout)
    if layout.photometric == _LAB:
        return _lab(samples)
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = samples.astype(np.float32)
        return 1 - values if layout.photometric == _WHITE_IS_ZERO else values
    codes = _full_range(samples, layout.bits[0])
    if layout.photometric == _WHITE_IS_ZERO:
        codes[..., 0] = np.iinfo(codes.dtype).max - codes[..., 0]
    return codes


def _full_range(samples: np.ndarray, bits: int) -> np.ndarray:
    if bits in (24, 32, 64):
        return (samples >> (bits - 16)).astype(np.uint16)
    dtype, most = (np.uint8, 255) if bits <= 8 else (np.uint16, 65535)
    top = (1 << bits) - 1
    if top == most:
        return samples.astype(dtype)
    return np.round(np.arange(top + 1) * (most / top)).astype(dtype)[samples]


def _coloured(samples: np.ndarray, layout: TiffLayout) -> np.ndarray:
    """Replace indices by colours, uint8 (H, W, 3); alpha, if any, is the last channel."""
    colours = np.zeros((1 << layout.bits[0], 3), np.uint16)
    table = np.array(layout.palette, np.uint16)[: len(colours) * 3].reshape(3, -1).T
    colours[: len(table)] = table
    codes = (colours if colours.max(initial=0) < 256 else colours >> 8).astype(np.uint8)[samples[..., 0]]
    return (
        codes
        if samples.shape[2] == 1
        else np.concatenate([codes, _full_range(samples[..., 1:], layout.bits[0])], 2)
    )


def _lab(samples: np.ndarray) -> np.ndarray:
    """Return L*a*b* as float32 (TIFF 6.0 section 23), with alpha, if any, in [0, 1]."""
    bits = 8 * samples.dtype.itemsize
    lab = np.empty(samples.shape, np.float32)
    lab[...] = samples
    lab[..., 0] *= 100 / ((1 << bits) - 1)
    lab[..., 1:3] -= (lab[..., 1:3] >= 1 << (bits - 1)) * np.float32(1 << bits)  # a and b are signed
    lab[..., 1:3] /= 1 << (bits - 8)
    lab[..., 3:] /= (1 << bits) - 1
    return lab
