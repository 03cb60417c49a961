"""The subject network, which finds the people, animals or objects that are the subject of a picture.

DINOv2's features capture the content of a patch regardless of its colours, so a head on them locates the whole
subject. U²-Net-P relies on contrast and colour: it misses clothes, legs and other people, and selects anything
that stands out, but its edges are accurate to a pixel, not just to a patch. The head therefore decides on the
subject, and U²-Net-P draws its outline. The backbone and its weights are those of the depth network.
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

_SUREST = 0.99  # upper limit of probabilities before they are combined; the lower limit is 1 minus this


class SubjectNetwork(nnx.Module):
    """Network that estimates the subject's coverage of each pixel, and the probability that there is a subject.

    The input is a square RGB picture of side `config.side_px`, scaled so that its brightest value is 1, then
    normalised with ImageNet's mean and standard deviation. The outputs are in [0, 1]: the coverage; the probability
    of a subject, which is the same for all pixels; and those that a pixel shows a face, and that it shows a head.
    """

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.head = SubjectHead(config, rngs=rngs)
        self.edges = U2Net(config.edges, rngs=rngs)
        self.faces = nnx.Linear(2 * config.backbone.width, 2, rngs=rngs)

    def __call__(self, x: Float[Array, "n s s 3"]) -> Float[Array, "n s s 4"]:
        coverage, tokens, agreeing, faces = self.parts(x)
        chance = jax.nn.sigmoid(self.head.has_subject(tokens, agreeing))
        whole = jnp.broadcast_to(chance[:, None, None, None], coverage.shape)
        return jnp.concatenate((coverage, whole, jax.nn.sigmoid(sized(faces, x.shape[1]))), axis=-1)

    def parts(
        self, x: Float[Array, "n s s 3"]
    ) -> tuple[Float[Array, "n s s 1"], Float[Array, "k n c"], Float[Array, "n"], Float[Array, "n g g 2"]]:
        """Return the coverage, the inputs of `has_subject` (class tokens, agreement), and the faces' log odds."""
        config, grid = self.config, self.config.grid
        seen = self.backbone(sized(x, grid * config.backbone.patch_px))
        features = seen[:, :, 1:].reshape(len(seen), len(x), grid, grid, -1)
        place = sized(jax.nn.sigmoid(self.head(features, sized(x, FINENESS * grid)))[..., None], x.shape[1])
        edges = self.edges(x)
        faces = self.faces(jnp.concatenate(tuple(features[-2:]), axis=-1))
        return joined(place, edges, config), seen[:, :, 0], agreement(place, edges), faces


def agreement(place: Float[Array, "n s s 1"], edges: Float[Array, "n s s 1"]) -> Float[Array, "n"]:
    """Return how well the two networks agree on the subject, in [0, 1].

    In a scene without a subject, they select different things. The result is the mean of two values: the overlap of
    the maps, and the fraction of U²-Net-P's selection that the head also selects.
    """

    def total(x: Float[Array, "n s s 1"]) -> Float[Array, "n"]:
        return x.sum((1, 2, 3))

    overlap = total(jnp.minimum(place, edges)) / jnp.maximum(total(jnp.maximum(place, edges)), 1.0)
    known = total(place * edges) / jnp.maximum(total(edges), 1.0)
    return (overlap + known) / 2


def joined(
    place: Float[Array, "n s s 1"], edges: Float[Array, "n s s 1"], config: SubjectConfig
) -> Float[Array, "n s s 1"]:
    """Combine the head's location of the subject with the edges of U²-Net-P.

    Both have equal weight where U²-Net-P covers most of the head's selection. Both then select the same object,
    although the head may find only part of it (a horse, for example). Elsewhere the head dominates. Narrow dips in
    the combined values are filled where U²-Net-P's map has no dip. Where both have an edge within `edges_reach_px`,
    the value of U²-Net-P is used, clamped to the range of the combined values within that distance, so that it
    moves the head's edges without adding new ones. Small parts found by one network are added unless the other
    rejects them. Every condition is a smooth ramp rather than a threshold, so that rounding errors cannot flip it.

    Args:
        place: coverage estimated by the head.
        edges: coverage estimated by U²-Net-P.
        config: parameters of the combination.
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
    """Add parts that one network finds and the other does not reject, if they are small compared with the subject.

    The networks are unsure about different parts of a subject, such as a leg or a dark coat, and each would punch
    its own holes into the other's result. A larger part is not a hole; it may be a different object.
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
