"""Convert the refiner's weights, which are trained in PyTorch, to Dioptre's names and layouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dioptre.models.key_map import Rule, apply_rules, conv_kernel, pointwise_kernel

_BLOCKS = {
    "enc1": "encoder.0",
    "enc2": "encoder.1",
    "enc3": "encoder.2",
    r"enc4\.0": "encoder.3",
    r"enc4\.1": "bottom",
    "dec1": "decoder.0",
    "dec2": "decoder.1",
    "dec3": "decoder.2",
}
_CONVOLUTIONS = {
    "stem": "stem",
    "down2": "down.0",
    "down3": "down.1",
    "down4": "down.2",
    "tail": "tail",
    "last1": "last1",
    "last2": "last2",
} | {
    rf"{theirs}\.{part}": f"{ours}.{place}"
    for theirs, ours in _BLOCKS.items()
    for part, place in (("a", "first"), ("b", "second"))
}
_POINTWISE = {"up1": "up.0", "up2": "up.1", "up3": "up.2"}

RULES = (
    *(Rule(source=rf"{t}\.weight", target=f"{o}.kernel", layout=conv_kernel) for t, o in _CONVOLUTIONS.items()),
    *(Rule(source=rf"{t}\.weight", target=f"{o}.kernel", layout=pointwise_kernel) for t, o in _POINTWISE.items()),
    *(Rule(source=rf"{t}\.bias", target=f"{o}.bias") for t, o in (_CONVOLUTIONS | _POINTWISE).items()),
)


def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert the weights; raise ValueError naming every unknown array."""
    return apply_rules({name: value.astype(np.float32) for name, value in arrays.items()}, RULES)
