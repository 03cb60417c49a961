"""Soften the parts of a picture that were sharpened, because networks that enlarge take the sharpening for detail.

The networks were trained on pictures that were reduced without sharpening. In a sharpened picture, they find edges
that are not there, and draw them as rows of dots, honeycombs and wiry lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter

from dioptre.imaging.box_mean import box_mean
from dioptre.imaging.luma import LUMA
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find
from dioptre.models.sharpening.module import CELL_PX, MARGIN_PX

_SURROUNDINGS_PX = 32
_TILE_PX = 256  # every tile has this size, so that the network is compiled once
_SMOOTHING_CELLS = 2.0
_LEAST_GAIN = 0.45  # logarithm of the gain that pictures without sharpening rarely exceed
_EXAGGERATION = 1.3  # the network underestimates strong sharpening
_SOFTNESS_PX = 0.55
_NOTICEABLE = 0.25  # weight of the softened picture
_LARGEST_LOSS = 1 - np.exp(-2 * (np.pi * 0.4 * _SOFTNESS_PX) ** 2)  # of this softness at 0.4 cycles per pixel


@dataclass(frozen=True, kw_only=True)
class Softened:
    """A picture whose sharpening was undone.

    Attributes:
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        share: fraction of the picture that was softened noticeably.
        models: SHA-256 of the network's cards.
    """

    picture: Float32[np.ndarray, "h w 3"]
    share: float = 0.0
    models: Mapping[str, str] = field(default_factory=dict)


def softened(picture: Float32[np.ndarray, "h w 3"]) -> Softened:
    """Soften the parts of a picture that were sharpened more than a little.

    Args:
        picture: sRGB-encoded, in [0, 1], without much noise.

    Returns:
        The picture; where it was not sharpened, it is unchanged.
    """
    network = load_model(find("default", kind=ModelKind.SHARPENING).id)
    excess = np.clip(measured_gain(picture, network) - _LEAST_GAIN, 0, None)
    if excess.max() == 0:
        return Softened(picture=picture, models=network.checksums)
    weight = np.clip((1 - np.exp(-_EXAGGERATION * excess)) / _LARGEST_LOSS, 0, 1).astype(np.float32)
    height, width = picture.shape[:2]
    size = weight.shape[0] * CELL_PX, weight.shape[1] * CELL_PX
    weight = resize(weight, size, method="bilinear")[:height, :width, None]
    soft = gaussian_filter(picture, (_SOFTNESS_PX, _SOFTNESS_PX, 0))
    share = float((weight > _NOTICEABLE).mean())
    return Softened(picture=picture + weight * (soft - picture), share=share, models=network.checksums)


def measured_gain(picture: Float32[np.ndarray, "h w 3"], network: Loaded) -> Float32[np.ndarray, "p q"]:
    """Return, for every cell of CELL_PX, the logarithm of the gain by sharpening at 0.4 cycles per pixel.

    Flat cells take the value of those around them.
    """
    luma = picture @ LUMA
    rows, columns = (-(-side // CELL_PX) for side in luma.shape)
    before, after = MARGIN_PX
    down, across = (-(-side // _TILE_PX) for side in luma.shape)
    padding = [
        (before, tiles * _TILE_PX - side + after) for tiles, side in zip((down, across), luma.shape, strict=True)
    ]
    detail = np.pad(luma - box_mean(luma, _SURROUNDINGS_PX), padding, mode="symmetric")
    cells = _TILE_PX // CELL_PX
    gains, weights = (np.empty((down * cells, across * cells), np.float32) for _ in range(2))
    for row in range(down):
        for column in range(across):
            top, left = row * _TILE_PX, column * _TILE_PX
            side = _TILE_PX + before + after
            made = network(np.ascontiguousarray(detail[None, top : top + side, left : left + side]))
            place = np.s_[row * cells : (row + 1) * cells, column * cells : (column + 1) * cells]
            gains[place], weights[place] = (np.asarray(values[0]) for values in made)
    gains, weights = gains[:rows, :columns], weights[:rows, :columns]
    total = gaussian_filter(weights, _SMOOTHING_CELLS)
    return np.asarray(gaussian_filter(gains * weights, _SMOOTHING_CELLS) / total, np.float32)
