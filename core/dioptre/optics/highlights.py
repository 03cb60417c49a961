"""Light that the sensor could not hold.

A lamp in a photograph is clipped at white. Blurred as it is, it becomes a dull grey disc; a lens spreads its true
light. Near white the brightness is therefore raised before blurring, all channels alike, so that the colour stays.
The same curve backwards, after blurring, brings what stayed sharp back to exactly what it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre_link.errors import UsageError

_STOPS = 5.0  # brightness added to pure white at strength 1: 2**5 = 32 times
_CURVE_POINTS = 512


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
                raise UsageError(f"The highlights' {name} is {value}.", hint="It goes from 0 to 1.")

    def numbers(self) -> Float[Array, "2"]:
        return jnp.asarray([self.strength, min(self.threshold, 0.999)], jnp.float32)


def _gain(brightest: Float[Array, "*shape"], numbers: Float[Array, "2"]) -> Float[Array, "*shape"]:
    """Stops added to light whose brightest channel has this linear value; that of white for all above it."""
    strength, threshold = numbers
    encoded = linear_to_srgb(jnp.clip(brightest, 0.0, 1.0))
    near = jnp.clip((encoded - threshold) / (1 - threshold), 0.0, 1.0)
    stops: Array = _STOPS * strength * near * near
    return stops


def raise_highlights(linear: Float[Array, "3 h w"], numbers: Float[Array, "2"]) -> Float[Array, "3 h w"]:
    """Raise what is near clipping. A picture that holds light above white keeps the ratios there."""
    return linear * jnp.exp2(_gain(linear.max(axis=0), numbers))


def lower_highlights(linear: Float[Array, "3 h w"], numbers: Float[Array, "2"]) -> Float[Array, "3 h w"]:
    """The inverse of `raise_highlights`."""
    strength, threshold = numbers
    start = jnp.log2(srgb_to_linear(threshold))
    before = jnp.linspace(start, 0.0, _CURVE_POINTS)
    after = before + _gain(jnp.exp2(before), numbers)
    stops = jnp.log2(jnp.maximum(linear.max(axis=0), 1e-9))
    inside = jnp.interp(stops, after, before)
    lowered = jnp.where(stops < start, stops, jnp.where(stops > after[-1], stops - _STOPS * strength, inside))
    return linear * jnp.exp2(lowered - stops)
