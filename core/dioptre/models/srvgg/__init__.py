"""SRVGGNetCompact: a light network that restores drawn and compressed pictures while enlarging them."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.models.enlarging import EnlargingConfig, realesrgan_entry, realesrgan_package


@dataclass(frozen=True, kw_only=True)
class SrvggConfig(EnlargingConfig):
    """Sizes of SRVGGNetCompact (Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution", 2021).

    Attributes:
        channels: channels of every feature map.
        convolutions: number of inner convolutions.
    """

    restores = True
    working_bytes_per_px = 1024
    channels: int = 64
    convolutions: int = 16

    @property
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels."""
        return self.convolutions + 2


PACKAGE = realesrgan_package(
    "REALESRGAN_ANIMAVIDEOV3_UP4X",
    param_sha256="157c0a10405f885d4c53ce76fe2ba731694bcd16ec90ab6b889335e384239682",
    binary_sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
)

ENTRIES = (
    realesrgan_entry(
        f"{__name__}.module:Srvgg",
        PACKAGE,
        name="realesr-animevideov3",
        title="Restore, light (realesr-animevideov3)",
        config=SrvggConfig,
        architecture="srvgg: 64 channels, 16 convolutions, ×4",
        parity=7e-5,
        set5_psnr_db=28.25,
    ),
)
