"""Find damage that decoders pass over, and kinds of file that they do not support."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .. import problems
from ..budget import Budget
from ..metadata.containers import jpeg_segment_places
from ..picture import Format, recognise
from ..vips import vips, warned
from .decoded import PYTHON_DECODER_ERRORS, any_size

END_OF_JPEG = b"\xff\xd9"
_AFTER_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # any marker except restarts and the escape of 255
_ONE_SCAN = (0xC0, 0xC1)  # frames with Huffman codes that are not progressive
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}


def whole_picture(blob: bytes, *, budget: Budget) -> np.ndarray | None:
    """Decode a JPEG or PNG in memory, uint8 or uint16 (H, W, C); None if it is damaged or of another kind.

    Raises:
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    kind = recognise(blob[:64])
    if kind not in (Format.JPEG, Format.PNG):
        return None
    load = vips().Image.jpegload_buffer if kind is Format.JPEG else vips().Image.pngload_buffer
    try:
        image = load(blob, fail_on="error")
        budget.check_picture(image.width, image.height)
        with warned() as warnings:
            codes = image.numpy()
    except vips().Error:
        return None
    if warnings or (kind is Format.JPEG and jpeg_has_surplus(blob)):
        return None
    return np.asarray(codes).reshape(image.height, image.width, -1)


def jpeg_has_surplus(data: bytes | memoryview) -> bool:
    """Return whether a JPEG's picture is complete before its data ends.

    A damaged byte shifts all later codes, so the picture usually needs too much or too little data. libjpeg warns
    about the first case alone, unless one reads on to the end marker, which libvips does not. Here, Pillow decodes
    the data without their last byte, at an eighth of the size: if the last row is complete nevertheless, there is
    too much. Frames with several scans are not checked, because libjpeg itself compares their ends.

    Args:
        data: the file, from its first byte.
    """
    scan = _only_scan(data)
    if scan is None:
        return False
    end, size, channels = scan
    from PIL import Image

    mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
    unlikely = (1, 254, 3, 77)[:channels]  # the colour of a row that is not decoded
    image = Image.new(mode, size, unlikely if channels > 1 else unlikely[0])
    decoder = Image._getdecoder(mode, "jpeg", (mode, ""), (8, 0))
    decoder.setimage(image.im, (0, 0, *size))
    try:
        decoder.decode(bytes(data[:end]))
    except PYTHON_DECODER_ERRORS:
        return False
    last = np.asarray(image.crop((0, size[1] - 1, *size))).reshape(-1, channels)
    return bool((last != np.array(unlikely)).any())


def jpeg_lacks_end(data: bytes | memoryview) -> bool:
    """Return whether no marker follows the data of a JPEG."""
    places = [end for _, _, end in jpeg_segment_places(data)]
    return _AFTER_SCAN.search(data, max(places, default=0) + 4) is None


def _only_scan(data: bytes | memoryview) -> tuple[int, tuple[int, int], int] | None:
    """Return the end of a JPEG's data but for one byte, an eighth of the picture's size, and the channels."""
    height = width = channels = after = 0
    for marker, start, end in jpeg_segment_places(data):
        after = end
        if marker in _ONE_SCAN and end - start >= 6:
            height, width = (int.from_bytes(data[at : at + 2], "big") for at in (start + 1, start + 3))
            channels = data[start + 5]
    if not (height and width and channels in (1, 3, 4)) or len(data) < after + 5 or data[after + 4] != channels:
        return None
    found = _AFTER_SCAN.search(data, after + 4)
    if found is None:
        return None
    end = found.start()
    while end > after and data[end - 1] == 0 and data[end - 2] != 0xFF:  # some cameras pad the data with zeros
        end -= 1
    end -= 2 if data[end - 2 : end] == b"\xff\0" else 1
    return end, (-(-width // 8), -(-height // 8)), channels


def require_common_jpeg(segments: list[tuple[int, bytes]], path: Path) -> None:
    """Raise NotAPicture for JPEG files that are whole but that libjpeg does not read: lossless, or not 8-bit."""
    for marker, payload in segments:
        if marker in _OTHER_FRAMES:
            raise problems.unsupported_compression(path, "lossless JPEG" if marker == 0xC3 else "hierarchical JPEG")
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) and payload[:1] not in (b"\x08", b""):
            raise problems.unsupported_bits(path, payload[0])


def gif_is_damaged(file: BinaryIO) -> bool:
    """Return whether Pillow cannot read a GIF's first frame, whose missing part libvips leaves empty."""
    from PIL import Image

    file.seek(0)
    try:
        with any_size(), Image.open(file) as image:
            image.load()
    except PYTHON_DECODER_ERRORS:
        return True
    return False
