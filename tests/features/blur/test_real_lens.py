"""Blur from depth in metres: it matches a ray-traced scene, and unknown values have defaults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dioptre.contract import FieldOfView, Inputs
from dioptre.features.blur import from_depth as pipeline
from dioptre.features.blur.from_depth import Blurred
from dioptre.features.blur.real_lens import lens_blur_of
from dioptre.optics.defocus import Focus, circle_of_confusion_px, relative_max_radius_px
from dioptre.recipes.apply import apply
from dioptre_link.catalogue import operation
from dioptre_link.catalogue.lens_blur import LensBlurOptions
from dioptre_link.errors import UsageError
from dioptre_link.metres import Scale, focus_of, scale_of

from ...optics.reference import thin_lens

SIZE = (200, 300)


def options(**changes: Any) -> LensBlurOptions:
    return LensBlurOptions(**{"lens_mm": 85.0, "f_number": 1.4, **changes})


def test_radii_are_those_of_a_ray_traced_lens() -> None:
    """The renderer's circle of confusion is r · focal_px · |z - s| / (z s)."""
    focal_px, aperture_radius_m, focus_m, z_m = 618.0, 0.03, 1.5, 6.0
    view = FieldOfView(focal_diagonals=focal_px / math.hypot(512, 512), source="the renderer")
    # The aperture's diameter f / N is 60 mm.
    chosen = options(lens_mm=84.0, f_number=1.4, focus_m=focus_m)
    scale = Scale(range_per_m=(0.1, 1.0))
    focal = focus_of(chosen, scale)
    assert focal is not None
    blur = lens_blur_of(chosen, (512, 512), focal_disparity=focal, focus_range=0.0, scale=scale, field_of_view=view)
    radius = blur.focus.max_radius_px * abs(scale.disparity(z_m) - focal)
    assert radius == pytest.approx(aperture_radius_m * focal_px * abs(z_m - focus_m) / (z_m * focus_m), rel=1e-9)
    assert not any("assumed" in message for message in blur.messages)


def test_the_lenss_own_view_is_the_thin_lens_on_its_sensor() -> None:
    focus_m = 2.1
    chosen = options(view="lens", focus_m=focus_m)
    scale = Scale(range_per_m=(0.05, 0.8))
    focal = focus_of(chosen, scale)
    assert focal is not None
    blur = lens_blur_of(
        chosen, (2400, 3600), focal_disparity=focal, focus_range=0.0, scale=scale, field_of_view=None
    )
    expected = thin_lens(
        focal_length_mm=85, f_number=1.4, focus_distance_m=focus_m, sensor_width_mm=36, width_px=3600
    )
    inverse = np.array([[1 / 1.2, 1 / 2.1, 1 / 10.0]], np.float32)
    ours = blur.focus.max_radius_px * (np.array([[scale.disparity(z) for z in (1.2, 2.1, 10.0)]]) - focal)
    np.testing.assert_allclose(ours, circle_of_confusion_px(inverse, focus=expected), rtol=1e-4, atol=1e-3)
    assert blur.values["focus_distance_m"] == pytest.approx(2.1)
    assert blur.values["sharp_from_m"] < 2.1 < blur.values["sharp_to_m"]
    assert "85 mm f/1.4 on Full frame, focused at 2.1 m" in str(blur.messages[-1])


def test_without_metres_a_scale_is_assumed_and_said() -> None:
    scale = scale_of(options(), None)
    assert scale.assumed
    blur = lens_blur_of(options(), SIZE, focal_disparity=0.9, focus_range=0.0, scale=scale, field_of_view=None)
    said = " ".join(str(message) for message in blur.messages)
    assert "angle of view is not known" in said
    assert "white is assumed to be 1.75 m away and black infinity" in said
    # With only an f-number, the same distances are assumed, so both agree except for the lens's extension.
    assert blur.focus.max_radius_px == pytest.approx(relative_max_radius_px(SIZE, f_number=1.4), rel=0.06)


