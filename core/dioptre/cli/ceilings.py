"""Measure the machine's peak performance, and the fraction of it that networks and passes over pixels reach."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dioptre.models.loaded import Loaded

_PRODUCT_SIDE = 2048
_PASS_BYTES = 192 << 20  # size of each array that a pass reads or writes; larger than any processor's cache
_TIMES = 3
_NETWORKS = {
    "depth-network": ("depth", (2, 392, 518, 3)),
    "subject-network": ("subject", (1, 320, 320, 3)),
    "enlarging-network": ("super-resolution", (1, 256, 256, 3)),
}


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """Peak performance per CPU second, taken from the fastest run, the one least disturbed by other programs.

    Attributes:
        gflop_per_cpu_s: GFLOP per CPU second in a product of two float32 matrices.
        gb_per_cpu_s: GB per CPU second that the sum of two arrays reads and writes.
    """

    gflop_per_cpu_s: float
    gb_per_cpu_s: float


@dataclass(frozen=True, kw_only=True)
class Reached:
    """The performance reached by a network or a pass over a picture.

    Attributes:
        name: name of the network or the pass.
        amount: number of GFLOP of a network, or smallest number of GB that a pass has to read and write.
        unit: unit of `amount`.
        cpu_s: CPU time.
        share: fraction of the peak performance, 0 to 1. The rest is spent on work that `amount` does not count:
            element-wise functions and intermediate results of a network, or the arithmetic of a pass and its
            additional reads and writes.
    """

    name: str
    amount: float
    unit: str
    cpu_s: float
    share: float


def ceilings() -> Ceilings:
    """Measure the peak performance of the machine."""
    import jax
    import jax.numpy as jnp

    side = _PRODUCT_SIDE
    matrix = jnp.ones((side, side), jnp.float32)
    product: Any = jax.jit(jnp.matmul)
    array = jnp.ones(_PASS_BYTES // 4, jnp.float32)
    total: Any = jax.jit(jnp.add)
    return Ceilings(
        gflop_per_cpu_s=2e-9 * side**3 / _least_cpu_s(lambda: product(matrix, matrix).block_until_ready()),
        gb_per_cpu_s=3e-9 * _PASS_BYTES / _least_cpu_s(lambda: total(array, array).block_until_ready()),
    )


def reached(most: Ceilings) -> Iterator[Reached]:
    """Measure the default networks, run by JAX, and two passes over a picture."""
    yield from _networks(most)
    yield from _passes(most)


def _networks(most: Ceilings) -> Iterator[Reached]:
    import jax
    import numpy as np

    from dioptre.models.loading import load_model
    from dioptre.models.registry import ModelKind, find

    for name, (kind, shape) in _NETWORKS.items():
        network = load_model(find("default", kind=ModelKind(kind)).id)
        picture = np.full(shape, 0.5, np.float32)
        gflop = 1e-9 * product_flop(jax.make_jaxpr(network.forward)(network.state, picture).jaxpr)

        def run(network: Loaded = network, picture: Any = picture) -> None:
            network.forward(network.state, picture).block_until_ready()

        cpu_s = _least_cpu_s(run)
        yield Reached(
            name=name, amount=gflop, unit="GFLOP", cpu_s=cpu_s, share=gflop / cpu_s / most.gflop_per_cpu_s
        )


def product_flop(jaxpr: Any) -> float:
    """Count multiplications and additions in matrix products and convolutions, including every loop iteration.

    XLA's own count includes the body of a loop only once.
    """
    total = 0.0
    for equation in jaxpr.eqns:
        shapes = [value.aval.shape for value in equation.invars if hasattr(value.aval, "shape")]
        if equation.primitive.name == "dot_general":
            (inner, _), _ = equation.params["dimension_numbers"]
            total += 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(shapes[0][axis] for axis in inner)
        elif equation.primitive.name == "conv_general_dilated":
            outputs = shapes[1][equation.params["dimension_numbers"].rhs_spec[0]]
            total += 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(shapes[1]) / outputs
        for parameter in equation.params.values():
            for part in parameter if isinstance(parameter, tuple | list) else (parameter,):
                inside = getattr(part, "jaxpr", part)
                if hasattr(inside, "eqns"):
                    total += equation.params.get("length", 1) * product_flop(inside)
    return total


def _passes(most: Ceilings) -> Iterator[Reached]:
    import jax
    import numpy as np

    from dioptre.imaging.encoding import srgb_to_linear
    from dioptre.imaging.resize import resize
    from dioptre.imaging.shapes import map_chunks

    picture = np.full((3000, 4000, 3), 0.5, np.float32)
    to_linear: Any = jax.jit(srgb_to_linear)
    works: dict[str, tuple[float, Callable[[], object]]] = {
        "to-linear-light": (2.0, lambda: map_chunks(to_linear, picture)),
        "to-half-size": (1.25, lambda: resize(picture, (1500, 2000), method="area")),
    }
    for name, (times, work) in works.items():
        gigabytes, cpu_s = 1e-9 * times * picture.nbytes, _least_cpu_s(work)
        yield Reached(
            name=name, amount=gigabytes, unit="GB", cpu_s=cpu_s, share=gigabytes / cpu_s / most.gb_per_cpu_s
        )


def _least_cpu_s(work: Callable[[], object]) -> float:
    work()  # the first run compiles the function and allocates memory
    least = float("inf")
    for _ in range(_TIMES):
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
    return max(least, 1e-6)
