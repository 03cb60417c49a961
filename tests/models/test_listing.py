"""The list of networks is available before any heavy import."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import sys
from dioptre.worker.fetches import listed
assert {"id", "installed", "download_bytes", "licence"} <= listed()[0].keys()
print(sorted({"numpy", "jax", "flax"} & sys.modules.keys()))
"""


def test_listing_imports_no_libraries() -> None:
    """The worker answers clients before it has loaded NumPy and JAX, which two threads must not import at once."""
    command = [sys.executable, "-c", _CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
