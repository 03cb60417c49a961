"""Surface normals of planes and spheres, and of networks that estimate them."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.depth import normals
from dioptre.features.depth.normals import depth_normals, network_normals, normals_of_depth

FOCAL_PX = 90.0
HEIGHT, WIDTH = 60, 80


def inverse_depth_of_plane(normal: np.ndarray, distance_m: float) -> np.ndarray:
    """Inverse depth of a plane; `normal` has x right, y up and z towards the camera."""
    v, u = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    rays = np.stack([(u - (WIDTH - 1) / 2) / FOCAL_PX, -(v - (HEIGHT - 1) / 2) / FOCAL_PX, -np.ones_like(u)], -1)
    return (-(rays @ normal) / distance_m).astype(np.float32)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0.9, 0.5), (0.5, 0, 0.9), (-0.4, 0.3, 0.8)])
def test_the_normals_of_a_plane_are_exact(normal: tuple[float, float, float]) -> None:
    true = np.array(normal) / np.linalg.norm(normal)
    found = depth_normals(inverse_depth_of_plane(true, 2.0), focal_px=FOCAL_PX)
    np.testing.assert_allclose(found, np.broadcast_to(true, found.shape), atol=2e-3)


def test_a_large_picture_is_computed_in_parts_without_seams() -> None:
    """Slopes span several pixels, also at the borders and between the parts."""
    v, u = np.mgrid[:1100, :900].astype(np.float32)
    inverse = 0.5 + 1e-4 * u - 2e-4 * v
    found = depth_normals(inverse, focal_px=1000)
    expected = np.stack([np.full(u.shape, -0.1), np.full(u.shape, -0.2), inverse], axis=-1)
    expected[..., 2] -= 1e-4 * (u - 449.5) - 2e-4 * (v - 549.5)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_step_does_not_tilt_the_surfaces_beside_it() -> None:
    inverse = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    inverse[:, 40:] = 0.5
    np.testing.assert_allclose(depth_normals(inverse, focal_px=FOCAL_PX)[..., 2], 1, atol=1e-6)


def test_the_sky_faces_the_camera() -> None:
    found = depth_normals(np.zeros((4, 5), np.float32), focal_px=FOCAL_PX)
    np.testing.assert_array_equal(found, np.broadcast_to(np.array([0, 0, 1], np.float32), found.shape))


def test_unknown_metres_and_views_are_assumed_and_said() -> None:
    disparity = np.full((4, 5), 0.5, np.float32)
    said = [str(message) for message in normals_of_depth(disparity, {}).messages]
    assert any("1.75 m" in message for message in said)
    assert any("50 mm" in message for message in said)
    known = {"depth_range_per_m": [0.1, 0.5], "focal_length_equivalent_mm": 28.0, "focal_length_source": "EXIF"}
    assert normals_of_depth(disparity, known).messages == ()


def test_a_networks_own_normals_are_averaged_with_the_mirror_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that sees a wall leaning to the right, in the picture and mirrored in its mirror image."""
    lean = np.array([0.6, 0.0, -0.8], np.float32)  # x right, y down, z away

    class Network:
        def __init__(self) -> None:
            self.checksums = {"net": "ff"}

        def run_method(self, method: str, x: np.ndarray, aspect: np.float32) -> np.ndarray:
            assert (method, len(x)) == ("normals", 2)
            sides = np.array([[1, 1, 1], [-1, 1, 1]], np.float32)[:, None, None]
            return np.broadcast_to(lean * sides, x.shape)

    monkeypatch.setattr(normals, "load_model", lambda _: Network())
    found = network_normals(np.full((50, 70, 3), 0.5, np.float32), model="moge-2-vits-normal")
    assert found is not None
    assert (found.vectors.shape, found.source) == ((50, 70, 3), "MoGe-2 ViT-S")
    np.testing.assert_allclose(found.vectors[25, 35], [0.6, 0.0, 0.8], atol=1e-6)


def test_other_networks_have_no_normals() -> None:
    picture = np.zeros((8, 8, 3), np.float32)
    assert network_normals(picture, model="dioptre-depth-small") is None
