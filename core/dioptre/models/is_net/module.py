"""IS-Net in Flax NNX: two levels of nested U-structures, with BatchNorm folded into the convolutions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.functions import double

from . import Channels, IsNetConfig


class ConvReLU(nnx.Module):
    """A 3x3 convolution with folded BatchNorm, followed by a ReLU."""

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(inputs, outputs, (3, 3), kernel_dilation=dilation, padding="SAME", rngs=rngs)

    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n h w o"]:
        return jax.nn.relu(self.conv(x))


class NestedU(nnx.Module):
    """RSU-L: a U-Net of L = `depth` levels with pooling, added to the output of its own first convolution.

    The input's sides must be multiples of 2 ** (L - 2).
    """

    def __init__(self, inputs: int, channels: Channels, *, depth: int, rngs: nnx.Rngs) -> None:
        inner, outer = channels
        self.enter = ConvReLU(inputs, outer, rngs=rngs)
        self.down = nnx.List([ConvReLU(outer if i == 0 else inner, inner, rngs=rngs) for i in range(depth - 1)])
        self.bottom = ConvReLU(inner, inner, dilation=2, rngs=rngs)
        self.up = nnx.List([ConvReLU(2 * inner, outer if i == 0 else inner, rngs=rngs) for i in range(depth - 1)])

    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n h w o"]:
        entered = self.enter(x)
        skips: list[Array] = []
        level = entered
        for i, conv in enumerate(self.down):
            level = conv(level if i == 0 else max_pool(level))
            skips.append(level)
        level = self.bottom(level)
        for i in reversed(range(len(skips))):
            if level.shape != skips[i].shape:
                level = double(level)
            level = self.up[i](jnp.concatenate([level, skips[i]], axis=-1))
        return level + entered


class DilatedU(nnx.Module):
    """RSU-4F: a nested U with dilations 1, 2, 4 and 8 instead of pooling."""

    def __init__(self, inputs: int, channels: Channels, *, rngs: nnx.Rngs) -> None:
        inner, outer = channels
        self.enter = ConvReLU(inputs, outer, rngs=rngs)
        self.down = nnx.List(
            [ConvReLU(outer if i == 0 else inner, inner, dilation=2**i, rngs=rngs) for i in range(3)]
        )
        self.bottom = ConvReLU(inner, inner, dilation=8, rngs=rngs)
        self.up = nnx.List(
            [ConvReLU(2 * inner, outer if i == 0 else inner, dilation=2**i, rngs=rngs) for i in range(3)]
        )

    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n h w o"]:
        entered = self.enter(x)
        skips: list[Array] = []
        level = entered
        for conv in self.down:
            level = conv(level)
            skips.append(level)
        level = self.bottom(level)
        for i in reversed(range(len(skips))):
            level = self.up[i](jnp.concatenate([level, skips[i]], axis=-1))
        return level + entered


class IsNet(nnx.Module):
    """Network that estimates the saliency of each pixel, in [0, 1], from a normalised RGB picture.

    The input is (x - mean) / std, with mean and std from the network's registry entry; its sides must be multiples
    of `config.size_multiple`.
    """

    def __init__(self, config: IsNetConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.enter = nnx.Conv(3, config.stem, (3, 3), strides=2, padding=1, rngs=rngs)

        def stage(inputs: int, channels: Channels, level: int) -> nnx.Module:
            if level < 4:
                return NestedU(inputs, channels, depth=7 - level, rngs=rngs)
            return DilatedU(inputs, channels, rngs=rngs)

        widths = [outer for _, outer in config.encoder]
        coarser = [outer for _, outer in config.decoder[1:]] + widths[-1:]
        joint = [own + below for own, below in zip(widths, coarser, strict=False)]
        self.encoder = nnx.List(map(stage, [config.stem, *widths[:-1]], config.encoder, range(6)))
        self.decoder = nnx.List(map(stage, joint, config.decoder, range(5)))
        self.side = nnx.Conv(config.decoder[0][1], 1, (3, 3), padding="SAME", rngs=rngs)

    def __call__(self, x: Float[Array, "n h w 3"]) -> Float[Array, "n h w 1"]:
        multiple = self.config.size_multiple
        if x.shape[1] % multiple or x.shape[2] % multiple:
            raise ValueError(f"sides must be multiples of {multiple}, not {x.shape[1]} x {x.shape[2]}")
        skips: list[Array] = []
        level = self.enter(x)
        for i, stage in enumerate(self.encoder):
            level = stage(level if i == 0 else max_pool(level))
            skips.append(level)
        for i in reversed(range(5)):
            level = self.decoder[i](jnp.concatenate([double(level), skips[i]], axis=-1))
        return jax.nn.sigmoid(double(self.side(level)))


def max_pool(x: Float[Array, "n h w c"]) -> Float[Array, "n H W c"]:
    """Return the largest value of each 2x2 block; both sides must be even."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
