"""Fake batch work for worker processes: small, quick, and able to crash on request."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from dioptre.batch.work import NOT_HERE, Failed, Made, Outcome, Task
from dioptre_link.recipe import Recipe, result_base
from dioptre_link.scratch import temporary_folder


class Touches:
    """Object that creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._marker,)


def touches(marker: Path, task: Task) -> Touches:
    """Return an object that runs code when it is unpickled, instead of an outcome."""
    return Touches(marker)


def answer_with_a_pickle(do: Callable[[Task], object], task: Task) -> object:
    """Return the outcome itself, which Dask pickles, as a rogue worker would instead of using `many._packed_by`."""
    return do(task)


def make(task: Task) -> Outcome:
    """Copy the picture, or behave as its name requests."""
    name = Path(task.name).stem
    if name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("once"):  # Crash the first time only.
        marker = task.source.with_suffix(".seen")
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("bad"):
        return Failed(code="damaged-picture", message=f"{task.name} is damaged.", hint="Copy it again.")
    if name.startswith("far") and task.content is None:
        return Failed(code=NOT_HERE, message="not here")
    if name.startswith("slow"):
        with temporary_folder() as folder:
            (folder / "pixels").touch()
            time.sleep(30)
    content = task.content or task.source.read_bytes()
    base = result_base(task.stem, task.recipe["steps"][-1]["operation"])
    result = f"{base}{task.source.suffix}"
    files = {result: {"bytes": len(content), "sha256": sha256(content).hexdigest()}}
    facts = {"input_sha256": task.sha256, "models": {"pretended": "0" * 64}, "files": files}
    recipe = Recipe.from_dict({**task.recipe, **facts})
    return Made(
        files={result: content, f"{base}.json": recipe.to_json().encode("utf-8", "backslashreplace")},
        before=content,
        after=content,
        models={"pretended": "0" * 64},
        messages=(f"process {os.getpid()}",),
    )
