"""Encode the parts of a result in threads, because compression is the slowest step of writing it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")

_THREADS = 2  # each holds a whole layer in memory
_ONE_BY_ONE_PIXELS = 48_000_000  # from this many pixels on, one part is encoded at a time to save memory


class Encoders:
    """Threads that encode the parts of a result; at the end of the block, parts that have not begun are dropped.

    Attributes:
        several: whether two parts are encoded at the same time. If not, start them in the order in which they are
            written, so that few encoded parts are in memory.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Prepare the threads.

        Args:
            shape: shape of the largest layer; the height and the width come first.
        """
        self.several = shape[0] * shape[1] < _ONE_BY_ONE_PIXELS
        self._pool = ThreadPoolExecutor(_THREADS if self.several else 1)

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Call `work` in a thread, after those that were started before."""
        return self._pool.submit(work)

    def __enter__(self) -> Encoders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
