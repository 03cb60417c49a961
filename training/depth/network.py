"""The depth network in two parts: a frozen first part, and a second part that is trained.

The tokens of the first part are computed once for each view and cached (`cache.py`). The second part consists of
the last blocks of the backbone, its norm and the DPT head. Even if these blocks are frozen too, so that only the
head is trained, each step includes a forward pass through six blocks.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Float16, UInt8

from dioptre.models.depth_anything_v2 import dioptre_small
from dioptre.models.loading import load_model
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN

EARLY_BLOCKS = 6
"""Number of frozen blocks, up to the second tap; the tokens at their taps are cached."""

TAPS = dioptre_small().backbone.taps
EARLY_TAPS = tuple(tap for tap in TAPS if tap < EARLY_BLOCKS)
LATE_TAPS = tuple(tap - EARLY_BLOCKS for tap in TAPS if tap >= EARLY_BLOCKS)

Values = dict[str, Any]
"""Nested arrays by their names in the module. The second part has "head", "norm" and the stacked late "blocks"."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """The frozen first part of the network.

    Attributes:
        graph: Graph of the whole network.
        backbone: Graph of its backbone.
        early: Values of the first part; its norm is not used.
    """

    graph: Any
    backbone: Any
    early: Values

    def tokens(self, srgb: UInt8[Array, "n H W 3"]) -> Float16[Array, "n k t c"]:
        """Return the tokens at the early taps, before the norm, with the class token first."""
        return _tokens(self.backbone, self.early, srgb)

    def disparity(
        self, trained: Values, tokens: Float16[Array, "n k t c"], *, grid: tuple[int, int], per_patch: int
    ) -> Float[Array, "n H W"]:
        """Run the second part.

        Args:
            trained: The values of the second part.
            tokens: The tokens of the first part, as `tokens` returns them.
            grid: Rows and columns of patches.
            per_patch: Samples of the output along each side of a patch.

        Returns:
            Disparity with any scale and shift; larger is nearer.
        """
        model = nnx.merge(self.graph, nnx.State(joined(self.early, trained)))
        block, blocks = nnx.split(model.backbone.blocks)
        late = jax.tree.map(lambda value: value[EARLY_BLOCKS:], blocks)
        kept = jnp.moveaxis(tokens.astype(jnp.float32), 1, 0)

        def step(x: Array, values: Any) -> tuple[Array, Array]:
            x = nnx.merge(block, values)(x)
            return x, x

        _, outputs = jax.lax.scan(step, kept[-1], late)
        features = model.backbone.norm(jnp.concatenate([kept, outputs[jnp.asarray(LATE_TAPS)]]))[:, :, 1:]
        rows, columns = grid
        return model.head(
            features.reshape(len(features), -1, rows, columns, features.shape[-1]),
            (rows * per_patch, columns * per_patch),
        )


def load_network() -> tuple[Network, Values]:
    """Return the bundled network, split into its two parts."""
    loaded = load_model("dioptre-depth-small")
    graph, state = loaded.build()
    return cut(graph, nnx.to_pure_dict(state))


def cut(graph: Any, values: Values) -> tuple[Network, Values]:
    """Split a network into its frozen first part and the values of its second part."""
    backbone = values["backbone"]
    early = {**backbone, "blocks": jax.tree.map(lambda value: value[:EARLY_BLOCKS], backbone["blocks"])}
    late = jax.tree.map(lambda value: value[EARLY_BLOCKS:], backbone["blocks"])
    backbone_graph, _ = nnx.split(nnx.merge(graph, nnx.State(values)).backbone)
    network = Network(graph=graph, backbone=backbone_graph, early=early)
    return network, {"head": values["head"], "norm": backbone["norm"], "blocks": late}


def joined(early: Values, trained: Values) -> Values:
    """Return the values of the whole network."""
    blocks = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), early["blocks"], trained["blocks"])
    return {"backbone": {**early, "blocks": blocks, "norm": trained["norm"]}, "head": trained["head"]}


@partial(jax.jit, static_argnums=0)
def _tokens(graph: Any, early: Values, srgb: Array) -> Array:
    backbone = nnx.merge(graph, nnx.State(early))
    x = (srgb.astype(jnp.float32) / 255 - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)
    block, blocks = nnx.split(backbone.blocks)

    def step(tokens: Array, values: Any) -> tuple[Array, Array]:
        tokens = nnx.merge(block, values)(tokens)
        return tokens, tokens

    _, outputs = jax.lax.scan(step, backbone.embed(x), blocks)
    kept = outputs[jnp.asarray(EARLY_TAPS)]
    return jnp.moveaxis(kept, 0, 1).astype(jnp.float16)
