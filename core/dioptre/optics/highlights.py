"""Boost of clipped highlights before the blur, and its inversion afterwards.

A lamp in a photograph is clipped at white. Blurred without correction, it becomes a dull grey disc, whereas a lens
spreads the lamp's true light. The brightness near white is therefore boosted before the blur, equally in all
channels to preserve the hue. After the blur, the inverse curve restores plain areas. Sharp areas are not boosted,
because mixtures of white and dark on their edges would become too bright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre_link.errors import UsageError

_STOPS = 5.0  # boost of pure white at strength 1: 2**5 = 32 times
_CURVE_POINTS = 512
_SHARES = 17  # number of rows in the table, for fractions of the boost from 0 to 1
_SHARP_PX, _BLURRED_PX = 0.5, 2.5  # blur radii at which the boost begins, and from which it is complete
_STRIP_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class Highlights:
    """Threshold and strength of the highlight boost.

    Attributes:
        strength: 0 leaves the light unchanged, 1 boosts clipped white to 32 times its brightness.
        threshold: sRGB-encoded value of the brightest channel above which light counts as clipped. The boost grows
            from there to its maximum at 1.
    """

    strength: float = 0.0
    threshold: float = 0.9

    def __post_init__(self) -> None:
        for name in ("strength", "threshold"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise UsageError(
                    "The highlights' {name} is out of range: {value}.",
                    hint="Use a value from 0 to 1.",
                    name=name,
                    value=value,
                )

    def numbers(self) -> Float32[np.ndarray, "2"]:
        """Return strength and threshold as an array for the device."""
        return np.asarray([self.strength, min(self.threshold, 0.999)], np.float32)


def raised_share(radius: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the fraction (0 to 1) of the boost for light blurred with this signed radius in pixels."""
    along = jnp.clip((jnp.abs(radius) - _SHARP_PX) / (_BLURRED_PX - _SHARP_PX), 0.0, 1.0)
    return along * along * (3 - 2 * along)


def _gain(brightest: Float[Array, "*shape"], numbers: Float[Array, "2"]) -> Float[Array, "*shape"]:
    """Return the boost in stops for light whose brightest channel has this linear value, constant above white."""
    strength, threshold = numbers
    encoded = linear_to_srgb(jnp.clip(brightest, 0.0, 1.0))
    near = jnp.clip((encoded - threshold) / (1 - threshold), 0.0, 1.0)
    return _STOPS * strength * near * near


def raise_highlights(
    linear: Float[Array, "3 *shape"], numbers: Float[Array, "2"], share: Float[Array, "*shape"]
) -> Float[Array, "3 *shape"]:
    """Boost light near clipping.

    Light above white receives the same boost as white, which preserves the brightness ratios of such lights.

    Args:
        linear: linear light.
        numbers: result of `Highlights.numbers`.
        share: fraction of the boost to apply, 0 to 1.
    """
    return linear * jnp.exp2(share * _gain(linear.max(axis=0), numbers))


def lower_highlights(
    linear: Float[Array, "3 h w"], numbers: Float[Array, "2"], share: Float[Array, "h w"]
) -> Float[Array, "3 h w"]:
    """Invert `raise_highlights` with a table, with a relative error of at most 1e-3.

    The rows are processed in strips of 8; strips without boosted light are skipped.

    Args:
        linear: linear light; the height must be a multiple of 8.
        numbers: result of `Highlights.numbers`.
        share: fraction of the boost that was applied, 0 to 1.
    """
    table = _table(numbers)
    darkest = jnp.exp2(table[1])
    width = share.shape[1]

    def strip(number: Array, made: Float[Array, "3 h w"]) -> Float[Array, "3 h w"]:
        row = number * _STRIP_ROWS
        part = jax.lax.dynamic_slice(made, (0, row, 0), (3, _STRIP_ROWS, width))
        part_share = jax.lax.dynamic_slice(share, (row, 0), (_STRIP_ROWS, width))
        has_raised = (part.max() > darkest) & (part_share.max() > 0)
        lowered = jax.lax.cond(has_raised, _lowered, lambda same, *_: same, part, part_share, table)
        return jax.lax.dynamic_update_slice(made, lowered, (0, row, 0))

    return jax.lax.fori_loop(0, share.shape[0] // _STRIP_ROWS, strip, linear)


def _table(numbers: Float[Array, "2"]) -> tuple[Float[Array, "s p"], Float[Array, ""], Float[Array, ""]]:
    """Return the table of stops to remove, and the range of its columns.

    Returns:
        The stops to remove by fraction of the boost (rows) and boosted brightness (columns); the brightness in
        stops where the boost begins (first column); and the brightness of boosted white (last column).
    """
    strength, threshold = numbers
    start = jnp.log2(srgb_to_linear(threshold))
    before = jnp.linspace(start, 0.0, _CURVE_POINTS)
    gain = _gain(jnp.exp2(before), numbers)
    most = _STOPS * strength
    after = jnp.linspace(start, most, _CURVE_POINTS)
    shares = jnp.linspace(0.0, 1.0, _SHARES)
    # The table holds the stops to remove rather than the brightness, so that its last column also applies to light
    # above white, which was boosted by as many stops as white.
    removed = jax.vmap(lambda part: after - jnp.interp(after, before + part * gain, before))(shares)
    return jnp.minimum(removed, (shares * most)[:, None]), start, most


def _lowered(
    linear: Float[Array, "3 *shape"],
    share: Float[Array, "*shape"],
    table: tuple[Float[Array, "s p"], Float[Array, ""], Float[Array, ""]],
) -> Float[Array, "3 *shape"]:
    removed, start, most = table
    stops = jnp.log2(jnp.maximum(linear.max(axis=0), 1e-9))
    across = jnp.clip((stops - start) / (most - start), 0.0, 1.0) * (_CURVE_POINTS - 1)
    along = share * (_SHARES - 1)
    column, row = (
        jnp.clip(jnp.floor(place).astype(jnp.int32), 0, length - 2)
        for place, length in ((across, _CURVE_POINTS), (along, _SHARES))
    )
    right, down = across - column, along - row
    flat = removed.reshape(-1)
    corner = row * _CURVE_POINTS + column
    upper = flat[corner] + right * (flat[corner + 1] - flat[corner])
    lower = flat[corner + _CURVE_POINTS] + right * (flat[corner + _CURVE_POINTS + 1] - flat[corner + _CURVE_POINTS])
    return linear * jnp.exp2(-(upper + down * (lower - upper)))
