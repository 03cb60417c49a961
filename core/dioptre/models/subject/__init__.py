"""The subject network: the depth network's backbone, turned to subjects by low-rank changes, and a head."""

from __future__ import annotations

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, Entry, ModelKind, Preprocessing

ENTRIES = (
    Entry(
        id="dioptre-subject",
        title="Subject (bundled)",
        kind=ModelKind.SUBJECT,
        module=f"{__name__}.module:SubjectNetwork",
        config=f"{__name__}.config:SubjectConfig",
        checkpoints={"dioptre-depth-backbone": "backbone", "dioptre-subject": "", "dioptre-faces": "faces"},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=448, multiple_px=56
        ),
        joined_with="u2netp",
        bfloat16=True,
        default=True,
    ),
)
