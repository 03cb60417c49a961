"""Zero beyond the edge: what lets a picture that is smaller than its array be enlarged as if it were alone."""

from __future__ import annotations

from jaxtyping import Array, Float

Inside = Float[Array, "n h w 1"] | None
"""1 where the array is picture, 0 beyond its edge; None where all of it is picture."""


def masked(x: Float[Array, "n h w c"], inside: Inside) -> Float[Array, "n h w c"]:
    """`x` with zeros beyond the picture's edge, which is what the next convolution sees beyond an array's edge."""
    return x if inside is None else x * inside
