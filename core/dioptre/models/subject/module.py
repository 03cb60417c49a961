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
    """Network that estimates the subject's coverage of each pixel, and where the picture shows faces and heads.

    The input is a square RGB picture, scaled so that its brightest value is 1, then normalised with ImageNet's
    mean and standard deviation; its side is a multiple of 56. The outputs are in [0, 1]: the coverage; the
    probability that there is one subject, which is the same for all pixels; and the probabilities that a pixel
    shows a face and a head.
    """

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.adapters = Adapters(config.backbone, rank=config.rank)
        self.head = SubjectHead(config, rngs=rngs)
        self.faces = nnx.Linear(2 * config.backbone.width, 2, rngs=rngs)
        self.patch_px = config.backbone.patch_px

    def __call__(self, x: Float[Array, "n s s 3"]) -> Float[Array, "n s s 4"]:
        coverage, tokens, certainty, faces = self.parts(x)
        chance = jax.nn.sigmoid(self.head.has_subject(tokens, certainty))
        whole = jnp.broadcast_to(chance[:, None, None], coverage.shape)
        faces = jax.nn.sigmoid(jax.image.resize(faces, (*coverage.shape, 2), "linear"))
        return jnp.concatenate((jnp.stack((coverage, whole), axis=-1), faces), axis=-1)

    def parts(
        self, x: Float[Array, "n s s 3"]
    ) -> tuple[Float[Array, "n s s"], Float[Array, "k n c"], Float[Array, "n"], Float[Array, "n g g 2"]]:
        """Return the coverage, the inputs of `has_subject`, and the log odds of faces and heads.

        The inputs of `has_subject` are the class tokens and the map's certainty.

        In a scene without a subject, much of the map is neither in nor out: its mean, weighted by itself, is low.
        """
        grid = x.shape[1] // self.patch_px
        seen = self.adapters.adapted(self.backbone)(x)
        features = seen[:, :, 1:].reshape(len(seen), len(x), grid, grid, -1)
        fine, coarse = (jax.nn.sigmoid(logits) for logits in self.head(features, x))
        certainty = (coarse**2).sum((1, 2)) / jnp.maximum(coarse.sum((1, 2)), 1.0)
        faces = self.faces(jnp.concatenate(tuple(features[-2:]), axis=-1))
        return fine, seen[:, :, 0], certainty, faces
