"""The subject network's head, which finds the patches that belong to the subject."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from .config import SubjectConfig

FINENESS = 8
"""Side of a patch in pixels of the head's output."""


class SubjectHead(nnx.Module):
    """Head that computes logits from the taps and the picture, at FINENESS times the patch grid's resolution."""

    def __init__(self, config: SubjectConfig, *, rngs: nnx.Rngs) -> None:
        one, two, four, eight = config.head.widths
        seen8, seen4, seen2 = config.head.seen
        tap, taps, width = config.head.tap, len(config.backbone.taps), config.backbone.width
        self.projects = nnx.List([nnx.Linear(width, tap, rngs=rngs) for _ in range(taps)])
        self.enter, self.more = _conv(taps * tap, one, rngs=rngs), _conv(one, one, rngs=rngs)
        self.see8 = _conv(3, seen8, rngs=rngs)
        self.see4 = _conv(seen8, seen4, stride=2, rngs=rngs)
        self.see2 = _conv(seen4, seen2, stride=2, rngs=rngs)
        self.join2 = _conv(one + seen2, two, rngs=rngs)
        self.narrow4, self.narrow8 = nnx.Linear(two, four, rngs=rngs), nnx.Linear(four, eight, rngs=rngs)
        self.join4 = _conv(four + seen4, four, rngs=rngs)
        self.join8 = _conv(eight + seen8, eight, rngs=rngs)
        self.out = _conv(eight, 1, rngs=rngs)
        self.chance = nnx.Linear(taps * width + 1, 1, rngs=rngs)

    def has_subject(self, tokens: Float[Array, "k n c"], agreement: Float[Array, "n"]) -> Float[Array, "n"]:
        """Return the log odds that the picture has a subject, linear in the backbone's class tokens.

        Args:
            tokens: class token at each tap.
            agreement: agreement of the head with U²-Net-P (see `module.agreement`).
        """
        whole = jnp.moveaxis(tokens, 0, 1).reshape(len(agreement), -1)
        whole = whole / jnp.maximum(jnp.linalg.norm(whole, axis=1, keepdims=True), 1e-6)
        return self.chance(jnp.concatenate([whole, agreement[:, None]], axis=1))[:, 0]

    def __call__(
        self, features: Float[Array, "k n g g c"], shown: Float[Array, "n s s 3"]
    ) -> Float[Array, "n s s"]:
        """Return the logits of the subject's coverage.

        Args:
            features: features of the patches, on their grid.
            shown: the normalised picture, of side s = FINENESS * g.
        """
        parts = [project(feature) for project, feature in zip(self.projects, features, strict=True)]
        x = nnx.relu(self.enter(nnx.relu(jnp.concatenate(parts, axis=-1))))
        x = x + nnx.relu(self.more(x))
        eight = nnx.relu(self.see8(shown))
        four = nnx.relu(self.see4(eight))
        x = _joined(self.join2, x, nnx.relu(self.see2(four)))
        x = _joined(self.join4, self.narrow4(x), four)
        x = _joined(self.join8, self.narrow8(x), eight)
        return self.out(x)[..., 0]


def sized(x: Float[Array, "n h w c"], side: int) -> Float[Array, "n s s c"]:
    """Resize to a square of this side: enlarge bilinearly, shrink by averaging areas."""
    return jax.image.resize(x, (len(x), side, side, x.shape[-1]), "linear")


def _conv(inputs: int, outputs: int, *, stride: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), strides=(stride, stride), padding="SAME", rngs=rngs)


def _joined(conv: nnx.Conv, x: Float[Array, "n h w c"], seen: Float[Array, "n s s d"]) -> Float[Array, "n s s o"]:
    return nnx.relu(conv(jnp.concatenate([sized(x, seen.shape[1]), seen], axis=-1)))
