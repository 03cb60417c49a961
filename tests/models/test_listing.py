"""The list of networks before anything heavy is imported."""

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
    """The worker answers a client before NumPy and JAX are there, and two threads must not import them at once."""
    command = [sys.executable, "-c", _CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
