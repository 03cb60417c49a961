"""Encode arrays of numbers as picture files.

Files are encoded in memory, so a full disk causes an ordinary error in the write that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

import numpy as np

from ..formats import FORMATS
from ..picture import Extras, Format
from . import multi_picture

T = TypeVar("T")

_THREADS = 2  # each holds a whole layer in memory
_ONE_BY_ONE_PIXELS = 48_000_000  # from this many pixels on, one part is encoded at a time to save memory


PLAIN = Extras()


def encode(codes: np.ndarray, kind: Format, *, extras: Extras = PLAIN, further: Sequence[np.ndarray] = ()) -> bytes:
    """Encode an array as a file.

    Args:
        codes: uint8, uint16 or float32 (H, W, 1 to 4), in a combination that the format allows.
        kind: the file format.
        extras: metadata and storage options.
        further: more views of the same shape, from left to right, which make a JPEG an MPO. They have no metadata.
    """
    write = FORMATS[kind].write
    assert write is not None
    first = write(np.ascontiguousarray(codes), extras)
    if not further:
        return first
    plain = replace(PLAIN, icc=extras.icc, quantisation=extras.quantisation)
    views = [first, *(write(np.ascontiguousarray(view), plain) for view in further)]
    return multi_picture.joined(views, multi_picture.DISPARITY, others=multi_picture.DISPARITY)


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
