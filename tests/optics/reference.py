"""A reference lens blur for testing the fast one: it follows the definition, and is clear rather than fast.

A pixel p of the picture receives light through every point of the aperture. The path through the point u (in units
of the aperture's radius) meets the scene at the pixel p + r·u, where r is the signed radius of the object that it
meets. Of all objects on the path, the nearest one is visible. The parts hidden in the sharp picture are known here,
because the scene consists of complete sheets.

The error of the sum over paths is inversely proportional to the square root of their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from dioptre.optics.defocus import Focus


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A flat part of a scene, parallel to the sensor.

    Attributes:
        colour: Linear light, (H, W, C).
        coverage: Opacity, (H, W); 0 where the sheet is absent.
        radius_px: Signed circle of confusion; sheets with larger values are nearer.
    """

    colour: Float32[np.ndarray, "h w c"]
    coverage: Float32[np.ndarray, "h w"]
    radius_px: float


def lens_paths(count: int) -> Float32[np.ndarray, "n 2"]:
    """Return `count` points (x, y) spread evenly over the unit disc, on a golden-angle spiral."""
    number = np.arange(count) + 0.5
    angle = number * np.pi * (3 - np.sqrt(5))
    points: np.ndarray = np.sqrt(number / count)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points.astype(np.float32)


def flatten(sheets: list[Sheet]) -> tuple[Float32[np.ndarray, "h w c"], Float32[np.ndarray, "h w"]]:
    """Return the sharp picture and, per pixel, the radius of the nearest sheet that covers at least half of it."""
    ordered = sorted(sheets, key=lambda sheet: sheet.radius_px)
    colour = np.zeros_like(ordered[0].colour)
    radius = np.full(colour.shape[:2], ordered[0].radius_px, np.float32)
    for sheet in ordered:
        coverage = sheet.coverage[..., None]
        colour = coverage * sheet.colour + (1 - coverage) * colour
        radius = np.where(sheet.coverage >= 0.5, np.float32(sheet.radius_px), radius)
    return colour.astype(np.float32), radius


def render(sheets: list[Sheet], *, paths: int) -> Float32[np.ndarray, "h w c"]:
    """Render the lens's view of completely known sheets; outside the arrays their edges are repeated."""
    ordered = sorted(sheets, key=lambda sheet: sheet.radius_px)
    total = np.zeros(ordered[0].colour.shape, np.float64)
    for x, y in lens_paths(paths).tolist():
        seen = np.zeros(ordered[0].colour.shape, np.float64)
        for sheet in ordered:
            coverage = _moved(sheet.coverage[..., None], sheet.radius_px * x, sheet.radius_px * y)
            premultiplied = sheet.colour * sheet.coverage[..., None]
            seen = _moved(premultiplied, sheet.radius_px * x, sheet.radius_px * y) + (1 - coverage) * seen
        total += seen
    return (total / paths).astype(np.float32)


def _moved(values: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Return the values at (x + dx, y + dy), linearly interpolated, with the edge repeated."""
    for axis, offset in ((0, dy), (1, dx)):
        whole = int(np.floor(offset))
        part = offset - whole
        index = np.arange(values.shape[axis])
        low, high = (np.clip(index + whole + k, 0, index.size - 1) for k in (0, 1))
        values = (1 - part) * values.take(low, axis) + part * values.take(high, axis)
    return values


def thin_lens(
    *, focal_length_mm: float, f_number: float, focus_distance_m: float, sensor_width_mm: float, width_px: int
) -> Focus:
    """Return the focus of a thin lens, for disparity in 1/m.

    A point at distance z spreads over a disc of radius (f / 2N) · v · |1/z - 1/z_focus| on the sensor, which lies
    at v = f · z_focus / (z_focus - f) behind the lens.

    Args:
        focal_length_mm: focal length f.
        f_number: f-number N.
        focus_distance_m: distance z_focus from the lens to the plane in focus.
        sensor_width_mm: width of the sensor.
        width_px: width of the picture.
    """
    focal_length_m = focal_length_mm / 1000
    sensor_distance_m = focal_length_m * focus_distance_m / (focus_distance_m - focal_length_m)
    pixels_per_m = width_px / (sensor_width_mm / 1000)
    return Focus(
        focal_disparity=1 / focus_distance_m,
        max_radius_px=focal_length_m / (2 * f_number) * sensor_distance_m * pixels_per_m,
    )
