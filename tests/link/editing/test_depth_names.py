"""Metres in the name of a depth layer are read back as they were written, and nothing else is taken for metres."""

from __future__ import annotations

import pytest

from dioptre_link.editing.depth_names import metres_in, renewed, with_metres, without_metres
from dioptre_link.metres import DepthMetres

NEAR_AND_FAR = DepthMetres(range_per_m=(0.0826, 1.199), equivalent_mm=27.6, source="MoGe-2")


@pytest.mark.parametrize(
    ("metres", "name"),
    [
        (NEAR_AND_FAR, "Depth (0.834\u201312.1 m, 27.6 mm)"),
        (DepthMetres(range_per_m=(0.25, 1.0)), "Depth (1\u20134 m)"),
        (DepthMetres(range_per_m=(0.0, 0.5)), "Depth (2\u2013∞ m)"),
        (DepthMetres(range_per_m=(1e-7, 0.5)), "Depth (2\u2013∞ m)"),
        (DepthMetres(range_per_m=(1 / 4000, 500.0)), "Depth (0.002\u20134000 m)"),
        (DepthMetres(range_per_m=(0.4999, 0.5)), "Depth"),
        (DepthMetres(range_per_m=(0.5, 1e7)), "Depth"),
    ],
)
def test_the_name_has_the_nearest_and_the_farthest_distance(metres: DepthMetres, name: str) -> None:
    assert with_metres("Depth", metres) == name
    read = metres_in(name)
    assert (read is None) == (name == "Depth")
    if read is not None:
        assert read.equivalent_mm == metres.equivalent_mm
        # Three digits are exact to half a unit of the last one: 0.5 % of 1.00 at most. Infinity begins at 10 km.
        assert read.range_per_m == pytest.approx(metres.range_per_m, rel=5e-3, abs=1e-4)


@pytest.mark.parametrize(("before", "after"), [("Copy of ", ""), ("", " 2"), ("Kopie von ", " (bemalt)")])
def test_words_around_them_do_not_matter(before: str, after: str) -> None:
    named = with_metres("Depth", NEAR_AND_FAR)
    assert metres_in(f"{before}{named}{after}") == metres_in(named)
    assert without_metres(f"{before}{named}{after}") == f"{before}Depth{after}"


@pytest.mark.parametrize(
    "name",
    [
        "Depth",
        "Depth (4\u20131 m)",
        "Depth (1-4 m)",
        "Depth (0\u20134 m)",
        "Depth (1\u20134 mm)",
        "Depth (1\u20134 ft)",
        "Depth (∞\u20134 m)",
        "Depth 1\u20134 m",
        "Depth (1\u20134 m) on Depth (2\u20139 m)",
        "Depth (1\u20134 m, 28)",
    ],
)
def test_other_names_have_no_metres(name: str) -> None:
    assert metres_in(name) is None


def test_a_new_depth_renews_the_metres_but_adds_none_to_a_renamed_layer() -> None:
    named = with_metres("My depth, cleaned", NEAR_AND_FAR)
    assert renewed("My depth (1\u20134 m), cleaned", NEAR_AND_FAR) == named
    assert renewed("My depth (1\u20134 m)", None) == "My depth"
    assert renewed("Mine", NEAR_AND_FAR) == "Mine"
