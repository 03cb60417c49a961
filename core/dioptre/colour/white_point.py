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

# The Planckian locus: CIE 1960 (u, v) of a black body, every 10 mired from 50,000 K to 1,000 K. Planck's law with
# c2 = 1.438776877e-2 m K is integrated over the CIE 1931 2-degree colour matching functions in steps of 1 nm from
# 360 to 830 nm. Between rows the locus is interpolated by a cubic in mired, accurate to 1e-6.
# fmt: off
_LOCUS = np.array((
    (0.1813252, 0.2684553), (0.1820819, 0.2711877), (0.1829328, 0.2740731), (0.1838846, 0.2770892),
    (0.1849431, 0.2802118), (0.1861131, 0.2834157), (0.1873978, 0.2866753), (0.1887994, 0.2899659),
    (0.1903185, 0.2932642), (0.1919547, 0.2965488), (0.1937061, 0.2998007), (0.1955702, 0.3030032),
    (0.1975435, 0.3061419), (0.1996220, 0.3092051), (0.2018011, 0.3121830), (0.2040759, 0.3150680),
    (0.2064414, 0.3178543), (0.2088923, 0.3205376), (0.2114236, 0.3231150), (0.2140301, 0.3255849),
    (0.2167067, 0.3279465), (0.2194486, 0.3302000), (0.2222510, 0.3323462), (0.2251094, 0.3343866),
    (0.2280194, 0.3363229), (0.2309769, 0.3381573), (0.2339779, 0.3398925), (0.2370185, 0.3415310),
    (0.2400952, 0.3430760), (0.2432046, 0.3445303), (0.2463434, 0.3458972), (0.2495085, 0.3471799),
    (0.2526970, 0.3483814), (0.2559061, 0.3495052), (0.2591333, 0.3505543), (0.2623761, 0.3515320),
    (0.2656321, 0.3524413), (0.2688991, 0.3532854), (0.2721750, 0.3540672), (0.2754579, 0.3547898),
    (0.2787460, 0.3554559), (0.2820374, 0.3560682), (0.2853306, 0.3566296), (0.2886240, 0.3571426),
    (0.2919161, 0.3576097), (0.2952056, 0.3580332), (0.2984912, 0.3584156), (0.3017716, 0.3587590),
    (0.3050458, 0.3590656), (0.3083126, 0.3593374), (0.3115711, 0.3595764), (0.3148203, 0.3597844),
    (0.3180592, 0.3599632), (0.3212872, 0.3601146), (0.3245034, 0.3602401), (0.3277070, 0.3603413),
    (0.3308974, 0.3604196), (0.3340740, 0.3604765), (0.3372361, 0.3605132), (0.3403831, 0.3605311),
    (0.3435145, 0.3605313), (0.3466298, 0.3605149), (0.3497286, 0.3604831), (0.3528104, 0.3604368),
    (0.3558748, 0.3603770), (0.3589214, 0.3603046), (0.3619498, 0.3602205), (0.3649597, 0.3601254),
    (0.3679508, 0.3600202), (0.3709228, 0.3599056), (0.3738754, 0.3597822), (0.3768083, 0.3596508),
    (0.3797214, 0.3595118), (0.3826143, 0.3593659), (0.3854869, 0.3592137), (0.3883390, 0.3590556),
    (0.3911704, 0.3588921), (0.3939810, 0.3587237), (0.3967705, 0.3585508), (0.3995389, 0.3583739),
    (0.4022860, 0.3581932), (0.4050116, 0.3580091), (0.4077158, 0.3578220), (0.4103984, 0.3576322),
    (0.4130593, 0.3574401), (0.4156984, 0.3572457), (0.4183157, 0.3570495), (0.4209111, 0.3568517),
    (0.4234846, 0.3566525), (0.4260361, 0.3564521), (0.4285655, 0.3562507), (0.4310730, 0.3560486),
    (0.4335584, 0.3558458), (0.4360217, 0.3556426), (0.4384629, 0.3554392), (0.4408820, 0.3552356),
    (0.4432791, 0.3550320), (0.4456542, 0.3548285), (0.4480072, 0.3546253),
))
# fmt: on
MIRED = np.arange(20, 1001, 10)
U, V = np.ascontiguousarray(_LOCUS.T)


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
