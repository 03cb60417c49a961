"""Temperature and tint agree with published values and with their own inverse."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.colour.white_point import CCT_RANGE_KELVIN, WhitePoint
from dioptre_link.errors import DioptreError

# Name, xy (CIE 015:2018, table T.8), and CCT in kelvin and Duv, both by Ohno's method in colour-science 0.4.
ILLUMINANTS = [
    ("A", (0.44758, 0.40745), 2856, 0.0000),
    ("D50", (0.34567, 0.35851), 5001, 0.0032),
    ("D65", (0.31272, 0.32903), 6503, 0.0032),
    ("D75", (0.29903, 0.31488), 7505, 0.0032),
    ("F2", (0.37208, 0.37529), 4225.5, 0.00186),
    ("F11", (0.38052, 0.37713), 4000.7, 0.00016),
]


@pytest.mark.parametrize(("name", "xy", "cct", "duv"), ILLUMINANTS)
def test_illuminants(name: str, xy: tuple[float, float], cct: float, duv: float) -> None:
    point = WhitePoint.from_xy(xy)
    assert point.cct_kelvin == pytest.approx(cct, rel=2e-3)
    assert point.duv == pytest.approx(duv, abs=2e-4)


@pytest.mark.parametrize("cct", [1200, 1900, 2856, 4000, 5003, 6504, 9300, 20000, 40000])
@pytest.mark.parametrize("duv", [-0.03, -0.005, 0.0, 0.01, 0.03])
def test_there_and_back(cct: float, duv: float) -> None:
    there = WhitePoint(cct_kelvin=cct, duv=duv)
    back = WhitePoint.from_xy(there.xy)
    assert back.mired == pytest.approx(there.mired, abs=0.02)
    assert back.duv == pytest.approx(duv, abs=1e-6)


@pytest.mark.parametrize("cct", [900, 60000, float("nan")])
def test_impossible_temperatures_are_refused(cct: float) -> None:
    with pytest.raises(DioptreError, match="out of range") as caught:
        WhitePoint(cct_kelvin=cct)
    assert "kelvin" in caught.value.hint


def test_beyond_the_ends_the_end_is_taken() -> None:
    low, high = CCT_RANGE_KELVIN
    assert WhitePoint.from_xy((0.23, 0.22)).cct_kelvin == pytest.approx(high)
    assert WhitePoint.from_xy((0.68, 0.32)).cct_kelvin < low * 1.3
    assert np.isfinite(WhitePoint.from_xy((0.3, 0.6)).cct_kelvin)


def test_tint_is_duv_in_the_units_of_raw_converters() -> None:
    assert WhitePoint(cct_kelvin=5500, duv=0.0033).tint == pytest.approx(9.9)
    assert WhitePoint(cct_kelvin=5500, duv=-0.01).tint == pytest.approx(-30)
