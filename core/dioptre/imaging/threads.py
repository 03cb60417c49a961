"""Process parts of a picture on several cores; NumPy and JAX release the interpreter lock while they compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import jax

from dioptre.runtime import own_settings

T = TypeVar("T")


def begun(work: Callable[[], T]) -> Callable[[], T]:
    """Begin to compute something beside the caller.

    Args:
        work: computes it, in a thread with JAX's default settings.

    Returns:
        A function that waits for the result, and raises what `work` raised.
    """

    def as_usual() -> T:
        with own_settings():
            return work()

    aside = ThreadPoolExecutor(1)
    made = aside.submit(as_usual)
    aside.shutdown(wait=False)
    return made.result


def on_all_cores(
    items: Sequence[T], work: Callable[[T], None], watch: Callable[[float], None], *, threads: int | None = None
) -> None:
    """Process all items in threads, and stop early if `watch` or an item raises.

    Args:
        items: the items.
        work: processes one item, with JAX's default settings and the caller's precision of matrix products.
        watch: called with the fraction done.
        threads: number of threads; the number of cores if None.
    """
    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]  # the setting is per thread

    def as_here(item: T) -> None:
        with own_settings(), jax.default_matmul_precision(precision):
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
