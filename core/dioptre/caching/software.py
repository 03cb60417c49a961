"""Digest of the code, the libraries and the device, which determine a result along with its inputs."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from dioptre.models.acceleration import VARIABLE

_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "pillow", "openvino")


def computing_setup() -> str:
    """Return a digest of the set-up. It changes whenever any bit of a result might change."""
    config: Any = jax.config
    how = (
        jax.default_backend(),
        jax.devices()[0].device_kind,
        str(config.jax_default_device),
        str(config.jax_default_matmul_precision),
        os.environ.get(VARIABLE, ""),
    )
    return hashlib.sha256("\n".join((_code(), *how)).encode("utf-8")).hexdigest()


@cache
def _code() -> str:
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
