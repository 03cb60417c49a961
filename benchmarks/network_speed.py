"""Compare the processor time of depth networks with that of the bundled one, for the same number of tokens.

    python -m benchmarks.network_speed [--tokens 28x42] [--rounds 4] [--bfloat16] [NETWORK ...]

The weights are random, so no network needs to be installed. All networks take turns in one process; the ratios of
each round are printed. With --bfloat16, the linear layers of all backbones' blocks multiply in bfloat16, which the
product does only for the bundled network. Pin the process to one core (taskset) to measure one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dioptre import runtime

REFERENCE = "dioptre-depth-small"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["moge-2-vits-normal"])
    parser.add_argument("--tokens", default="28x42", metavar="ROWSxCOLUMNS")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--bfloat16", action="store_true")
    options = parser.parse_args()
    runtime.prepare()  # Must run before JAX is imported.
    rows, columns = map(int, options.tokens.split("x"))
    runs = {}
    for name in (REFERENCE, *options.networks):
        began = time.process_time()
        runs[name] = compiled(name, rows, columns, bfloat16=options.bfloat16)
        print(f"{name}: compiled in {time.process_time() - began:.1f} s of processor time", flush=True)
    for _ in range(options.rounds):
        seconds = {name: processor_s(run) for name, run in runs.items()}
        print(*(f"{name} {taken:.2f} s ({taken / seconds[REFERENCE]:.2f})" for name, taken in seconds.items()))


def compiled(name: str, rows: int, columns: int, *, bfloat16: bool) -> Callable[[], Any]:
    """Return a function that runs a network with random weights on a random picture."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from dioptre.models.registry import ENTRIES, resolve

    random, entry = np.random.default_rng(0), ENTRIES[name]
    config, module = entry.configuration(), resolve(entry.module)
    config = replace(config, backbone=replace(config.backbone, bfloat16=bfloat16))
    graph, shapes = nnx.split(nnx.eval_shape(lambda: module(config, rngs=nnx.Rngs(0))))
    state = jax.tree.map(lambda x: jnp.asarray(0.02 * random.standard_normal(x.shape, np.float32)), shapes)
    picture = jnp.asarray(random.standard_normal((1, 14 * rows, 14 * columns, 3), np.float32))
    run = jax.jit(lambda state, x: nnx.merge(graph, state)(x)).lower(state, picture).compile()
    jax.block_until_ready(run(state, picture))
    return lambda: jax.block_until_ready(run(state, picture))


def processor_s(run: Callable[[], Any]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


if __name__ == "__main__":
    main()
