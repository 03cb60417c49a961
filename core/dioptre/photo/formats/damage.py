"""Find damage in JPEGs that decoders pass over, and decode whole pictures in memory."""

from __future__ import annotations

import re

import numpy as np

from ..budget import Budget
from ..metadata.containers import jpeg_segment_places
from ..vips import vips, warned
from .decoded import PYTHON_DECODER_ERRORS

_LOADERS = {b"\xff\xd8\xff": "jpegload_buffer", b"\x89PNG\r\n\x1a\n": "pngload_buffer"}
END_OF_JPEG = b"\xff\xd9"
_AFTER_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # any marker except restarts and the escape of 255
_ONE_SCAN = (0xC0, 0xC1)  # frames with Huffman codes that are not progressive


def whole_picture(blob: bytes, *, budget: Budget) -> np.ndarray | None:
    """Decode a JPEG or PNG in memory, uint8 or uint16 (H, W, C); None if it is damaged or of another kind.

    Raises:
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    loader = next((name for start, name in _LOADERS.items() if blob.startswith(start)), None)
    if loader is None:
        return None
    try:
        image = getattr(vips().Image, loader)(blob, fail_on="error")
        budget.check_picture(image.width, image.height)
        with warned() as warnings:
            codes = image.numpy()
    except vips().Error:
        return None
    if warnings or jpeg_has_surplus(blob):
        return None
    return np.asarray(codes).reshape(image.height, image.width, -1)


def decoded_grey(blob: bytes, *, budget: Budget) -> np.ndarray | None:
    """Decode the first channel of a picture in memory as float32 (H, W) in [0, 1]; None if it is damaged.

    Raises:
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    codes = whole_picture(blob, budget=budget)
    return None if codes is None else codes[..., 0] / np.float32(np.iinfo(codes.dtype).max)


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
