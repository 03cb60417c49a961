"""Let the user's worker run a recipe for the command line, which then need not import JAX and load networks.

The worker is the editors' own (`dioptre_link.start`). It computes exactly what `follow` computes here. Whenever it
may not, or does not, this process computes, and only the log says so.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dioptre import runtime
from dioptre_link import start
from dioptre_link.catalogue import operation
from dioptre_link.client import Worker
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.jobs import Job, WorkerSilentError
from dioptre_link.jobs import Layer as Sent
from dioptre_link.jobs import Result as Answer
from dioptre_link.language import incoming
from dioptre_link.recipe import VERSION, Recipe
from dioptre_link.wire import PROTOCOL, PixelFormat

if TYPE_CHECKING:  # NumPy and what imports it come later, because `start_early` comes first
    import numpy as np

    from dioptre.contract import Inputs, Layer, Progress, Result

VARIABLE = "DIOPTRE_NO_WORKER"
"""Environment variable; if it is set to anything but "0", commands compute in their own process."""

MOST_PIXELS = 16_000_000  # of the picture and the result: above, the copies cost more than the worker saves
START_S = 5.0  # time to wait for the worker once the photo has been read; it starts in 0.7 s
BEGIN_S = 5.0  # time in which the worker must begin: another's job has ended it, or a step of the warm-up makes way
SILENCE_S = 30.0  # time without a message after which it counts as hung; it reports every 5 s
_POLL_S = 0.05
_BYTES_PER_PIXEL = 64  # of the disk, for four layers in float32 and the inputs
_SPARE_BYTES = 1 << 30  # of the disk
_STARTING = ("-I", "-m", "dioptre.worker", "--for-commands")
# Errors of the worker or the connection rather than of the job. With too little memory, this process still tries.
_NOT_OF_JOB = {
    *("address-space", "busy", "disk-full", "exchange", "input-missing", "internal"),
    *("out-of-memory", "protocol", "version", "worker-lost", "worker-missing"),
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What the worker computed.

    Attributes:
        result: the result of the recipe.
        precision: that of its networks, as in a recipe.
    """

    result: Result
    precision: str


def start_early() -> None:
    """Start the worker if there is none, on another thread, while this process imports what it needs itself."""

    def begin() -> None:
        with suppress(DioptreError, OSError):
            if (worker := _found(lambda: None)) is not None:
                worker.close()

    if _is_allowed() and runtime.is_usual() and not start.is_running():
        threading.Thread(target=begin, daemon=True).start()


def may_compute(recipe: Recipe) -> bool:
    """Return whether the worker may run a recipe for this process, as far as that is known before it is asked."""
    last = operation(recipe.steps[-1].operation)
    sent = Recipe.from_dict({"version": VERSION, "steps": _steps(recipe)}).steps
    return _is_allowed() and sent == recipe.steps and not last.framed_by


def _is_allowed() -> bool:
    chosen = os.environ.get(VARIABLE, "0") in ("", "0")
    return chosen and "jax" not in sys.modules and start.flatpak_app() is None and not runtime.is_limited()


class Elsewhere:
    """The worker, for one run of a recipe. It is found or started while this process reads its files."""

    def __init__(self, recipe: Recipe, *, otherwise: Callable[[], None]) -> None:
        """Begin to look for the worker.

        Args:
            recipe: the recipe.
            otherwise: called on another thread if the worker will not compute: prepares this process.
        """
        self._recipe = recipe
        self._otherwise = otherwise
        self._worker: Worker | None = None
        self._given_up = False
        self._meeting = threading.Thread(target=self._meet, daemon=True)
        self._meeting.start()

    def follow(self, recipe: Recipe, inputs: Inputs, progress: Progress) -> Ran | None:
        """Run the recipe in the worker; return None if it does not, so that this process has to.

        Raises:
            UsageError, DioptreError: what `follow` raises.
        """
        deadline = time.monotonic() + START_S
        while self._meeting.is_alive() and time.monotonic() < deadline:
            self._meeting.join(_POLL_S)
        worker = None if self._meeting.is_alive() else self._worker
        if worker is None or not _is_suitable(recipe, inputs):
            self._given_up = True
            return None
        try:
            with worker:
                return _run(worker, recipe, inputs, progress)
        except Cancelled:
            raise
        except DioptreError as error:
            if error.code == UsageError.code:
                raise UsageError(error.message, hint=error.hint) from error
            if error.code not in _NOT_OF_JOB:
                raise
            _log.info("the worker did not compute: %s", error)
        except (OSError, ValueError, TypeError) as error:
            _log.info("the worker did not compute: %r", error)
        return None

    def _meet(self) -> None:
        worker = None
        try:
            worker = _found(self._give_up)
            operations = [step.operation for step in self._recipe.steps]
            if worker is not None and worker.ready(runtime.setup(), operations):
                self._worker, worker = worker, None
            elif worker is not None:
                _log.info("the worker is busy, or has another set-up")
        except (DioptreError, OSError) as error:
            _log.info("the worker does not compute: %s", error)
        if worker is not None:
            worker.close()
        if self._worker is None:
            self._otherwise()

    def _give_up(self) -> None:
        if self._given_up:
            raise TimeoutError("the worker has not started in time")


