"""MODNet in Flax NNX: a MobileNetV2 locates the subject and a second branch adds detail; BatchNorm is folded."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.functions import depthwise3x3, double

from . import ModNetConfig

_EPSILON = 1e-5  # epsilon of instance normalisation, as in the original


class Convolution(nnx.Module):
    """A convolution with equal padding on both sides, as in the original; "SAME" would be uneven with stride 2."""

    def __init__(self, inputs: int, outputs: int, side: int, *, stride: int = 1, rngs: nnx.Rngs) -> None:
        reach = (side // 2, side // 2)
        self.conv = nnx.Conv(
            inputs, outputs, (side, side), strides=(stride, stride), padding=(reach, reach), rngs=rngs
        )

    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n p q o"]:
        return self.conv(x)


class Depthwise(nnx.Module):
    """A convolution of each channel by itself."""

    def __init__(self, channels: int, *, stride: int, rngs: nnx.Rngs) -> None:
        self.stride = stride
        self.conv = nnx.Conv(channels, channels, (3, 3), feature_group_count=channels, rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n p q c"]:
        assert self.conv.bias is not None
        return depthwise3x3(x, self.conv.kernel[...][:, :, 0], stride=self.stride) + self.conv.bias[...]


class Halved(Convolution):
    """A convolution that instance-normalises the second half of its channels, followed by a ReLU."""

    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n p q o"]:
        ready, raw = jnp.split(super().__call__(x), 2, axis=-1)
        centred = raw - raw.mean((1, 2), keepdims=True)
        scale = jax.lax.rsqrt((centred**2).mean((1, 2), keepdims=True) + _EPSILON)
        return jax.nn.relu(jnp.concatenate([ready, centred * scale], axis=-1))


class InvertedResidual(nnx.Module):
    """Inverted residual of MobileNetV2, with a skip connection if the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int, rngs: nnx.Rngs) -> None:
        inner = inputs * expansion
        self.expand = Convolution(inputs, inner, 1, rngs=rngs) if expansion > 1 else None
        self.depthwise = Depthwise(inner, stride=stride, rngs=rngs)
        self.project = Convolution(inner, outputs, 1, rngs=rngs)
        self.adds = stride == 1 and inputs == outputs

    def __call__(self, x: Float[Array, "n h w i"]) -> Float[Array, "n p q o"]:
        inner = x if self.expand is None else jax.nn.relu6(self.expand(x))
        made = self.project(jax.nn.relu6(self.depthwise(inner)))
        return x + made if self.adds else made


class ModNet(nnx.Module):
    """Matting network that estimates each pixel's coverage from an RGB picture.

    The picture is in [-1, 1], and its sides must be multiples of 32. It must not be tiled, because channels are
    normalised over the whole picture. The coverage is in [0, 1].
    """

    def __init__(self, config: ModNetConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.enter = Convolution(3, config.enter, 3, stride=2, rngs=rngs)
        blocks, inputs = [], config.enter
        for number, stage in enumerate(config.stages):
            for block in range(stage.blocks):
                expansion, stride = config.expansion if number else 1, 1 if block else stage.stride
                blocks.append(InvertedResidual(inputs, stage.width, expansion=expansion, stride=stride, rngs=rngs))
                inputs = stage.width
        self.blocks = nnx.List(blocks)
        self.leave = Convolution(inputs, config.last, 1, rngs=rngs)
        self.squeeze = nnx.Linear(config.last, config.squeezed, use_bias=False, rngs=rngs)
        self.excite = nnx.Linear(config.squeezed, config.last, use_bias=False, rngs=rngs)
        sixteenth, eighth = config.coarse
        self.to16, self.to8 = (
            Halved(config.last, sixteenth, 5, rngs=rngs),
            Halved(sixteenth, eighth, 5, rngs=rngs),
        )
        fine, half, quarter = config.fine, config.stages[0].width, config.stages[1].width
        self.see2, self.see4 = Halved(half, fine, 1, rngs=rngs), Halved(quarter, fine, 1, rngs=rngs)
        self.down4 = Halved(fine + 3, fine, 3, stride=2, rngs=rngs)
        self.join4 = Halved(2 * fine, 2 * fine, 3, rngs=rngs)
        widths = [2 * fine + eighth + 3, 2 * fine, 2 * fine, fine]
        self.detail4 = nnx.List([Halved(a, b, 3, rngs=rngs) for a, b in pairwise(widths)])
        widths = [2 * fine, 2 * fine, fine, fine, fine]
        self.detail2 = nnx.List([Halved(a, b, 3, rngs=rngs) for a, b in pairwise(widths)])
        self.fuse4 = Halved(eighth, fine, 5, rngs=rngs)
        self.fuse2 = Halved(2 * fine, fine, 3, rngs=rngs)
        self.fuse1 = Halved(fine + 3, fine // 2, 3, rngs=rngs)
        self.out = Convolution(fine // 2, 1, 1, rngs=rngs)

    def __call__(self, x: Float[Array, "n h w 3"]) -> Float[Array, "n h w 1"]:
        multiple = self.config.size_multiple
        if x.shape[1] % multiple or x.shape[2] % multiple:
            raise ValueError(f"MODNet takes sides that are multiples of {multiple}, not {x.shape[1]}x{x.shape[2]}")
        first = self.blocks[0](jax.nn.relu6(self.enter(x)))
        second = self.blocks[2](self.blocks[1](first))
        deep = second
        for block in self.blocks[3:]:
            deep = block(deep)
        deep = jax.nn.relu6(self.leave(deep))
        gate = jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(deep.mean((1, 2))))))
        eighth = self.to8(double(self.to16(double(deep * gate[:, None, None]))))
        quarter = double(eighth)
        seen2 = self.see2(first)
        fine = self.down4(jnp.concatenate([_reduced(x, 2), seen2], axis=-1))
        fine = self.join4(jnp.concatenate([fine, self.see4(second)], axis=-1))
        fine = jnp.concatenate([fine, quarter, _reduced(x, 4)], axis=-1)
        for layer in self.detail4:
            fine = layer(fine)
        fine = jnp.concatenate([double(fine), seen2], axis=-1)
        for layer in self.detail2:
            fine = layer(fine)
        fused = self.fuse2(jnp.concatenate([double(self.fuse4(quarter)), fine], axis=-1))
        fused = self.fuse1(jnp.concatenate([double(fused), x], axis=-1))
        return jax.nn.sigmoid(self.out(fused))


def _reduced(x: Float[Array, "n h w c"], factor: int) -> Float[Array, "n p q c"]:
    """Reduce bilinearly by an even factor, as in the original: the mean of the pixels in the middle."""
    low, high = factor // 2 - 1, factor // 2
    rows = (x[:, low::factor] + x[:, high::factor]) / 2
    return (rows[:, :, low::factor] + rows[:, :, high::factor]) / 2
