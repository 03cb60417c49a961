"""SPAN in Flax NNX, re-parameterised so that every block is three plain 3x3 convolutions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.functions import Inside, masked, pixel_shuffle

from . import SpanConfig


class AttentionBlock(nnx.Module):
    """Block of three convolutions whose output also serves as the attention map, which needs no parameters."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.convs = nnx.List([conv3x3(channels, channels, rngs=rngs) for _ in range(3)])

    def __call__(
        self, x: Float[Array, "n h w c"], inside: Inside = None
    ) -> tuple[Float[Array, "n h w c"], Float[Array, "n h w c"]]:
        """Return the output of the block, and that of its first convolution after SiLU."""
        first = masked(jax.nn.silu(self.convs[0](x)), inside)
        second = masked(jax.nn.silu(self.convs[1](first)), inside)
        last = self.convs[2](second)
        return masked((last + x) * (jax.nn.sigmoid(last) - 0.5), inside), first


class Span(nnx.Module):
    """Network that enlarges sRGB-encoded RGB pictures; values are nominally in [0, 1] and not clipped."""

    def __init__(self, config: SpanConfig, *, rngs: nnx.Rngs) -> None:
        channels = config.channels
        self.config = config
        self.mean = nnx.Param(jnp.zeros(3))
        self.enter = conv3x3(3, channels, rngs=rngs)
        self.blocks = nnx.List([AttentionBlock(channels, rngs=rngs) for _ in range(config.blocks)])
        self.leave = conv3x3(channels, channels, rngs=rngs)
        self.fuse = nnx.Linear(4 * channels, channels, rngs=rngs)
        self.upsample = conv3x3(channels, 3 * config.scale**2, rngs=rngs)

    def __call__(self, x: Float[Array, "n h w 3"], inside: Inside = None) -> Float[Array, "n H W 3"]:
        """Enlarge a batch of pictures.

        Args:
            x: the pictures.
            inside: mask of the pixels in `x` that belong to the pictures; convolutions see zeros everywhere else.
        """
        entered = masked(self.enter(masked((x - self.mean[...]) * 255.0, inside)), inside)
        features, first_block, last_inner = entered, entered, entered
        for i, block in enumerate(self.blocks):
            features, last_inner = block(features, inside)
            if i == 0:
                first_block = features
        # The original takes the last block's inner features after SiLU, because its activation works in place.
        fused = self.fuse(jnp.concatenate([entered, self.leave(features), first_block, last_inner], axis=-1))
        return pixel_shuffle(self.upsample(masked(fused, inside)), self.config.scale)


def conv3x3(inputs: int, outputs: int, *, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), padding="SAME", rngs=rngs)
