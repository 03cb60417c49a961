"""Chromatic adaptation: predict how colours seen under one illuminant would look under another.

The method is CAT16 (Li et al. 2017, "Comprehensive color solutions: CAM16, CAT16, and CAM16-UCS") in its von Kries
form with full adaptation, on linear Rec. 709 / sRGB primaries. It is written in jax.numpy so that training can
differentiate it.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dioptre.programs import kept

D65_XY = (0.3127, 0.3290)  # chromaticity of the white point of sRGB (IEC 61966-2-1)

_RGB_TO_XYZ = np.array(  # linear sRGB to XYZ, derived from the primaries and the white point in IEC 61966-2-1
    [
        [0.41239080, 0.35758434, 0.18048079],
        [0.21263901, 0.71516868, 0.07219232],
        [0.01933082, 0.11919478, 0.95053215],
    ]
)
_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_XYZ)
_CAT16 = np.array(
    [[0.401288, 0.650173, -0.051461], [-0.250268, 1.204414, 0.045854], [-0.002079, 0.048952, 0.953127]]
)


@kept
def xy_to_linear_rgb(xy: Float[Array, "*batch 2"]) -> Float[Array, "*batch 3"]:
    """Return the linear sRGB colour of a light of unit luminance; outside the gamut, channels may be negative."""
    x, y = xy[..., 0], xy[..., 1]
    xyz = jnp.stack([x / y, jnp.ones_like(x), (1 - x - y) / y], axis=-1)
    return xyz @ _XYZ_TO_RGB.T.astype(np.float32)


@kept
def linear_rgb_to_xy(linear_rgb: Float[Array, "*batch 3"]) -> Float[Array, "*batch 2"]:
    """Return the CIE 1931 chromaticity of linear sRGB colours; NaN for black."""
    xyz = linear_rgb @ _RGB_TO_XYZ.T.astype(np.float32)
    return xyz[..., :2] / jnp.sum(xyz, axis=-1, keepdims=True)


def cone_gains(source_xy: Float[Array, "*batch 2"], target_xy: Float[Array, "2"]) -> Float[Array, "*batch 3"]:
    """Return the gains on the CAT16 cone responses that adapt colours from one illuminant to another.

    Both illuminants are assumed to have unit luminance.
    """
    return _cone_response(target_xy) / _cone_response(source_xy)


def to_cone_matrix() -> Float[Array, "3 3"]:
    """Return the matrix from linear sRGB to CAT16 cone responses."""
    return jnp.asarray(_CAT16 @ _RGB_TO_XYZ, jnp.float32)


def from_cone_matrix() -> Float[Array, "3 3"]:
    """Return the matrix from CAT16 cone responses to linear sRGB."""
    return jnp.asarray(_XYZ_TO_RGB @ np.linalg.inv(_CAT16), jnp.float32)


def adaptation_matrix(source_xy: Float[Array, "2"], target_xy: Float[Array, "2"]) -> Float[Array, "3 3"]:
    """Return the matrix M with which `linear_rgb @ M.T` adapts colours from one illuminant to another.

    Adaptation preserves the luminance of the source illuminant's white.

    Args:
        source_xy: chromaticity of the illuminant that lit the scene.
        target_xy: chromaticity of the illuminant to simulate.
    """
    return from_cone_matrix() @ (cone_gains(source_xy, target_xy)[:, None] * to_cone_matrix())


def _cone_response(xy: Float[Array, "*batch 2"]) -> Float[Array, "*batch 3"]:
    x, y = xy[..., 0], xy[..., 1]
    xyz = jnp.stack([x / y, jnp.ones_like(x), (1 - x - y) / y], axis=-1)
    return xyz @ jnp.asarray(_CAT16, jnp.float32).T


@kept
def adapt(
    linear_rgb: Float[Array, "*batch 3"], source_xy: Float[Array, "2"], target_xy: Float[Array, "2"]
) -> Float[Array, "*batch 3"]:
    """Return linear sRGB colours as they would look under `target_xy` instead of `source_xy`."""
    return linear_rgb @ adaptation_matrix(source_xy, target_xy).T
