"""Low-rank changes of a backbone's linear layers (Hu et al., "LoRA", 2021)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx

from dioptre.models.depth_anything_v2.backbone import Backbone
from dioptre.models.depth_anything_v2.config import BackboneConfig


class Change(nnx.Module):
    """Change of one linear layer's kernel in every block: the product of two narrow matrices."""

    def __init__(self, config: BackboneConfig, inputs: int, outputs: int, *, rank: int) -> None:
        self.down = nnx.Param(jnp.zeros((config.blocks, inputs, rank)))
        self.up = nnx.Param(jnp.zeros((config.blocks, rank, outputs)))


class Adapters(nnx.Module):
    """Changes of all linear layers of a backbone's blocks."""

    def __init__(self, config: BackboneConfig, *, rank: int) -> None:
        width, hidden = config.width, config.hidden
        self.qkv = Change(config, width, 3 * width, rank=rank)
        self.out = Change(config, width, width, rank=rank)
        self.enter = Change(config, width, hidden, rank=rank)
        self.leave = Change(config, hidden, width, rank=rank)

    def adapted(self, backbone: Backbone) -> Backbone:
        """Return the backbone with the changes added to its kernels, once for all pictures of a batch."""
        changed = nnx.clone(backbone)
        blocks = changed.blocks
        layers = {
            self.qkv: blocks.attention.qkv,
            self.out: blocks.attention.out,
            self.enter: blocks.enter,
            self.leave: blocks.leave,
        }
        for change, layer in layers.items():
            layer.kernel[...] = layer.kernel[...] + change.down[...] @ change.up[...]
        return changed
