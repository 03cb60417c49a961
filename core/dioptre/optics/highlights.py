"""Light that the sensor could not hold.

A lamp in a photograph is clipped at white. Blurred as it is, it becomes a dull grey disc; a lens spreads its true
light. Near white the brightness is therefore raised before blurring, all channels alike, so that the colour stays.
The same curve backwards, after blurring, brings plain areas back to what they were. What stays sharp is not raised
at all: on its edges, mixtures of white and dark would come back too bright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre_link.errors import UsageError

_STOPS = 5.0  # brightness added to pure white at strength 1: 2**5 = 32 times
_CURVE_POINTS = 512
_SHARES = 17  # how finely the raised share is tabled
_SHARP_PX, _BLURRED_PX = 0.5, 2.5  # radii up to which nothing, and from which on everything is raised
_STRIP_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class Highlights:
    """What counts as clipped light, and how far it is raised.

    strength: 0 leaves the light as it is, 1 raises clipped white to 32 times. threshold: sRGB-encoded value of the
    brightest channel from which on light counts as clipped; it is raised in full at 1.
    """

    strength: float = 0.0
    threshold: float = 0.9

    def __post_init__(self) -> None:
        for name in ("strength", "threshold"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise UsageError(
                    "The highlights' {name} is {value}.", hint="Use a value from 0 to 1.", name=name, value=value
                )

    def numbers(self) -> Float[Array, "2"]:
        return jnp.asarray([self.strength, min(self.threshold, 0.999)], jnp.float32)


def raised_share(radius: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """How far light that is blurred by this signed radius in pixels is raised, 0 to 1."""
    along = jnp.clip((jnp.abs(radius) - _SHARP_PX) / (_BLURRED_PX - _SHARP_PX), 0.0, 1.0)
    return along * along * (3 - 2 * along)


def _gain(brightest: Float[Array, "*shape"], numbers: Float[Array, "2"]) -> Float[Array, "*shape"]:
    """Stops added to light whose brightest channel has this linear value; that of white for all above it."""
    strength, threshold = numbers
    encoded = linear_to_srgb(jnp.clip(brightest, 0.0, 1.0))
    near = jnp.clip((encoded - threshold) / (1 - threshold), 0.0, 1.0)
    return _STOPS * strength * near * near


def raise_highlights(
    linear: Float[Array, "3 *shape"], numbers: Float[Array, "2"], share: Float[Array, "*shape"]
) -> Float[Array, "3 *shape"]:
    """Raise what is near clipping, by `share` of the stops. Light above white keeps its ratios."""
    return linear * jnp.exp2(share * _gain(linear.max(axis=0), numbers))


def lower_highlights(
    linear: Float[Array, "3 h w"], numbers: Float[Array, "2"], share: Float[Array, "h w"]
) -> Float[Array, "3 h w"]:
    """The inverse of `raise_highlights`, by a table: to 1e-3 of the value for shares between 0 and 1.

    Works on strips of 8 rows, of which the height must be a multiple, and skips those with nothing raised.
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
    """Stops to take away, by share and by stops between the two others: where raising begins, and raised white."""
    strength, threshold = numbers
    start = jnp.log2(srgb_to_linear(threshold))
    before = jnp.linspace(start, 0.0, _CURVE_POINTS)
    gain = _gain(jnp.exp2(before), numbers)
    most = _STOPS * strength
    after = jnp.linspace(start, most, _CURVE_POINTS)
    shares = jnp.linspace(0.0, 1.0, _SHARES)
    # Above white as much is taken away as was added there, so the table holds differences.
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
