"""U²-Net-P: a small network for salient-object detection."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, Entry, ModelKind, Preprocessing


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


ENTRIES = (
    Entry(
        id="u2netp",
        title="U²-Net-P (bundled)",
        kind=ModelKind.SUBJECT,
        module=f"{__name__}.module:U2Net",
        config=U2NetConfig,
        checkpoints={"u2netp": ""},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=320, multiple_px=32
        ),
    ),
)
