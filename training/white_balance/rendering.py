"""Render a balanced picture and the same picture with a cast: matrix, exposure, noise, tone curve."""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dioptre.imaging.encoding import linear_to_srgb
from training.white_balance.colours import polynomial_terms

FILMIC = 0.55  # Fraction of the raws with compressed highlights; half of these also have a toe in their tone curve.
FOREIGN_MATRICES = 0.4  # Fraction of the raws with a colour error as large as another sensor's matrix would cause.


def random_rendering(
    rng: np.random.Generator, is_raw: np.ndarray, n_noisy: int, without_curve: np.ndarray
) -> dict[str, np.ndarray]:
    """Draw a matrix near the identity and a tone curve for every picture.

    Args:
        rng: Source of randomness.
        is_raw: (n,) which pictures are raws.
        n_noisy: Number of noisy pictures, which come first.
        without_curve: (n,) which pictures get only an exposure.

    Returns:
        matrix (n, 3, 3), and tone (7, n): exposure, shoulder, S-curve, exponent, whether the sensor saturates, the
        linear value that becomes white, toe.
    """
    n = len(is_raw)
    plain = (rng.random(n) < np.where(is_raw, 0.1, 0.4)) | without_curve
    foreign = is_raw & (rng.random(n) < FOREIGN_MATRICES)
    bent = np.where(foreign, rng.uniform(0.06, 0.18, n), 0.06) * (~plain & (rng.random(n) < 0.6))
    bend = rng.normal(0, 1, (n, 3, 3)) * bent[:, None, None]
    dark = rng.random(n) < np.where(np.arange(n) < n_noisy, 0.5, 0.15)  # Noisy pictures are more often dark.
    gain = np.where(dark, np.exp(rng.uniform(np.log(0.1), np.log(0.6), n)), np.exp(rng.uniform(-0.6, 0.5, n)))
    gain = np.where(plain, 1.0, gain)
    gain = np.where(without_curve, np.exp(rng.uniform(-0.9, 0.3, n)), gain)
    shoulder = np.where(is_raw & (rng.random(n) < 0.5), rng.uniform(0, 4, n), 0.0)
    s_curve = np.where(is_raw, rng.uniform(0, 0.6, n), rng.uniform(0, 0.3, n) * ~plain)
    exponent = np.where(plain, 1.0, np.exp(rng.normal(0, 0.15, n)))
    clips = rng.random(n) < 0.5
    filmic = is_raw & ~plain & (rng.random(n) < FILMIC)
    # Linear value that becomes white.
    level = np.where(filmic, np.exp(rng.uniform(np.log(1.5), np.log(8), n)), 1.0)
    toe = np.where(filmic & (rng.random(n) < 0.5), rng.uniform(1, 1.7, n), 1.0)
    shoulder = np.where(filmic, level**toe * np.exp(rng.uniform(0, np.log(3), n)) - 1, shoulder)
    s_curve = s_curve * ~(filmic & (rng.random(n) < 0.6))
    tone = np.stack([gain, shoulder * ~without_curve, s_curve * ~without_curve, exponent, clips, level, toe])
    # The columns add up to 1, so that grey stays grey.
    matrix = np.eye(3) + bend - bend.mean(axis=1, keepdims=True)
    return {"matrix": matrix.astype(np.float32), "tone": tone.astype(np.float32)}


