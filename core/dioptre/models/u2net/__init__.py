"""U²-Net-P: a small network for salient-object detection."""

from __future__ import annotations

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, Entry, ModelKind, Preprocessing

ENTRIES = (
    Entry(
        id="u2netp",
        title="U²-Net-P (bundled)",
        kind=ModelKind.SUBJECT,
        module=f"{__name__}.module:U2Net",
        config=f"{__name__}.config:u2netp",
        checkpoints={"u2netp": ""},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=320, multiple_px=32
        ),
    ),
)
