"""DINOv2 in Flax NNX, which computes features of a picture's 14-pixel patches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.functions import attend
from dioptre.models.linear import Linear

from .config import BackboneConfig
from .resampling import resize_cubic


class Attention(nnx.Module):
    """Multi-head self-attention, with query, key and value from a single matrix product."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs) -> None:
        self.heads = config.heads
        self.qkv = Linear(config.width, 3 * config.width, bfloat16=config.bfloat16, rngs=rngs)
        self.out = Linear(config.width, config.width, bfloat16=config.bfloat16, rngs=rngs)

    def __call__(self, x: Float[Array, "n t c"], *position: Array) -> Float[Array, "n t c"]:
        assert not position, "the tokens of DINOv2 include their positions"
        return self.attended(*self.projected(x))

    def projected(self, x: Float[Array, "n t c"]) -> Float[Array, "3 n h t d"]:
        """Return the query, key and value of each head."""
        n, tokens, _ = x.shape
        joined: Array = self.qkv(x).reshape(n, tokens, 3, self.heads, -1)
        return jnp.moveaxis(joined, (2, 3), (0, 2))

    def attended(
        self, query: Float[Array, "n h t d"], key: Float[Array, "n h t d"], value: Float[Array, "n h t d"]
    ) -> Float[Array, "n t c"]:
        """Return the sum of the values, weighted by the similarity of query and key, after the output layer."""
        n, heads, tokens, each = query.shape
        seen = attend(query * each**-0.5, key, value)
        result: Array = self.out(jnp.moveaxis(seen, 1, 2).reshape(n, tokens, heads * each))
        return result


class Block(nnx.Module):
    """Transformer block: attention and a two-layer perceptron, each with a norm before and a scale after it."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs, attention: type[Attention] = Attention) -> None:
        width, hidden = config.width, config.hidden
        self.norm1, self.norm2 = (layer_norm(width, config.epsilon, rngs=rngs) for _ in range(2))
        self.attention = attention(config, rngs=rngs)
        self.enter = Linear(width, hidden, bfloat16=config.bfloat16, rngs=rngs)
        self.leave = Linear(hidden, width, bfloat16=config.bfloat16, rngs=rngs)
        self.scale1, self.scale2 = nnx.Param(jnp.ones(width)), nnx.Param(jnp.ones(width))

    def __call__(self, x: Float[Array, "n t c"], *position: Array) -> Float[Array, "n t c"]:
        """Return the tokens after this block; `position` is passed to the attention."""
        x = x + self.scale1[...] * self.attention(self.norm1(x), *position)
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
        """Return the class token followed by the patches as tokens, with their positions added."""
        tokens = embedded_patches(x, self.patch, self.positions[...], config=self.config)
        first = jnp.broadcast_to(self.class_token[...] + self.class_position[...], (len(x), 1, self.config.width))
        return jnp.concatenate([first, tokens], axis=1)


def embedded_patches(
    x: Float[Array, "n H W 3"], patch: nnx.Linear, positions: Float[Array, "p c"], *, config: BackboneConfig
) -> Float[Array, "n t c"]:
    """Return the patches as tokens, row by row, with their positions added.

    Args:
        x: RGB; both sides must be multiples of the patch size.
        patch: linear layer from a patch to a token.
        positions: table of learned positions; it is resized to the picture's grid.
        config: sizes of the backbone.

    Raises:
        ValueError: a side is not a multiple of the patch size.
    """
    n, height, width, _ = x.shape
    side = config.patch_px
    if height % side or width % side:
        raise ValueError(f"sides must be multiples of {side}, not {height} x {width}")
    rows, columns = height // side, width // side
    patches = x.reshape(n, rows, side, columns, side, 3).transpose(0, 1, 3, 2, 4, 5)
    grid = positions.reshape(config.grid, config.grid, config.width)
    if (rows, columns) != (config.grid, config.grid):
        grid = resize_cubic(grid, (rows, columns), offset=config.position_offset)
    tokens: Array = patch(patches.reshape(n, rows * columns, -1)) + grid.reshape(rows * columns, config.width)
    return tokens


def layer_norm(width: int, epsilon: float, *, rngs: nnx.Rngs) -> nnx.LayerNorm:
    return nnx.LayerNorm(width, epsilon=epsilon, use_fast_variance=False, rngs=rngs)
