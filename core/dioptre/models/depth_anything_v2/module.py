"""Depth Anything V2 in Flax NNX: the DPT head and the whole network."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from . import DepthAnythingConfig, HeadConfig
from .backbone import Backbone, resize_aligned


class Spread(nnx.Module):
    """Transposed convolution whose stride equals its kernel size, as one matrix product."""

    def __init__(self, channels: int, factor: int, *, outputs: int | None = None, rngs: nnx.Rngs) -> None:
        """Create the layer.

        Args:
            channels: channels of the input.
            factor: enlargement along each axis.
            outputs: channels of the result; by default, the same as `channels`.
            rngs: random streams for the initial values.
        """
        outputs = channels if outputs is None else outputs
        initial = nnx.initializers.lecun_normal(in_axis=2, out_axis=3)
        self.kernel = nnx.Param(initial(rngs.params(), (factor, factor, channels, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n H W d"]:
        n, height, width, _ = x.shape
        factor = self.kernel.shape[0]
        y = jnp.einsum("nhwc,ijcd->nhiwjd", x, self.kernel[...])
        return y.reshape(n, height * factor, width * factor, -1) + self.bias[...]


class Residual(nnx.Module):
    """Residual block of two convolutions, each after a ReLU."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.first, self.second = (conv3x3(channels, channels, rngs=rngs) for _ in range(2))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        return x + self.second(jax.nn.relu(self.first(jax.nn.relu(x))))


class Fusion(nnx.Module):
    """Fusion of a finer stage with the coarser ones, followed by an enlargement.

    The 1 x 1 convolution precedes the enlargement: the two commute, and there are fewer pixels to process.
    """

    def __init__(self, channels: int, *, coarsest: bool, rngs: nnx.Rngs) -> None:
        self.skip = None if coarsest else Residual(channels, rngs=rngs)
        self.residual = Residual(channels, rngs=rngs)
        self.out = nnx.Linear(channels, channels, rngs=rngs)

    def __call__(
        self, x: Float[Array, "n h w c"], coarser: Float[Array, "n h w c"] | None, size: tuple[int, int]
    ) -> Float[Array, "n H W c"]:
        if self.skip is not None and coarser is not None:
            x = self.skip(x) + coarser
        return resize_aligned(self.out(self.residual(x)), size)


class Head(nnx.Module):
    """DPT head that converts the features of four blocks to a map at the picture's size."""

    def __init__(self, config: HeadConfig, *, width: int, rngs: nnx.Rngs) -> None:
        self.config = config
        fusion, stages = config.fusion, config.stages
        self.projects = nnx.List([nnx.Linear(width, channels, rngs=rngs) for channels in stages])
        self.spread4, self.spread2 = Spread(stages[0], 4, rngs=rngs), Spread(stages[1], 2, rngs=rngs)
        self.halve = nnx.Conv(stages[3], stages[3], (3, 3), 2, padding=((1, 1), (1, 1)), rngs=rngs)
        self.enters = nnx.List([conv3x3(channels, fusion, use_bias=False, rngs=rngs) for channels in stages])
        self.fusions = nnx.List([Fusion(fusion, coarsest=stage == 3, rngs=rngs) for stage in range(4)])
        self.out1 = conv3x3(fusion, fusion // 2, rngs=rngs)
        self.out2 = conv3x3(fusion // 2, config.hidden, rngs=rngs)
        self.out3 = nnx.Linear(config.hidden, 1, rngs=rngs)

    def __call__(self, features: Float[Array, "4 n h w c"], size: tuple[int, int]) -> Float[Array, "n H W"]:
        """Return the depth map.

        Args:
            features: patch tokens of the four tapped blocks, on the grid of patches.
            size: (H, W) of the result.
        """
        x = [project(feature) for project, feature in zip(self.projects, features, strict=True)]
        x = [self.spread4(x[0]), self.spread2(x[1]), x[2], self.halve(x[3])]
        x = [enter(stage) for enter, stage in zip(self.enters, x, strict=True)]
        sizes = [(2 * x[0].shape[1], 2 * x[0].shape[2]), *((stage.shape[1], stage.shape[2]) for stage in x)]
        y = self.fusions[3](x[3], None, sizes[3])
        for stage in (2, 1, 0):
            y = self.fusions[stage](x[stage], y, sizes[stage])
        y = resize_aligned(self.out1(y), size)
        y = self.out3(jax.nn.relu(self.out2(y)))[..., 0]
        return jax.nn.relu(y) if self.config.positive else y


class DepthAnything(nnx.Module):
    """Network that estimates relative inverse depth; larger is nearer, with arbitrary scale and shift."""

    def __init__(self, config: DepthAnythingConfig, *, rngs: nnx.Rngs) -> None:
        self.patch_px = config.backbone.patch_px
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.head = Head(config.head, width=config.backbone.width, rngs=rngs)

    def __call__(self, x: Float[Array, "n H W 3"]) -> Float[Array, "n H W"]:
        """Estimate relative inverse depth.

        Args:
            x: RGB, normalised with ImageNet's mean and standard deviation; both sides must be multiples of 14.
        """
        n, height, width, _ = x.shape
        features = self.backbone(x)[:, :, 1:]  # the class token does not belong to a patch
        grid = features.reshape(len(features), n, height // self.patch_px, width // self.patch_px, -1)
        return self.head(grid, (height, width))


def conv3x3(inputs: int, outputs: int, *, use_bias: bool = True, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), padding="SAME", use_bias=use_bias, rngs=rngs)
