"""MI-GAN's generator in Flax NNX: an encoder and a decoder of separable convolutions.

The noise of the original is constant at inference, so that each picture has one result. Its resampling filter is
[1, 3, 3, 1] along both axes, with zeros outside.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from .config import MiganConfig

_SLOPE, _GAIN, _LIMIT = 0.2, math.sqrt(2), 256.0  # of the activation
_CHANNELS = 4  # of the input: the mask and the colours


class Depthwise(nnx.Module):
    """A 3 x 3 convolution of each channel: a sum of shifted products, which is faster than XLA's own on CPUs."""

    def __init__(self, channels: int) -> None:
        self.kernel = nnx.Param(jnp.zeros((3, 3, 1, channels)))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        _, height, width, _ = x.shape
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        kernel, total = self.kernel[...], jnp.broadcast_to(self.bias[...], x.shape)
        for row in range(3):
            for column in range(3):
                total = total + kernel[row, column, 0] * padded[:, row : row + height, column : column + width]
        return total


class Separable(nnx.Module):
    """A 3 x 3 convolution of each channel, and a mixture of the channels, each followed by the activation."""

    def __init__(self, inputs: int, outputs: int, *, noise_px: int = 0, rngs: nnx.Rngs) -> None:
        self.depthwise = Depthwise(inputs)
        self.pointwise = nnx.Linear(inputs, outputs, use_bias=False, rngs=rngs)
        self.noise = nnx.Param(jnp.zeros((noise_px, noise_px))) if noise_px else None

    def __call__(self, x: Float[Array, "n h w i"], *, resample: int = 0) -> Float[Array, "n p q o"]:
        """Return the feature maps.

        Args:
            x: feature maps.
            resample: 1 doubles the sides, -1 halves them, 0 keeps them.
        """
        x = activated(self.depthwise(x))
        x = self.pointwise(halved(x) if resample < 0 else x)
        x = doubled(x) if resample > 0 else x
        return activated(x if self.noise is None else x + self.noise[...][:, :, None])


class Encode(nnx.Module):
    """One size of the encoder: feature maps for the decoder, and those of the next size."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool, rngs: nnx.Rngs) -> None:
        self.first = Separable(inputs, inputs, rngs=rngs)
        self.second = Separable(inputs, outputs, rngs=rngs)
        self.resample = -1 if halves else 0

    def __call__(self, x: Float[Array, "n h w i"]) -> tuple[Float[Array, "n h w i"], Float[Array, "n p q o"]]:
        features = self.first(x)
        return features, self.second(features, resample=self.resample)


class Decode(nnx.Module):
    """One size of the decoder, with the encoder's feature maps added between two convolutions."""

    def __init__(self, inputs: int, outputs: int, *, noise_px: int, rngs: nnx.Rngs) -> None:
        self.first = Separable(inputs, outputs, noise_px=noise_px, rngs=rngs)
        self.second = Separable(outputs, outputs, noise_px=noise_px, rngs=rngs)
        self.colour = nnx.Linear(outputs, 3, rngs=rngs)
        self.resample = 1 if noise_px else 0

    def __call__(
        self, x: Float[Array, "n h w i"], features: Float[Array, "n p q o"]
    ) -> tuple[Float[Array, "n p q o"], Float[Array, "n p q 3"]]:
        """Return the feature maps, and their contribution to the picture."""
        x = self.second(self.first(x, resample=self.resample) + features)
        return x, self.colour(x)


class Migan(nnx.Module):
    """Network that invents the content of a hole.

    The input has four channels: 0.5 where the picture is known and -0.5 in the hole, and the sRGB-encoded colours
    in [-1, 1], which are 0 in the hole. The result is a whole picture, nominally in [-1, 1] and not clipped.
    """

    def __init__(self, config: MiganConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        sides = config.sides
        widths = [config.channels(side) for side in sides]
        self.enter = nnx.Linear(_CHANNELS, widths[0], rngs=rngs)
        self.encoder = nnx.List(
            [
                Encode(own, after, halves=level + 1 < len(sides), rngs=rngs)
                for level, (own, after) in enumerate(zip(widths, [*widths[1:], widths[-1]], strict=True))
            ]
        )
        coarse = widths[::-1]
        self.decoder = nnx.List(
            [
                Decode(before, own, noise_px=side if level else 0, rngs=rngs)
                for level, (before, own, side) in enumerate(
                    zip([coarse[0], *coarse[:-1]], coarse, sides[::-1], strict=True)
                )
            ]
        )

    def __call__(self, x: Float[Array, "n h w 4"]) -> Float[Array, "n h w 3"]:
        side = self.config.resolution
        if x.shape[1:3] != (side, side):
            raise ValueError(f"this MI-GAN takes {side}x{side} pixels, not {x.shape[1]}x{x.shape[2]}")
        x, kept = activated(self.enter(x)), []
        for encode in self.encoder:
            features, x = encode(x)
            kept.append(features)
        x, picture = self.decoder[0](x, kept.pop())
        for decode in self.decoder[1:]:
            x, colours = decode(x, kept.pop())
            picture = doubled(picture) + colours
        return picture


def activated(x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    return jnp.clip(_GAIN * jnp.maximum(x, _SLOPE * x), -_LIMIT, _LIMIT)


def halved(x: Float[Array, "n h w c"]) -> Float[Array, "n p q c"]:
    """Halve the sides, after smoothing with [1, 3, 3, 1] / 8 along both axes."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = [padded[:, tap : tap + x.shape[1] : 2] for tap in range(4)]
    down = (rows[0] + rows[3] + 3 * (rows[1] + rows[2])) / 8
    columns = [down[:, :, tap : tap + x.shape[2] : 2] for tap in range(4)]
    return (columns[0] + columns[3] + 3 * (columns[1] + columns[2])) / 8


def doubled(x: Float[Array, "n h w c"]) -> Float[Array, "n p q c"]:
    """Double the sides by interpolation with [1, 3, 3, 1] / 4 along both axes."""
    return _doubled_along(_doubled_along(x, 1), 2)


def _doubled_along(x: Float[Array, "n h w c"], axis: int) -> Float[Array, "n p q c"]:
    length = x.shape[axis]
    ends = [(0, 0)] * x.ndim
    ends[axis] = (1, 1)
    padded = jnp.pad(x, ends)
    before, after = (jnp.take(padded, jnp.arange(length) + shift, axis=axis) for shift in (0, 2))
    phases = jnp.stack([(before + 3 * x) / 4, (3 * x + after) / 4], axis=axis + 1)
    shape = list(x.shape)
    shape[axis] = 2 * length
    return phases.reshape(shape)
