"""The depth-of-field ruler, compared with the thin-lens equations."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from dioptre.optics.defocus import relative_max_radius_px
from dioptre_link.catalogue import operation
from dioptre_link.editing import ruler
from dioptre_link.lenses import FORMATS, SHARP_DIAGONALS

RANGE = (0.05, 0.8)
OF_F2 = 5000 * SHARP_DIAGONALS / 2 / relative_max_radius_px((3000, 4000), f_number=2.0)  # sharp on either side
METRIC = {"focal_disparity": 0.5, "depth_range_per_m": list(RANGE)}


def options(name: str = "lens_blur", **changes: Any) -> dict[str, Any]:
    return operation(name).check(changes)


def disparity(distance_m: float) -> float:
    return (1 / distance_m - RANGE[0]) / (RANGE[1] - RANGE[0])


@pytest.mark.parametrize(
    ("focal_mm", "f_number", "focus_m"), [(85, 1.4, 2.1), (50, 8.0, 5.0), (24, 11.0, 3.0), (200, 2.8, 15.0)]
)
def test_the_limits_are_those_of_the_thin_lens(focal_mm: float, f_number: float, focus_m: float) -> None:
    """H = f² / (N c) + f; near = s (H - f) / (H + s - 2 f); far = s (H - f) / (H - s)."""
    chosen = options(lens_mm=focal_mm, f_number=f_number, focus_m=focus_m, view="lens")
    shown = ruler.ruler_of(METRIC, chosen)
    assert shown is not None
    assert shown.hyperfocal_m is not None
    focal_m, coc_m = focal_mm / 1000, SHARP_DIAGONALS * FORMATS["full_frame"].diagonal_mm / 1000
    hyperfocal = focal_m**2 / (f_number * coc_m) + focal_m
    near = focus_m * (hyperfocal - focal_m) / (hyperfocal + focus_m - 2 * focal_m)
    far = focus_m * (hyperfocal - focal_m) / (hyperfocal - focus_m) if focus_m < hyperfocal else math.inf
    assert (shown.focus_m, shown.near_m, shown.far_m) == pytest.approx((focus_m, near, far), rel=1e-6)
    # The ruler's hyperfocal distance includes the lens's extension at this focus, as its blur does.
    extension = focus_m / (focus_m - focal_m)
    assert shown.hyperfocal_m == pytest.approx((hyperfocal - focal_m) * extension, rel=1e-6)
    assert shown.sharp[1] == pytest.approx(min(disparity(near), 1.0))
    assert shown.sharp[0] == pytest.approx(max(disparity(far), 0.0) if far < math.inf else 0.0)
    # The histogram marks the same range.
    sharp = ruler.sharp_range(METRIC, chosen)
    assert sharp is not None
    reach = 1 / (shown.hyperfocal_m * (RANGE[1] - RANGE[0]))
    assert sharp == pytest.approx((disparity(focus_m) - reach, disparity(focus_m) + reach))
    assert ruler.lens_reach(METRIC, chosen) == pytest.approx(reach)


def test_the_ruler_follows_lens_aperture_and_focus_without_a_preview() -> None:
    shown = ruler.ruler_of(METRIC, options(lens_mm=85, f_number=2))
    stopped_down = ruler.ruler_of(METRIC, options(lens_mm=85, f_number=4))
    nearer = ruler.ruler_of(METRIC, options(lens_mm=85, f_number=2, focal_disparity=0.9))
    assert shown is not None
    assert stopped_down is not None
    assert nearer is not None
    assert 1 / stopped_down.near_m - 1 / stopped_down.focus_m == pytest.approx(
        2 * (1 / shown.near_m - 1 / shown.focus_m)
    )
    assert nearer.focus_m == pytest.approx(1 / (0.05 + 0.9 * 0.75))


def test_the_pictures_angle_of_view_counts() -> None:
    """The opening stays, so the reach in inverse distance is inversely proportional to the focal length."""
    reaches = [
        ruler.lens_reach({**METRIC, "focal_length_equivalent_mm": focal}, options(lens_mm=85, f_number=2))
        for focal in (28.0, 56.0)
    ]
    assert reaches[0] == pytest.approx(2 * reaches[1])
    set_by_user = options(lens_mm=85, f_number=2, equivalent_mm=56.0)
    assert ruler.lens_reach({**METRIC, "focal_length_equivalent_mm": 28.0}, set_by_user) == reaches[1]


def test_a_focus_range_adds_to_the_lens() -> None:
    wide = ruler.ruler_of(METRIC, options(lens_mm=85, f_number=2, focus_range=0.1))
    narrow = ruler.ruler_of(METRIC, options(lens_mm=85, f_number=2))
    assert wide is not None
    assert narrow is not None
    assert wide.sharp[1] - narrow.sharp[1] == pytest.approx(0.1)
    assert wide.hyperfocal_m == narrow.hyperfocal_m


def test_without_metres_no_distance_is_invented() -> None:
    values = {"focal_disparity": 0.5}
    assert ruler.ruler_of(values, options()) is None
    assert ruler.ruler_of(values, options(lens_mm=50, f_number=16, view="lens")) is None
    shown = ruler.ruler_of(values, options(nearest_m=1.75))
    assert shown is not None
    assert (shown.focus_m, shown.hyperfocal_m, shown.hyperfocal) == (3.5, None, None)
    assert ruler.two_lines(shown) == "Focus 3.5 m, sharp from 3.16 m to 3.92 m\n"


def test_the_sharp_range_follows_the_aperture_without_metres_too() -> None:
    values = {"focal_disparity": 0.5, "focus_range": 0.05}
    for f_number in (1.4, 16.0):
        far, near = ruler.sharp_range(values, options(f_number=f_number)) or (0.0, 0.0)
        assert near - 0.5 == pytest.approx(0.5 - far)
        radius = relative_max_radius_px((3000, 4000), f_number=f_number) * (near - 0.5 - 0.05)
        assert 2 * radius == pytest.approx(5000 * SHARP_DIAGONALS)
    assert ruler.sharp_range(values, options(max_radius=30.0)) == pytest.approx((0.45, 0.55))


def test_the_users_distances_set_the_scale() -> None:
    shown = ruler.ruler_of({"focal_disparity": 1.0}, options(nearest_m=0.5, farthest_m=10.0))
    assert shown is not None
    assert shown.focus_m == pytest.approx(0.5)


def test_known_distances_set_the_scale_of_the_ruler() -> None:
    values = {"focal_disparity": 0.4, "known_distances": [[0.8, 2.0], [0.4, 6.0]]}
    chosen = options(known_distance=[(5, 5, 2.0), (9, 9, 6.0)])
    shown = ruler.ruler_of(values, chosen)
    assert shown is not None
    assert shown.focus_m == pytest.approx(6.0)
    assert ruler.distances(shown) == pytest.approx({"focus_m": 6.0, "nearest_m": 1.5})  # black is at infinity
    # Values of the last preview do not outlive the user's distances.
    assert ruler.ruler_of(values, options()) is None


def test_settings_that_a_preview_refuses_show_no_ruler() -> None:
    assert ruler.ruler_of({}, options()) is None
    assert ruler.ruler_of(METRIC, options(nearest_m=5.0, farthest_m=2.0)) is None
    assert ruler.sharp_range(METRIC, options(nearest_m=5.0, farthest_m=2.0, focus_m=3.0, lens_mm=50)) is None
    assert ruler.ruler_of(METRIC, options(lens_mm=1200, focus_m=0.5)) is None
    assert ruler.lens_reach(METRIC, options(lens_mm=1200, focus_m=0.5)) == 0.0
    assert ruler.two_lines(None) == "\n"


def test_ticks_are_round_distances_with_room_for_their_labels() -> None:
    shown = ruler.ruler_of({"focal_disparity": 0.5}, options(nearest_m=1.75))
    assert shown is not None
    ticks = shown.ticks(0.1)
    assert ticks[0] == (0.0, "∞")
    assert [text for _, text in ticks[1:]] == ["10 m", "5 m", "3 m", "2 m"]
    assert all(after - before >= 0.1 for (before, _), (after, _) in itertools.pairwise(ticks))
    for at, text in ticks[1:]:
        assert at == pytest.approx(1.75 / float(text.removesuffix(" m")))


def test_portrait_keeps_the_range_that_its_preview_decided() -> None:
    values = {**METRIC, "focus_range": 0.1}
    reach = 0.1 + OF_F2
    assert ruler.sharp_range(values, options("portrait")) == pytest.approx((0.5 - reach, 0.5 + reach))
