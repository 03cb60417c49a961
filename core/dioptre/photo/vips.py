"""Load libvips on first use and configure it."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_DAMAGE = re.compile(
    r"corrupt|premature|extraneous|crc error|length mismatch|bad code|not enough data|discarding", re.IGNORECASE
)
_FAILURE = re.compile(r"tiff2vips: |error in tile")
_LOG = "pyvips"


@contextmanager
def warned() -> Iterator[list[str]]:
    """Collect what libvips and its codecs say about damaged data inside the `with` block.

    libvips reports only some of them as errors: libjpeg, for example, fills in what it cannot read and only warns.
    The list is complete after the block; other warnings, such as unknown fields, are left out. Errors of libtiff
    end the block with one, because libvips fills a tile that cannot be decoded with black or with an earlier tile.

    Raises:
        pyvips.Error: part of a TIFF was not decoded.
    """
    lines: list[str] = []
    log, said = logging.getLogger(_LOG), _Said()
    log.addHandler(said)
    _taken()
    # libvips calls the handler on its own threads, on which it must not free images, as a collection there would.
    collects = gc.isenabled()
    gc.disable()
    try:
        yield lines
    finally:
        if collects:
            gc.enable()
        log.removeHandler(said)
        everything = [*said.lines, *_taken().splitlines()]
        lines += [line for line in everything if _DAMAGE.search(line)]
    if failures := [line for line in everything if _FAILURE.search(line)]:
        raise vips().Error("the TIFF was decoded in part", "\n".join(failures))


class _Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _taken() -> str:
    """Return libvips' pending messages, which libjpeg's warnings join, and clear them."""
    library = vips().vips_lib
    text = _text(library.vips_error_buffer())
    library.vips_error_clear()
    return text


@cache
def vips() -> Any:
    """Return pyvips with its operation cache disabled and its untrusted loaders blocked.

    The cache is keyed by file name, so it would return the old picture for a file that has since changed.
    """
    import pyvips  # type: ignore[import-untyped]  # it ships no types

    logging.getLogger(_LOG).addHandler(logging.NullHandler())  # keeps pyvips' warnings off the terminal
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.error._to_string = _text  # pyvips' Error calls this function to read libvips' messages
    return pyvips


def _text(characters: Any) -> str:
    """Read a message from libvips, which may quote arbitrary bytes of a file.

    pyvips assumes UTF-8 and clears messages only after decoding them. A message in another encoding would therefore
    remain, and every later error in the process would fail on it.
    """
    from pyvips import ffi

    return "" if characters == ffi.NULL else ffi.string(characters).decode("utf-8", "replace")
