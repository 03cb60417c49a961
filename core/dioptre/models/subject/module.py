"""The subject network: which people, animals or things a picture is of.

DINOv2's features know what is seen in a patch, whatever its colours: a head on them says where the subject is,
whole. U²-Net-P goes by contrast and colour: it loses clothes, legs and second people, and takes what only stands
out, but its edges are pixels and not patches. So the head decides and U²-Net-P draws the line. The backbone is the
one that reads depth, with the same values.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.depth_anything_v2.backbone import Backbone
from dioptre.models.u2net.module import U2Net

from .config import SubjectConfig
from .head import FINENESS, SubjectHead, sized

_SUREST = 0.99  # beyond it either network's certainty counts no more


class SubjectNetwork(nnx.Module):
    """Coverage of each pixel by the subject, in [0, 1]; the chance that the picture has one, the same everywhere.

    The input is a square RGB picture of `config.side_px`, its brightest value 1, with ImageNet's mean and deviation
    taken out.
    """

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.head = SubjectHead(config, rngs=rngs)
        self.edges = U2Net(config.edges, rngs=rngs)

    def __call__(self, x: Float[Array, "n s s 3"]) -> Float[Array, "n s s 2"]:
        coverage, tokens, agreeing = self.parts(x)
        chance = jax.nn.sigmoid(self.head.has_subject(tokens, agreeing))
        return jnp.concatenate((coverage, jnp.broadcast_to(chance[:, None, None, None], coverage.shape)), axis=-1)

    def parts(
        self, x: Float[Array, "n s s 3"]
    ) -> tuple[Float[Array, "n s s 1"], Float[Array, "k n c"], Float[Array, "n"]]:
        """Coverage, and what the chance of a subject follows from: the class tokens and the networks' agreement."""
        config, grid = self.config, self.config.grid
        seen = self.backbone(sized(x, grid * config.backbone.patch_px))
        features = seen[:, :, 1:].reshape(len(seen), len(x), grid, grid, -1)
        place = sized(jax.nn.sigmoid(self.head(features, sized(x, FINENESS * grid)))[..., None], x.shape[1])
        edges = self.edges(x)
        return joined(place, edges, config), seen[:, :, 0], agreement(place, edges)


def agreement(place: Float[Array, "n s s 1"], edges: Float[Array, "n s s 1"]) -> Float[Array, "n"]:
    """How far both mean the same thing, in [0, 1]; in a scene each takes something else.

    The mean of the maps' overlap and of the share of what U²-Net-P takes that the head takes too.
    """

    def total(x: Float[Array, "n s s 1"]) -> Float[Array, "n"]:
        return x.sum((1, 2, 3))

    overlap = total(jnp.minimum(place, edges)) / jnp.maximum(total(jnp.maximum(place, edges)), 1.0)
    known = total(place * edges) / jnp.maximum(total(edges), 1.0)
    return (overlap + known) / 2


def joined(
    place: Float[Array, "n s s 1"], edges: Float[Array, "n s s 1"], config: SubjectConfig
) -> Float[Array, "n s s 1"]:
    """What the head says of the place with the lines that U²-Net-P draws.

    The two weigh equally where U²-Net-P covers most of what the head takes: both see one thing then, of which
    the head may see only a part, as with a horse. Elsewhere the head dominates. Narrow dips are filled as far as
    U²-Net-P sees none. Where both have an edge within `edges_reach_px`, U²-Net-P's value counts, held between the
    least and the greatest of the others within that distance: it moves the head's edges and makes none. Small parts
    that one network holds are added as far as the other does not deny them. To agree, to have an edge and to deny
    are matters of degree: rounding in the last digits cannot turn them on or off.
    """
    taken = jnp.maximum(place.sum((1, 2, 3), keepdims=True), 1.0)
    both = (place * edges).sum((1, 2, 3), keepdims=True) / taken
    alike = jnp.clip((both - config.held[0]) / (config.held[1] - config.held[0]), 0, 1)
    heads, others = (
        apart + alike * (together - apart) for apart, together in zip(config.trust, config.shared, strict=True)
    )
    weighed = jax.nn.sigmoid(heads * _log_odds(place) + others * _log_odds(edges))
    closed = _least(_greatest(weighed, config.dip_px), config.dip_px)
    filled = jnp.maximum(weighed, jnp.minimum(closed, edges))
    reach = config.edges_reach_px
    crossed = jnp.clip(_greatest(edges, reach) / 0.2 - 2, 0, 1) * jnp.clip(3 - _least(edges, reach) / 0.2, 0, 1)
    held = jnp.clip(edges, _least(filled, reach), _greatest(filled, reach))
    return _completed(filled + crossed * (held - filled), place, edges, config)


def _completed(
    subject: Float[Array, "n s s 1"],
    place: Float[Array, "n s s 1"],
    edges: Float[Array, "n s s 1"],
    config: SubjectConfig,
) -> Float[Array, "n s s 1"]:
    """The subject with what one network holds and the other does not deny, where that is little beside it.

    Both doubt other parts of a subject, a leg or a dark coat, and each would punch its holes into the other's; what
    is more than a hole may be another thing.
    """
    denied, not_denied = config.denied
    doubtful = jnp.clip((jnp.minimum(place, edges) - denied) / (not_denied - denied), 0, 1)
    whole = jnp.maximum(subject, jnp.minimum(jnp.maximum(place, edges), doubtful))
    share = subject.sum((1, 2, 3), keepdims=True) / jnp.maximum(whole.sum((1, 2, 3), keepdims=True), 1.0)
    is_hole = jnp.clip((share - config.most[0]) / (config.most[1] - config.most[0]), 0, 1)
    return subject + is_hole * (whole - subject)


def _log_odds(p: Float[Array, "n s s 1"]) -> Float[Array, "n s s 1"]:
    kept = jnp.clip(p, 1 - _SUREST, _SUREST)
    return jnp.log(kept) - jnp.log1p(-kept)


def _greatest(x: Float[Array, "n s s 1"], reach: int) -> Float[Array, "n s s 1"]:
    side, each = 2 * reach + 1, (1, 1, 1, 1)
    for window in ((1, side, 1, 1), (1, 1, side, 1)):
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, each, "SAME")
    return x


def _least(x: Float[Array, "n s s 1"], reach: int) -> Float[Array, "n s s 1"]:
    return -_greatest(-x, reach)
