"""Digest of the code, the libraries and the device, which determine a result along with its inputs."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import jax

from dioptre.models.acceleration import VARIABLE
from dioptre.models.precision import precision_of
from dioptre.models.programs import code_digest
from dioptre.models.registry import ENTRIES


def computing_setup() -> str:
    """Return a digest of the set-up. It changes whenever any bit of a result might change."""
    config: Any = jax.config
    how = (
        jax.default_backend(),
        jax.devices()[0].device_kind,
        str(config.jax_default_device),
        str(config.jax_default_matmul_precision),
        os.environ.get(VARIABLE, ""),
        *(precision_of(entry).value for entry in ENTRIES.values() if entry.bfloat16),
    )
    return hashlib.sha256("\n".join((code_digest(), *how)).encode("utf-8")).hexdigest()
