"""Work on parts of a picture on several cores; NumPy and JAX let go of the interpreter while they compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import jax

T = TypeVar("T")


def on_all_cores(
    items: Sequence[T], work: Callable[[T], None], watch: Callable[[float], None], *, threads: int | None = None
) -> None:
    """Work on all items; stop early when `watch`, given the fraction done, or an item raises.

    threads: how many items at a time; left out: as many as there are cores. JAX multiplies matrices in them as
    precisely as in the caller's thread.
    """
    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]  # each thread has its own

    def as_here(item: T) -> None:
        with jax.default_matmul_precision(precision):
            work(item)

    with ThreadPoolExecutor(max_workers=threads or os.cpu_count() or 1) as pool:
        futures = [pool.submit(as_here, item) for item in items]
        try:
            for number, future in enumerate(as_completed(futures)):
                future.result()
                watch((number + 1) / len(items))
        except BaseException:
            for future in futures:
                future.cancel()
            raise
