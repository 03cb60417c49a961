"""CIE L*a*b* under D50, the connection space of ICC profiles and a colour model of TIFF files."""

from __future__ import annotations

import numpy as np

from .curves import in_bands, srgb_curve
from .matrix_profile import D50_XYZ, D65_XY, SRGB_XY, rgb_to_xyz_d50

SRGB_TO_XYZ = rgb_to_xyz_d50(primaries_xy=SRGB_XY, white_xy=D65_XY)
"""Matrix from linear sRGB to XYZ under D50, float64 (3, 3)."""


class LabModel:
    """The conversion from the colours of a file whose values are L*a*b*, as float32."""

    def to_srgb(self, codes: np.ndarray, *, out: np.ndarray) -> None:
        """Fill `out`, float32 (H, W, 3), with the sRGB-encoded colours."""
        lab_to_srgb(codes, out=out)


def lab_to_srgb(lab: np.ndarray, *, out: np.ndarray) -> None:
    """Convert CIE L*a*b* (D50, L* from 0 to 100), float32 (H, W, 3), to sRGB-encoded values in `out`."""
    to_srgb = np.linalg.inv(SRGB_TO_XYZ) * D50_XYZ

    def work(rows: slice) -> None:
        fy = (lab[rows][..., 0] + np.float32(16)) * np.float32(1 / 116)
        fx, fz = fy + lab[rows][..., 1] * np.float32(1 / 500), fy - lab[rows][..., 2] * np.float32(1 / 200)
        xyz = [
            np.where(f > 6 / 29, f * f * f, (f - np.float32(4 / 29)) * np.float32(108 / 841)) for f in (fx, fy, fz)
        ]
        for c in range(3):
            out[rows][..., c] = srgb_curve().encode(mixed(xyz, to_srgb[c]))

    in_bands(out.shape, work)


def srgb_to_lab(srgb_encoded: np.ndarray) -> np.ndarray:
    """Convert sRGB-encoded float32 (H, W, 3) to CIE L*a*b* (D50), L* from 0 to 100."""
    lab = np.empty(srgb_encoded.shape, np.float32)
    to_xyz = SRGB_TO_XYZ / D50_XYZ[:, None]

    def work(rows: slice) -> None:
        linear = [srgb_curve().decode(srgb_encoded[rows][..., c]) for c in range(3)]
        xyz = [mixed(linear, to_xyz[c]) for c in range(3)]
        fx, fy, fz = (
            np.where(t > (6 / 29) ** 3, np.cbrt(t), t * np.float32(841 / 108) + np.float32(4 / 29)) for t in xyz
        )
        lab[rows][..., 0] = 116 * fy - 16
        lab[rows][..., 1] = 500 * (fx - fy)
        lab[rows][..., 2] = 200 * (fy - fz)

    in_bands(lab.shape, work)
    return lab


def mixed(planes: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of three planes; for such narrow matrices, NumPy's product is ten times slower."""
    result: np.ndarray = planes[0] * np.float32(weights[0])
    result += planes[1] * np.float32(weights[1])
    result += planes[2] * np.float32(weights[2])
    return result
