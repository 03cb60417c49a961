"""DINOv2 in Flax NNX, which computes features of a picture's 14-pixel patches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.functions import attend, product

from . import BackboneConfig

_A = -0.75  # parameter a of the cubic convolution kernel, as in PyTorch


def resize_aligned(x: Float[Array, "n h w c"], size: tuple[int, int]) -> Float[Array, "n H W c"]:
    """Resize bilinearly, with the corner samples kept at the corners (align_corners=True)."""
    for axis, length in enumerate(size, start=1):
        old = x.shape[axis]
        if old != length:
            x = interpolate(x, np.arange(length) * ((old - 1) / max(length - 1, 1)), axis)
    return x


def interpolate(x: Float[Array, "n h w c"], position: np.ndarray, axis: int) -> Float[Array, "n H W c"]:
    """Interpolate linearly along `axis` at positions between 0 and the index of the last sample."""
    old = x.shape[axis]
    low = np.minimum(np.floor(position).astype(np.int32), max(old - 2, 0))
    shape = [1] * x.ndim
    shape[axis] = len(position)
    weight = jnp.asarray((position - low).astype(np.float32).reshape(shape))
    below, above = jnp.take(x, low, axis=axis), jnp.take(x, np.minimum(low + 1, old - 1), axis=axis)
    return below + (above - below) * weight


def resize_cubic(
    grid: Float[Array, "h w c"], size: tuple[int, int], *, offset: float = 0.0
) -> Float[Array, "H W c"]:
    """Resize bicubically with half-pixel centres and clamped edges, without antialiasing (align_corners=False).

    Args:
        grid: the samples.
        size: height and width of the result.
        offset: added to the number of new samples along each axis when their spacing is computed.
    """
    rows = _cubic_matrix(grid.shape[0], size[0], offset)
    columns = _cubic_matrix(grid.shape[1], size[1], offset)
    return jnp.einsum("ih,jw,hwc->ijc", rows, columns, grid, precision="highest")


def _cubic_matrix(old: int, new: int, offset: float) -> Float[np.ndarray, "new old"]:
    position = (np.arange(new) + 0.5) * (old / (new + offset)) - 0.5
    base = np.floor(position).astype(int)
    matrix = np.zeros((new, old))
    for tap in range(-1, 3):
        weights = _cubic_kernel(np.abs(position - base - tap))
        np.add.at(matrix, (np.arange(new), np.clip(base + tap, 0, old - 1)), weights)
    return matrix.astype(np.float32)


def _cubic_kernel(distance: np.ndarray) -> np.ndarray:
    near = ((_A + 2) * distance - (_A + 3)) * distance**2 + 1
    far = ((_A * distance - 5 * _A) * distance + 8 * _A) * distance - 4 * _A
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


class Linear(nnx.Linear):
    """Linear layer that can multiply in bfloat16.

    The kernel stays in float32 and is rounded in the program. Rounding it once would save no time, and networks
    that share a backbone would need a second copy of it.
    """

    def __init__(self, inputs: int, outputs: int, *, bfloat16: bool, rngs: nnx.Rngs) -> None:
        super().__init__(inputs, outputs, rngs=rngs)
        self.bfloat16 = bfloat16

    def __call__(self, inputs: Float[Array, "*n c"], out_sharding: None = None) -> Float[Array, "*n d"]:
        if not self.bfloat16:
            return super().__call__(inputs, out_sharding)
        assert self.bias is not None
        return product(inputs, self.kernel[...], bfloat16=True) + self.bias[...]


class Attention(nnx.Module):
    """Multi-head self-attention, with query, key and value from a single matrix product."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs) -> None:
        self.heads = config.heads
        self.qkv = Linear(config.width, 3 * config.width, bfloat16=config.bfloat16, rngs=rngs)
        self.out = Linear(config.width, config.width, bfloat16=config.bfloat16, rngs=rngs)

    def __call__(self, x: Float[Array, "n t c"]) -> Float[Array, "n t c"]:
        n, tokens, channels = x.shape
        joined: Array = self.qkv(x).reshape(n, tokens, 3, self.heads, -1)
        query, key, value = jnp.moveaxis(joined, (2, 3), (0, 2))
        seen = attend(query * query.shape[-1] ** -0.5, key, value)
        result: Array = self.out(jnp.moveaxis(seen, 1, 2).reshape(n, tokens, channels))
        return result


