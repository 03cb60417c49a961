"""`python -m dioptre.photo.child`: decode files for the parent process, without importing JAX.

A request is a line of JSON on standard input: {"do": …, "path": …, "max_megapixels": …}. The answer on standard
output has several lines. The first, {"bytes": the file's size}, is sent as soon as the file is open, which
distinguishes a dead mount from a slow decoder; further ones, {"pixels": announced so far}, before pictures are
decoded. The last is the result; its arrays are in the shared file that the command line names.
"""

from __future__ import annotations

import json
import mmap
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dioptre_link.errors import DioptreError

from . import parcel, problems
from .budget import Limits, confine
from .decode.decoding import decode, describe, opened, size_of
from .depth_files import read_embedded_depth

_KEPT_BYTES = 96 << 20


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent
    shared = _Shared(int(sys.argv[1]) if sys.argv[1].isdigit() else os.open(sys.argv[1], os.O_RDWR))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keeps output printed by libraries out of the answers
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        answer = _serve(json.loads(requests.get()), shared, lambda fields: _say(answers, fields))
        _say(answers, answer)


def _listen(requests: queue.Queue[bytes]) -> None:
    """Pass requests on; end the process, even while it decodes, once the parent has closed the pipe or ended."""
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _say(answers: Any, fields: dict[str, Any]) -> None:
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


class _Shared:
    """The shared file for arrays.

    It stays mapped while its size is unchanged, because the first access to each page is slow.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None

    def hand_over(self, arrays: list[np.ndarray]) -> list[dict[str, Any]]:
        """Copy arrays into the file and return their layout."""
        described, total = parcel.layout(arrays)
        if not total:
            return described
        size = os.fstat(self._descriptor).st_size
        if self._map is not None and (len(self._map) != size or size < total):
            self._map.close()
            self._map = None
        if size < total:
            size = total
            if sys.platform != "win32":  # On Windows, the map extends the file, and `ftruncate` would write zeros.
                os.ftruncate(self._descriptor, size)
        if self._map is None:
            self._map = mmap.mmap(self._descriptor, size)
        parcel.put(arrays, described, self._map)
        if size > _KEPT_BYTES:
            self._map.close()
            self._map = None
        return described


def _serve(request: dict[str, Any], shared: _Shared, say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    path, megapixels = Path(os.fsdecode(bytes.fromhex(request["path"]))), request["max_megapixels"]
    try:
        with suppress(OSError):  # if this fails, a relative path is reported as missing
            os.chdir(os.fsdecode(bytes.fromhex(request["folder"])))
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
        say({"bytes": size})
        confine(Limits.of(size, max_megapixels=megapixels), on_announced=lambda pixels: say({"pixels": pixels}))
        arrays: list[np.ndarray] = []
        content = parcel.packed(_DO[request["do"]](path, megapixels), arrays)
        described = _handed_over(shared, arrays, path)
    except DioptreError as error:
        return {"error": parcel.of_error(error)}
    except MemoryError:
        return {"error": parcel.of_error(problems.too_much_memory(path))}
    return {"result": content, "arrays": described}


def _handed_over(shared: _Shared, arrays: list[np.ndarray], path: Path) -> list[dict[str, Any]]:
    try:
        return shared.hand_over(arrays)
    except OSError as error:
        raise problems.no_room(path) from error


_DO: dict[str, Callable[[Path, float | None], Any]] = {
    "decode": lambda path, megapixels: decode(path, max_megapixels=megapixels),
    "embedded": lambda path, _: read_embedded_depth(path),
    "describe": lambda path, _: describe(path),
    "size": lambda path, _: size_of(path),
}


if __name__ == "__main__":
    main()
