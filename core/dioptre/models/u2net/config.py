"""Configuration of U²-Net-P, the small salient-object network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class U2NetConfig:
    """Sizes of U²-Net.

    Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", 2020.

    Attributes:
        inner: channels inside a nested U.
        outer: channels of every stage's output.
        size_multiple: both sides of the input must be multiples of this, so that every pooling is exact.
    """

    inner: int = 16
    outer: int = 64
    size_multiple: int = 32


def u2netp() -> U2NetConfig:
    """Return the configuration of U²-Net-P, which has 1.1 million parameters."""
    return U2NetConfig()
