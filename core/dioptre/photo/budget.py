"""Limits on the resources for reading one file, derived from its size and the user's settings.

Every parser receives its file's budget and deducts from it before it allocates. A small file that declares
large contents is refused before they are read; undeclared contents can use up no more than the remaining
budget. The decoding process also limits its own memory and time: to little until a parser announces a picture, then
to what a picture of that size needs.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dioptre.runtime import RESERVE_BYTES, free_bytes
from dioptre_link.errors import UsageError

from . import problems

MAX_MEGAPIXELS = 200.0
"""More than any camera captures in one shot; a picture of that size takes 2.4 GB as float32 RGB."""

_SMALL_PIXELS = 4_000_000  # pixels allowed however small the file is; they take 64 MB as float32 RGBA
_PIXELS_PER_BYTE = 20_000  # additional pixels allowed; photos have under 200 per byte, a single-colour PNG has 8000
_SENSOR_PIXELS_PER_BYTE = 16  # the same for RAW photos, whose noise no compression removes; most have under 5
_METADATA_BYTES = 64 << 20  # maximum; the largest known metadata, depth maps from phones, take a few MB
# Metadata may have this many bytes, plus this many for each byte of the file, because they may be compressed.
_METADATA_SMALL, _METADATA_PER_BYTE = 1 << 16, 32
_NODES = 200_000  # maximum number of elements and attributes; a heavily edited picture has about ten thousand
_SECONDS, _SECONDS_PER_BYTE, _SECONDS_PER_PIXEL = 5.0, 2e-6, 5e-7  # of the processor: several times a slow one's
_SMALL_MEGAPIXELS, _MOST_TIMES_LARGER = 4.0, 64  # limits of a map: this size, or this many pixels for each pixel
_UNCHECKED_BYTES = 256 << 20  # only requests above this size are compared with the free memory
_BASE_BYTES = 384 << 20  # memory for the libraries' tables, the compressed input and libvips' caches
_BYTES_PER_CORE = 16 << 20  # memory for the decoders' threads, one per core, each with a stack of 8 MiB
_BYTES_PER_PIXEL = 64  # memory per pixel: several copies of the file's values
_BYTES_PER_BYTE = 4  # memory for each byte of the file: copies of its compressed contents


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Maximum resources for reading a file.

    Attributes:
        file_bytes: the file's size.
        pixels: number of pixels of a single picture in the file.
        metadata_bytes: total size of the assembled XMP packets.
        nodes: number of XML elements and attributes.
        megapixels: the user's limit for a picture, which messages mention.
    """

    file_bytes: int
    pixels: int
    metadata_bytes: int
    nodes: int
    megapixels: float

    @staticmethod
    def of(file_bytes: int, *, max_megapixels: float | None = None) -> Limits:
        """Compute the limits from a file's size in bytes; `max_megapixels` defaults to the user's setting."""
        allowed = megapixels_allowed() if max_megapixels is None else max_megapixels
        most = round(min(allowed, 1e6) * 1e6)
        plausible = _SMALL_PIXELS + _PIXELS_PER_BYTE * file_bytes
        return Limits(
            file_bytes=file_bytes,
            pixels=min(most, plausible),
            metadata_bytes=min(_METADATA_BYTES, _METADATA_SMALL + _METADATA_PER_BYTE * file_bytes),
            nodes=_NODES,
            megapixels=allowed,
        )

    def seconds(self, announced: int) -> float:
        """Return the processor time for decoding a file that announces this number of pixels."""
        return _SECONDS + _SECONDS_PER_BYTE * self.file_bytes + _SECONDS_PER_PIXEL * self._expected(announced)

    def memory_bytes(self, announced: int) -> int:
        """Return the memory for decoding such a file, on top of what the process already uses."""
        fixed = _BASE_BYTES + _BYTES_PER_CORE * (os.cpu_count() or 1)
        return fixed + _BYTES_PER_BYTE * self.file_bytes + _BYTES_PER_PIXEL * self._expected(announced)

    def _expected(self, announced: int) -> int:
        return min(self.pixels, max(announced, _SMALL_PIXELS))


