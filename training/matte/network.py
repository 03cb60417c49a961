"""The coarse network for soft alpha.

The backbone's features and two other networks' maps locate the subject, and the picture locates its edge.
"""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

TAPS, WIDTH, GRID = 4, 384, 24  # Number of taps, channels of each, and side of the grid of the backbone's features.
SIDE = 512
_TAP, _DEEP = 48, 128
_SEEN = (16, 32, 48, 96)  # Number of channels at a half, a quarter, an eighth and a sixteenth of the side.
_MADE = (24, 40, 64, 96)


class SoftAlpha(nnx.Module):
    """Network that predicts the alpha of a square picture as a change to the log odds of two other networks' maps.

    It has about 1 million values. The last layer works at half the side and predicts four pixels per position.
    """

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.projects = nnx.List([nnx.Linear(WIDTH, _TAP, rngs=rngs) for _ in range(TAPS)])
        self.enter, self.more = _conv(TAPS * _TAP, _DEEP, rngs=rngs), _conv(_DEEP, _DEEP, rngs=rngs)
        widths = (5, *_SEEN)
        self.see = nnx.List([_conv(a, b, stride=2, rngs=rngs) for a, b in pairwise(widths)])
        below = (*_MADE[1:], _DEEP)
        self.make = nnx.List(
            [_conv(low + seen, made, rngs=rngs) for low, seen, made in zip(below, _SEEN, _MADE, strict=True)]
        )
        self.fine = _conv(5, 8, rngs=rngs)
        self.out = _conv(_MADE[0] + 4 * 8, 4, rngs=rngs)

    def __call__(
        self,
        features: Float[Array, "k n g g c"],
        picture: Float[Array, "n s s 3"],
        maps: Float[Array, "n s s 2"],
    ) -> Float[Array, "n s s"]:
        """Return alpha in [0, 1].

        Args:
            features: Features of the backbone's patches, one set for each tap.
            picture: sRGB-encoded, in [0, 1].
            maps: The maps of the subject network and of U²-Net-P, in [0, 1].
        """
        parts = [project(feature) for project, feature in zip(self.projects, features, strict=True)]
        deep = nnx.relu(self.enter(jnp.concatenate(parts, axis=-1)))
        deep = deep + nnx.relu(self.more(deep))
        x = jnp.concatenate([picture - 0.5, maps - 0.5], axis=-1)
        seen, level = [], x
        for conv in self.see:
            level = nnx.relu(conv(level))
            seen.append(level)
        made = deep
        for conv, level in zip(list(self.make)[::-1], seen[::-1], strict=True):
            grown = jax.image.resize(made, (*level.shape[:3], made.shape[-1]), "linear")
            made = nnx.relu(conv(jnp.concatenate([grown, level], axis=-1)))
        fine = _folded(nnx.relu(self.fine(x)))
        change = _unfolded(self.out(jnp.concatenate([made, fine], axis=-1)))
        known = jnp.clip(maps.mean(-1), 0.02, 0.98)
        return jax.nn.sigmoid(jnp.log(known / (1 - known)) + change[..., 0])


def _conv(inputs: int, outputs: int, *, stride: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), strides=(stride, stride), padding="SAME", rngs=rngs)


def _folded(x: Float[Array, "n h w c"]) -> Float[Array, "n a b d"]:
    """Fold two by two pixels into channels."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height // 2, width // 2, 4 * channels)


def _unfolded(x: Float[Array, "n a b d"]) -> Float[Array, "n h w c"]:
    """Reverse `_folded`."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, 2 * height, 2 * width, channels // 4)
