"""RRDBNet: a large network that restores worn and compressed photographs while enlarging them."""

from __future__ import annotations

from dioptre.models.entry import Entry, ModelKind

_PACKAGE = "dioptre.models.realesrgan_package"

ENTRIES = (
    Entry(
        id="realesrgan-x4plus",
        title="Restore (RealESRGAN_x4plus)",
        kind=ModelKind.SUPER_RESOLUTION,
        module=f"{__name__}.module:Rrdb",
        config=f"{__name__}.config:x4plus",
        checkpoints={"realesrgan-x4plus": ""},
        convert=f"{__name__}.convert:convert",
        card=f"{_PACKAGE}:x4plus_card",
        package=f"{_PACKAGE}:X4PLUS_PACKAGE",
        accelerated="bf16",
    ),
)