@jax.jit
def pairs(
    pictures: Array,
    full: Array,
    white: Array,
    bend: Array,
    rendering: dict[str, Array],
    *,
    noise: Array,
    grain: Array,
    shown: Array,
) -> dict[str, Array]:
    """Render pairs of pictures with and without a cast.

    Args:
        pictures: (n, side, side, 3) linear, correctly balanced.
        full: (n,) linear value at which the sensor saturates.
        white: (n, 3, 3) the cast as a matrix in linear light.
        bend: (n, 9, 3) the cast as a polynomial of encoded values.
        rendering: Matrices and tone curves of `random_rendering`.
        noise: (noisy,) standard deviation of the noise in the first few pictures.
        grain: (draws, noisy, side, side, 3) draws of the noise; the network sees their mean.
        shown: (n,) which pictures are unprocessed raws.

    Returns:
        seen, wrong and right (n, side, side, 3), sRGB-encoded, and chroma (n, 2); see `Material.batch`.
    """
    gain, shoulder, s_curve, exponent, clips, level, toe = (row[:, None, None] for row in rendering["tone"])

    def toned(linear: Array, rows: slice = slice(None)) -> Array:
        x = (jnp.maximum(linear * gain[rows], 0) / level[rows]) ** toe[rows]
        encoded = linear_to_srgb(jnp.clip(x * (1 + shoulder[rows]) / (1 + shoulder[rows] * x), 0, 1))
        encoded = (1 - s_curve[rows]) * encoded + s_curve[rows] * encoded * encoded * (3 - 2 * encoded)
        return jnp.maximum(encoded, 1e-6) ** exponent[rows]

    ceiling = jnp.where(clips > 0, full[:, None, None], jnp.inf)
    planes = _planes(pictures)
    unlimited = _product(planes, rendering["matrix"])
    linear = [jnp.minimum(plane, ceiling) for plane in unlimited]
    right = [toned(plane) for plane in linear]
    as_raw = shown[:, None, None]
    sensor = [jnp.where(as_raw, *both) for both in zip(_product(unlimited, white), planes, strict=True)]
    # Blown highlights stay white whatever the balance.
    blown = jnp.clip((reduce(jnp.minimum, sensor) / ceiling - 0.88) / 0.1, 0, 1)
    unbalanced = [jnp.where(as_raw, *both) for both in zip(unlimited, linear, strict=True)]

    def cast(linear: list[Array], right: list[Array], rows: slice) -> list[Array]:
        balanced = [jnp.minimum(plane, ceiling[rows]) for plane in _product(linear, white[rows])]
        terms = polynomial_terms(jnp.stack([toned(plane, rows) for plane in balanced], axis=-1))
        wrong = [jnp.clip(plane, 0, 1) for plane in _product(_planes(terms), bend[rows])]
        return [plane + blown[rows] * (good - plane) for plane, good in zip(wrong, right, strict=True)]

    wrong = cast(unbalanced, right, slice(None))
    noisy = slice(0, len(noise))
    deviation = noise[:, None, None]
    clean = [plane[noisy] for plane in right]

    def sensed(grain: Array) -> list[Array]:
        """Return the noisy pictures as the sensor records them, before any balance."""
        both = zip(unbalanced, _planes(grain), strict=True)
        return [_noisy(plane[noisy] * gain[noisy], deviation, by) / gain[noisy] for plane, by in both]

    draws = [cast(sensed(one), clean, noisy) for one in grain]
    grainy = [sum(same) / len(draws) for same in zip(*draws, strict=True)]
    seen = [jnp.concatenate([first, rest[len(noise) :]]) for first, rest in zip(grainy, wrong, strict=True)]
    light = jnp.log(jnp.clip(jnp.sum(white, axis=1), 0.02, 50))
    chroma = jnp.stack([light[:, 0] - light[:, 1], light[:, 2] - light[:, 1]], axis=-1)
    rounded = [jnp.round(plane * 255) / 255 for plane in seen]
    made = {"seen": rounded, "wrong": wrong, "right": right}
    return {name: jnp.stack(colours, axis=-1) for name, colours in made.items()} | {"chroma": chroma}


def _planes(colours: Array) -> list[Array]:
    return [colours[..., k] for k in range(colours.shape[-1])]


def _product(planes: list[Array], matrix: Array) -> list[Array]:
    """Multiply channels (n, h, w) by matrices (n, channels, 3).

    The channels are separate arrays, which is many times faster than a single array.
    """
    return [
        reduce(jnp.add, (plane * matrix[:, k, channel, None, None] for k, plane in enumerate(planes)))
        for channel in range(3)
    ]


def _noisy(exposed: Array, level: Array, grain: Array) -> Array:
    """Return linear values as a sensor records them: with shot and read noise, clipped at black."""
    return jnp.maximum(exposed + level * jnp.sqrt(0.2 + 6 * jnp.maximum(exposed, 0)) * grain, 0)
