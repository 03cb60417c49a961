"""The sharpening network in Flax NNX: four convolutions that see 26 pixels.

Reducing a picture without sharpening weakens the highest frequencies in a known way. The network estimates, from
the shapes of edges and textures, how much stronger a picture's frequencies of 0.4 cycles per pixel are than that.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.pixel_shuffle import pixel_unshuffle

from .config import SharpeningConfig

CELL_PX = 4
"""Side of the squares of pixels for each of which the network gives one estimate."""

MARGIN_PX = (17, 15)
"""Pixels that the network needs before the first and after the last cell of a picture."""

_CELLS_BEFORE, _CELLS_AFTER = 2, 1  # estimates of the margin
_LARGEST_LOG_WEIGHT = 8.0


class SharpeningNetwork(nnx.Module):
    """Network that estimates how strongly each part of a picture was sharpened."""

    def __init__(self, config: SharpeningConfig, *, rngs: nnx.Rngs) -> None:
        near, far = config.widths
        self.scale = config.scale
        self.first = _convolution(4, near, rngs=rngs)
        self.second = _convolution(near, near, rngs=rngs)
        self.third = _convolution(near, far, stride=2, rngs=rngs)
        self.fourth = _convolution(far, far, rngs=rngs)
        self.reading = nnx.Linear(far, 2, rngs=rngs)

    def __call__(self, detail: Float[Array, "n h w"]) -> tuple[Float[Array, "n p q"], Float[Array, "n p q"]]:
        """Estimate the sharpening of every cell.

        Args:
            detail: sRGB-encoded luma minus its mean over about 64 pixels, with a margin of MARGIN_PX. Without the
                margin, both sides are multiples of CELL_PX.

        Returns:
            For every cell, the natural logarithm of the gain at 0.4 cycles per pixel, and the weight of this
            estimate, which is small in flat areas.

        Raises:
            ValueError: a side is not a multiple of CELL_PX.
        """
        if detail.shape[1] % CELL_PX or detail.shape[2] % CELL_PX:
            raise ValueError(f"sides must be multiples of {CELL_PX}, not {detail.shape[1]} x {detail.shape[2]}")
        y = pixel_unshuffle(self.scale * detail[..., None], 2)
        for layer in (self.first, self.second, self.third, self.fourth):
            y = jax.nn.relu(layer(y))
        y = self.reading(y[:, _CELLS_BEFORE:-_CELLS_AFTER, _CELLS_BEFORE:-_CELLS_AFTER])
        return y[..., 0], jnp.exp(jnp.clip(y[..., 1], -_LARGEST_LOG_WEIGHT, _LARGEST_LOG_WEIGHT))


def _convolution(inputs: int, outputs: int, *, stride: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), stride, padding="VALID", rngs=rngs)
