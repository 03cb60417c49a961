"""How near a picture in new light comes to the truth, on rendered scenes with exact depth and two lights.

    python -m benchmarks.light [--scenes 6] [--sheet OUT.png] [--speed]

Each scene has a ground, a wall, and spheres and boxes on the ground, with textures of noise. The photo shows
them in light from all sides; the truth has half of that and two spherical lights, one warm and one cold, whose
soft shadows are traced with 16 rays a pixel. The naive method has Lambert's law and the distance, but no shadows.
Scores are PSNR in dB and SSIM of the whole picture, and the mean error of the direction in which the objects'
shadows fall on the ground, in degrees.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dioptre import runtime

runtime.prepare()

import jax.numpy as jnp
import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.frame import psnr, ssim_map, table
from dioptre.features.depth import depth_normals, estimate_depth
from dioptre.features.light import Light, relight
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

HEIGHT, WIDTH, RAYS, VIEW, AMBIENT = 480, 640, 16, 0.9, 0.5
FOCAL = VIEW * float(np.hypot(HEIGHT, WIDTH))
GROUND, WALL = 1.0, 7.0


class Lamp(NamedTuple):
    place: np.ndarray
    radius: float
    warmth: float
    strength: float


@dataclass(frozen=True)
class Scene:
    """Spheres (x, y, z, radius), boxes (corners), and what a camera at the origin sees of them."""

    spheres: np.ndarray
    boxes: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    which: np.ndarray
    albedo: np.ndarray

    @property
    def nearest(self) -> float:
        return float(self.point[..., 2].min() / self.point[..., 2].max())

    @property
    def disparity(self) -> np.ndarray:
        inverse = 1 / self.point[..., 2]
        return ((inverse - inverse.min()) / (inverse.max() - inverse.min())).astype(np.float32)

    @property
    def target(self) -> np.ndarray:
        """The middle of the picture at the median of its disparity, at which `relight` aims without a subject."""
        return np.array([0, 0, 1 / float(np.median(1 / self.point[..., 2]))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--speed", action="store_true", help="time 12 megapixels instead")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    scores: dict[str, list[tuple[float, float, float]]] = {}
    rows = []
    for seed in range(given.scenes):
        random = np.random.default_rng(seed)
        scene = scene_of(random)
        photo = encoded(scene.albedo)
        lamps = lamps_of(random, scene)
        truth = lit(scene, lamps)
        estimated = estimate_depth(photo).disparity
        slope, offset = np.polyfit(estimated.ravel(), scene.disparity.ravel(), 1)
        guess = np.clip(slope * estimated + offset, 0, 1).astype(np.float32)
        made = {
            "photo as it is": photo,
            "naive": naive(scene, photo, scene.disparity, lamps),
            "ours": ours(scene, photo, scene.disparity, lamps),
            "naive, estimated depth": naive(scene, photo, guess, lamps),
            "ours, estimated depth": ours(scene, photo, guess, lamps),
        }
        for name, picture in made.items():
            apart = np.nan
            if name.startswith("ours"):
                depth = guess if "estimated" in name else scene.disparity
                errors = [direction_error(scene, lamp, photo, depth) for lamp in lamps]
                apart = float(np.nanmean(np.concatenate(errors)))
            scores.setdefault(name, []).append(
                (psnr(picture, truth), float(ssim_map(picture, truth).mean()), apart)
            )
        rows.append(np.concatenate([photo, truth, made["ours"], made["ours, estimated depth"]], axis=1))
    means = {name: np.mean(of, axis=0) for name, of in scores.items()}
    print(
        table(
            [
                {"method": name, "psnr_db": f"{a:.2f}", "ssim": f"{b:.4f}", "direction_deg": f"{c:.1f}"}
                for name, (a, b, c) in means.items()
            ]
        )
    )
    if given.sheet:
        Image.fromarray((np.concatenate(rows).clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(given.sheet)


def scene_of(random: np.random.Generator) -> Scene:
    count = 5
    columns = np.linspace(-1.1, 1.1, count) + random.uniform(-0.12, 0.12, count)
    depths, sizes = random.permutation(np.linspace(3.0, 5.0, count)), random.uniform(0.22, 0.42, count)
    spheres, boxes = [], []
    for number, (x, z, size) in enumerate(zip(columns * depths / 4, depths, sizes, strict=True)):
        if number % 2:
            tall = size * random.uniform(1.5, 3)
            boxes.append([[x - size / 2, GROUND - tall, z - size / 2], [x + size / 2, GROUND, z + size / 2]])
        else:
            spheres.append([x, GROUND - size, z, size])
    found = Scene(np.array(spheres), np.array(boxes), *(np.zeros(1),) * 4)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    way = np.stack(
        [(x - (WIDTH - 1) / 2) / FOCAL, (y - (HEIGHT - 1) / 2) / FOCAL, np.ones((HEIGHT, WIDTH))], axis=2
    )
    length, normal, which = hits(found, np.zeros(3), way)
    point = way * length[..., None]
    albedo = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for number in range(int(which.max()) + 1):
        here = which == number
        across, along = point[here, 0], point[here, 2 if number == 0 else 1]
        base = random.uniform(0.12, 0.3, 3)
        for octave in range(5):
            values = random.uniform(-1, 1, (64, 64))
            place = np.stack([along, across]) * 2.0**octave + random.uniform(0, 64, 2)[:, None]
            spot = ndimage.map_coordinates(values, place, order=1, mode="grid-wrap")
            albedo[here] += spot[:, None] * base * 0.25
        albedo[here] += base
    return Scene(found.spheres, found.boxes, point, normal, which, albedo.clip(0.03, 0.45))


def hits(scene: Scene, start: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how far along rays something lies, its normal, and which: ground, wall, then the objects."""
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(way[..., 1] > 1e-9, (GROUND - start[..., 1]) / way[..., 1], np.inf)
        normal = np.zeros(np.broadcast_shapes(start.shape, way.shape)) + np.array([0.0, -1.0, 0.0])
        which = np.zeros(best.shape, int)
        wall = np.where(way[..., 2] > 1e-9, (WALL - start[..., 2]) / way[..., 2], np.inf)
        nearer = wall < best
        best, which, normal[nearer] = np.where(nearer, wall, best), np.where(nearer, 1, which), (0, 0, -1)
        for number, (*centre, radius) in enumerate(scene.spheres):
            off = start - centre
            a, b = (way * way).sum(-1), (way * off).sum(-1)
            root = b * b - a * ((off * off).sum(-1) - radius**2)
            length = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
            nearer = (length > 1e-4) & (length < best)
            best, which = np.where(nearer, length, best), np.where(nearer, 2 + number, which)
            normal[nearer] = ((off + way * np.where(nearer, length, 0)[..., None]) / radius)[nearer]
        for number, (low, high) in enumerate(scene.boxes):
            ends = np.stack([(low - start) / way, (high - start) / way])
            first, last = ends.min(0), ends.max(0)
            length = first.max(-1)
            nearer = (length < last.min(-1)) & (length > 1e-4) & (length < best)
            best, which = np.where(nearer, length, best), np.where(nearer, 2 + len(scene.spheres) + number, which)
            axis = first.argmax(-1)
            side = np.where(np.arange(3) == axis[..., None], -np.sign(way), 0)
            normal[nearer] = side[nearer]
    return best, normal, which


