"""Cache keys: digests of a step and of everything that determines its result.

Pixels are hashed on several cores; 24 megapixels of 8-bit RGBA take less than a tenth of a second.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dioptre.contract import StepResult

_BLOCK_BYTES = 4 << 20  # block size; fixed, because the digest must not depend on the number of cores
_MOST_THREADS = 4  # more threads would not read memory any faster


def digest_of_bytes(data: memoryview) -> str:
    """Return a 64-digit hexadecimal digest: the SHA-256 of the concatenated SHA-256 digests of all blocks.

    `hashlib` releases the GIL, so the blocks are hashed in parallel.
    """
    view = data.cast("B") if data.nbytes else data
    if view.nbytes <= _BLOCK_BYTES:
        return hashlib.sha256(hashlib.sha256(view).digest()).hexdigest()
    with ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        blocks = pool.map(lambda block: hashlib.sha256(block).digest(), _blocks(view))
        return hashlib.sha256(b"".join(blocks)).hexdigest()


def digest_of_file(descriptor: int, described: str) -> str:
    """Return a digest of an open file's content and its description.

    Args:
        descriptor: file descriptor of the file, open for reading and not empty.
        described: text that says how to interpret the content, such as its shape and type.
    """
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
        content = digest_of_bytes(view)
    return hashlib.sha256(f"{described} {content}".encode()).hexdigest()


def digest_of_array(array: np.ndarray) -> str:
    """Return a digest of an array's values, dtype and shape."""
    content = digest_of_bytes(np.ascontiguousarray(array).data)
    return hashlib.sha256(f"{array.dtype.str} {array.shape} {content}".encode("ascii")).hexdigest()


def _blocks(view: memoryview) -> Iterator[memoryview]:
    for first in range(0, view.nbytes, _BLOCK_BYTES):
        yield view[first : first + _BLOCK_BYTES]


def computing_setup() -> str:
    """Return a digest of the code, the libraries and the device: it changes whenever any bit of a result might."""
    import jax  # this and the following imports take time, which a cache that is only prepared does not need

    from dioptre.models.precision import precision_of
    from dioptre.models.registry import ENTRIES
    from dioptre.programs import code_digest

    config: Any = jax.config
    how = (
        jax.default_backend(),
        jax.devices()[0].device_kind,
        str(config.jax_default_device),
        str(config.jax_default_matmul_precision),
        *(precision_of(entry).value for entry in ENTRIES.values() if entry.bfloat16),
    )
    return hashlib.sha256("\n".join((code_digest(), *how)).encode("utf-8")).hexdigest()


class Names:
    """Registry of arrays' names, looked up by the array's identity, so that no array is hashed twice."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}

    def name(self, array: np.ndarray, name: str) -> None:
        self._names = {key: known for key, known in self._names.items() if known[0]() is not None}
        self._names[id(array)] = (weakref.ref(array), name)

    def name_planes(self, key: str, result: StepResult) -> None:
        """Name the planes of a step's result after the step's key."""
        for plane_name, plane in result.planes.items():
            self.name(plane, f"{key} {plane_name}")

    def key(self, step: str, given: Mapping[str, Any]) -> str:

        text = json.dumps([step, computing_setup(), self._identified(dict(given))], sort_keys=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def _identified(self, value: Any) -> Any:
        """Return `value` with every array replaced by its name."""
        if isinstance(value, np.ndarray):
            return self._name_of(value)
        if isinstance(value, dict):
            return {key: self._identified(item) for key, item in value.items()}
        return [self._identified(item) for item in value] if isinstance(value, (list, tuple)) else value

    def _name_of(self, array: np.ndarray) -> str:
        known = self._names.get(id(array))
        if known is not None and known[0]() is array:
            return known[1]
        digest = digest_of_array(array)
        if array.ndim == 3:  # a picture: keep its digest, because several steps read it and none changes it
            self.name(array, digest)
        return digest
