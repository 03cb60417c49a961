"""The content of a picture file before colour conversion, and helper functions that the decoders share."""

from __future__ import annotations

import lzma
import mmap
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dioptre.contract import EmbeddedDepth
from dioptre_link.language import Message

from .. import problems
from ..budget import Budget
from ..curves import in_bands
from ..gain_map import GainMap
from ..picture import Source

PYTHON_DECODER_ERRORS = (
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
"""What Pillow, pillow-heif and the standard library raise for damaged files."""


@dataclass(frozen=True, kw_only=True)
class OpenFile:
    """A file to read.

    Attributes:
        file: the open file, at its start.
        path: its path, for messages.
        start: its first 64 KiB.
        budget: limits for decoding; None to read only the properties.
    """

    file: BinaryIO
    path: Path
    start: bytes
    budget: Budget | None

    @contextmanager
    def mapped(self) -> Iterator[memoryview]:
        """Map the file into memory inside the `with` block."""
        with mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            yield view


@dataclass(kw_only=True)
class Decoded:
    """The content of a picture file before colour conversion.

    Attributes:
        codes: uint8, uint16 (full range) or float32 (H, W, C), upright, colour channels first, followed by alpha if
            `source.alpha` is true.
        source: the file's properties.
        premultiplied: whether colour is multiplied by alpha (in TIFF files, libvips has already undone this).
        messages: sentences for the user.
        sha256: hash of exactly the bytes that were decoded; empty if only the header was read.
        gain_map: the gain map, upright; None if the file has none.
        depth: the depth in the file, if it was asked for; None if there is none.
    """

    codes: np.ndarray
    source: Source
    premultiplied: bool = False
    messages: list[str] = field(default_factory=list)
    sha256: str = ""
    gain_map: GainMap | None = None
    depth: EmbeddedDepth | None = None


def require_finite(decoded: Decoded, path: Path, *, maps: bool = False) -> None:
    """Raise DamagedPicture if values are NaN or infinite.

    Args:
        decoded: the file's content.
        path: the file, for the message.
        maps: also check grey floats. They may be a depth map in metres, where infinity is a distance.
    """
    codes = decoded.codes
    if not maps and codes.ndim == 3 and codes.shape[2] == 1:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = codes.dtype.kind == "f" and not np.isfinite(codes.sum(dtype=np.float64))
    if suspicious:
        wrong = int(codes.size - np.isfinite(codes).sum())
        raise problems.DamagedPicture(
            "{file} contains {wrong} values that are NaN or infinite.",
            hint="Open it in an editor, flatten it and export it again.",
            file=problems.shown(path),
            wrong=wrong,
        )


@contextmanager
def any_size() -> Iterator[None]:
    """Lift Pillow's limit on sizes inside the `with` block; the budget replaces it."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def turned(codes: np.ndarray, orientation: int) -> np.ndarray:
    """Rotate and mirror an array according to the EXIF orientation, as a view."""
    if orientation in (5, 6, 7, 8):
        codes = codes.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        codes = codes[::-1]
    if orientation in (2, 3, 6, 7):
        codes = codes[:, ::-1]
    return codes


def coloured(codes: np.ndarray) -> np.ndarray:
    """Return grey, with or without alpha, as three equal channels, for a format that has no grey."""
    return np.concatenate([np.repeat(codes[..., :1], 3, 2), codes[..., 1:]], 2)


def pillow_image(codes: np.ndarray) -> Any:
    """Return a Pillow image to encode."""
    from PIL import Image

    return Image.fromarray(codes[..., 0] if codes.shape[2] == 1 else codes)


def packed_bits(depth: int) -> int:
    """Return the bit depth if it is 10 or 12, else 0."""
    return depth if depth in (10, 12) else 0


def full_range(codes: np.ndarray, bits: int) -> np.ndarray:
    """Stretch values in the top bits of uint16 to the full range, with white at 65535."""
    top = 65536 - (1 << (16 - bits))
    return ((codes.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


def expanded(codes: np.ndarray, *, bits: int) -> np.ndarray:
    """Stretch codes in the limited range of video (16 to 235 of 8 bits) to the full range.

    Args:
        codes: uint8 or uint16, scaled so that the largest code of `bits` bits is the largest of the type.
        bits: bits per channel in the file.
    """
    top, step = np.iinfo(codes.dtype).max, 2.0 ** (bits - 8)
    gain = np.float32((2**bits - 1) / (219 * step))
    offset = np.float32(0.5 - top * 16 / 219)
    result = np.empty_like(codes)

    def work(rows: slice) -> None:
        result[rows] = (codes[rows] * gain + offset).clip(0, top)

    in_bands(codes.shape, work)
    return result


def note_several(messages: list[str], path: Path, word: str) -> None:
    """Add the message for a file with several pictures, which `word` names in the plural."""
    messages.append(f"{path.name} contains several {word}; the first one is used.")


def note_further(messages: list[str], path: Path) -> None:
    """Add the message for a file that holds other photos beside the main one."""
    messages.append(
        Message("{file} contains several pictures; only the main one is used and kept.", file=path.name)
    )


def note_channels(messages: list[str], path: Path) -> None:
    """Add the message for a file with channels beside colours and transparency."""
    messages.append(Message("{file} has further channels, such as selections. They are not kept.", file=path.name))


def note_lost_gain_map(messages: list[str], path: Path) -> None:
    """Add the message for a gain map that cannot be read."""
    messages.append(f"The gain map of {path.name} cannot be read; highlights above white are lost.")


def unusable_profile(*, cmyk: bool = False) -> Message:
    """Return the message for a colour profile that cannot be used, and the colours that are assumed instead."""
    if cmyk:
        return Message("The embedded colour profile cannot be used; the picture is treated as a common CMYK.")
    return Message("The embedded colour profile cannot be used; the picture is treated as sRGB.")


def note_damage(messages: list[str], path: Path) -> None:
    """Add the message for a damaged picture that can still be used."""
    words = Message(
        "{file} is damaged; parts of the picture are wrong. Copy it again from the camera or its source.",
        file=problems.shown(Path(path.name)),
    )
    if words not in messages:
        messages.append(words)


def damaged(path: Path) -> problems.DamagedPicture:
    """Return the error for a file that is damaged or incomplete."""
    return problems.DamagedPicture(
        "{file} is damaged or incomplete.",
        hint="Copy it again from the camera or its source, or open it in an editor and export it again.",
        file=problems.shown(path),
    )
