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
    return pyvips
