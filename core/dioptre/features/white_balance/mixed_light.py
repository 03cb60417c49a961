"""Mixed lighting: estimate a coarse field of illuminants and align it with the picture's edges.

A network estimates the illuminant of overlapping windows. Each estimate is taken as the mean of the field inside
the window. The field is the smoothest one whose means agree with the estimates, a least-squares problem with a few
dozen unknowns in which more certain estimates have more weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity, Picture
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.resize import fitted_size, resize

from .illuminant import estimator, read, thumbnail

_ACROSS = 5  # number of windows along each side; each window is half as wide and high as the picture
_NODES = 6  # number of nodes of the field along each side
_SMOOTHNESS = 0.3
_TOWARDS_WHOLE = 0.05  # weight of the term that pulls the field towards the whole picture's illuminant
_TWO_LIGHTS = 0.25
"""Standard deviation of ln(r/b) over the field above which there are several illuminants.

The windows' estimates also differ because of the scene's own colours; at this value, 7 of 84 photographs under one
light count as mixed."""
_WORKING_PIXELS = 1 << 17
_EDGE_EPSILON = 0.01  # epsilon of the guided filter: squared contrast of the guide that counts as an edge


@dataclass(frozen=True, kw_only=True)
class LightField:
    """The illuminants across a picture.

    Attributes:
        chroma: (h, w, 2), ln r/g and ln b/g of the illuminant in linear sRGB, at a reduced size.
        count: number of illuminants.
    """

    chroma: Float32[np.ndarray, "h w 2"]
    count: int

    def at_size(self, size: tuple[int, int]) -> Float32[np.ndarray, "H W 2"]:
        """Return the chroma resized to (height, width)."""
        return resize(self.chroma, size, method="bilinear")


def light_field(image: Picture, *, disparity: Disparity | None = None) -> LightField:
    """Estimate how the illuminant varies across a picture.

    Args:
        image: (h, w, 3 or 4), sRGB-encoded.
        disparity: (h, w) in [0, 1]; if given, the illuminant may also change at depth edges.
    """
    network = estimator()
    side = network.config.thumbnail_px
    picture = thumbnail(image, 4 * side)
    starts = np.linspace(0, 2 * side, _ACROSS).astype(int)
    windows = [picture[y : y + 2 * side, x : x + 2 * side] for y in starts for x in starts]
    halved = [w.reshape(side, 2, side, 2, 3).mean(axis=(1, 3)) for w in windows]
    whole = picture.reshape(side, 4, side, 4, 3).mean(axis=(1, 3))
    found = read(network, np.stack([*halved, whole]))
    nodes = _fitted(found.chroma[:-1], 1 / (1 + found.expected_de[:-1]), found.chroma[-1])
    warmth = nodes[..., 0] - nodes[..., 1]
    count = 2 if float(warmth.std()) > _TWO_LIGHTS else 1
    size = fitted_size((image.shape[0], image.shape[1]), pixels=_WORKING_PIXELS)
    field = resize(nodes, size, method="bilinear")
    guide = np.clip(resize(np.ascontiguousarray(image[..., :3]), size, method="area"), 0, 1)
    if disparity is not None:
        guide[..., 1] = guide.mean(axis=2)
        guide[..., 0] = guide[..., 2] - guide[..., 0]
        guide[..., 2] = resize(disparity, size, method="area")
    radius = 0.12 * max(size)
    aligned = guided_filter(guide, field, radius_px=radius, epsilon=_EDGE_EPSILON)
    low, high = nodes.min(axis=(0, 1)) - 0.1, nodes.max(axis=(0, 1)) + 0.1  # the limits prevent overshoot at edges
    return LightField(chroma=np.clip(aligned, low, high).astype(np.float32), count=count)


def _fitted(estimates: np.ndarray, surety: np.ndarray, whole: np.ndarray) -> Float32[np.ndarray, "n n 2"]:
    """Return the smoothest field, of _NODES x _NODES values, whose means over the windows match the estimates."""
    along = _window_means()
    means = np.einsum("ai,bj->abij", along, along).reshape(len(estimates), -1)
    bend = np.diff(np.eye(_NODES), axis=0)
    eye = np.eye(_NODES)
    rough = np.concatenate([np.kron(bend, eye), np.kron(eye, bend)])
    matrix = np.concatenate(
        [surety[:, None] * means, _SMOOTHNESS * surety.mean() * rough, _TOWARDS_WHOLE * np.eye(_NODES**2)]
    )
    wanted = np.concatenate(
        [surety[:, None] * estimates, np.zeros((len(rough), 2)), _TOWARDS_WHOLE * np.tile(whole, (_NODES**2, 1))]
    )
    solved: np.ndarray = np.linalg.lstsq(matrix, wanted, rcond=None)[0]
    return solved.reshape(_NODES, _NODES, 2).astype(np.float32)


def _window_means() -> np.ndarray:
    """Return (_ACROSS, _NODES): the weight of each node's bilinear tent in each window, along one side."""
    places = (np.arange(240) + 0.5) / 240
    position = places * _NODES - 0.5
    tents = np.maximum(0, 1 - np.abs(np.clip(position, 0, _NODES - 1)[:, None] - np.arange(_NODES)))
    starts = np.linspace(0, 0.5, _ACROSS)
    return np.stack([tents[(places >= s) & (places < s + 0.5)].mean(axis=0) for s in starts])
