"""The subject network, which finds the people, animals or objects that are the subject of a picture.

Its backbone is the depth network's, with low-rank changes that turn its features to subjects.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.depth_anything_v2 import BackboneConfig
from dioptre.models.depth_anything_v2.backbone import Backbone
from dioptre.models.functions import double

from . import SubjectConfig


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


class SubjectHead(nnx.Module):
    """Head that computes logits of coverage from the backbone's taps and the picture's own pixels."""

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        eight, four, two, one = config.head.widths
        seen8, seen4, seen2 = config.head.seen
        tap, taps, width, entry = (
            config.head.tap,
            len(config.backbone.taps),
            config.backbone.width,
            config.head.entry,
        )
        self.projects = nnx.List([nnx.Linear(width, tap, rngs=rngs) for _ in range(taps)])
        self.enter = _conv(taps * tap, entry, rngs=rngs)
        self.more1 = _conv(entry, entry, dilation=2, rngs=rngs)
        self.more2 = _conv(entry, entry, rngs=rngs)
        self.see2 = _conv(3, seen2, stride=2, rngs=rngs)
        self.see4 = _conv(seen2, seen4, stride=2, rngs=rngs)
        self.see8 = _conv(seen4, seen8, stride=2, rngs=rngs)
        self.join8 = _conv(entry + seen8, eight, rngs=rngs)
        self.more8 = _conv(eight, eight, rngs=rngs)
        self.deep8 = _conv(eight, eight, dilation=2, rngs=rngs)
        self.coarse = nnx.Linear(eight, 1, rngs=rngs)
        self.narrow4, self.join4 = nnx.Linear(eight, four, rngs=rngs), _conv(four + seen4, four, rngs=rngs)
        self.deep4, self.wide4 = _conv(four, four, rngs=rngs), _conv(four, four, dilation=2, rngs=rngs)
        self.narrow2, self.join2 = nnx.Linear(four, two, rngs=rngs), _conv(two + seen2, two, rngs=rngs)
        self.deep2, self.wide2 = _conv(two, two, rngs=rngs), _conv(two, two, dilation=2, rngs=rngs)
        self.narrow1, self.join1 = nnx.Linear(two, one, rngs=rngs), _conv(one + 3, one, rngs=rngs)
        self.fine = _conv(one, 1, rngs=rngs)
        self.chance = nnx.Linear(taps * width + 1, 1, rngs=rngs)

    def __call__(
        self, features: Float[Array, "k n g g c"], x: Float[Array, "n s s 3"]
    ) -> tuple[Float[Array, "n s s"], Float[Array, "n t t"]]:
        """Return the logits of the subject's coverage, at the picture's side and at an eighth of it.

        Args:
            features: features of the patches, on their grid.
            x: the normalised picture.
        """
        parts = [project(feature) for project, feature in zip(self.projects, features, strict=True)]
        f = nnx.relu(self.enter(nnx.relu(jnp.concatenate(parts, axis=-1))))
        f = _added((self.more1, self.more2), f)
        half = nnx.relu(self.see2(x))
        quarter = nnx.relu(self.see4(half))
        f = _joined(self.join8, f, nnx.relu(self.see8(quarter)))
        f = _added((self.more8, self.deep8), f)
        coarse = self.coarse(f)[..., 0]
        f = _added((self.deep4, self.wide4), _joined(self.join4, self.narrow4(f), quarter))
        f = _added((self.deep2, self.wide2), _joined(self.join2, self.narrow2(f), half))
        f = _joined(self.join1, self.narrow1(f), x)
        return self.fine(f)[..., 0], coarse

    def has_subject(self, tokens: Float[Array, "k n c"], certainty: Float[Array, "n"]) -> Float[Array, "n"]:
        """Return the log odds that the picture has one subject.

        Args:
            tokens: class token at each tap.
            certainty: mean of the coverage, weighted by itself.
        """
        whole = jnp.moveaxis(tokens, 0, 1).reshape(len(certainty), -1)
        whole = whole / jnp.maximum(jnp.linalg.norm(whole, axis=1, keepdims=True), 1e-6)
        return self.chance(jnp.concatenate([whole, certainty[:, None]], axis=1))[:, 0]


def _conv(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        inputs, outputs, (3, 3), strides=(stride, stride), kernel_dilation=dilation, padding="SAME", rngs=rngs
    )


def _added(convs: tuple[nnx.Conv, ...], x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    for conv in convs:
        x = x + nnx.relu(conv(x))
    return x


def _joined(conv: nnx.Conv, x: Float[Array, "n h w c"], seen: Float[Array, "n s s d"]) -> Float[Array, "n s s o"]:
    if 2 * x.shape[1] == seen.shape[1]:
        large = double(x)
    else:
        large = jax.image.resize(x, (*seen.shape[:3], x.shape[-1]), "linear")
    return nnx.relu(conv(jnp.concatenate([large, seen], axis=-1)))


class SubjectNetwork(nnx.Module):
    """Network that estimates the subject's coverage of each pixel, and where the picture shows faces and heads.

    The input is a square RGB picture, scaled so that its brightest value is 1, then normalised with ImageNet's
    mean and standard deviation; its side is a multiple of 168. The backbone sees it at two thirds of that side,
    which shows what things are; the head sees it whole, and with it thin parts. The outputs are in [0, 1]: the
    coverage; the probability that there is one subject, which is the same for all pixels; and the probabilities
    that a pixel shows a face and a head.
    """

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.adapters = Adapters(config.backbone, rank=config.rank)
        self.head = SubjectHead(config, rngs=rngs)
        self.faces = nnx.Linear(2 * config.backbone.width, 2, rngs=rngs)

    def __call__(self, x: Float[Array, "n s s 3"]) -> Float[Array, "n s s 4"]:
        coverage, tokens, certainty, faces = self.parts(x)
        chance = jax.nn.sigmoid(self.head.has_subject(tokens, certainty))
        whole = jnp.broadcast_to(chance[:, None, None], coverage.shape)
        faces = jax.nn.sigmoid(jax.image.resize(faces, (*coverage.shape, 2), "linear"))
        return jnp.concatenate((jnp.stack((coverage, whole), axis=-1), faces), axis=-1)

    def seen(self, x: Float[Array, "n s s 3"]) -> Float[Array, "k n t c"]:
        """Return the features of the backbone's taps: of the class token, and of each patch of what it sees."""
        side = 2 * x.shape[1] // 3
        return self.adapters.adapted(self.backbone)(jax.image.resize(x, (len(x), side, side, 3), "linear"))

    def parts(
        self, x: Float[Array, "n s s 3"]
    ) -> tuple[Float[Array, "n s s"], Float[Array, "k n c"], Float[Array, "n"], Float[Array, "n g g 2"]]:
        """Return the coverage, the inputs of `has_subject`, and the log odds of faces and heads.

        The inputs of `has_subject` are the class tokens and the map's certainty.

        In a scene without a subject, much of the map is neither in nor out: its mean, weighted by itself, is low.
        """
        seen = self.seen(x)
        grid = math.isqrt(seen.shape[2] - 1)
        features = seen[:, :, 1:].reshape(len(seen), len(x), grid, grid, -1)
        fine, coarse = (jax.nn.sigmoid(logits) for logits in self.head(features, x))
        certainty = (coarse**2).sum((1, 2)) / jnp.maximum(coarse.sum((1, 2)), 1.0)
        faces = self.faces(jnp.concatenate(tuple(features[-2:]), axis=-1))
        return fine, seen[:, :, 0], certainty, faces
