"""An optional runtime behind the registry's networks: OpenVINO on CPUs, where it is installed.

JAX is the default and the reference. Where the extra `openvino` is installed and JAX computes on the CPU, networks
whose entry allows it run there instead, on a graph made of the same arithmetic and weights: in bfloat16 where the
entry allows that and the processor can, else in float32. Where full precision is asked for (JAX's own setting
`jax_default_matmul_precision`) JAX computes.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from enum import Enum, auto
from importlib.util import find_spec
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from flax import nnx

from dioptre_link.cache import keep_newest
from dioptre_link.paths import cache_dir

from .registry import Entry, resolve

VARIABLE = "DIOPTRE_ACCELERATOR"
"""Environment variable: "none" keeps to JAX, "openvino-f32" forbids bfloat16."""

_CACHE_BYTES = 1 << 30  # about ten shapes of picture for the depth network, each with a copy of its weights

_LOGGER = logging.getLogger(__name__)

Run = Callable[..., np.ndarray]


@runtime_checkable
class Network(Protocol):
    """What another runtime needs of a loaded network: its entry, its parts, and how JAX runs it."""

    @property
    def entry(self) -> Entry: ...
    @property
    def graph(self) -> nnx.GraphDef[Any]: ...
    @property
    def state(self) -> Any: ...
    @property
    def forward(self) -> Callable[..., Any]: ...


class Choice(Enum):
    """Which runtime computes the networks that allow both: OpenVINO in the first case, JAX in the others."""

    OPENVINO = auto()
    SWITCHED_OFF = auto()
    OTHER_DEVICE = auto()
    NOT_INSTALLED = auto()


def choice() -> Choice:
    """The choice on this machine, now."""
    if os.environ.get(VARIABLE, "") == "none":
        return Choice.SWITCHED_OFF
    if jax.default_backend() != "cpu":
        return Choice.OTHER_DEVICE
    return Choice.NOT_INSTALLED if find_spec("openvino") is None else Choice.OPENVINO


def accelerated(network: Network) -> Run | None:
    """A faster way to run the network on this machine; None where that is JAX itself."""
    if not network.entry.accelerated or choice() is not Choice.OPENVINO:
        return None
    full = os.environ.get(VARIABLE, "") == "openvino-f32"
    return OpenVino(network, precision="f32" if full else network.entry.accelerated)


def wants_full_precision() -> bool:
    """Whether the caller has set JAX to multiply without losing digits."""
    return jax.config.jax_default_matmul_precision is not None  # type: ignore[attr-defined]


class OpenVino:
    """One network compiled for each set of input shapes."""

    def __init__(self, network: Network, *, precision: str) -> None:
        self._network = network
        self._precision = precision
        self._lock = Lock()
        self._unusable = False
        self._compiled: dict[tuple[tuple[int, ...], ...], Any] = {}

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """The network's output; by JAX after all, with a line in the log, where OpenVINO cannot make it."""
        arrays = [np.ascontiguousarray(array, np.float32) for array in inputs]
        with self._lock:
            shapes = tuple(array.shape for array in arrays)
            if shapes not in self._compiled and not self._unusable:
                try:
                    self._compiled[shapes] = self._compile(arrays).create_infer_request()
                except (ImportError, NotImplementedError, RuntimeError):  # RuntimeError: OpenVINO's own
                    _LOGGER.warning("%s stays in JAX", self._network.entry.id, exc_info=True)
                    self._unusable = True
            if self._unusable:
                return np.asarray(self._network.forward(self._network.state, *inputs))
            made = self._compiled[shapes].infer(arrays, share_inputs=True, share_outputs=True)
            return np.array(made[0])

    def _compile(self, examples: list[np.ndarray]) -> Any:
        # OpenVINO tells its maker of every import, unless this module is missing; nothing here speaks to anyone.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        build = resolve(self._network.entry.accelerator)
        network = nnx.merge(self._network.graph, self._network.state)
        core = openvino.Core()
        folder = cache_dir() / "openvino"
        core.set_property({"CACHE_DIR": str(folder)})
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": self._precision}
        _LOGGER.info("%s runs in OpenVINO, %s", self._network.entry.id, self._precision)
        compiled = core.compile_model(build(network, *examples), "CPU", settings)
        keep_newest(folder, limit_bytes=_CACHE_BYTES)
        return compiled
