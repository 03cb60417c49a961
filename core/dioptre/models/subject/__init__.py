"""The subject network: a head on the depth network's backbone locates the subject; U²-Net-P finds its edges."""

from __future__ import annotations

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, Entry, ModelKind, Preprocessing

ENTRIES = (
    Entry(
        id="dioptre-subject",
        title="Subject (bundled)",
        kind=ModelKind.SUBJECT,
        module=f"{__name__}.module:SubjectNetwork",
        config=f"{__name__}.config:SubjectConfig",
        checkpoints={"dioptre-depth-backbone": "backbone", "dioptre-subject-head": "head", "u2netp": "edges"},
        preprocessing=Preprocessing(mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=320),
        default=True,
    ),
)
