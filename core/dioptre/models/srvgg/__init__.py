"""SRVGGNetCompact: a light network that restores drawn and compressed pictures while enlarging them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dioptre.models.entry import Entry, ModelKind
from dioptre.models.published import realesrgan_card, realesrgan_package


@dataclass(frozen=True, kw_only=True)
class SrvggConfig:
    """Sizes of SRVGGNetCompact (Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution", 2021).

    Attributes:
        scale: enlargement factor.
        channels: channels of every feature map.
        convolutions: number of inner convolutions.
    """

    scale: int = 4
    channels: int = 64
    convolutions: int = 16

    @property
    def restores(self) -> bool:
        """Whether the network also removes degradation, so that its result may differ visibly from the picture."""
        return True

    @property
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels."""
        return self.convolutions + 2

    @property
    def overlap_px(self) -> int:
        """Overlap of tiles on each side, in pixels."""
        return self.receptive_radius_px

    @property
    def working_bytes_per_px(self) -> int:
        """Memory needed to process a tile, in bytes per pixel of the tile."""
        return 1024


PACKAGE = realesrgan_package(
    "REALESRGAN_ANIMAVIDEOV3_UP4X",
    param_sha256="157c0a10405f885d4c53ce76fe2ba731694bcd16ec90ab6b889335e384239682",
    binary_sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
)

ENTRIES = (
    Entry(
        id="realesr-animevideov3",
        title="Restore, light (realesr-animevideov3)",
        kind=ModelKind.SUPER_RESOLUTION,
        module=f"{__name__}.module:Srvgg",
        config=SrvggConfig,
        checkpoints={"realesr-animevideov3": ""},
        convert=f"{__name__}.module:convert",
        card=partial(
            realesrgan_card,
            PACKAGE,
            checkpoint="realesr-animevideov3",
            title="Restore, light (realesr-animevideov3)",
            architecture="srvgg: 64 channels, 16 convolutions, ×4",
            parity=7e-5,
            set5_psnr_db=28.25,
        ),
        package=PACKAGE,
    ),
)
