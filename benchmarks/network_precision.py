"""Measure how much depth networks change if the linear layers of their blocks multiply in bfloat16.

    python -m benchmarks.network_precision [--seeds 2] [NETWORK ...]

The weights are random, because published ones may not be at hand; networks that are installed are measured with
their own weights, too. "bundled backbone" means the bundled network's backbone under a random head, where the
shapes allow it. Inverse depths are compared on the example photographs: the 99.9th percentile of the difference
in 1/255 of the range (between the 0.1st and the 99.9th percentile, because random maps have spikes), the median
change of depth, and the changes of metric scale and focal length.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dioptre import runtime

BUNDLED = "dioptre-depth-small"
NETWORKS = (BUNDLED, "moge-2-vits-normal", "moge-2-vitb-normal")
EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    runtime.prepare()  # Must run before JAX is imported.
    for name in options.networks:
        for weights, state in weight_sets(name, options.seeds):
            for photo in sorted(EXAMPLES.glob("*.jpg")):
                print(name, weights, photo.stem, differences(name, state, photo), sep=", ", flush=True)


def weight_sets(name: str, seeds: int) -> Iterator[tuple[str, Any]]:
    """Yield descriptions of weights and the network's state with them."""
    from flax import nnx

    from dioptre.checkpoints.blueprint import by_path
    from dioptre.models.loading import load_model
    from dioptre.models.registry import ENTRIES, is_installed, resolve

    bundled, entry = load_model(BUNDLED).values, ENTRIES[name]
    if not entry.convert or is_installed(entry):
        yield "own weights", load_model(name).state
    for seed in range(seeds):
        state = nnx.split(resolve(entry.module)(entry.configuration(), rngs=nnx.Rngs(seed)))[1]
        values, random = by_path(state), np.random.default_rng(seed)
        for path, variable in values.items():
            if path.endswith(("bias", "positions", "token", "class_position")) and "norm" not in path:
                variable.set_value(0.1 * random.standard_normal(variable.get_value().shape, np.float32))
        yield f"random {seed}", state
        if name != BUNDLED and with_bundled_backbone(values, bundled):
            yield f"bundled backbone, random {seed}", state


def with_bundled_backbone(values: Mapping[str, Any], bundled: Mapping[str, Any]) -> bool:
    """Replace the backbone's values by the bundled network's, if all have its shapes; return whether they do."""
    paths = [path for path in values if path.startswith("backbone.")]
    if any(path not in bundled or bundled[path].shape != values[path].get_value().shape for path in paths):
        return False
    for path in paths:
        values[path].set_value(bundled[path])
    return True


def differences(name: str, state: Any, photo: Path) -> str:
    """Return the differences between both precisions on a photograph."""
    from dioptre import files
    from dioptre.models.depth_view import ReadingOptions
    from dioptre.models.registry import ENTRIES, resolve
    from dioptre.pipelines.depth_edges import network_input, network_shape

    entry = ENTRIES[name]
    assert entry.depth is not None
    pixels = files.load(photo).pixels
    x = network_input(pixels, network_shape(pixels.shape, entry.preprocessing), entry.preprocessing)[None]
    size = (pixels.shape[0], pixels.shape[1])
    outputs = [compiled(name, bfloat16)(state, x) for bfloat16 in (False, True)]
    read_view = resolve(entry.depth.read)
    full, reduced = (read_view(each, ReadingOptions(size=size))[0] for each in outputs)
    low, high = np.percentile(full.inverse, [0.1, 99.9])
    off = np.percentile(np.abs(full.inverse - reduced.inverse), 99.9) * 255 / (high - low)
    said = [f"{off:.2f} of 1/255 of the range"]
    known = (full.inverse > 0) & (reduced.inverse > 0)
    if name != BUNDLED and known.any():
        said.append(f"depth {np.median(np.abs(full.inverse[known] / reduced.inverse[known] - 1)):.2%}")
    if (scale := getattr(outputs[0], "metric_scale", None)) is not None:
        said.append(f"metric scale {abs(float(outputs[1].metric_scale[0] / scale[0]) - 1):.2%}")
    if full.focal_diagonals and reduced.focal_diagonals:
        said.append(f"focal length {abs(reduced.focal_diagonals / full.focal_diagonals - 1):.2%}")
    return ", ".join(said)


@cache
def compiled(name: str, bfloat16: bool) -> Callable[[Any, Any], Any]:
    """Return a network as a function of its state and its input."""
    import jax
    from flax import nnx

    from dioptre.models.registry import ENTRIES, resolve

    config, module = ENTRIES[name].configuration(), resolve(ENTRIES[name].module)
    config = replace(config, backbone=replace(config.backbone, bfloat16=bfloat16))
    graph = nnx.split(nnx.eval_shape(lambda: module(config, rngs=nnx.Rngs(0))))[0]
    return jax.jit(lambda state, x: nnx.merge(graph, state)(x))


if __name__ == "__main__":
    main()
