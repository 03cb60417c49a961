"""Light that the sensor could not hold.

A lamp in a photograph is clipped at white. Blurred as it is, it becomes a dull grey disc; a lens spreads its true
light. Near white the brightness is therefore raised before blurring, all channels alike, so that the colour stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre_link.errors import UsageError

_STOPS = 5.0  # brightness added to pure white at strength 1: 2**5 = 32 times


@dataclass(frozen=True, kw_only=True)
class Highlights:
    """strength: 0 leaves the light as it is, 1 raises clipped white to 32 times. threshold: sRGB-encoded value of
    the brightest channel from which on light counts as clipped; it is raised in full at 1."""

    strength: float = 0.0
    threshold: float = 0.9

    def __post_init__(self) -> None:
        for name in ("strength", "threshold"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise UsageError(f"The highlights' {name} is {value}.", hint="It goes from 0 to 1.")

    def numbers(self) -> Float[Array, "2"]:
        return jnp.asarray([self.strength, self.threshold], jnp.float32)


def restore_highlights(
    linear: Float[Array, "3 h w"], srgb_encoded: Float[Array, "3 h w"], numbers: Float[Array, "2"]
) -> Float[Array, "3 h w"]:
    """Raise what is near clipping; values already above 1 hold their light and stay."""
    strength, threshold = numbers
    brightest = srgb_encoded.max(axis=0)
    near = jnp.clip((brightest - threshold) / jnp.maximum(1 - threshold, 1e-3), 0.0, 1.0)
    held = jnp.clip(2 - brightest, 0.0, 1.0)
    return linear * jnp.exp2(_STOPS * strength * near * near * held)