def _found(on_wait: Callable[[], None]) -> Worker | None:
    """Return a connection to the running worker, or to a new one; None if it does not suit."""
    running = start.Rendezvous.read() if start.is_running() else None
    if running is not None and (running.protocol, running.version) != (PROTOCOL, version("dioptre")):
        _log.info("the worker has version %s", running.version)
        return None
    worker = Worker(f"dioptre {version('dioptre')}", command=[sys.executable, *_STARTING])
    worker.connect(on_wait=on_wait, may_start=runtime.is_usual() and _is_editors())
    return worker


def _is_editors() -> bool:
    """Return whether editors would start their worker with this process's Python, too, or have none."""
    try:
        return start.environment_python().parent.samefile(Path(sys.executable).parent)
    except (DioptreError, OSError):
        return True


def _is_suitable(recipe: Recipe, inputs: Inputs) -> bool:
    import numpy as np

    pixels = inputs.picture.shape[0] * inputs.picture.shape[1]
    made = pixels * math.prod(operation(step.operation).scale(step.options) ** 2 for step in recipe.steps)
    numbers = [*(inputs.range_per_m or ())]
    numbers += [] if inputs.embedded is None else [*(inputs.embedded.range_per_m or ())]
    numbers += [] if inputs.field_of_view is None else [inputs.field_of_view.focal_diagonals]
    return (
        made <= MOST_PIXELS
        and not inputs.references
        and all(type(number) in (int, float) for number in numbers)  # NumPy's would not come back as such
        and all(array.dtype == np.float32 and array.size for array in _arrays(inputs).values())
        and shutil.disk_usage(start.meeting_dir()).free > made * _BYTES_PER_PIXEL + _SPARE_BYTES
    )


def _arrays(inputs: Inputs) -> dict[str, np.ndarray]:
    embedded = inputs.embedded
    arrays = {
        "picture": inputs.picture,
        "disparity": inputs.disparity,
        "selection": inputs.selection,
        "layer": inputs.layer,
        "embedded": None if embedded is None else embedded.disparity,
        "confidence": None if embedded is None else embedded.confidence,
    }
    return {name: array for name, array in arrays.items() if array is not None}


def _told(inputs: Inputs) -> dict[str, Any]:
    """Return the inputs that are no arrays, as fields of the message `follow`."""
    told: dict[str, Any] = {"all_layers": inputs.all_layers}
    if inputs.range_per_m is not None:
        told["range_per_m"] = list(inputs.range_per_m)
    if inputs.embedded is not None:
        told["embedded_kind"] = inputs.embedded.kind
        if inputs.embedded.range_per_m is not None:
            told["embedded_range_per_m"] = list(inputs.embedded.range_per_m)
    if inputs.field_of_view is not None:
        told |= {
            "focal_diagonals": inputs.field_of_view.focal_diagonals,
            "focal_source": inputs.field_of_view.source,
        }
    return told


def _steps(recipe: Recipe) -> list[Mapping[str, Any]]:
    steps: list[Mapping[str, Any]] = Recipe(steps=recipe.steps).to_dict()["steps"]
    return steps


def _run(worker: Worker, recipe: Recipe, inputs: Inputs, progress: Progress) -> Ran:
    import numpy as np

    from dioptre.contract import Result

    with ExitStack() as stack:
        buffers = {}
        for name, array in _arrays(inputs).items():
            height, width = array.shape[:2]
            channels = 1 if array.ndim == 2 else array.shape[2]
            buffer = stack.enter_context(worker.new_buffer(width, height, PixelFormat("f32", channels=channels)))
            buffer.write_rows(0, np.ascontiguousarray(array).data)
            buffers[name] = buffer
        answer = _answer(worker.follow(_steps(recipe), buffers, _told(inputs)), progress)
    result = Result(
        layers=tuple(_read(layer) for layer in answer.layers),
        values=incoming(dict(answer.values)),
        messages=tuple(answer.messages),
        models=answer.models,
    )
    return Ran(result=result, precision=answer.precision)


def _answer(job: Job, progress: Progress) -> Answer:
    """Wait for the worker's answer; an exception, such as the user's Ctrl-C, cancels the job."""
    heard = time.monotonic()
    begin_until = heard + BEGIN_S
    fraction, phase = 0.0, ""
    try:
        while not isinstance(event := job.poll(_POLL_S), Answer):
            now = time.monotonic()
            if event is not None:
                heard, fraction = now, event.fraction
                phase = "" if event.phase == "Waiting" else event.phase
            elif now - heard > SILENCE_S:
                raise WorkerSilentError("Dioptre's worker has not answered for {seconds} s.", seconds=SILENCE_S)
            if phase:
                progress(fraction, phase)
            elif now > begin_until:
                raise TimeoutError("the worker has not begun")
    except BaseException:
        job.cancel()
        raise
    return event


def _read(layer: Sent) -> Layer:
    """Return a layer whose pixels are in the worker's file, which is deleted and ends with their last use."""
    import numpy as np

    from dioptre.contract import Layer

    with layer.buffer as buffer:
        mapped, pixels = buffer.map(), buffer.pixels
    size = (pixels.height, pixels.width)
    shape = size if pixels.format.channels == 1 else (*size, pixels.format.channels)
    values = np.frombuffer(mapped, np.float32).reshape(shape)
    return Layer(name=layer.name, role=layer.role, pixels=values, visible=layer.visible)