class Block(nnx.Module):
    """Transformer block: attention and a two-layer perceptron, each with a norm before and a scale after it."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs) -> None:
        width, hidden = config.width, config.hidden
        self.norm1, self.norm2 = (layer_norm(width, config.epsilon, rngs=rngs) for _ in range(2))
        self.attention = Attention(config, rngs=rngs)
        self.enter = Linear(width, hidden, bfloat16=config.bfloat16, rngs=rngs)
        self.leave = Linear(hidden, width, bfloat16=config.bfloat16, rngs=rngs)
        self.scale1, self.scale2 = nnx.Param(jnp.ones(width)), nnx.Param(jnp.ones(width))

    def __call__(self, x: Float[Array, "n t c"]) -> Float[Array, "n t c"]:
        x = x + self.scale1[...] * self.attention(self.norm1(x))
        hidden = jax.nn.gelu(self.enter(self.norm2(x)), approximate=False)
        return x + self.scale2[...] * self.leave(hidden)


class Backbone(nnx.Module):
    """DINOv2 backbone, which scans over its blocks; their parameters are stacked along a leading axis."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.patch = nnx.Linear(3 * config.patch_px**2, config.width, rngs=rngs)
        self.class_token = nnx.Param(jnp.zeros(config.width))
        self.class_position = nnx.Param(jnp.zeros(config.width))
        self.positions = nnx.Param(jnp.zeros((config.grid**2, config.width)))
        self.blocks = nnx.vmap(lambda keys: Block(config, rngs=keys))(rngs.split(config.blocks))
        self.norm = layer_norm(config.width, config.last_epsilon, rngs=rngs)

    def __call__(self, x: Float[Array, "n H W 3"]) -> Float[Array, "k n t c"]:
        """Return the normalised outputs of the tapped blocks: the class token, then the patches row by row.

        Args:
            x: RGB, normalised with ImageNet's mean and standard deviation; both sides must be multiples of the
                patch size.
        """
        graph, blocks = nnx.split(self.blocks)

        def step(tokens: Array, parameters: object) -> tuple[Array, Array]:
            tokens = nnx.merge(graph, parameters)(tokens)
            return tokens, tokens

        _, outputs = jax.lax.scan(step, self.embed(x), blocks)
        return self.norm(outputs[jnp.asarray(self.config.taps)])

    def embed(self, x: Float[Array, "n H W 3"]) -> Float[Array, "n t c"]:
        """Return the class token followed by the patches as tokens, with their positions added.

        Raises:
            ValueError: a side is not a multiple of the patch size.
        """
        (n, height, width, _), config = x.shape, self.config
        side = config.patch_px
        if height % side or width % side:
            raise ValueError(f"sides must be multiples of {side}, not {height} x {width}")
        rows, columns = height // side, width // side
        patches = x.reshape(n, rows, side, columns, side, 3).transpose(0, 1, 3, 2, 4, 5)
        grid = self.positions[...].reshape(config.grid, config.grid, config.width)
        if (rows, columns) != (config.grid, config.grid):
            grid = resize_cubic(grid, (rows, columns), offset=config.position_offset)
        tokens = self.patch(patches.reshape(n, rows * columns, -1)) + grid.reshape(rows * columns, config.width)
        first = jnp.broadcast_to(self.class_token[...] + self.class_position[...], (n, 1, config.width))
        return jnp.concatenate([first, tokens], axis=1)


def layer_norm(width: int, epsilon: float, *, rngs: nnx.Rngs) -> nnx.LayerNorm:
    return nnx.LayerNorm(width, epsilon=epsilon, use_fast_variance=False, rngs=rngs)
