"""Depth Anything 3 in Flax NNX: the head and the whole network, for one view."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32

from dioptre.models.depth_anything_v2.backbone import Backbone, layer_norm
from dioptre.models.depth_anything_v2.module import Fusion, Spread, conv3x3
from dioptre.models.depth_anything_v2.resampling import resize_aligned

from .backbone import RotaryBackbone
from .config import DepthAnything3Config

_POSITION_STRENGTH = 0.1
_POSITION_BASE = 100.0


class Estimate(NamedTuple):
    """Output of the network; fields that a variant does not estimate are None.

    Attributes:
        depth: distance along the view axis, above 0. The unit is arbitrary; in the metric variant, the distance in
            metres is depth * focal length in pixels / 300.
        confidence: at least 1; higher values are more certain.
        sky: at least 0; above 0.3 where there is sky.
        field_of_view: vertical and horizontal angle in radians.
    """

    depth: Float[Array, "n H W"]
    confidence: Float[Array, "n H W"] | None
    sky: Float[Array, "n H W"] | None
    field_of_view: Float[Array, "n 2"] | None


class Head(nnx.Module):
    """DPT head that converts the features of four blocks to maps at the picture's size."""

    def __init__(self, config: DepthAnything3Config, *, rngs: nnx.Rngs) -> None:
        self.paired = config.paired
        sizes, width = config.head, config.backbone.width * (2 if config.paired else 1)
        fusion, stages = sizes.fusion, sizes.stages
        self.norm = layer_norm(width, config.backbone.last_epsilon, rngs=rngs) if config.paired else None
        self.projects = nnx.List([nnx.Linear(width, channels, rngs=rngs) for channels in stages])
        self.spread4, self.spread2 = Spread(stages[0], 4, rngs=rngs), Spread(stages[1], 2, rngs=rngs)
        self.halve = nnx.Conv(stages[3], stages[3], (3, 3), 2, padding=((1, 1), (1, 1)), rngs=rngs)
        self.enters = nnx.List([conv3x3(channels, fusion, use_bias=False, rngs=rngs) for channels in stages])
        self.fusions = nnx.List([Fusion(fusion, coarsest=stage == 3, rngs=rngs) for stage in range(4)])
        self.out1 = conv3x3(fusion, fusion // 2, rngs=rngs)
        self.out2 = conv3x3(fusion // 2, sizes.hidden, rngs=rngs)
        self.out3 = nnx.Linear(sizes.hidden, 2 if config.confidence else 1, rngs=rngs)
        self.sky2 = conv3x3(fusion // 2, sizes.hidden, rngs=rngs) if config.sky else None
        self.sky3 = nnx.Linear(sizes.hidden, 1, rngs=rngs) if config.sky else None

    def __call__(
        self, features: Float[Array, "4 n h w c"], size: tuple[int, int]
    ) -> tuple[Float[Array, "n H W k"], Float[Array, "n H W"] | None]:
        """Return the logarithms of the depth and of (confidence - 1), and the sky map.

        Args:
            features: patch tokens of the four tapped blocks, on the grid of patches.
            size: (H, W) of the result.
        """
        features = features if self.norm is None else self.norm(features)
        aspect = size[1] / size[0]
        x = [
            self._placed(project(feature), aspect) for project, feature in zip(self.projects, features, strict=True)
        ]
        x = [self.spread4(x[0]), self.spread2(x[1]), x[2], self.halve(x[3])]
        x = [enter(stage) for enter, stage in zip(self.enters, x, strict=True)]
        sizes = [(2 * x[0].shape[1], 2 * x[0].shape[2]), *((stage.shape[1], stage.shape[2]) for stage in x)]
        y = self.fusions[3](x[3], None, sizes[3])
        for stage in (2, 1, 0):
            y = self.fusions[stage](x[stage], y, sizes[stage])
        y = self._placed(resize_aligned(self.out1(y), size), aspect)
        logits = self.out3(jax.nn.relu(self.out2(y)))
        if self.sky2 is None or self.sky3 is None:
            return logits, None
        return logits, jax.nn.relu(self.sky3(jax.nn.relu(self.sky2(y)))[..., 0])

    def _placed(self, x: Float[Array, "n h w c"], aspect: float) -> Float[Array, "n h w c"]:
        """Return `x` with the encoded position of each sample added, if the variant uses positions."""
        if not self.paired:
            return x
        across, down = place_waves((x.shape[1], x.shape[2]), x.shape[3] // 2, aspect=aspect)
        half = x.shape[3] // 2
        return jnp.concatenate([x[..., :half] + across[None], x[..., half:] + down[:, None]], axis=-1)


class DepthAnything3(nnx.Module):
    """Network that estimates depth from a picture."""

    def __init__(self, config: DepthAnything3Config, *, rngs: nnx.Rngs) -> None:
        self.config = config
        plain = config.rotary_from is None
        self.backbone = Backbone(config.backbone, rngs=rngs) if plain else RotaryBackbone(config, rngs=rngs)
        self.head = Head(config, rngs=rngs)
        width = 2 * config.backbone.width
        self.camera = (
            nnx.List([nnx.Linear(width, out, rngs=rngs) for out in (width, width, 2)])
            if config.field_of_view
            else None
        )

    def __call__(self, x: Float[Array, "n H W 3"]) -> Estimate:
        """Estimate depth.

        Args:
            x: RGB, normalised with ImageNet's mean and standard deviation; both sides must be multiples of 14.
        """
        n, height, width, _ = x.shape
        side = self.config.backbone.patch_px
        camera: Array | None = None
        if isinstance(self.backbone, RotaryBackbone):
            features, camera = self.backbone(x)
        else:
            features = self.backbone(x)[:, :, 1:]
        grid = features.reshape(len(features), n, height // side, width // side, -1)
        logits, sky = self.head(grid, (height, width))
        return Estimate(
            depth=jnp.exp(logits[..., 0]),
            confidence=jnp.exp(logits[..., 1]) + 1 if self.config.confidence else None,
            sky=sky,
            field_of_view=self._field_of_view(camera),
        )

    def _field_of_view(self, camera: Float[Array, "n c"] | None) -> Float[Array, "n 2"] | None:
        if camera is None or self.camera is None:
            return None
        for layer in self.camera:
            camera = jax.nn.relu(layer(camera))
        return camera


def place_waves(
    size: tuple[int, int], channels: int, *, aspect: float
) -> tuple[Float32[np.ndarray, "w c"], Float32[np.ndarray, "h c"]]:
    """Encode the positions of columns and rows, in half diagonals of the picture, as sines and cosines."""
    diagonal = np.hypot(1.0, aspect)
    waves = []
    for count, half in ((size[1], aspect / diagonal), (size[0], 1 / diagonal)):
        places = np.linspace(-half, half, count) * (count - 1) / count
        frequencies = _POSITION_BASE ** -(np.arange(channels // 2) / (channels / 2))
        angles = places[:, None] * frequencies
        wave = np.concatenate([np.sin(angles), np.cos(angles)], axis=1) * _POSITION_STRENGTH
        waves.append(wave.astype(np.float32))
    return waves[0], waves[1]