def lamps_of(random: np.random.Generator, scene: Scene) -> list[Lamp]:
    """Return a warm light on one side and a cold one on the other, above the objects."""
    side = random.choice([-1, 1])
    places = [
        np.array([side * random.uniform(1.3, 2.2), -random.uniform(0.8, 1.5), random.uniform(2.0, 3.4)]),
        np.array([-side * random.uniform(1.3, 2.2), -random.uniform(0.8, 1.5), random.uniform(2.6, 4.4)]),
    ]
    return [
        Lamp(place, random.uniform(0.08, 0.3), warmth, 0.8)
        for place, warmth in zip(places, (3500, 9000), strict=True)
    ]


def lit(scene: Scene, lamps: list[Lamp], *, ambient: float = AMBIENT) -> np.ndarray:
    """Render the scene in a part of the photo's light and that of lamps."""
    light = np.full((HEIGHT, WIDTH, 3), ambient)
    for lamp in lamps:
        colour = as_light(scene, lamp).colour
        light += lamp.strength * irradiance(scene, lamp)[..., None] * colour
    return encoded((scene.albedo * light).astype(np.float32))


def irradiance(scene: Scene, lamp: Lamp, *, shadows: bool = True) -> np.ndarray:
    """Return the light of a sphere on each pixel; it is 1 on a surface at the target that faces the lamp."""
    random, total = np.random.default_rng(1), np.zeros((HEIGHT, WIDTH))
    square = float(((lamp.place - scene.target) ** 2).sum())
    start = scene.point + scene.normal * 1e-3
    for _ in range(RAYS):
        inside = random.normal(size=scene.point.shape)
        inside *= lamp.radius / np.linalg.norm(inside, axis=2, keepdims=True)
        way = lamp.place + inside * (random.random((HEIGHT, WIDTH, 1)) ** (1 / 3)) - start
        seen = (hits(scene, start, way)[0] > 1) if shadows else 1.0
        total += np.maximum((way * scene.normal).sum(-1), 0) * square / (way**2).sum(-1) ** 1.5 * seen
    return total / RAYS