def test_the_users_distances_come_first() -> None:
    scale = scale_of(options(nearest_m=0.5, farthest_m=10.0), (0.2, 1.0))
    assert scale.range_per_m == (0.1, 2.0)
    assert scale.distance_m(scale.disparity(2.5)) == pytest.approx(2.5)
    with pytest.raises(UsageError, match="white in the depth map is"):
        scale_of(options(nearest_m=5.0, farthest_m=2.0), None)


def test_one_known_distance_multiplies_the_scale() -> None:
    assumed = scale_of(options(), None, [(0.5, 2.0)])
    assert assumed.distance_m(0.5) == pytest.approx(2.0)
    assert assumed.distance_m(0.25) == pytest.approx(4.0)
    assert assumed.range_per_m[0] == 0.0
    assert assumed.assumed
    measured = scale_of(options(), (0.1, 0.9), [(0.5, 1.0)])
    assert measured.range_per_m == pytest.approx((0.2, 1.8))
    assert not measured.assumed
    with pytest.raises(UsageError, match="infinitely far"):
        scale_of(options(), None, [(0.01, 2.0)])


def test_two_known_distances_set_scale_and_range() -> None:
    scale = scale_of(options(), None, [(0.8, 2.0), (0.5, 10.0)])
    assert scale.distance_m(0.8) == pytest.approx(2.0)
    assert scale.distance_m(0.5) == pytest.approx(10.0)
    assert scale.infinity == pytest.approx(0.425)  # farther disparities are at infinity
    assert scale_of(options(farthest_m=10.0), None, [(0.5, 2.0)]).range_per_m == pytest.approx((0.1, 0.9))
    with pytest.raises(UsageError, match=r"point that is 10 m away is in front of the one that is 2 m"):
        scale_of(options(), None, [(0.8, 10.0), (0.5, 2.0)])
    with pytest.raises(UsageError, match="the same depth"):
        scale_of(options(), None, [(0.8, 2.0), (0.79, 10.0)])


def test_many_known_distances_are_fitted() -> None:
    exact = Scale(range_per_m=(0.05, 0.6))
    known = [(at, exact.distance_m(at)) for at in (0.1, 0.4, 0.9)]
    assert scale_of(options(), None, known).range_per_m == pytest.approx(exact.range_per_m)
    off = scale_of(
        options(), None, [(at, distance * error) for (at, distance), error in zip(known, (1, 1.1, 1), strict=True)]
    )
    assert [off.distance_m(at) / distance for at, distance in known] == pytest.approx([1, 1, 1], rel=0.1)


def test_infinity_is_a_distance() -> None:
    scale = Scale(range_per_m=(0.0, 0.5))
    assert scale.distance_m(0.0) == math.inf
    blur = lens_blur_of(options(), SIZE, focal_disparity=0.0, focus_range=0.0, scale=scale, field_of_view=None)
    assert "focused at infinity" in str(blur.messages[-1])
    assert "focus_distance_m" not in blur.values


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Focus]:
    """The focus that the operations pass to the blur."""
    asked: list[Focus] = []

    def pretended(image: np.ndarray, disparity: np.ndarray, *, focus: Focus, **_fields: Any) -> Blurred:
        asked.append(focus)
        return Blurred(image=image)

    monkeypatch.setattr(pipeline, "lens_blur", pretended)
    return asked


