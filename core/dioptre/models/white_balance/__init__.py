"""The white-balance estimator, which finds the illuminant and a smooth colour correction from a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.models.entry import Entry, ModelKind, Preprocessing


@dataclass(frozen=True, kw_only=True)
class WhiteBalanceConfig:
    """Sizes of the white-balance estimator.

    Attributes:
        thumbnail_px: side of the square thumbnail, a multiple of coarse_px.
        coarse_px: side of a smaller thumbnail, used for everything except the lightest and the darkest spots.
        bins: number of bins of the log-chroma histograms along each axis.
        chroma_range: the histograms cover log ratios from -chroma_range to +chroma_range.
        histogram_width: channels of the first layer on the histograms.
        picture_width: channels of the first layer on the picture.
        hidden_width: width of the first hidden layer.
        reading_width: width of the second hidden layer, from which all outputs are computed.
        scene_width: width of a layer that the belief depends on, too: whether the cast belongs to the scene.
        bends: number of parameters that determine the residual polynomial.
        residual_limit: maximum magnitude of the polynomial's coefficients.
    """

    thumbnail_px: int = 192
    coarse_px: int = 64
    bins: int = 32
    chroma_range: float = 1.8
    histogram_width: int = 16
    picture_width: int = 32
    hidden_width: int = 640
    reading_width: int = 256
    scene_width: int = 48
    bends: int = 12
    residual_limit: float = 1.5


ENTRIES = (
    Entry(
        id="white-balance",
        title="Light's colour (bundled)",
        kind=ModelKind.WHITE_BALANCE,
        module=f"{__name__}.module:WhiteBalanceEstimator",
        config=WhiteBalanceConfig,
        checkpoints={"white-balance": ""},
        preprocessing=Preprocessing(short_side_px=64),
        default=True,
    ),
)
