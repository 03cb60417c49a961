"""The import of NumPy and JAX, by one thread at a time.

The worker listens before they are there. Their extension modules cannot be initialised by two threads at once: the
later one fails, and NumPy then stays unusable for the life of the process.
"""

from __future__ import annotations

import threading

_importing = threading.Lock()


def load() -> None:
    """Import what every job needs; returns at once when that has been done."""
    with _importing:
        from . import execution, pixels, previews  # noqa: F401
