"""Import NumPy and JAX from one thread at a time.

The worker listens before they are loaded. If two threads initialised their extension modules at once, the second
one would fail and leave NumPy unusable for the rest of the process.
"""

from __future__ import annotations

import threading

_importing = threading.Lock()


def load() -> None:
    """Import everything that jobs need; return at once if it is already imported."""
    with _importing:
        from . import execution, pixels, previews  # noqa: F401