def test_lens_blur_focuses_in_metres(asked: list[Focus]) -> None:
    """A step at 2 m in front of a wall at 8 m."""
    near = np.zeros(SIZE, np.float32)
    near[:, 150:] = 1.0
    inputs = Inputs(
        picture=np.zeros((*SIZE, 3), np.float32),
        disparity=near,
        range_per_m=(1 / 8, 1 / 2),
        field_of_view=FieldOfView.of_equivalent(50, source="EXIF"),
    )
    for changes in ({"focus_m": 2.0}, {"focus_m": 8.0}, {"focus_m": 2.0, "f_number": 2.8}, {"focus": (3, 3)}):
        apply("lens_blur", vars(options(**changes)), inputs)
    assert [focus.focal_disparity for focus in asked] == pytest.approx([1.0, 0.0, 1.0, 0.0], abs=1e-6)
    assert asked[0].max_radius_px == pytest.approx(2 * asked[2].max_radius_px)
    # The product of the aperture's radius, the focal length in pixels, and a difference of 3/8 per metre.
    focal_px = 50 / math.hypot(36, 24) * math.hypot(*SIZE)
    assert asked[0].max_radius_px == pytest.approx(0.085 / 1.4 / 2 * focal_px * 3 / 8)
    assert {focus.range for focus in asked} == {0.0}
    stated = apply("lens_blur", vars(options(focus_m=2.0, equivalent_mm=100.0)), inputs)
    assert stated.values["max_radius"] == pytest.approx(2 * asked[0].max_radius_px)
    assert stated.values["focus_distance_m"] == pytest.approx(2.0)
    # The values keep the layer's metres, so that Update and other results know them.
    assert stated.values["depth_range_per_m"] == [1 / 8, 1 / 2]
    assert stated.values["focal_length_equivalent_mm"] == 50
    assert not stated.values["metres_are_assumed"]


@pytest.mark.parametrize("name", ["lens_blur", "portrait"])
def test_known_distances_are_read_from_the_depth_map(asked: list[Focus], name: str) -> None:
    """Two points of a ramp: the blur is that of the same scale in metres."""
    ramp = np.broadcast_to(np.linspace(0, 1, SIZE[1], dtype=np.float32), SIZE).copy()
    inputs = Inputs(picture=np.zeros((*SIZE, 3), np.float32), disparity=ramp, subject=np.ones(SIZE, np.float32))
    near, far = (280, 100), (60, 100)
    exact = Scale(range_per_m=(1 / 16, 1 / 2))
    known = [(x, y, round(exact.distance_m(float(ramp[y, x])), 4)) for x, y in (near, far)]
    chosen = operation(name).check({"lens_mm": 85.0, "f_number": 1.4, "focus": near, "known_distance": known})
    found = apply(name, chosen, inputs)
    scale = tuple(1 / value for value in exact.range_per_m)
    stated = operation(name).check(
        {"lens_mm": 85.0, "f_number": 1.4, "focus": near, "nearest_m": scale[1], "farthest_m": scale[0]}
    )
    expected = apply(name, stated, inputs)
    assert found.values["max_radius"] == pytest.approx(expected.values["max_radius"], rel=1e-3)
    assert found.values["known_distances"] == [
        [pytest.approx(280 / 299, abs=1e-3), known[0][2]],
        [pytest.approx(60 / 299, abs=1e-3), known[1][2]],
    ]
    assert found.values["metres_are_assumed"]
    assert any("by the distances that you set, white is assumed to be 2 m" in str(m) for m in found.messages)


def test_nothing_is_blurred_as_beyond_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def pretended(image: np.ndarray, disparity: np.ndarray, **_fields: Any) -> Blurred:
        seen.append(disparity)
        return Blurred(image=image)

    monkeypatch.setattr(pipeline, "lens_blur", pretended)
    ramp = np.broadcast_to(np.linspace(0, 1, SIZE[1], dtype=np.float32), SIZE).copy()
    inputs = Inputs(picture=np.zeros((*SIZE, 3), np.float32), disparity=ramp)
    known = ((239.0, 100.0, 2.0), (150.0, 100.0, 10.0))
    apply("lens_blur", vars(options(focus=(239, 100), known_distance=known)), inputs)
    assert seen[0].min() == pytest.approx(0.425, abs=0.01)
    assert seen[0].max() == 1


def test_a_focus_range_widens_the_sharp_distances() -> None:
    scale = Scale(range_per_m=(0.0, 1.0))
    narrow, wide = (
        lens_blur_of(options(), SIZE, focal_disparity=0.5, focus_range=focus_range, scale=scale, field_of_view=None)
        for focus_range in (0.0, 0.1)
    )
    for name, sign in (("sharp_from_m", 1), ("sharp_to_m", -1)):
        assert 1 / wide.values[name] - 1 / narrow.values[name] == pytest.approx(sign * 0.1, abs=0.001)
