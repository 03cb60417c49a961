"""What the product knows of a file format."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import numpy as np

from dioptre.contract import EmbeddedDepth

from ..picture import Extras
from .decoded import Decoded, OpenFile


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """A file format; one that cannot be written has neither a writer nor depths.

    Attributes:
        starts: whether a file of this format starts with these bytes, of which there are 4 KiB or more.
        suffixes: suffixes of its files, the usual one first.
        read_suffixes: further suffixes of files that are read but not written.
        several: suffixes of files with several pictures, which `encode.encode` writes.
        read: decodes a file; raises pyvips' Error for damage, or the errors of `decode.decode`.
        read_depth: reads the depth in a file; None if there is none, it is damaged, or it has far more pixels than
            the photo. Raises PictureTooLarge or NotEnoughMemory if reading it would exceed the file's budget.
        write: encodes uint8, uint16 or float32 (H, W, 1 to 4), as `depths` and the next fields allow.
        depths: bit depths that can be written; 32 is float.
        packed_bits: largest bit depth in a file, if it is smaller than 16.
        holds_alpha: whether a file can have transparency.
        holds_grey: whether a grey picture, of a bit depth and with alpha or not, stays one instead of becoming RGB.
        holds_iptc: whether a file can hold IPTC; None: only if the original is of this format, too.
        holds_text: whether a file can hold a text with this keyword.
        largest_side: largest width and height in pixels of the format, or of its encoder.
        largest_area: largest number of pixels.
        extra: the extra with the support for writing it, and its module; None if that is always installed.
    """

    starts: Callable[[bytes], object]
    suffixes: tuple[str, ...]
    read_suffixes: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    read: Callable[[OpenFile], Decoded]
    read_depth: Callable[[OpenFile], EmbeddedDepth | None] = lambda opened: None
    write: Callable[[np.ndarray, Extras], bytes] | None = None
    depths: tuple[int, ...] = ()
    packed_bits: int = 32
    holds_alpha: bool = True
    holds_grey: Callable[[int, bool], bool] = lambda bits, alpha: True
    holds_iptc: bool | None = False
    holds_text: Callable[[str], bool] = lambda keyword: False
    largest_side: float = math.inf
    largest_area: float = math.inf
    extra: tuple[str, str] | None = None

    @cached_property
    def writable(self) -> bool:
        """Whether pictures can be written on this installation."""
        return self.write is not None and (self.extra is None or find_spec(self.extra[1]) is not None)

    def holds(self, width: int, height: int) -> bool:
        """Return whether a file can hold a picture of this size."""
        return max(width, height) <= self.largest_side and width * height <= self.largest_area
