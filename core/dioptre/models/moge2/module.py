"""MoGe-2 in Flax NNX, which estimates points, normals, a mask of pixels with geometry, and a metric scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.models.depth_anything_v2.backbone import Backbone
from dioptre.models.depth_anything_v2.module import Spread

from .config import LEVELS, Moge2Config, StackConfig

Features = Sequence[Float[Array, "..."] | None]  # one four-axis array per level, each of a different size


class Geometry(NamedTuple):
    """Output of the network for each pixel.

    Attributes:
        points: camera coordinates up to scale and a shift of z: x right, y down, z away from the camera.
        mask: 0 to 1; high where there is geometry, low in the sky.
        normal: unit vectors.
        metric_scale: length in metres of a unit of `points`.
    """

    points: Float[Array, "n H W 3"]
    mask: Float[Array, "n H W"]
    normal: Float[Array, "n H W 3"] | None
    metric_scale: Float[Array, " n"] | None


class EdgeConv(nnx.Module):
    """A 3 x 3 convolution whose padding repeats the outermost samples."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(inputs, outputs, (3, 3), padding="VALID", rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w d"]:
        return self.conv(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge"))


class Residual(nnx.Module):
    """Residual block of two convolutions, each after a ReLU."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.first, self.second = (EdgeConv(width, width, rngs=rngs) for _ in range(2))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        return x + self.second(jax.nn.relu(self.first(jax.nn.relu(x))))


class Doubling(nnx.Module):
    """Doubling of the resolution by a transposed convolution or bilinear interpolation, and then a convolution."""

    def __init__(self, kind: str, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.spread = Spread(inputs, 2, outputs=outputs, rngs=rngs) if kind == "conv_transpose" else None
        self.conv = EdgeConv(inputs if self.spread is None else outputs, outputs, rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n H W d"]:
        if self.spread is not None:
            return self.conv(self.spread(x))
        _, height, width, _ = x.shape
        return self.conv(resize_bilinear(x, (2 * height, 2 * width)))


class Stack(nnx.Module):
    """A stack of residual blocks that processes the features of all levels from coarse to fine."""

    def __init__(self, config: StackConfig, *, rngs: nnx.Rngs) -> None:
        widths = config.widths
        self.enters = nnx.List([_pointwise(a, b, rngs=rngs) for a, b in zip(config.inputs, widths, strict=True)])
        self.blocks = nnx.List(
            [
                nnx.List([Residual(width, rngs=rngs) for _ in range(count)])
                for width, count in zip(widths, config.blocks, strict=True)
            ]
        )
        self.doublings = nnx.List(
            [
                Doubling(kind, coarse, fine, rngs=rngs)
                for kind, coarse, fine in zip(config.resamplers, widths[:-1], widths[1:], strict=True)
            ]
        )
        self.leaves = nnx.List([_pointwise(a, b, rngs=rngs) for a, b in zip(widths, config.outputs, strict=True)])

    def __call__(self, features: Features) -> list[Float[Array, "..."]]:
        left: list[Array] = []
        x: Array | None = None
        for level, (enter, blocks, leave) in enumerate(zip(self.enters, self.blocks, self.leaves, strict=True)):
            given = features[level]
            entering = given if enter is None or given is None else enter(given)
            x = entering if x is None else x if entering is None else x + entering
            assert x is not None
            for block in blocks:
                x = block(x)
            left.append(x if leave is None else leave(x))
            if level < LEVELS - 1:
                x = self.doublings[level](x)
        return left


class Moge2(nnx.Module):
    """Network that estimates points, from which `geometry` recovers the focal length and the inverse depth."""

    def __init__(self, config: Moge2Config, *, rngs: nnx.Rngs) -> None:
        width = config.backbone.width
        self.patch_px = config.backbone.patch_px
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.projects = nnx.List([nnx.Linear(width, config.projection, rngs=rngs) for _ in config.backbone.taps])
        self.neck = Stack(config.neck, rngs=rngs)
        self.points = Stack(config.points, rngs=rngs)
        self.mask = Stack(config.mask, rngs=rngs)
        self.normal = None if config.normal is None else Stack(config.normal, rngs=rngs)
        self.scale = nnx.List(
            [nnx.Linear(a, b, rngs=rngs) for a, b in zip(config.scale[:-1], config.scale[1:], strict=True)]
        )

    def __call__(self, x: Float[Array, "n H W 3"], aspect: Float[Array, ""] | None = None) -> Geometry:
        """Estimate the geometry at the size of `x`.

        Args:
            x: RGB, normalised with ImageNet's mean and standard deviation; both sides must be multiples of 14.
            aspect: width divided by height of the original picture, from which `x` was resized; that of `x` by
                default.
        """
        n, height, width, _ = x.shape
        rows, columns = height // self.patch_px, width // self.patch_px
        aspect = jnp.asarray(columns / rows) if aspect is None else aspect
        tokens = self.backbone(x)
        grids = tokens[:, :, 1:].reshape(len(tokens), n, rows, columns, -1)
        joined = sum(project(grid) for project, grid in zip(self.projects, grids, strict=True))
        planes = [view_plane(rows << level, columns << level, aspect) for level in range(LEVELS)]
        features = [jnp.broadcast_to(plane, (n, *plane.shape)) for plane in planes]
        features[0] = jnp.concatenate([joined, features[0]], axis=-1)
        shared = self.neck(features)
        raw, mask = (resize_bilinear(head(shared)[-1], (height, width)) for head in (self.points, self.mask))
        z = jnp.exp(raw[..., 2:])
        normal = None if self.normal is None else resize_bilinear(self.normal(shared)[-1], (height, width))
        return Geometry(
            points=jnp.concatenate([raw[..., :2] * z, z], axis=-1),
            mask=jax.nn.sigmoid(mask[..., 0]),
            normal=None if normal is None else _unit(normal),
            metric_scale=self._metric_scale(tokens[-1, :, 0]) if len(self.scale) else None,
        )

    def _metric_scale(self, class_token: Float[Array, "n c"]) -> Float[Array, " n"]:
        x = class_token
        for number, layer in enumerate(self.scale):
            x = layer(x if number == 0 else jax.nn.relu(x))
        return jnp.exp(x[:, 0])


def view_plane(rows: int, columns: int, aspect: Float[Array, ""]) -> Float[Array, "h w 2"]:
    """Return each pixel centre's position on the image plane, x right and y down, in half diagonals."""
    across = aspect / jnp.sqrt(1.0 + jnp.square(aspect))
    down = 1.0 / jnp.sqrt(1.0 + jnp.square(aspect))
    x = jnp.linspace(-1.0, 1.0, columns) * (columns - 1) / columns * across
    y = jnp.linspace(-1.0, 1.0, rows) * (rows - 1) / rows * down
    return jnp.stack(jnp.meshgrid(x, y), axis=-1)


def resize_bilinear(x: Float[Array, "n h w c"], size: tuple[int, int]) -> Float[Array, "n H W c"]:
    """Resize bilinearly with half-pixel centres and without antialiasing (PyTorch's align_corners=False)."""
    return jax.image.resize(x, (x.shape[0], *size, x.shape[3]), "linear", antialias=False)


def _unit(x: Float[Array, "n h w 3"]) -> Float[Array, "n h w 3"]:
    length: Array = jnp.linalg.norm(x, axis=-1, keepdims=True)
    return x / jnp.maximum(length, 1e-12)


def _pointwise(inputs: int | None, outputs: int | None, *, rngs: nnx.Rngs) -> nnx.Linear | None:
    return None if inputs is None or outputs is None else nnx.Linear(inputs, outputs, rngs=rngs)
