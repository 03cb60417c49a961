"""SRVGGNetCompact: a light network that restores drawn and compressed pictures while enlarging them."""

from __future__ import annotations

from dioptre.models.entry import Entry, ModelKind

_PACKAGE = "dioptre.models.realesrgan_package"

ENTRIES = (
    Entry(
        id="realesr-animevideov3",
        title="Restore, light (realesr-animevideov3)",
        kind=ModelKind.SUPER_RESOLUTION,
        module=f"{__name__}.module:Srvgg",
        config=f"{__name__}.config:animevideov3",
        checkpoints={"realesr-animevideov3": ""},
        convert=f"{__name__}.convert:convert",
        card=f"{_PACKAGE}:animevideo_card",
        package=f"{_PACKAGE}:ANIMEVIDEO_PACKAGE",
        accelerated="bf16",
    ),
)