def as_light(scene: Scene, lamp: Lamp) -> Light:
    x, y, z = lamp.place
    return Light(
        at=(x / z * FOCAL + WIDTH / 2 - 0.5, y / z * FOCAL + HEIGHT / 2 - 0.5),
        distance=z / float(scene.point[..., 2].min()),
        kind="point",
        size=2 * lamp.radius / float(np.linalg.norm(lamp.place - scene.target)),
        warmth=lamp.warmth,
        strength=lamp.strength,
    )


def ours(
    scene: Scene, photo: np.ndarray, disparity: np.ndarray, lamps: list[Lamp], ambient: float = AMBIENT
) -> np.ndarray:
    lights = [as_light(scene, lamp) for lamp in lamps]
    return relight(photo, disparity, lights=lights, ambient=ambient, nearest=scene.nearest, focal_diagonals=VIEW)


def naive(scene: Scene, photo: np.ndarray, disparity: np.ndarray, lamps: list[Lamp]) -> np.ndarray:
    """Light by Lambert's law and the distance alone, on normals from neighbouring pixels."""
    inverse = disparity * (1 - scene.nearest) + scene.nearest
    point = scene.point / scene.point[..., 2:] / inverse[..., None]
    normal = depth_normals(inverse.astype(np.float32), focal_px=FOCAL) * [1, -1, -1]
    near = float(scene.point[..., 2].min())
    light = np.full((HEIGHT, WIDTH, 3), AMBIENT)
    for lamp in lamps:
        way = lamp.place / near - point
        square = float((((lamp.place - scene.target) / near) ** 2).sum())
        arriving = np.maximum((way * normal).sum(-1), 0) * square / (way**2).sum(-1) ** 1.5
        light += lamp.strength * arriving[..., None] * as_light(scene, lamp).colour
    return encoded((linear(photo) * light).astype(np.float32))


def direction_error(scene: Scene, lamp: Lamp, photo: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Return the angles between true and computed shadows on the ground, seen from each object's foot."""
    open_ = encoded(scene.albedo * (0.2 + lamp.strength * irradiance(scene, lamp, shadows=False)[..., None]))
    neutral = lamp._replace(warmth=6504.0)
    true = lit(scene, [neutral], ambient=0.2)
    shaded = [
        1 - linear(each).mean(2) / linear(open_).mean(2)
        for each in (true, ours(scene, photo, disparity, [neutral], 0.2))
    ]
    errors = []
    objects = [(x, z, r) for x, _, z, r in scene.spheres]
    objects += [(low[0] + high[0], low[2] + high[2], high[0] - low[0]) for low, high in scene.boxes / 2]
    for x, z, size in objects:
        off = scene.point[..., [0, 2]] - (x, z)
        away = np.array([x, z]) - lamp.place[[0, 2]]
        ahead = (off @ away) / (np.linalg.norm(away) * np.maximum(np.linalg.norm(off, axis=2), 1e-6)) > 0.6
        around = (scene.which == 0) & (np.linalg.norm(off, axis=2) < 3 * size) & ahead
        ways = []
        for each in shaded:
            weight = np.clip(each - 0.15, 0, 1) * around / scene.point[..., 2] ** -3  # of ground, not of pixels
            ways.append((off * weight[..., None]).sum((0, 1)) if weight.sum() > 1 else np.full(2, np.nan))
        (a, b), (c, d) = ways
        errors.append(abs(np.degrees(np.arctan2(a * d - b * c, a * c + b * d))))
    return np.array(errors)


def linear(values: np.ndarray) -> np.ndarray:
    return np.asarray(srgb_to_linear(jnp.asarray(values, jnp.float32)))


def encoded(values: np.ndarray) -> np.ndarray:
    return np.asarray(linear_to_srgb(jnp.asarray(values, jnp.float32))).clip(0, 1)


def speed() -> None:
    """Print time and memory for 12 megapixels and for a preview's draft, whose depth and subject are known."""
    for height, width, draft in ((3000, 4000, False), (680, 1024, True)):
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        picture = np.stack([x / 2, y, 0.5 + 0.4 * np.sin(40 * x) * np.sin(40 * y)], axis=2).clip(0, 1)
        alpha = np.clip((0.3 - np.hypot(y - 0.5, x - 0.6)) * 100, 0, 1).astype(np.float32)
        near = np.maximum(y / 2, alpha * 0.9).astype(np.float32)
        for count in (1, 4):
            lights = [Light(at=(width * k / 5, height * 0.2), distance=1.0) for k in range(1, count + 1)]
            times = []
            for _ in range(4):
                wall, used = time.perf_counter(), time.process_time()
                relight(picture, near, lights=lights, alpha=alpha, draft=draft)
                times.append((time.perf_counter() - wall, time.process_time() - used))
            best = np.min(times[1:], axis=0)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"{width} x {height}, lights: {count}: {best[0]:.2f} s, {best[1]:.2f} s of all cores together; "
                f"peak so far {peak:.2f} GB"
            )


if __name__ == "__main__":
    main()
