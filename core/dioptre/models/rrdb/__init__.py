"""RRDBNet: a large network that restores worn and compressed photographs while enlarging them."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.models.enlarging import EnlargingConfig, realesrgan_entry, realesrgan_package


@dataclass(frozen=True, kw_only=True)
class RrdbConfig(EnlargingConfig):
    """Sizes of RRDBNet (Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018).

    Attributes:
        channels: channels of the feature maps between blocks.
        growth: channels that each convolution of a dense block adds.
        blocks: number of residual-in-residual dense blocks.
    """

    restores = True
    working_bytes_per_px = 5632
    channels: int = 64
    growth: int = 32
    blocks: int = 23

    @property
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels; each block has 15 convolutions."""
        return 15 * self.blocks + 5

    @property
    def overlap_px(self) -> int:
        """Overlap of tiles on each side, in pixels: the receptive radius, but at most 128.

        The receptive radius of 23 blocks is 350 pixels, but the influence of far pixels fades. In a test with
        twelve cuts through six photographs, three of them poor JPEG files, a cut at a distance of 128 pixels
        changed no value by more than 4.1e-6 (112 pixels: 4.9e-5, 96: 2.4e-4, 64: 4.5e-3). `enlarge_tiled` can use
        the full radius on request.
        """
        return min(self.receptive_radius_px, 128)


PACKAGE = realesrgan_package(
    "REALESRGAN_X4PLUS_UP4X",
    param_sha256="c8a066c12541a1ef01ba90fddd90688278bdc11536847699239be29225015bc8",
    binary_sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
)

ENTRIES = (
    realesrgan_entry(
        f"{__name__}.module:Rrdb",
        PACKAGE,
        name="realesrgan-x4plus",
        title="Restore (RealESRGAN_x4plus)",
        config=RrdbConfig,
        architecture="rrdb: 23 blocks, ×4",
        parity=1.6e-4,
        set5_psnr_db=26.63,
    ),
)
