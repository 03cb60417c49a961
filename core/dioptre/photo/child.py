"""`python -m dioptre.photo.child`: decode files for the parent process, without importing JAX.

A request is a line of JSON on standard input: {"do": …, "path": …, "max_megapixels": …}. The answer on standard
output has several lines. The first, {"bytes": the file's size}, is sent as soon as the file is open, which
distinguishes a dead mount from a slow decoder; further ones, {"pixels": announced so far}, before pictures are
decoded. The last is the result, which the values of its arrays follow.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np

from dioptre_link.errors import DioptreError

from . import parcel, problems
from .budget import Limits, confine
from .decode.decoding import decode, describe, opened, read_embedded_depth


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keeps output printed by libraries out of the answers
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        arrays: list[np.ndarray] = []
        _say(answers, _serve(json.loads(requests.get()), arrays, lambda fields: _say(answers, fields)))
        parcel.send(arrays, answers)


def _listen(requests: queue.Queue[bytes]) -> None:
    """Pass requests on; end the process, even while it decodes, once the parent has closed the pipe or ended."""
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _say(answers: BufferedIOBase, fields: dict[str, Any]) -> None:
    answers.write(json.dumps(fields).encode() + b"\n")
    answers.flush()


def _serve(
    request: dict[str, Any], arrays: list[np.ndarray], say: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Return the answer to a request, and append its arrays to `arrays`."""
    path, megapixels = Path(os.fsdecode(bytes.fromhex(request["path"]))), request["max_megapixels"]
    try:
        with suppress(OSError):  # if this fails, a relative path is reported as missing
            os.chdir(os.fsdecode(bytes.fromhex(request["folder"])))
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
        say({"bytes": size})
        confine(Limits.of(size, max_megapixels=megapixels), on_announced=lambda pixels: say({"pixels": pixels}))
        content = parcel.packed(_DO[request["do"]](path, megapixels), arrays)
    except DioptreError as error:
        return {"error": parcel.of_error(error)}
    except MemoryError:
        return {"error": parcel.of_error(problems.too_much_memory(path))}
    return {"result": content, "arrays": parcel.described(arrays)}


_DO: dict[str, Callable[[Path, float | None], Any]] = {
    "decode": lambda path, megapixels: decode(path, max_megapixels=megapixels),
    "decode with depth": lambda path, megapixels: decode(path, max_megapixels=megapixels, depth=True),
    "embedded": lambda path, _: read_embedded_depth(path),
    "describe": lambda path, _: describe(path),
}


if __name__ == "__main__":
    main()
