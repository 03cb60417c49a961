"""Surface normals of a picture: those that a network estimates, or those of its depth.

Normals are unit vectors with x right, y up and z towards the camera, as in the usual normal maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity, FieldOfView, Picture, Plane, row_slices
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.registry import chosen_depth_network
from dioptre_link.language import Message
from dioptre_link.lenses import in_metres
from dioptre_link.metres import ASSUMED_NEAREST_M, DepthMetres

from .coarse import Visible
from .edges import mirrored_input

_ASSUMED_MM = 50.0  # 35 mm equivalent focal length of a picture whose angle of view is unknown
_SPANS = 150  # the shorter side, divided by the distance over which slopes of the depth are measured


@dataclass(frozen=True, kw_only=True)
class Normals:
    """Surface normals of a picture.

    Attributes:
        vectors: (H, W, 3) unit vectors: x right, y up, z towards the camera.
        source: title of the network that estimated them, or "depth".
        messages: sentences for the user.
    """

    vectors: Float32[np.ndarray, "h w 3"]
    source: str
    messages: tuple[str, ...] = ()


def network_normals(image: Picture, *, model: str) -> Normals | None:
    """Return the normals that a depth network estimates; None if it estimates none.

    The mean of the normals of the picture and of its mirror image is enlarged to the size of the picture.
    """
    entry = chosen_depth_network(model)
    if entry.depth is None or not entry.depth.normals:
        return None
    network = load_model(entry.id)
    picture = Visible.of(image).colour
    both, more = mirrored_input(picture, entry)
    output = network.run_method("normals", both, *more)
    straight, mirrored = np.asarray(output, np.float32)
    vectors = straight + mirrored[:, ::-1] * np.array([-1, 1, 1], np.float32)
    vectors = vectors * np.array([1, -1, -1], np.float32)  # the network's y points down and its z away
    large = resize(np.ascontiguousarray(vectors), (picture.shape[0], picture.shape[1]), method="bilinear")
    return Normals(vectors=_unit(large), source=entry.title)


def normals_of_depth(disparity: Disparity, values: Mapping[str, Any]) -> Normals:
    """Compute normals from a depth map.

    Args:
        disparity: (H, W) in [0, 1], 1 = nearest.
        values: values of the depth's result, which give its metres and the angle of view if they are known;
            otherwise, both are assumed and a message says so.
    """
    metres, messages = DepthMetres.of_values(values), []
    low, high = (0.0, 1 / ASSUMED_NEAREST_M) if metres is None else metres.range_per_m
    if metres is None:
        messages.append(
            Message(
                "The depth is not in metres, so the normals are approximate: white is assumed to be {near} away "
                "and black infinity.",
                near=in_metres(ASSUMED_NEAREST_M),
            )
        )
    focal_mm = values.get("focal_length_equivalent_mm")
    if focal_mm is None:
        focal_mm = _ASSUMED_MM
        messages.append(
            Message("The angle of view is not known; that of a {focal} mm lens is assumed.", focal=f"{focal_mm:g}")
        )
    view = FieldOfView.of_equivalent(float(focal_mm), source="")
    vectors = depth_normals(
        np.float32(low) + disparity * np.float32(high - low), focal_px=view.focal_px(disparity.shape)
    )
    return Normals(vectors=vectors, source="depth", messages=tuple(messages))


def depth_normals(inverse: Plane, *, focal_px: float) -> Float32[np.ndarray, "h w 3"]:
    """Compute the normals of the surface that a map of inverse depth describes.

    A plane has inverse depth w that is affine in the pixel position (u, v) from the centre, so its normal is
    proportional to (-f · dw/du, f · dw/dv, w - u · dw/du - v · dw/dv). The differences span 1/150 of the shorter
    side, because those between neighbouring pixels are mostly noise. Of the differences to both sides, the smaller
    one counts, so that steps between objects do not tilt the surfaces beside them.

    Args:
        inverse: (H, W) inverse depth, 0 at infinity.
        focal_px: focal length in pixels.
    """
    height, width = inverse.shape
    vectors = np.empty((height, width, 3), np.float32)
    span = max(1, round(min(height, width) / _SPANS))
    u = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    for rows in row_slices(height):
        first, last = max(rows.start - 2 * span, 0), min(rows.stop + 2 * span, height)
        across = _smaller_slope(inverse[rows].T, span).T
        down = _smaller_slope(inverse[first:last], span)[rows.start - first : rows.stop - first]
        v = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
        vectors[rows, :, 0] = -focal_px * across
        vectors[rows, :, 1] = focal_px * down
        vectors[rows, :, 2] = inverse[rows] - u * across - v * down
    return _unit(vectors)


def _smaller_slope(values: Plane, span: int) -> Plane:
    """Return the smaller one of the slopes to the rows `span` before and after each row."""
    if len(values) < 2 * span:
        return np.zeros_like(values)
    slopes = (values[span:] - values[:-span]) / np.float32(span)
    ahead = np.concatenate([slopes, slopes[-span:]])
    behind = np.concatenate([slopes[:span], slopes])
    smaller: np.ndarray = np.where(np.abs(ahead) < np.abs(behind), ahead, behind)
    return smaller


def _unit(vectors: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Scale vectors to length 1, in place; a vector of length 0 faces the camera."""
    length = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors))[..., None]
    np.divide(vectors, length, out=vectors, where=length > 0)
    vectors[length[..., 0] == 0] = (0, 0, 1)
    return vectors
