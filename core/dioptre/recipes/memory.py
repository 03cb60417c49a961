"""Estimate how much memory a job needs, and refuse jobs that do not fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dioptre.models.registry import chosen_depth_network
from dioptre.runtime import RESERVE_BYTES as RESERVE_BYTES
from dioptre.runtime import free_bytes as free_bytes
from dioptre_link.catalogue import operation
from dioptre_link.catalogue.depth import network_of
from dioptre_link.chain import steps_of
from dioptre_link.errors import DioptreError

_COPIES = 2  # number of copies of a network's weights in memory during loading


class OutOfMemoryError(DioptreError):
    """The machine does not have enough free memory for this job."""

    code = "out-of-memory"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Close other programs or pictures, or use a smaller copy of this one.")


def need_bytes(name: str, options: Mapping[str, Any], size: tuple[int, int]) -> int:
    """Estimate an operation's peak memory in bytes.

    For a chain of steps (see `dioptre_link.chain`), this is the highest peak of any step on the picture that it
    receives.

    Args:
        name: the operation's name, or that of a chain.
        options: the operation's options.
        size: height and width of the picture in pixels.
    """
    needs, pixels = [], size[0] * size[1]
    for step, chosen in steps_of(name, options):
        described = operation(step)
        needs.append(described.need_bytes(chosen, pixels) + _of_network(chosen))
        pixels = round(pixels * described.scale(chosen) ** 2)
    return max(needs)


def _of_network(options: Mapping[str, Any]) -> int:
    """Return the extra bytes for a depth network that is not bundled: its weights, and a copy while loading."""
    if (name := network_of(options)) is None:
        return 0
    entry = chosen_depth_network(name)
    return _COPIES * entry.package.nbytes if entry.package else 0


def check(name: str, options: Mapping[str, Any], size: tuple[int, int]) -> None:
    """Raise OutOfMemoryError if a job on a picture of `size` (height, width) cannot fit."""
    _require(need_bytes(name, options, size), size)


@contextmanager
def reserved(size: tuple[int, int], *, bytes_per_pixel: int) -> Iterator[None]:
    """Reserve memory for reading a picture while the `with` block runs, so that no concurrent reader uses it.

    Args:
        size: height and width of the picture in pixels.
        bytes_per_pixel: memory that reading takes for each pixel.

    Raises:
        OutOfMemoryError: not enough memory is free after all other reservations.
    """
    need = size[0] * size[1] * bytes_per_pixel
    with _RESERVING:
        _require(need + sum(_RESERVED), size)
        _RESERVED.append(need)
    try:
        yield
    finally:
        with _RESERVING:
            _RESERVED.remove(need)


_RESERVING = threading.Lock()
_RESERVED: list[int] = []
"""Bytes reserved by each running reader; several clients may send pictures at the same time."""


def _require(need: int, size: tuple[int, int]) -> None:
    free = free_bytes() - RESERVE_BYTES
    if need > free:
        raise OutOfMemoryError(
            f"This picture ({size[1]} x {size[0]} pixels) needs about {need / 1e9:.1f} GB of memory; "
            f"{max(free, 0) / 1e9:.1f} GB are free."
        )
