"""Digest of Dioptre's code and its libraries, which change what a stored computation means."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("jax", "jaxlib", "flax", "numpy", "scipy", "pillow", "openvino")


@cache
def code_digest() -> str:
    """Return a digest of Dioptre's source files, the versions of its libraries, and the kind of machine."""
    digest = hashlib.sha256(f"{platform.machine()} {platform.system()}".encode())
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {version(name)}\n".encode())
        except PackageNotFoundError:
            continue
    package = Path(__file__).parent.parent
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package).as_posix()}\n".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()
