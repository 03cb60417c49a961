"""MoGe-2 in Flax NNX, which estimates points, normals, a mask of pixels with geometry, and a metric scale.

The published networks have no residual blocks at the finest level of the neck and of the heads, so everything there
is linear and equals a single convolution to the few channels of the output. `Moge2._maps` computes it that way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.torch_file import Tensor, TorchFile, read_torch
from dioptre.models.depth_anything_v2.backbone import Backbone, interpolate
from dioptre.models.depth_anything_v2.convert import convert_backbone
from dioptre.models.depth_anything_v2.module import Spread
from dioptre.models.functions import double
from dioptre.models.key_map import (
    Rule,
    apply_rules,
    conv_rules,
    linear_rules,
    pointwise_rules,
    spread_rules,
)
from dioptre.models.winograd import convolve, convolve3x3

from . import LEVELS, Moge2Config, StackConfig, from_published

_DOUBLING_TAPS = np.array(
    [[[3, 1, 0], [1, 3, 0], [0, 3, 1]], [[1, 3, 0], [0, 3, 1], [0, 1, 3]]], np.float32
) / np.float32(4)
"""Weights of a sample and its two neighbours, by phase and by tap of a convolution of the doubled samples."""

Features = Sequence[Float[Array, "..."] | None]  # one four-axis array per level, each of a different size


class Geometry(NamedTuple):
    """Output of the network for each pixel.

    Attributes:
        points: camera coordinates up to scale and a shift of z: x right, y down, z away from the camera.
        mask: 0 to 1; high where there is geometry, low in the sky.
        metric_scale: length in metres of a unit of `points`.
    """

    points: Float[Array, "n H W 3"]
    mask: Float[Array, "n H W"]
    metric_scale: Float[Array, " n"] | None


class Shared(NamedTuple):
    """Features that all heads share.

    Attributes:
        features: output of the neck at each level, without the finest if the network's `linear_end` is true.
        plane: `view_plane` at the finest level.
        class_token: the backbone's last class token.
    """

    features: list[Float[Array, "..."]]
    plane: Float[Array, "n h w 2"]
    class_token: Float[Array, "n c"]


class EdgeConv(nnx.Module):
    """A 3 x 3 convolution whose padding repeats the outermost samples."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(inputs, outputs, (3, 3), padding="VALID", rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w d"]:
        return convolve3x3(pad_edge(x), self.conv.kernel[...]) + bias_of(self.conv)


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
        return self.conv(double(x))

    def folded(self, x: Float[Array, "n h w c"], matrix: Float[Array, "d k"]) -> Float[Array, "n H W k"]:
        """Return the bilinear doubling's result times `matrix`, as one convolution at the resolution of `x`.

        The bilinear weights, the convolution and the matrix are all linear. Their product has k channels for each
        of the four pixels that replace one.
        """
        assert self.spread is None
        kernel, taps = self.conv.conv.kernel[...] @ matrix, jnp.asarray(_DOUBLING_TAPS)
        joined = jnp.einsum("ptu,qsv,tsck->uvcpqk", taps, taps, kernel)
        n, height, width, _ = x.shape
        y = convolve(pad_edge(x), joined.reshape(*joined.shape[:3], -1))
        y = y.reshape(n, height, width, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
        return y.reshape(n, 2 * height, 2 * width, -1) + bias_of(self.conv.conv) @ matrix


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

    def __call__(self, features: Features, levels: int = LEVELS) -> list[Float[Array, "..."]]:
        """Return the features after the first `levels` levels, each projected to its output channels."""
        left: list[Array] = []
        x: Array | None = None
        for level, (enter, blocks, leave) in enumerate(zip(self.enters, self.blocks, self.leaves, strict=True)):
            if level == levels:
                break
            given = features[level]
            entering = given if enter is None or given is None else enter(given)
            x = entering if x is None else x if entering is None else x + entering
            assert x is not None
            for block in blocks:
                x = block(x)
            left.append(x if leave is None else leave(x))
            if level < levels - 1:
                x = self.doublings[level](x)
        return left


class Moge2(nnx.Module):
    """Network that estimates points, from which `geometry` recovers the focal length and the inverse depth."""

    def __init__(self, config: Moge2Config, *, rngs: nnx.Rngs) -> None:
        width = config.backbone.width
        self.patch_px = config.backbone.patch_px
        self.backbone = Backbone(config.backbone, rngs=rngs)
        self.projects = nnx.List([nnx.Linear(width, config.projection, rngs=rngs) for _ in config.backbone.taps])
        self.linear_end = config.linear_end
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
        shared = self._shared(x, aspect)
        raw, mask = self._maps(shared, (self.points, self.mask), x.shape[1:3])
        z = jnp.exp(raw[..., 2:])
        return Geometry(
            points=jnp.concatenate([raw[..., :2] * z, z], axis=-1),
            mask=jax.nn.sigmoid(mask[..., 0]),
            metric_scale=self._metric_scale(shared.class_token) if len(self.scale) else None,
        )

    def normals(
        self, x: Float[Array, "n H W 3"], aspect: Float[Array, ""] | None = None
    ) -> Float[Array, "n H W 3"]:
        """Estimate unit normals, x right, y down and z away from the camera; the arguments are those of a call."""
        assert self.normal is not None, "this checkpoint has no normals"
        return _unit(self._maps(self._shared(x, aspect), (self.normal,), x.shape[1:3])[0])

    def _shared(self, x: Float[Array, "n H W 3"], aspect: Float[Array, ""] | None) -> Shared:
        n, height, width, _ = x.shape
        rows, columns = height // self.patch_px, width // self.patch_px
        aspect = jnp.asarray(columns / rows) if aspect is None else aspect
        tokens = self.backbone(x)
        grids = tokens[:, :, 1:].reshape(len(tokens), n, rows, columns, -1)
        joined = sum(project(grid) for project, grid in zip(self.projects, grids, strict=True))
        planes = [view_plane(rows << level, columns << level, aspect) for level in range(LEVELS)]
        features = [jnp.broadcast_to(plane, (n, *plane.shape)) for plane in planes]
        features[0] = jnp.concatenate([joined, features[0]], axis=-1)
        necks = self.neck(features, LEVELS - 1 if self.linear_end else LEVELS)
        return Shared(features=necks, plane=features[-1], class_token=tokens[-1, :, 0])

    def _maps(self, shared: Shared, heads: Sequence[Stack], size: Sequence[int]) -> list[Float[Array, "n H W k"]]:
        """Return the output of each head at `size`, (H, W)."""
        if not self.linear_end:
            return [resize_bilinear(head(shared.features)[-1], size) for head in heads]
        own, from_neck, biases = [], [], []
        for head in heads:
            enter, leave = head.enters[-1], head.leaves[-1]
            assert enter is not None  # as `linear_end` says
            assert leave is not None
            matrix = leave.kernel[...]
            own.append(head.doublings[-1].folded(head(shared.features, LEVELS - 1)[-1], matrix))
            from_neck.append(enter.kernel[...] @ matrix)
            biases.append(bias_of(enter) @ matrix + bias_of(leave))
        enter, matrix = self.neck.enters[-1], jnp.concatenate(from_neck, axis=1)
        assert enter is not None
        maps = jnp.concatenate(own, axis=-1) + self.neck.doublings[-1].folded(shared.features[-1], matrix)
        maps += enter(shared.plane) @ matrix + jnp.concatenate(biases)
        ends = np.cumsum([bias.size for bias in biases])[:-1]
        return jnp.split(resize_bilinear(maps, size), ends, axis=-1)

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


def resize_bilinear(x: Float[Array, "n h w c"], size: Sequence[int]) -> Float[Array, "n H W c"]:
    """Resize bilinearly with half-pixel centres and without antialiasing (PyTorch's align_corners=False)."""
    for axis, length in enumerate(size, start=1):
        old = x.shape[axis]
        position = np.clip((np.arange(length) + 0.5) * (old / length) - 0.5, 0, old - 1)
        x = interpolate(x, position, axis)
    return x


def pad_edge(x: Float[Array, "n h w c"]) -> Float[Array, "n H W c"]:
    """Repeat the outermost samples once on each side."""
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")


def bias_of(layer: nnx.Linear | nnx.Conv) -> Float[Array, " d"]:
    """Return the bias of a layer that has one."""
    assert layer.bias is not None
    return layer.bias[...]


def _unit(x: Float[Array, "n h w 3"]) -> Float[Array, "n h w 3"]:
    length: Array = jnp.linalg.norm(x, axis=-1, keepdims=True)
    return x / jnp.maximum(length, 1e-12)


def _pointwise(inputs: int | None, outputs: int | None, *, rngs: nnx.Rngs) -> nnx.Linear | None:
    return None if inputs is None or outputs is None else nnx.Linear(inputs, outputs, rngs=rngs)


_BACKBONE = "encoder.backbone."
_UNUSED = re.compile(r"encoder\.image_(mean|std)")
_STACKS = {"neck": "neck", "points_head": "points", "mask_head": "mask", "normal_head": "normal"}
_HINT = "Use the model.pt of MoGe-2 ViT-S normal or ViT-B normal, as published by its authors."


def _stack_rules(theirs: str, ours: str) -> tuple[Rule, ...]:
    return (
        *pointwise_rules(rf"{theirs}\.input_blocks\.(\d)", rf"{ours}.enters.\1"),
        *pointwise_rules(rf"{theirs}\.output_blocks\.(\d)", rf"{ours}.leaves.\1"),
        *conv_rules(rf"{theirs}\.res_blocks\.(\d)\.(\d+)\.layers\.2", rf"{ours}.blocks.\1.\2.first.conv"),
        *conv_rules(rf"{theirs}\.res_blocks\.(\d)\.(\d+)\.layers\.5", rf"{ours}.blocks.\1.\2.second.conv"),
        *spread_rules(rf"{theirs}\.resamplers\.(\d)\.0", rf"{ours}.doublings.\1.spread"),
        *conv_rules(rf"{theirs}\.resamplers\.(\d)\.1", rf"{ours}.doublings.\1.conv.conv"),
    )


RULES = (
    *pointwise_rules(r"encoder\.output_projections\.(\d)", r"projects.\1"),
    *(rule for theirs, ours in _STACKS.items() for rule in _stack_rules(theirs, ours)),
    # The original numbering also counts the ReLU between two linear layers.
    *(rule for number in range(4) for rule in linear_rules(rf"scale_head\.{2 * number}", f"scale.{number}")),
)


def from_torch_file(path: Path) -> dict[str, np.ndarray]:
    """Read the values of a published `model.pt`; raise WeightsError if it contains something else."""
    file, tensors = _opened(path)
    try:
        return convert(dict(file.arrays(tensors)))
    except (ValueError, KeyError, IndexError) as error:
        raise WeightsError(
            "{file} does not contain MoGe-2: {why}.", hint=_HINT, file=path.name, why=str(error)
        ) from error


def stated_config(path: Path) -> dict[str, Any]:
    """Return the configuration in a published `model.pt`; raise WeightsError if the variant is not supported."""
    file, _ = _opened(path)
    stated = file.tree.get("model_config")
    from_published(stated or {}, origin=path.name)
    plain: dict[str, Any] = json.loads(json.dumps(stated))  # turns tuples into lists, as in the card
    return plain


def _opened(path: Path) -> tuple[TorchFile, dict[str, Tensor]]:
    file = read_torch(path)
    tensors = file.tree.get("model") if isinstance(file.tree, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError("{file} does not contain MoGe-2.", hint=_HINT, file=path.name)
    return file, tensors


def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert the values from the original code's names; raise ValueError naming every unknown array."""
    floats = {name: value.astype(np.float32) for name, value in arrays.items() if not _UNUSED.fullmatch(name)}
    backbone = {name.removeprefix(_BACKBONE): value for name, value in floats.items() if name.startswith(_BACKBONE)}
    others = {name: value for name, value in floats.items() if not name.startswith(_BACKBONE)}
    ours = {f"backbone.{name}": value for name, value in convert_backbone(backbone).items()}
    return ours | apply_rules(others, RULES)
