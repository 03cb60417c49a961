"""Load libvips on first use and configure it."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any


@cache
def vips() -> Any:
    """Return pyvips with its operation cache disabled and its untrusted loaders blocked.

    The cache is keyed by file name, so it would return the old picture for a file that has since changed.
    """
    import pyvips  # type: ignore[import-untyped]  # it ships no types

    logging.getLogger("pyvips").addHandler(logging.NullHandler())  # keeps pyvips' warnings off the terminal
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
