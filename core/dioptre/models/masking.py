"""Mask a padded picture with zeros, so that networks enlarge it as if it were not padded."""

from __future__ import annotations

from jaxtyping import Array, Float

Inside = Float[Array, "n h w 1"] | None
"""Mask that is 1 inside the picture and 0 outside; None if the picture fills the array."""


def masked(x: Float[Array, "n h w c"], inside: Inside) -> Float[Array, "n h w c"]:
    """Set `x` to zero outside the picture, like the zero padding that convolutions apply at an array's edge."""
    return x if inside is None else x * inside
