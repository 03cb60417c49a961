"""What reading one file may cost, reckoned from the file's own size and the user's limits.

Every parser gets the budget of its file and takes from it before it allocates. A small file that announces much is
refused by what it announces; anything undetected costs at most the remaining budget.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from dioptre.runtime import RESERVE_BYTES, free_bytes
from dioptre_link.errors import UsageError

from . import problems

MAX_MEGAPIXELS = 200.0
"""More than any camera makes in one shot; a picture of that size takes 2.4 GB as float32 RGB."""

_SMALL_PIXELS = 4_000_000  # whatever the file's size; 64 MB as float32 RGBA
_PIXELS_PER_BYTE = 20_000  # photographs have less than 200; a flat picture as PNG has 8000
_LAYERED = 5  # all layers of a document have this many times the pixels of one picture
_SMALL_UNPACKED, _UNPACKED_PER_BYTE = 8 << 20, 64  # of an archive's entries
_METADATA_BYTES = 64 << 20  # the largest known: depth maps of phones, a few megabytes
_METADATA_SMALL, _METADATA_PER_BYTE = 1 << 16, 32  # text that is compressed
_NODES = 200_000  # elements and attributes; the history of a much edited picture has some ten thousand
_SECONDS, _SECONDS_PER_BYTE, _SECONDS_PER_PIXEL = 20.0, 2e-6, 5e-7  # ten times what slow machines take
_UNCHECKED_BYTES = 256 << 20  # below this the free memory is not asked for


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a file may cost at most.

    pixels: of one picture in it. layer_pixels: of all its layers together. unpacked_bytes: of an archive's entries.
    metadata_bytes: of its XMP packets, put together. nodes: elements and attributes of its XML.
    seconds: to decode it. megapixels: what the user allows, for messages.
    """

    pixels: int
    layer_pixels: int
    unpacked_bytes: int
    metadata_bytes: int
    nodes: int
    seconds: float
    megapixels: float

    @staticmethod
    def of(file_bytes: int, *, max_megapixels: float | None = None) -> Limits:
        """Limits of a file of that size. max_megapixels: None takes the user's setting."""
        allowed = megapixels_allowed() if max_megapixels is None else max_megapixels
        most = round(min(allowed, 1e6) * 1e6)
        plausible = _SMALL_PIXELS + _PIXELS_PER_BYTE * file_bytes
        pixels = min(most, plausible)
        return Limits(
            pixels=pixels,
            layer_pixels=_LAYERED * pixels,
            unpacked_bytes=_SMALL_UNPACKED + _UNPACKED_PER_BYTE * file_bytes,
            metadata_bytes=min(_METADATA_BYTES, _METADATA_SMALL + _METADATA_PER_BYTE * file_bytes),
            nodes=_NODES,
            seconds=_SECONDS + _SECONDS_PER_BYTE * file_bytes + _SECONDS_PER_PIXEL * pixels,
            megapixels=allowed,
        )


class Budget:
    """A file's remaining limits. A parser takes from them before it allocates."""

    def __init__(self, limits: Limits, path: Path) -> None:
        self.limits = limits
        self.path = path
        self._layer_pixels = limits.layer_pixels
        self._unpacked = limits.unpacked_bytes
        self._metadata = limits.metadata_bytes
        self._nodes = limits.nodes

    @staticmethod
    def of(path: Path, *, file_bytes: int, max_megapixels: float | None = None) -> Budget:
        return Budget(Limits.of(file_bytes, max_megapixels=max_megapixels), path)

    def check_picture(self, width: int, height: int, *, bytes_per_pixel: int = 16) -> None:
        """Raise PictureTooLarge or NotEnoughMemory for a picture of that size; it may be decoded otherwise.

        bytes_per_pixel: of everything that decoding and converting it keeps at once.
        """
        pixels = width * height
        if pixels > self.limits.megapixels * 1e6:
            raise problems.too_many_pixels(self.path, width, height, limit_megapixels=self.limits.megapixels)
        if pixels > self.limits.pixels:
            raise problems.implausible(self.path, width, height)
        self.check_memory(pixels * bytes_per_pixel)

    def check_memory(self, needed_bytes: int) -> None:
        """Raise NotEnoughMemory when that much memory is not free."""
        if needed_bytes > _UNCHECKED_BYTES and needed_bytes > (free := free_bytes() - RESERVE_BYTES):
            raise problems.not_enough_memory(self.path, needed_bytes, free_bytes=max(0, free))

    def take_layer(self, pixels: int) -> None:
        """Raise PictureTooLarge when the layers decoded so far and one of `pixels` are too many."""
        if pixels > self._layer_pixels:
            raise problems.too_many_layers(self.path, limit_megapixels=self.limits.layer_pixels / 1e6)
        self._layer_pixels -= pixels

    def take_unpacked(self, count: int) -> bool:
        """Whether an archive's entry of `count` bytes may be unpacked."""
        self._unpacked -= count
        return self._unpacked >= 0

    def take_metadata(self, count: int) -> bool:
        """Whether a block of metadata of `count` bytes may be put together or parsed."""
        self._metadata -= count
        return self._metadata >= 0

    def take_nodes(self, count: int) -> bool:
        """Whether that many further elements and attributes may be kept."""
        self._nodes -= count
        return self._nodes >= 0


def of_bytes(data: bytes, *, name: str = "") -> Budget:
    """The budget of a block that came out of a file already, as if it were a file itself."""
    return Budget.of(Path(name), file_bytes=len(data), max_megapixels=MAX_MEGAPIXELS)


def megapixels_allowed() -> float:
    """`DIOPTRE_MAX_MEGAPIXELS`, or 200. Raises UsageError where it is not a positive number."""
    text = os.environ.get("DIOPTRE_MAX_MEGAPIXELS")
    if not text:
        return MAX_MEGAPIXELS
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UsageError(
            "DIOPTRE_MAX_MEGAPIXELS is set to {text}, which is not a number.",
            hint="Set it to a positive number, such as 400, or unset it.",
            text=repr(text),
        )
    return value