class Budget:
    """The remaining limits of a file. Parsers deduct from them before they allocate."""

    def __init__(self, limits: Limits, path: Path) -> None:
        self.limits = limits
        self.path = path
        self._metadata = limits.metadata_bytes
        self._nodes = limits.nodes

    def check_picture(
        self, width: int, height: int, *, bytes_per_pixel: int = 16, from_sensor: bool = False
    ) -> None:
        """Check that a picture may be decoded.

        Args:
            width: width in pixels.
            height: height in pixels.
            bytes_per_pixel: peak memory of decoding and conversion, divided by the number of pixels.
            from_sensor: whether the pixels are a sensor's values, which always contain noise.

        Raises:
            PictureTooLarge: the picture exceeds a limit.
            NotEnoughMemory: too little memory is free.
        """
        pixels = width * height
        if pixels > self.limits.megapixels * 1e6:
            raise problems.too_many_pixels(self.path, width, height, limit_megapixels=self.limits.megapixels)
        sensor = _SMALL_PIXELS + _SENSOR_PIXELS_PER_BYTE * self.limits.file_bytes
        if pixels > self.limits.pixels or (from_sensor and pixels > sensor):
            raise problems.implausible(self.path, width, height)
        self.check_memory(pixels * bytes_per_pixel)
        if _confinement is not None:
            _confinement.announce(pixels)

    def check_memory(self, needed_bytes: int) -> None:
        """Raise NotEnoughMemory if less than `needed_bytes` are free."""
        if needed_bytes > _UNCHECKED_BYTES and needed_bytes > (free := free_bytes() - RESERVE_BYTES):
            raise problems.not_enough_memory(self.path, needed_bytes, free_bytes=max(0, free))

    def take_metadata(self, count: int) -> bool:
        """Deduct a metadata block of `count` bytes; return whether it may be assembled or parsed."""
        self._metadata -= count
        return self._metadata >= 0

    def take_nodes(self, count: int) -> bool:
        """Deduct `count` XML elements and attributes; return whether they may be kept."""
        self._nodes -= count
        return self._nodes >= 0


def budget_of(file: BinaryIO, path: Path, *, max_megapixels: float | None = None) -> Budget:
    """Return the budget for reading an open file."""
    return Budget(Limits.of(os.fstat(file.fileno()).st_size, max_megapixels=max_megapixels), path)


def of_bytes(data: bytes) -> Budget:
    """Return a budget for a block of data inside the file, as if the block were a separate file."""
    return Budget(Limits.of(len(data), max_megapixels=MAX_MEGAPIXELS), Path())


def megapixels_allowed() -> float:
    """Return the picture size limit: `DIOPTRE_MAX_MEGAPIXELS`, or 200.

    Raises:
        UsageError: the variable is not a positive number.
    """
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


def most_megapixels(width: int, height: int) -> float:
    """Return the size limit in megapixels for a plane that belongs to a picture."""
    return min(megapixels_allowed(), max(_SMALL_MEGAPIXELS, _MOST_TIMES_LARGER * width * height / 1e6))


class _Confinement:
    """The limits that this process has set for itself, which grow with each picture that a parser announces."""

    def __init__(self, limits: Limits, on_announced: Callable[[int], None]) -> None:
        self._limits, self._on_announced, self._announced = limits, on_announced, 0
        self._seconds = 0.0
        self._bytes = 0
        if sys.platform != "win32":
            import resource

            used = resource.getrusage(resource.RUSAGE_SELF)
            self._seconds = used.ru_utime + used.ru_stime
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain the picture
        if sys.platform == "linux":
            self._bytes = _private_bytes()
        self._set()

    def announce(self, pixels: int) -> None:
        self._announced += pixels
        self._on_announced(self._announced)
        self._set()

    def _set(self) -> None:
        if sys.platform == "win32":
            return
        import resource

        _limit(resource.RLIMIT_CPU, int(self._seconds + self._limits.seconds(self._announced)) + 1)
        if sys.platform == "linux":  # RLIMIT_DATA counts only private memory, unlike RLIMIT_AS
            _limit(resource.RLIMIT_DATA, self._bytes + self._limits.memory_bytes(self._announced))


_confinement: _Confinement | None = None


def confine(limits: Limits, *, on_announced: Callable[[int], None] = lambda _: None) -> None:
    """Limit this process's memory and processor time for one file; the system ends a process that exceeds them.

    Where the system has no such limits or does not enforce them (Windows; memory on macOS), the parent process
    monitors the memory. The parent also sets a deadline.

    Args:
        limits: the file's limits.
        on_announced: called with the number of pixels that parsers have announced so far, when it grows.
    """
    global _confinement
    _confinement = _Confinement(limits, on_announced)


def _limit(kind: int, most: int) -> None:
    """Set a soft limit, which may be higher than that of the last file, but never above the hard limit."""
    assert sys.platform != "win32"
    import resource

    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _private_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:")), 0)
