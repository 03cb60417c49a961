"""The colour of an illuminant as photographers state it: temperature and tint.

Correlated colour temperature (CCT, kelvin) is the temperature of the nearest black body in CIE 1960 (u, v).
Duv is the signed distance from it, positive towards green and negative towards magenta (ANSI C78.377; Ohno 2013,
"Practical use and calculation of CCT and Duv", LEUKOS 10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from dioptre_link.errors import DioptreError

from ._planckian import MIRED, U, V

TINT_PER_DUV = 3000.0
"""Factor from Duv to the tint scale of raw converters, positive where the light is green (Adobe DNG SDK)."""
CCT_RANGE_KELVIN = (1e6 / float(MIRED[-1]), 1e6 / float(MIRED[0]))  # 1,000 to 50,000 K, the range of the table


@dataclass(frozen=True, kw_only=True)
class WhitePoint:
    """The colour of an illuminant.

    Attributes:
        cct_kelvin: correlated colour temperature, within CCT_RANGE_KELVIN.
        duv: signed distance from the Planckian locus in CIE 1960 (u, v), within ±0.2. Beyond ±0.05 a CCT has little
            meaning (CIE 015:2018).
    """

    cct_kelvin: float
    duv: float = 0.0

    def __post_init__(self) -> None:
        low, high = CCT_RANGE_KELVIN
        if not low - 1e-6 <= self.cct_kelvin <= high + 1e-6:
            raise DioptreError(
                "A colour temperature of {cct_kelvin} K is out of range.",
                hint="Use a temperature from {low} to {high} kelvin.",
                cct_kelvin=format(self.cct_kelvin, "g"),
                low=format(low, "g"),
                high=format(high, "g"),
            )
        if not abs(self.duv) <= 0.2:
            raise DioptreError(
                "A tint of {duv} Duv is out of range.",
                hint="Use a Duv from -0.2 to 0.2.",
                duv=format(self.duv, "g"),
            )

    @property
    def mired(self) -> float:
        """Colour temperature in reciprocal megakelvin, in which equal steps look about equally large."""
        return 1e6 / self.cct_kelvin

    @property
    def tint(self) -> float:
        """Duv, converted to the tint scale of raw converters."""
        return self.duv * TINT_PER_DUV

    @property
    def xy(self) -> tuple[float, float]:
        """CIE 1931 chromaticity of the illuminant."""
        u, v, normal = _locus(self.mired)
        return _uv_to_xy(u + self.duv * normal[0], v + self.duv * normal[1])

    @classmethod
    def from_mired(cls, mired: float, *, duv: float = 0.0) -> WhitePoint:
        """Return the white point with this Duv and this temperature in mired, clamped to the table's range."""
        return cls(cct_kelvin=1e6 / float(np.clip(mired, MIRED[0], MIRED[-1])), duv=duv)

    @classmethod
    def from_xy(cls, xy: tuple[float, float]) -> WhitePoint:
        """Return the white point with the CCT and Duv of a chromaticity, clamped to the ends of the locus."""
        u, v = _xy_to_uv(*xy)
        fine, points = _fine_locus()
        nearest = int(np.argmin((points[:, 0] - u) ** 2 + (points[:, 1] - v) ** 2))
        low, high = fine[max(nearest - 1, 0)], fine[min(nearest + 1, len(fine) - 1)]
        for _ in range(40):  # bisect for the point of the locus whose normal passes through the chromaticity
            middle = (low + high) / 2
            locus_u, locus_v, normal = _locus(middle)
            along = (u - locus_u) * normal[1] - (v - locus_v) * normal[0]
            low, high = (middle, high) if along > 0 else (low, middle)
        mired = float(np.clip((low + high) / 2, MIRED[0], MIRED[-1]))
        locus_u, locus_v, normal = _locus(mired)
        duv = (u - locus_u) * normal[0] + (v - locus_v) * normal[1]
        return cls(cct_kelvin=1e6 / mired, duv=float(np.clip(duv, -0.2, 0.2)))


def between(first: WhitePoint, second: WhitePoint, share: float) -> WhitePoint:
    """Interpolate between two white points, linearly in mired and in Duv.

    Args:
        first: the white point at `share` 0.
        second: the white point at `share` 1.
        share: position between the two, from 0 to 1.
    """
    return WhitePoint.from_mired(
        first.mired + share * (second.mired - first.mired), duv=first.duv + share * (second.duv - first.duv)
    )


@cache
def _slopes() -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of u and v at the table's rows, from the cubic spline through them."""
    count, step = len(MIRED), float(MIRED[1] - MIRED[0])
    system = np.eye(count)
    for row in range(1, count - 1):
        system[row, row - 1 : row + 2] = (1, 4, 1)
    found = []
    for values in (U, V):
        wanted = np.empty(count)
        wanted[1:-1] = 3 * (values[2:] - values[:-2]) / step
        wanted[0] = np.array([-11, 18, -9, 2]) @ values[:4] / (6 * step)
        wanted[-1] = np.array([-2, 9, -18, 11]) @ values[-4:] / (6 * step)
        found.append(np.linalg.solve(system, wanted))
    return found[0], found[1]


@cache
def _fine_locus() -> tuple[np.ndarray, np.ndarray]:
    fine = np.arange(MIRED[0], MIRED[-1] + 1.0)
    return fine, np.array([_locus(mired)[:2] for mired in fine])


def _locus(mired: float) -> tuple[float, float, tuple[float, float]]:
    """Return u and v of the locus, and its unit normal, which points towards green (larger v)."""
    step = float(MIRED[1] - MIRED[0])
    at = min(max(int((mired - MIRED[0]) / step), 0), len(MIRED) - 2)
    t = (mired - float(MIRED[at])) / step
    value = np.array(
        [(1 + 2 * t) * (1 - t) ** 2, t**2 * (3 - 2 * t), step * t * (1 - t) ** 2, step * t**2 * (t - 1)]
    )
    slope = np.array([6 * t * (t - 1) / step, 6 * t * (1 - t) / step, (1 - t) * (1 - 3 * t), t * (3 * t - 2)])
    rows = np.array([[c[at], c[at + 1], s[at], s[at + 1]] for c, s in zip((U, V), _slopes(), strict=True)])
    u, v = (float(row) for row in rows @ value)
    du, dv = (float(row) for row in rows @ slope)
    length = math.hypot(du, dv)
    return u, v, (-dv / length, du / length)


def _xy_to_uv(x: float, y: float) -> tuple[float, float]:
    denominator = -2 * x + 12 * y + 3
    return 4 * x / denominator, 6 * y / denominator


def _uv_to_xy(u: float, v: float) -> tuple[float, float]:
    denominator = 2 * u - 8 * v + 4
    return 3 * u / denominator, 2 * v / denominator
