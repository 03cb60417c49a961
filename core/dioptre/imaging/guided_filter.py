"""Guided filter: smooths a map while following the edges of a colour picture.

K. He, J. Sun, X. Tang, "Guided Image Filtering", TPAMI 2013; subsampled coefficients: K. He, J. Sun, "Fast Guided
Filter", 2015. Box means are products with banded matrices. The cost therefore does not depend on the radius, no
running sum loses precision, and the radius is an ordinary array, so a new radius does not trigger a compilation.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from dioptre.contract import Plane

from .resize import fitted_size, resize
from .shapes import bucket, pad_to

_WORKING_PIXELS = 1 << 20  # for larger pictures, the coefficients are computed at this size and then enlarged


def box_mean(
    values: Float[Array, "h w c"],
    *,
    radius_px: Float[Array, ""] | float,
    valid_shape: tuple[Int[Array, ""] | int, Int[Array, ""] | int] | None = None,
) -> Float[Array, "h w c"]:
    """Return the mean over a square of half-width `radius_px`, excluding pixels outside the picture.

    Args:
        values: the planes to average.
        radius_px: half-width of the square in pixels.
        valid_shape: height and width of the picture within a padded array; pixels outside it are ignored.
    """
    height, width, _ = values.shape
    valid = (height, width) if valid_shape is None else valid_shape
    rows = _band(height, valid[0], radius_px)
    columns = _band(width, valid[1], radius_px)
    return jnp.einsum("ih,jw,hwc->ijc", rows, columns, values, precision=jax.lax.Precision.HIGHEST)


def _band(length: int, valid: Int[Array, ""] | int, radius_px: Float[Array, ""] | float) -> Float[Array, "n n"]:
    index = jnp.arange(length)
    inside = (jnp.abs(index[:, None] - index) <= radius_px) & (index < valid)
    return inside / jnp.maximum(inside.sum(axis=1, keepdims=True, dtype=jnp.float32), 1.0)


@jax.jit
def guided_coefficients(
    guide: Float[Array, "h w 3"],
    target: Float[Array, "h w"],
    *,
    radius_px: Float[Array, ""] | float,
    epsilon: Float[Array, ""] | float,
    valid_shape: tuple[Int[Array, ""] | int, Int[Array, ""] | int] | None = None,
) -> Float[Array, "h w 4"]:
    """Fit the target linearly to the guide's channels around each pixel: target ≈ weights · guide + constant.

    Args:
        guide: the colour picture.
        target: the map to smooth.
        radius_px: half-width of the windows in pixels.
        epsilon: squared contrast, in the guide's units, below which the guide counts as flat.
        valid_shape: height and width of the picture within padded arrays; pixels outside it are ignored.

    Returns:
        The weights of the guide's three channels and the constant, averaged over the windows that contain the
        pixel.
    """
    mean = partial(box_mean, radius_px=radius_px, valid_shape=valid_shape)
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    products = jnp.stack([guide[..., i] * guide[..., j] for i, j in pairs], axis=-1)
    means = mean(jnp.concatenate([guide, target[..., None], guide * target[..., None], products], axis=-1))
    guide_mean, target_mean, cross, square = means[..., :3], means[..., 3:4], means[..., 4:7], means[..., 7:]
    covariance = cross - guide_mean * target_mean
    a, b, c, d, e, f = (
        square[..., k] - guide_mean[..., i] * guide_mean[..., j] + (epsilon if i == j else 0.0)
        for k, (i, j) in enumerate(pairs)
    )
    # Invert the symmetric 3 x 3 matrix [[a b c] [b d e] [c e f]] through its adjugate.
    determinant = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d)
    x, y, z = covariance[..., 0], covariance[..., 1], covariance[..., 2]
    weights = (
        jnp.stack(
            [
                (d * f - e * e) * x + (c * e - b * f) * y + (b * e - c * d) * z,
                (c * e - b * f) * x + (a * f - c * c) * y + (b * c - a * e) * z,
                (b * e - c * d) * x + (b * c - a * e) * y + (a * d - b * b) * z,
            ],
            axis=-1,
        )
        / jnp.maximum(determinant, 1e-30)[..., None]
    )
    constant = target_mean - (weights * guide_mean).sum(axis=-1, keepdims=True)
    return mean(jnp.concatenate([weights, constant], axis=-1))


def guided_filter(
    guide: Float32[np.ndarray, "h w 3"],
    target: Plane,
    *,
    radius_px: float,
    epsilon: float = 1e-3,
) -> Plane:
    """Smooth `target` along the edges of `guide`, for a picture of any size.

    Args:
        guide: sRGB-encoded, in [0, 1].
        target: the map to smooth.
        radius_px: half-width of the windows in pixels of `guide`.
        epsilon: squared contrast of the guide below which it counts as flat.
    """
    full = guide.shape[0], guide.shape[1]
    size = fitted_size(full, pixels=_WORKING_PIXELS)
    small_guide, small_target = resize(guide, size, method="area"), resize(target, size, method="area")
    shape = bucket(size[0]), bucket(size[1])
    coefficients = guided_coefficients(
        jnp.asarray(pad_to(small_guide, shape)),
        jnp.asarray(pad_to(small_target, shape)),
        radius_px=jnp.float32(max(1.0, radius_px * size[0] / full[0])),
        epsilon=jnp.float32(epsilon),
        valid_shape=(jnp.int32(size[0]), jnp.int32(size[1])),
    )
    enlarged = resize(np.asarray(coefficients)[: size[0], : size[1]], full, method="bilinear")
    return np.einsum("hwc,hwc->hw", enlarged[..., :3], guide) + enlarged[..., 3]
