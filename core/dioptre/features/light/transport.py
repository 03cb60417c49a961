"""How much of a light arrives at each point of a surface that a depth map describes.

Lengths are multiples of the distance of the nearest point. A point of the photo at (u, v), in focal lengths from
the centre, with the inverse distance w is at (u, v, 1) / w: x right, y down, z away from the camera. Along a
straight line in space, w is linear in the place in the picture, so a ray to a light is followed in the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32
from scipy import ndimage

from dioptre.contract import Plane
from dioptre.features.depth import depth_normals
from dioptre.imaging.shapes import bucket, pad_to
from dioptre.programs import kept

_WRAP = 0.06  # cosine by which light reaches around a surface, for its terminator is never a line
_ALIKE = 0.04  # relative difference of distance across which surfaces are smoothed together
_FAR = 0.1  # inverse distance that is added to all, for the slopes of far things are mostly noise
_NEAR = 0.3  # inverse distance from that of the farthest point, from which slopes are more than noise
_SMOOTH = 0.03  # scale on which normals are smoothed, as a fraction of the subject's size
_RIM = 0.028  # width of the subject's rounded rim, as a fraction of its size
_BULGE = 1.6  # how far normals at the outline turn away from the camera
_STEP, _STEPS = 0.1, 0.3  # relative difference of distance at the outline from which, and at which, it is round
_BOUNCED = 0.05  # fraction of the light that arrives from all sides
_BIAS = 0.005  # relative distance within which a surface does not shade itself
_NOISE = 0.005  # and difference of inverse distance
_UNEVEN = 0.015  # the same for what is far, for estimated walls are uneven
_CLOSE = 0.4  # inverse distance from which that no longer counts
_THICK = 0.1  # thickness of what throws a shadow, as a fraction of its distance
_GOLDEN = np.pi * (3 - np.sqrt(5.0))

Lens = tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]
"""Column and row of the picture's centre, and the focal length in pixels."""


class Source(NamedTuple):
    """A light.

    Attributes:
        position: (x, y, z); of a directional light, the unit vector towards it.
        radius: its radius; of a directional light, the tangent of half its angle.
        aim: the unit vector in which it shines.
        reach: distance at which its light is 1.
        directional: 1 for a light that is infinitely far away, else 0.
        aimed: 1 for a light that shines towards `aim`, 0 for one that shines all around.
    """

    position: Float32[np.ndarray, "3"]
    radius: float
    aim: Float32[np.ndarray, "3"]
    reach: float
    directional: float
    aimed: float


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The surface that a photo shows.

    Attributes:
        inverse: inverse distance of each pixel.
        normals: unit vectors: x right, y down, z away.
        rim: how far they turn away from the camera at the subject's outline, where what is behind lies farther
            away; at most 1.
        focal_px: focal length in pixels.
    """

    inverse: Plane
    normals: Float32[np.ndarray, "h w 3"]
    rim: Plane
    focal_px: float

    @staticmethod
    def of(inverse: Plane, alpha: Plane | None, *, focal_px: float, subject_px: float) -> Surface:
        """Return the surface of a map of inverse distance.

        Args:
            inverse: inverse distance, 1 = nearest.
            alpha: coverage of the subject, whose outline is rounded off; None for none.
            focal_px: focal length in pixels.
            subject_px: size of the subject.
        """
        passes = max(1, round(np.log2(max(2.0, _SMOOTH * subject_px))))
        guide = alike(inverse, alpha)
        smooth = smoothed(inverse[..., None] + np.float32(_FAR), guide, passes=passes)[..., 0]
        normals = depth_normals(smooth, focal_px=focal_px) * np.array([1, -1, -1], np.float32)
        fine = smoothed(normals.astype(np.float32), guide, passes=passes + 1)
        coarse = smoothed(fine, guide, passes=passes + 4)
        share = np.clip((inverse - inverse.min()) / np.float32(_NEAR), 0, 1)[..., None] ** 2
        normals = fine * share + coarse * (1 - share)
        rim = np.zeros_like(inverse)
        if alpha is not None:
            width = max(1.0, _RIM * subject_px)
            reach, far = 2 * math.ceil(width) + 1, np.log(inverse + np.float32(_FAR))
            step = ndimage.maximum_filter(far, reach) - ndimage.minimum_filter(far, reach)
            apart = np.clip((step - np.float32(_STEP)) / np.float32(_STEPS - _STEP), 0, 1)
            turn = np.float32(_BULGE * width * np.sqrt(2 * np.pi)) * alpha * ndimage.gaussian_filter(apart, width)
            tilt = [-turn * ndimage.gaussian_filter(alpha, width, order=order) for order in ((0, 1), (1, 0))]
            normals = normals + np.stack([*tilt, rim], axis=2)
            rim = np.minimum(2 * np.hypot(*tilt), 1)
        normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
        return Surface(inverse=inverse, normals=normals, rim=rim, focal_px=focal_px)


def alike(inverse: Plane, alpha: Plane | None) -> Float32[np.ndarray, "h w 2"]:
    """Return planes that differ by about 1 across the edges of surfaces, as `smoothed` takes them."""
    coverage = np.zeros_like(inverse) if alpha is None else alpha
    return np.stack([np.log(inverse + np.float32(_FAR)) / np.float32(_ALIKE), coverage * np.float32(3)], axis=2)


def smoothed(
    values: Float32[np.ndarray, "h w c"], guide: Float32[np.ndarray, "h w k"], *, passes: int
) -> Float32[np.ndarray, "h w c"]:
    """Smooth within surfaces by an edge-avoiding wavelet (H. Dammertz et al., HPG 2010).

    Args:
        values: planes to smooth.
        guide: planes in units of the differences across which nothing is smoothed.
        passes: number of passes; each doubles the reach, from 1 pixel.
    """
    height, width = guide.shape[:2]
    made, edges = (_padded(each) for each in (values, guide))
    for number in range(passes):
        made = _smoothed_once(made, edges, step=1 << number)
    return np.asarray(made)[:height, :width]


def _padded(planes: Float32[np.ndarray, "h w *c"]) -> Float32[np.ndarray, "H W *c"]:
    """Continue planes to one of a few sizes."""
    return pad_to(planes, (bucket(planes.shape[0]), bucket(planes.shape[1])), mode="edge")


@partial(kept, static_argnames="step")
def _smoothed_once(
    values: Float[Array, "h w c"], guide: Float[Array, "h w k"], *, step: int
) -> Float[Array, "h w c"]:
    height, width, count = values.shape
    kernel = (0.25, 0.5, 0.25)
    every = jnp.pad(jnp.concatenate([values, guide], axis=2), ((step, step), (step, step), (0, 0)), mode="edge")
    total, weights = jnp.zeros_like(values), jnp.zeros((height, width, 1))
    for dy, dx in product(range(3), repeat=2):
        part = every[dy * step : dy * step + height, dx * step : dx * step + width]
        apart = ((part[..., count:] - guide) ** 2).sum(axis=2, keepdims=True)
        weight = kernel[dy] * kernel[dx] * jnp.exp(-apart)
        total += weight * part[..., :count]
        weights += weight
    return total / weights


def incident(surface: Surface, source: Source, *, rays: int, steps: int) -> tuple[Plane, Plane, Plane]:
    """Return the light that would arrive at each pixel without shadows, its reflections, and what part is seen.

    The light is 1 on a surface at the light's reach that faces it.

    Args:
        surface: the surface.
        source: the light.
        rays: number of its points to which rays are followed.
        steps: number of places along a ray where the map is read.
    """
    height, width = surface.inverse.shape
    found = _incident(
        _padded(surface.inverse),
        _padded(surface.normals),
        ((width - 1) / 2, (height - 1) / 2, float(surface.focal_px)),
        source,
        rays=rays,
        steps=steps,
    )
    direct, bounced, seen = (np.asarray(each)[:height, :width] for each in found)
    return direct, bounced, seen


@partial(kept, static_argnames=("rays", "steps"))
def _incident(
    inverse: Float[Array, "h w"],
    normals: Float[Array, "h w 3"],
    lens: Lens,
    source: Source,
    *,
    rays: int,
    steps: int,
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    height, width = inverse.shape
    y, x = jnp.meshgrid(jnp.arange(height, dtype=jnp.float32), jnp.arange(width, dtype=jnp.float32), indexing="ij")
    u, v = (x - lens[0]) / lens[2], (y - lens[1]) / lens[2]
    point = jnp.stack([u, v, jnp.ones_like(u)], axis=2) / inverse[..., None]
    away = jnp.where(source.directional > 0, source.position * 1.0, source.position - point)
    square = (away**2).sum(axis=2)
    distance = jnp.sqrt(square)
    towards = away / jnp.maximum(distance, 1e-6)[..., None]
    near = source.radius**2
    half = jnp.where(source.directional > 0, source.radius, jnp.sqrt(near / (square + near)))
    facing = _above((normals * towards).sum(axis=2), jnp.clip(half, _WRAP, 1))
    fading = jnp.where(source.directional > 0, 1.0, (source.reach**2 + near) / (square + near))
    cosine = jnp.clip(-(towards * source.aim).sum(axis=2), 0, 1)
    fading *= jnp.where(source.aimed > 0, cosine, 1.0)

    side = jnp.cross(source.aim, jnp.array([0.31, 0.95, 0.05]))
    side /= jnp.linalg.norm(side)
    other = jnp.cross(source.aim, side)
    start = point + normals * (_BIAS / inverse)[..., None]
    flat = inverse.reshape(-1)
    turn = 2 * jnp.pi * jnp.mod(52.9829189 * jnp.mod(0.06711056 * x + 0.00583715 * y, 1.0), 1.0)
    jitter = jnp.mod(0.7548777 * x + 0.5698403 * y, 1.0)

    def seen(total: Float[Array, "h w"], ray: Float[Array, ""]) -> tuple[Float[Array, "h w"], None]:
        angle, out = ray * _GOLDEN + turn, jnp.sqrt((ray + 0.5) / rays) * source.radius
        moved = (jnp.cos(angle) * out)[..., None] * side + (jnp.sin(angle) * out)[..., None] * other
        path = jnp.where(source.directional > 0, (source.position + moved) * 2 / inverse.min(), away + moved)
        # Rays end where they leave the picture or come near the camera.
        limit = jnp.where(path[..., 2] < 0, (0.15 * start[..., 2] - start[..., 2]) / path[..., 2], 1.0)
        end = start + path * jnp.minimum(limit, 1.0)[..., None]
        first, last = (_on_map(each, lens) for each in (start, end))
        reach = jnp.hypot(last[0] - first[0], last[1] - first[1])
        span = jnp.minimum(1.0, 0.6 * max(height, width) / jnp.maximum(reach, 1e-3))

        def step(most: Float[Array, "h w"], number: Float[Array, ""]) -> tuple[Float[Array, "h w"], None]:
            part = ((number + jitter) / steps) ** 1.5 * span
            column, row, own = (a + (b - a) * part for a, b in zip(first, last, strict=True))
            inside = (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1) & (part * reach > 1.5)
            place = (
                jnp.clip(jnp.rint(row), 0, height - 1) * width + jnp.clip(jnp.rint(column), 0, width - 1)
            ).astype(int)
            nearer = flat[place] - own
            bias = _BIAS * own + _NOISE + _UNEVEN * jnp.clip(1 - own / _CLOSE, 0, 1)
            thick = _THICK * own + jnp.abs(last[2] - first[2]) * span * 1.5 / steps  # no ray steps through it
            blocked = jnp.clip(nearer / bias - 1, 0, 1) * jnp.clip(2 - nearer / thick, 0, 1)
            return jnp.maximum(most, jnp.where(inside, blocked, 0)), None

        most, _ = jax.lax.scan(step, jnp.zeros((height, width)), jnp.arange(steps, dtype=jnp.float32))
        return total + 1 - most, None

    total, _ = jax.lax.scan(seen, jnp.zeros((height, width)), jnp.arange(rays, dtype=jnp.float32))
    return facing * fading, _BOUNCED * jnp.minimum(fading, 1), total / rays


def _above(cosine: Float[Array, "h w"], half: Float[Array, "h w"]) -> Float[Array, "h w"]:
    """Return the light of a sphere, part of which may lie below the horizon.

    Args:
        cosine: between the normal and the direction to its middle.
        half: sine of half the angle that it fills.
    """
    return jnp.where(cosine > half, cosine, jnp.maximum(cosine + half, 0) ** 2 / (4 * half))


def _on_map(
    point: Float[Array, "h w 3"], lens: Lens
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Return the column, the row and the inverse distance of points."""
    inverse = 1 / point[..., 2]
    return point[..., 0] * inverse * lens[2] + lens[0], point[..., 1] * inverse * lens[2] + lens[1], inverse
