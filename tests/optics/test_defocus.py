import numpy as np
import pytest

from dioptre.optics.defocus import Focus, circle_of_confusion_px, relative_max_radius_px
from dioptre_link.errors import UsageError

from .reference import thin_lens


def test_signed_linear_and_flat_inside_the_range():
    disparity = np.float32([[0.0, 0.3, 0.5, 0.7, 1.0]])
    plain = circle_of_confusion_px(disparity, focus=Focus(focal_disparity=0.5, max_radius_px=40.0))
    assert np.allclose(plain, [[-20, -8, 0, 8, 20]], atol=1e-5)
    ranged = circle_of_confusion_px(disparity, focus=Focus(focal_disparity=0.5, max_radius_px=40.0, range=0.2))
    assert np.allclose(ranged, [[-12, 0, 0, 0, 12]], atol=1e-5)


def test_strengths_act_on_their_own_side():
    focus = Focus(focal_disparity=0.5, max_radius_px=10.0, foreground=2.0, background=0.5)
    assert np.allclose(circle_of_confusion_px(np.float32([[0, 1]]), focus=focus), [[-2.5, 10]])


def test_thin_lens_equals_geometric_optics():
    """Compare with the cone of marginal rays of a point at z, imaged at v, where it meets a sensor at v_focus."""
    f, n, z_focus, z = 0.085, 1.8, 2.0, 5.0
    image_of = lambda distance: 1 / (1 / f - 1 / distance)  # noqa: E731
    on_sensor_m = f / n / 2 * abs(image_of(z_focus) - image_of(z)) / image_of(z)
    focus = thin_lens(
        focal_length_mm=85.0, f_number=n, focus_distance_m=z_focus, sensor_width_mm=36.0, width_px=6000
    )
    made = circle_of_confusion_px(np.float32([[1 / z]]), focus=focus)
    assert np.isclose(-made[0, 0], on_sensor_m / 0.036 * 6000, rtol=1e-5)


def test_relative_radius_follows_size_and_f_number():
    assert np.isclose(relative_max_radius_px((3000, 4000), f_number=2.0), 125)
    assert np.isclose(relative_max_radius_px((300, 400), f_number=4.0), 6.25)


def test_refuses_what_cannot_be():
    with pytest.raises(UsageError, match="max_radius_px"):
        Focus(focal_disparity=0.5, max_radius_px=-1.0)
    with pytest.raises(UsageError, match="focal_disparity"):
        Focus(focal_disparity=float("nan"), max_radius_px=1.0)
