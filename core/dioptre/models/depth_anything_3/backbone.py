"""Backbone of Depth Anything 3 Small and Base for one view: DINOv2 with rotary positions in its later blocks.

With several views, every other late block attends across views and gives all patches the same position. With a
single view, those blocks differ from the others only in that shared position.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32

from dioptre.models.depth_anything_v2.backbone import Attention, Block, embedded_patches, layer_norm
from dioptre.models.depth_anything_v2.config import BackboneConfig

from .config import DepthAnything3Config

_BASE_FREQUENCY = 100.0

Rotation = tuple[Float[Array, "t d"], Float[Array, "t d"]]
"""Cosine and sine of the angles by which the query and key of each token are rotated."""


class RotaryAttention(Attention):
    """Self-attention with query and key normalised per head and rotated according to the token's position."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs) -> None:
        super().__init__(config, rngs=rngs)
        each = config.width // config.heads
        self.query_norm = layer_norm(each, config.last_epsilon, rngs=rngs)
        self.key_norm = layer_norm(each, config.last_epsilon, rngs=rngs)

    def __call__(self, x: Float[Array, "n t c"], *position: Array) -> Float[Array, "n t c"]:
        cosines, sines = position
        query, key, value = self.projected(x)
        query, key = (_rotated(each, (cosines, sines)) for each in (self.query_norm(query), self.key_norm(key)))
        return self.attended(query, key, value)


class RotaryBlock(Block):
    """Transformer block with rotary attention."""

    def __init__(self, config: BackboneConfig, *, rngs: nnx.Rngs) -> None:
        super().__init__(config, rngs=rngs, attention=RotaryAttention)


class RotaryBackbone(nnx.Module):
    """Backbone that computes features of a picture's patches and a camera token."""

    def __init__(self, config: DepthAnything3Config, *, rngs: nnx.Rngs) -> None:
        sizes = config.backbone
        assert config.rotary_from is not None
        self.config, self.first_rotary = sizes, config.rotary_from
        self.patch = nnx.Linear(3 * sizes.patch_px**2, sizes.width, rngs=rngs)
        self.class_token = nnx.Param(jnp.zeros(sizes.width))
        self.class_position = nnx.Param(jnp.zeros(sizes.width))
        self.camera_token = nnx.Param(jnp.zeros(sizes.width))
        self.positions = nnx.Param(jnp.zeros((sizes.grid**2, sizes.width)))
        late = sizes.blocks - self.first_rotary
        self.blocks = nnx.vmap(lambda keys: Block(sizes, rngs=keys))(rngs.split(self.first_rotary))
        self.rotary = nnx.vmap(lambda keys: RotaryBlock(sizes, rngs=keys))(rngs.split(late))
        self.norm = layer_norm(sizes.width, sizes.last_epsilon, rngs=rngs)

    def __call__(self, x: Float[Array, "n H W 3"]) -> tuple[Float[Array, "k n t c"], Float[Array, "n c"]]:
        """Return the patch features of the tapped blocks, and the camera token of the last one.

        The output of each tapped block is concatenated with that of the block before it.

        Args:
            x: RGB, normalised with ImageNet's mean and standard deviation; both sides must be multiples of the
                patch size.
        """
        sizes = self.config
        tokens = embedded_patches(x, self.patch, self.positions[...], config=sizes)
        first = jnp.broadcast_to(self.class_token[...] + self.class_position[...], (len(x), 1, sizes.width))
        tokens = _scanned(self.blocks, jnp.concatenate([first, tokens], axis=1))
        tokens = tokens.at[:, 0].set(self.camera_token[...])
        outputs = self._rotary(tokens, (x.shape[1] // sizes.patch_px, x.shape[2] // sizes.patch_px))
        taps = np.asarray(sizes.taps) - self.first_rotary
        before, last = outputs[taps - 1], outputs[taps]
        joined = jnp.concatenate([before, self.norm(last)], axis=-1)
        camera = jnp.concatenate([before[-1, :, 0], last[-1, :, 0]], axis=-1)
        return joined[:, :, 1:], camera

    def _rotary(self, tokens: Float[Array, "n t c"], grid: tuple[int, int]) -> Float[Array, "b n t c"]:
        """Return the outputs of all blocks with rotary positions."""
        count = self.config.blocks - self.first_rotary
        tables = [rotations(grid, self.config.width // self.config.heads, alike=alike) for alike in (False, True)]
        cosines, sines = (jnp.stack(parts) for parts in zip(*tables, strict=True))
        alike = jnp.asarray([(self.first_rotary + number) % 2 for number in range(count)])
        graph, blocks = nnx.split(self.rotary)

        def step(carried: Array, each: tuple[object, Array]) -> tuple[Array, Array]:
            parameters, which = each
            carried = nnx.merge(graph, parameters)(carried, cosines[which], sines[which])
            return carried, carried

        _, outputs = jax.lax.scan(step, tokens, (blocks, alike))
        return outputs


def rotations(
    grid: tuple[int, int], width: int, *, alike: bool
) -> tuple[Float32[np.ndarray, "t d"], Float32[np.ndarray, "t d"]]:
    """Return the cosine and sine of each token's rotation angles.

    The first half of the channels is rotated by the row, the second half by the column. The camera token is at
    position 0; rows and columns of patches are counted from 1.

    Args:
        grid: numbers of rows and columns of patches.
        width: number of channels.
        alike: give all patches position 1 instead.
    """
    rows, columns = (np.ravel(part) for part in np.indices(grid))
    if alike:
        rows, columns = np.zeros_like(rows), np.zeros_like(columns)
    places = np.stack([np.concatenate([[0], axis + 1]) for axis in (rows, columns)])
    frequencies = _BASE_FREQUENCY ** -(np.arange(0, width // 2, 2, dtype=np.float32) / np.float32(width // 2))
    angles = places[..., None].astype(np.float32) * frequencies.astype(np.float32)
    turns = np.concatenate([angles[0], angles[0], angles[1], angles[1]], axis=-1)
    return np.cos(turns), np.sin(turns)


def _rotated(x: Float[Array, "n h t d"], rotation: Rotation) -> Float[Array, "n h t d"]:
    cosines, sines = rotation
    quarters = jnp.split(x, 4, axis=-1)
    turned = jnp.concatenate([-quarters[1], quarters[0], -quarters[3], quarters[2]], axis=-1)
    return x * cosines + turned * sines


def _scanned(blocks: nnx.Module, tokens: Float[Array, "n t c"]) -> Float[Array, "n t c"]:
    graph, stacked = nnx.split(blocks)
    last: Array = jax.lax.scan(lambda x, parameters: (nnx.merge(graph, parameters)(x), None), tokens, stacked)[0]
    return last
