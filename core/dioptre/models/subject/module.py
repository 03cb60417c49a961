"""The subject network, which finds the people, animals or objects that are the subject of a picture.

Its backbone is the depth network's, with low-rank changes that turn its features to subjects. It knows whole
things, which U²-Net-P, responding to colours and contrast, takes apart; `dioptre.features.subject.joining` joins
both maps.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.depth_anything_v2.backbone import Backbone

from .adapters import Adapters
from .config import SubjectConfig
from .head import SubjectHead


class SubjectNetwork(nnx.Module):
    """Network that estimates the subject's coverage of each pixel, and the probability that there is one subject.

    The input is a square RGB picture, scaled so that its brightest value is 1, then normalised with ImageNet's
    mean and standard deviation; its side is a multiple of 56. Both outputs are in [0, 1]; the probability is the
    same for all pixels.
    """

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.adapters = Adapters(config.backbone, rank=config.rank)
        self.head = SubjectHead(config, rngs=rngs)
        self.patch_px = config.backbone.patch_px

    def __call__(self, x: Float[Array, "n s s 3"]) -> Float[Array, "n s s 2"]:
        coverage, tokens, certainty = self.parts(x)
        chance = jax.nn.sigmoid(self.head.has_subject(tokens, certainty))
        return jnp.stack((coverage, jnp.broadcast_to(chance[:, None, None], coverage.shape)), axis=-1)

    def parts(
        self, x: Float[Array, "n s s 3"]
    ) -> tuple[Float[Array, "n s s"], Float[Array, "k n c"], Float[Array, "n"]]:
        """Return the coverage, and the inputs of `has_subject`: the class tokens and the map's certainty.

        In a scene without a subject, much of the map is neither in nor out: its mean, weighted by itself, is low.
        """
        grid = x.shape[1] // self.patch_px
        seen = self.adapters.adapted(self.backbone)(x)
        features = seen[:, :, 1:].reshape(len(seen), len(x), grid, grid, -1)
        fine, coarse = (jax.nn.sigmoid(logits) for logits in self.head(features, x))
        certainty = (coarse**2).sum((1, 2)) / jnp.maximum(coarse.sum((1, 2)), 1.0)
        return fine, seen[:, :, 0], certainty
