"""Optional acceleration of enlarging networks with OpenVINO on CPUs.

JAX is the default and the reference. If the extra `openvino` is installed and JAX computes on the CPU, networks
whose registry entry allows it run in OpenVINO instead, as a graph with the same arithmetic and weights. They run in
bfloat16 if the entry allows it and the processor supports it, else in float32. If the caller requests full
precision (JAX's setting `jax_default_matmul_precision`), JAX runs every network.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from enum import Enum, auto
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import jax
import numpy as np

from dioptre_link.files import keep_newest
from dioptre_link.paths import cache_dir

from .registry import Entry

if TYPE_CHECKING:
    from flax import nnx

VARIABLE = "DIOPTRE_ACCELERATOR"
"""Environment variable: "none" disables acceleration, "openvino-f32" disables bfloat16."""

_CACHE_BYTES = 1 << 30  # maximum size of OpenVINO's cache on disk, with the weights for each shape of a tile

_LOGGER = logging.getLogger(__name__)

Run = Callable[..., np.ndarray]


@runtime_checkable
class Network(Protocol):
    """The properties of a loaded network that another runtime needs: its entry, graph, state and JAX function."""

    @property
    def entry(self) -> Entry: ...
    @property
    def graph(self) -> nnx.GraphDef[Any]: ...
    @property
    def state(self) -> Any: ...
    @property
    def forward(self) -> Callable[..., Any]: ...


class Choice(Enum):
    """The runtime chosen for networks that can be accelerated: OpenVINO, or the reason why JAX is used."""

    OPENVINO = auto()
    SWITCHED_OFF = auto()
    OTHER_DEVICE = auto()
    NOT_INSTALLED = auto()


def choice() -> Choice:
    """Return the current choice of runtime on this machine."""
    if os.environ.get(VARIABLE, "") == "none":
        return Choice.SWITCHED_OFF
    if jax.default_backend() != "cpu":
        return Choice.OTHER_DEVICE
    return Choice.NOT_INSTALLED if find_spec("openvino") is None else Choice.OPENVINO


def accelerates(entry: Entry) -> bool:
    """Return whether another runtime than JAX should run the network on this machine."""
    return bool(entry.accelerated) and choice() is Choice.OPENVINO


def accelerated(network: Network) -> Run | None:
    """Return a faster way to run the network on this machine, or None if JAX should run it."""
    if not accelerates(network.entry):
        return None
    full = os.environ.get(VARIABLE, "") == "openvino-f32"
    return OpenVino(network, precision="f32" if full else network.entry.accelerated)


def wants_full_precision() -> bool:
    """Return whether the caller has set JAX's precision for matrix products."""
    return jax.config.jax_default_matmul_precision is not None  # type: ignore[attr-defined]


class OpenVino:
    """A network in OpenVINO, compiled once for each set of input shapes."""

    def __init__(self, network: Network, *, precision: str) -> None:
        self._network = network
        self._precision = precision
        self._lock = Lock()
        self._unusable = False
        self._compiled: dict[tuple[tuple[int, ...], ...], Any] = {}

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """Run the network on float32 arrays and return its output.

        If OpenVINO cannot compile the network, JAX runs it instead and a warning is logged.
        """
        arrays = [np.ascontiguousarray(array, np.float32) for array in inputs]
        with self._lock:
            shapes = tuple(array.shape for array in arrays)
            if shapes not in self._compiled and not self._unusable:
                try:
                    self._compiled[shapes] = self._compile(arrays).create_infer_request()
                except (ImportError, NotImplementedError, RuntimeError):  # OpenVINO raises RuntimeError
                    _LOGGER.warning("%s stays in JAX", self._network.entry.id, exc_info=True)
                    self._unusable = True
            if self._unusable:
                return np.asarray(self._network.forward(self._network.state, *inputs))
            made = self._compiled[shapes].infer(arrays, share_inputs=True, share_outputs=True)
            return np.array(made[0])

    def _compile(self, examples: list[np.ndarray]) -> Any:
        # If this module exists, OpenVINO reports every import to its developers. Dioptre must not send anything.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino
        from flax import nnx

        from .openvino_graph import build

        network = nnx.merge(self._network.graph, self._network.state)
        core = openvino.Core()
        folder = cache_dir() / "openvino"
        core.set_property({"CACHE_DIR": str(folder)})
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": self._precision}
        _LOGGER.info("%s runs in OpenVINO, %s", self._network.entry.id, self._precision)
        compiled = core.compile_model(build(network, *examples), "CPU", settings)
        keep_newest(folder, limit_bytes=_CACHE_BYTES)
        return compiled
