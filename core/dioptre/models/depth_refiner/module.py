"""The depth refiner in Flax NNX: a small U-Net that moves a coarse depth map's steps to the picture's edges.

out(p) = coarse(p + shift(p)) + residual(p). Copying values from one side of an edge, rather than only adding a
residual, avoids intermediate values on the step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.doubling import double
from dioptre.models.pixel_shuffle import pixel_shuffle

from .config import DepthRefinerConfig


class Residual(nnx.Module):
    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.first, self.second = (conv3x3(channels, channels, rngs=rngs) for _ in range(2))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        return jax.nn.relu(x + self.second(jax.nn.relu(self.first(x))))


class DepthRefiner(nnx.Module):
    """Network that refines a coarse disparity map with the help of the picture."""

    def __init__(self, config: DepthRefinerConfig, *, rngs: nnx.Rngs) -> None:
        a, b, c, d = config.widths
        self.reach_px = config.reach_px
        self.stem = conv3x3(16, a, rngs=rngs)
        self.down = nnx.List([_halving(i, o, rngs=rngs) for i, o in ((a, b), (b, c), (c, d))])
        self.encoder = nnx.List([Residual(width, rngs=rngs) for width in (a, b, c, d)])
        self.bottom = Residual(d, rngs=rngs)
        self.up = nnx.List([nnx.Linear(i, o, rngs=rngs) for i, o in ((b, a), (c, b), (d, c))])
        self.decoder = nnx.List([Residual(width, rngs=rngs) for width in (a, b, c)])
        self.tail = conv3x3(a, config.tail, rngs=rngs)
        self.last1 = conv3x3(4 + config.tail // 4, config.last, rngs=rngs)
        self.last2 = conv3x3(config.last, 3, rngs=rngs)

    def __call__(self, rgb: Float[Array, "n h w 3"], coarse: Float[Array, "n h w"]) -> Float[Array, "n h w"]:
        """Refine a disparity map.

        Args:
            rgb: sRGB-encoded, in [0, 1]; both sides must be multiples of 16, and the short one should be about 504.
            coarse: disparity, scaled so that its 1st and 99th percentiles are 0 and 1.

        Returns:
            The refined disparity, on the same scale.

        Raises:
            ValueError: a side is not a multiple of 16.
        """
        if rgb.shape[1] % 16 or rgb.shape[2] % 16:
            raise ValueError(f"sides must be multiples of 16, not {rgb.shape[1]} x {rgb.shape[2]}")
        x = jnp.concatenate([2 * rgb - 1, 2 * coarse[..., None] - 1], axis=-1)
        levels = [self.encoder[0](jax.nn.relu(self.stem(pixel_unshuffle(x, 2))))]
        for down, encoder in zip(self.down, list(self.encoder)[1:], strict=True):
            levels.append(encoder(jax.nn.relu(down(levels[-1]))))
        y = self.bottom(levels[3])
        for level in (2, 1, 0):
            y = self.decoder[level](levels[level] + double(self.up[level](y)))
        y = pixel_shuffle(jax.nn.relu(self.tail(y)), 2)
        y = self.last2(jax.nn.relu(self.last1(jnp.concatenate([x, y], axis=-1))))
        shift = self.reach_px * jnp.tanh(y[..., :2] / 2)
        return fetch(coarse, columns=shift[..., 0], rows=shift[..., 1]) + y[..., 2]


def fetch(
    values: Float[Array, "n h w"], *, columns: Float[Array, "n h w"], rows: Float[Array, "n h w"]
) -> Float[Array, "n h w"]:
    """Sample bilinearly at each pixel's position, displaced by `columns` and `rows` and clamped at the border."""
    _, height, width = values.shape
    x = jnp.clip(jnp.arange(width, dtype=jnp.float32) + columns, 0, width - 1)
    y = jnp.clip(jnp.arange(height, dtype=jnp.float32)[:, None] + rows, 0, height - 1)
    left, top = jnp.floor(x).astype(jnp.int32), jnp.floor(y).astype(jnp.int32)
    right, bottom = jnp.minimum(left + 1, width - 1), jnp.minimum(top + 1, height - 1)
    across, along = x - left, y - top

    def at(row: Array, column: Array) -> Array:
        flat = values.reshape(len(values), -1)
        index = (row * width + column).reshape(len(values), -1)
        return jnp.take_along_axis(flat, index, axis=1).reshape(values.shape)

    upper = at(top, left) * (1 - across) + at(top, right) * across
    lower = at(bottom, left) * (1 - across) + at(bottom, right) * across
    return upper * (1 - along) + lower * along


def pixel_unshuffle(x: Float[Array, "n h w c"], factor: int) -> Float[Array, "n H W k"]:
    """Move each square of pixels into channels, in PyTorch's order: c * factor**2 + row * factor + column."""
    n, height, width, channels = x.shape
    split = x.reshape(n, height // factor, factor, width // factor, factor, channels)
    return split.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // factor, width // factor, -1)


def conv3x3(inputs: int, outputs: int, *, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), padding="SAME", rngs=rngs)


def _halving(inputs: int, outputs: int, *, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), 2, padding=((1, 1), (1, 1)), rngs=rngs)
