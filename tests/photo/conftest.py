"""Small pictures and profiles to write and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dioptre.photo import matrix_profile

P3_XY = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
PROPHOTO_XY = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
REC2020_XY = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
D50_XY = (0.3457, 0.3585)

PROFILES = {
    "adobe": matrix_profile.adobe_rgb(),
    "p3": matrix_profile.rgb_profile("P3", primaries_xy=P3_XY, white_xy=matrix_profile.D65_XY, curve=2.2),
    "prophoto": matrix_profile.rgb_profile("ProPhoto", primaries_xy=PROPHOTO_XY, white_xy=D50_XY, curve=1.8),
    "linear": matrix_profile.rgb_profile(
        "Rec2020", primaries_xy=REC2020_XY, white_xy=matrix_profile.D65_XY, curve=1.0
    ),
}


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> bytes:
    return PROFILES[request.param]


@pytest.fixture
def photo() -> np.ndarray:
    """A uint8 picture (24, 40, 3) of smooth colours with an edge, without any symmetry."""
    y, x = np.mgrid[0:24, 0:40]
    red, green = x * 6, y * 10
    blue = np.where(x > 20, 200, 30) + y
    return np.stack([red, green, blue], -1).astype(np.uint8)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder
