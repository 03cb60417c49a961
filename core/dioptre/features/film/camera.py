"""Moving cameras: where a frame shows which point of the photo.

Lengths are multiples of the target's distance, and places are fractions of the picture's width from its centre. A
point of the photo at (u, v) with the inverse distance r, 1 for the target, is at ((u, v) / focal, 1) / r.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp

from dioptre_link.catalogue.film import Move

_TRAVEL = 0.06  # of a push-in and a dolly zoom, as a fraction of the target's distance
_ZOOM = 0.07  # of a push-in: how far it also zooms in, which brings nothing into view that was hidden
_NEAREST = 0.35  # largest fraction of the nearest point's distance that the camera travels
_SWING = 0.008  # to each side of an orbit: motion of the nearest against the farthest point, in widths
_LARGEST_ANGLE = math.radians(12)


class Lens(NamedTuple):
    """What stays the same during a film.

    Attributes:
        focal: focal length of the photo in widths.
        x: place of the target.
        y: place of the target.
        crop: how much the frames are enlarged about the picture's centre, so that they stay inside the photo.
    """

    focal: float
    x: float
    y: float
    crop: float = 1.0


class Camera(NamedTuple):
    """The camera of a frame; by default, that of the photo.

    Attributes:
        right: its position relative to the photo's camera.
        down: as `right`.
        forward: as `right`.
        yaw: its angle to the right in radians.
        zoom: its focal length divided by the photo's; the target stays in its place.
        focus: the inverse distance in focus.
    """

    right: float = 0.0
    down: float = 0.0
    forward: float = 0.0
    yaw: float = 0.0
    zoom: float = 1.0
    focus: float = 1.0


def cameras(move: Move, count: int, *, lens: Lens, limits: tuple[float, float], strength: float) -> list[Camera]:
    """Return the camera of each frame. The first one is the photo's.

    Args:
        move: what moves.
        count: number of frames.
        lens: the lens.
        limits: least and largest inverse distance in the picture.
        strength: 1 for a usual move.
    """
    far, near = limits
    path: list[Camera] = []
    for frame in range(count):
        if move == "orbit":  # returns to its first frame after the last one
            angle = min(math.atan(strength * _SWING / lens.focal / (near - far)), _LARGEST_ANGLE)
            path.append(_orbiting(angle * math.sin(2 * math.pi * frame / count), lens))
            continue
        part = frame / max(count - 1, 1)
        eased = part * part * (3 - 2 * part)
        if move == "focus-pull":
            start = far if near + far < 2 else near  # the end of the range from which the target is farther
            path.append(Camera(focus=start + eased * (1 - start)))
            continue
        way, zoom = eased * min(strength * _TRAVEL, _NEAREST / near), 1 + eased * strength * _ZOOM
        if move == "dolly-zoom":
            way = -eased * strength * _TRAVEL
            zoom = 1 - way
        towards = lens.x / lens.focal * way, lens.y / lens.focal * way, way
        path.append(Camera(right=towards[0], down=towards[1], forward=towards[2], zoom=zoom))
    return path


def _orbiting(yaw: float, lens: Lens) -> Camera:
    """Return a camera turned by `yaw` that sees the target in the same place at the same distance."""
    x, cos, sin = lens.x / lens.focal, math.cos(yaw), math.sin(yaw)
    return Camera(right=x - (cos * x + sin), forward=1 - (cos - sin * x), yaw=yaw)


def places(x: Any, y: Any, inverse: Any, camera: Camera, lens: Lens) -> tuple[Any, Any]:
    """Return the place in the photo that a frame shows at (x, y), if it has the inverse distance `inverse` there.

    Args:
        x: places in the frame; floats, or arrays of NumPy or JAX.
        y: as `x`.
        inverse: as `x`.
        camera: the frame's camera.
        lens: the lens.
    """
    cos, sin = jnp.cos(camera.yaw), jnp.sin(camera.yaw)
    x = ((x / lens.crop - lens.x) / camera.zoom + lens.x) / lens.focal
    y = ((y / lens.crop - lens.y) / camera.zoom + lens.y) / lens.focal
    length = (1 - inverse * camera.forward) / (cos - sin * x)
    u = lens.focal * (length * (cos * x + sin) + inverse * camera.right)
    v = lens.focal * (length * y + inverse * camera.down)
    return u, v
