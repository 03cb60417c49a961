"""libvips, loaded on first use and set up for us."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any


@cache
def vips() -> Any:
    """Return pyvips with its operation cache off and its untrusted loaders blocked.

    The cache answers by file name: it would return the old picture for a file that has changed since.
    """
    import pyvips  # type: ignore[import-untyped]  # it ships no types

    logging.getLogger("pyvips").addHandler(logging.NullHandler())  # its warnings are for our log, not the terminal
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.error._to_string = _text  # what its Error reads libvips' messages with
    return pyvips


def _text(characters: Any) -> str:
    """Read a message of libvips, which may quote any bytes of a file.

    pyvips takes messages for UTF-8 and clears them after decoding: one that is not UTF-8 would stay, and every
    later error of the process would fail on it.
    """
    from pyvips import ffi

    return "" if characters == ffi.NULL else ffi.string(characters).decode("utf-8", "replace")
