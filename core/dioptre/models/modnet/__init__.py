"""MODNet: a matting network for soft edges such as hair and fur."""

from __future__ import annotations

from dioptre.models.entry import Entry, ModelKind, Preprocessing

ENTRIES = (
    Entry(
        id="modnet",
        title="Hair and fur (bundled)",
        kind=ModelKind.MATTE,
        module=f"{__name__}.module:ModNet",
        config=f"{__name__}.config:ModNetConfig",
        checkpoints={"modnet": ""},
        preprocessing=Preprocessing(
            mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5), short_side_px=512, multiple_px=32
        ),
        default=True,
    ),
)
