"""The white-balance estimator, which finds the illuminant and a smooth colour correction from a thumbnail."""

from __future__ import annotations

from dioptre.models.entry import Entry, ModelKind, Preprocessing

ENTRIES = (
    Entry(
        id="white-balance",
        title="Light's colour (bundled)",
        kind=ModelKind.WHITE_BALANCE,
        module=f"{__name__}.module:WhiteBalanceEstimator",
        config=f"{__name__}.config:WhiteBalanceConfig",
        checkpoints={"white-balance": ""},
        preprocessing=Preprocessing(short_side_px=64),
        default=True,
    ),
)
