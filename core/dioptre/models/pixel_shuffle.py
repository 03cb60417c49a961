"""Channels to pixels, in the channel order of PyTorch."""

from __future__ import annotations

from jaxtyping import Array, Float


def pixel_shuffle(x: Float[Array, "n h w i"], factor: int) -> Float[Array, "n H W o"]:
    """(n, h, w, c f²) to (n, h f, w f, c), with input channel = c f² + dy f + dx."""
    n, h, w, channels = x.shape
    c = channels // factor**2
    split = x.reshape(n, h, w, c, factor, factor)
    return split.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * factor, w * factor, c)
