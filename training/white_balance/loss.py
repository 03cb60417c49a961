"""Loss of the light estimator: the colour difference that remains after the correction."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dioptre.colour import linear_rgb_to_xy
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.models.white_balance.module import Reading
from training.white_balance.colours import correct, unclipped, with_blown_kept

from .samples import D65

EMPHASIS = 0.1  # Increase of an error's weight per unit of ΔE.

LAB_FROM_LINEAR = np.array(
    [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8729]], np.float32
)  # Matrix from linear sRGB to XYZ relative to D65 white.


def lab(srgb_encoded: Array) -> Array:
    """Convert sRGB to CIELAB (D65), differentiable everywhere."""
    xyz = srgb_to_linear(srgb_encoded) @ LAB_FROM_LINEAR.T
    f = jnp.where(xyz > 216 / 24389, jnp.cbrt(jnp.maximum(xyz, 216 / 24389)), (24389 / 27 * xyz + 16) / 116)
    return jnp.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def corrected(wrong: Array, chroma: Array, residual: Array) -> Array:
    """Correct the colours of the miscoloured pictures with the network's output, as the pipeline does.

    Args:
        wrong: (n, pixels, 3), sRGB-encoded.
        chroma: (n, 2), logarithms of the illuminant's r/g and b/g.
        residual: (n, 9, 3), polynomial that corrects the remaining colour error after the change of the illuminant.
    """
    white = jnp.stack([jnp.exp(chroma[:, 0]), jnp.ones(len(chroma)), jnp.exp(chroma[:, 1])], axis=-1)

    def one(colours: Array, xy: Array, bend: Array) -> Array:
        return with_blown_kept(unclipped(correct(colours, xy, D65, bend), colours), colours)

    return jax.vmap(one)(wrong, linear_rgb_to_xy(white), residual)


def remaining(out: Array, right: Array) -> Array:
    """Return the mean ΔE of every picture.

    It is the CIELAB distance with less weight on differences at large chroma, close to ΔE2000 on average.
    """
    first, second = lab(jnp.clip(out, 0, 1)), lab(right)
    chroma = 0.5 * (
        jnp.hypot(first[..., 1] + 1e-3, first[..., 2]) + jnp.hypot(second[..., 1] + 1e-3, second[..., 2])
    )
    weight = 1 / (1 + 0.045 * jax.lax.stop_gradient(chroma))
    difference = first - second
    squared = difference[..., 0] ** 2 + (weight * difference[..., 1]) ** 2 + (weight * difference[..., 2]) ** 2
    return jnp.mean(jnp.sqrt(squared + 1e-4), axis=1)


def weighed(error: Array) -> Array:
    """Weight large errors more, because the worst pictures are the ones that people notice."""
    return error * (1 + EMPHASIS * error)


def loss_of_reading(
    read: Reading, wrong: Array, right: Array, batch: dict[str, Array]
) -> tuple[Array, dict[str, Array]]:
    """Return the loss and its terms.

    The illuminant is learnt only from pictures with a cast; the belief learns whether there is a cast.

    Args:
        read: The network's output.
        wrong: (n, pixels, 3), sRGB-encoded.
        right: (n, pixels, 3), sRGB-encoded.
        batch: chroma (n, 2), known (n,) and cast (n,), as `Material.batch` returns them.
    """
    share = jax.nn.sigmoid(read.belief)
    error = remaining(corrected(wrong, share[:, None] * read.chroma, share[:, None, None] * read.residual), right)
    believed = remaining(corrected(wrong, read.chroma, read.residual), right)
    adapted_only = remaining(corrected(wrong, read.chroma, jnp.zeros_like(read.residual)), right)
    cast = batch["cast"]
    light = jnp.sum(jnp.abs(read.chroma - batch["chroma"]), axis=-1) * batch["known"] * cast
    confidence = jnp.abs(read.log_error - jnp.log(jax.lax.stop_gradient(error) + 0.1))
    loss = jnp.mean(
        weighed(error) + cast * (0.5 * weighed(believed) + 0.2 * adapted_only) + 3 * light + 0.3 * confidence
    )
    figures = {"error": error, "believed": believed, "adapted": adapted_only, "light": light}
    return loss + 0.1 * jnp.mean(read.residual**2), {name: jnp.mean(value) for name, value in figures.items()}
