"""How near a synthesised view comes to the true one, on rendered scenes with exact depth.

    python -m benchmarks.stereo [--scenes 24] [--sheet OUT.png] [--moves | --speed]

Each scene has a slanted background and three to six slanted shapes, textured with the example photos and rendered
with nine samples a pixel. Every method gets the left view and its disparity; the last one also gets the nearest
object's matte, and fills the background behind it itself. With `--moves`, the views are frames of films. Scores are
PSNR in dB and SSIM, on what the left view shows and on what it hides. Depth networks are not compared: they see no
depth in such scenes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from dioptre import runtime

runtime.prepare()

from benchmarks.frame import ssim_map
from dioptre.contract import all_rows
from dioptre.features.background import clean_background
from dioptre.features.film import Camera, Lens, cameras, drawn, places, sheets_of
from dioptre.features.spatial import Scene, view

HEIGHT, WIDTH, SAMPLES = 480, 640, 3
BUDGET_PX = 24.0
LENS = Lens(focal=1.0, x=0.0, y=0.0)
RIGHT = Camera(right=BUDGET_PX / WIDTH)
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Rendered:
    """Two views: pictures, the first one's disparity, its nearest object, and what only the second one shows."""

    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray
    alpha: np.ndarray
    hidden: np.ndarray


def layers_of(random: np.random.Generator) -> list[Layer]:
    """Return the layers of a random scene, from back to front."""
    photos = [np.asarray(Image.open(path), np.float32) / 255 for path in sorted(EXAMPLES.glob("*.jpg"))]
    layers = [_layer(random, photos, near=0.05 + 0.1 * random.random(), background=True)]
    count = random.integers(3, 7)
    return layers + [_layer(random, photos, near=near) for near in np.linspace(0.3, 0.95, count)]


def rendered(seed: int, camera: Camera = RIGHT) -> Rendered:
    layers = layers_of(np.random.default_rng(seed))
    left, near, which, alpha, _ = shown(layers, Camera())
    right, _, other, _, source = shown(layers, camera)
    column, row = np.rint(source).astype(int)
    inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
    hidden = ~inside | (which[row.clip(0, HEIGHT - 1), column.clip(0, WIDTH - 1)] != other)
    return Rendered(left=left, right=right, disparity=near, alpha=alpha, hidden=hidden)


@dataclass(frozen=True)
class Layer:
    """A textured shape: its disparity at its centre, slants, outline, and the place of its texture."""

    near: float
    slant: np.ndarray
    centre: np.ndarray
    corners: int
    turn: float
    radius: float
    photo: np.ndarray
    zoom: float
    offset: np.ndarray


def _layer(
    random: np.random.Generator, photos: list[np.ndarray], *, near: float, background: bool = False
) -> Layer:
    return Layer(
        near=near,
        slant=random.uniform(-0.04, 0.04, 2),
        centre=random.uniform(0.15, 0.85, 2) * (WIDTH, HEIGHT),
        corners=int(random.integers(3, 9)),
        turn=random.uniform(0, 6.3),
        radius=1e9 if background else random.uniform(50, 110),
        photo=photos[random.integers(len(photos))],
        zoom=random.uniform(0.8, 1.6),
        offset=random.uniform(0, 200, 2),
    )


def shown(
    layers: list[Layer], camera: Camera, *, side: int = SAMPLES, offset: tuple[float, float] = (0.0, 0.0)
) -> tuple[np.ndarray, ...]:
    """Render from back to front; return the picture, and disparity, layer, coverage and source at centres.

    Args:
        layers: the scene.
        camera: the camera.
        side: samples of a pixel along each side.
        offset: by how many pixels the samples are moved.
    """
    y, x = np.mgrid[0 : HEIGHT * side, 0 : WIDTH * side].astype(np.float32)
    x, y = (x + 0.5) / side - 0.5 + offset[0], (y + 0.5) / side - 0.5 + offset[1]
    away = [((at - LENS.x) / camera.zoom + LENS.x) / LENS.focal for at in (_across(x), _down(y))]
    cos, sin = np.cos(camera.yaw), np.sin(camera.yaw)
    ray = cos * away[0] + sin, away[1], cos - sin * away[0]
    start = camera.right, camera.down, camera.forward
    picture = np.zeros((*x.shape, 3), np.float32)
    disparity, which = (np.zeros(x.shape, np.float32) for _ in range(2))
    source = np.zeros((2, *x.shape), np.float32)
    inside = np.ones(x.shape, bool)
    for index, one in enumerate(layers):
        slant, centre = one.slant, one.centre
        # A plane: the inverse distance is linear in the photo.
        normal = slant[0] * LENS.focal, slant[1] * WIDTH / HEIGHT * LENS.focal, 0.0
        normal = (
            *normal[:2],
            one.near - slant[0] * _across(centre[0]) - slant[1] * WIDTH / HEIGHT * _down(centre[1]),
        )
        length = (1 - np.dot(normal, start)) / sum(n * part for n, part in zip(normal, ray, strict=True))
        point = [begin + length * part for begin, part in zip(start, ray, strict=True)]
        u = LENS.focal * point[0] / point[2] * WIDTH + WIDTH / 2 - 0.5
        v = LENS.focal * point[1] / point[2] * WIDTH + HEIGHT / 2 - 0.5
        angle = np.arctan2(v - centre[1], u - centre[0]) + one.turn
        outline = one.radius * (1 + 0.25 * np.cos(one.corners * angle))
        inside = np.hypot(u - centre[0], v - centre[1]) < outline
        place = [(at * one.zoom + o)[inside] for at, o in ((v, one.offset[1]), (u, one.offset[0]))]
        for band in range(3):
            picture[inside, band] = ndimage.map_coordinates(one.photo[..., band], place, order=1, mode="mirror")
        disparity[inside] = 1 / point[2][inside]
        which[inside], source[:, inside] = index, (u[inside], v[inside])
    means = picture.reshape(HEIGHT, side, WIDTH, side, 3).mean((1, 3))
    alpha = inside.reshape(HEIGHT, side, WIDTH, side).mean((1, 3), dtype=np.float32)
    middle = np.s_[side // 2 :: side, side // 2 :: side]
    return means, disparity[middle], which[middle], alpha, source[(slice(None), *middle)]


def _across(x: Any) -> Any:
    return (x + 0.5 - WIDTH / 2) / WIDTH


def _down(y: Any) -> Any:
    return (y + 0.5 - HEIGHT / 2) / WIDTH


def naive(left: np.ndarray, disparity: np.ndarray, _: np.ndarray, camera: Camera = RIGHT) -> np.ndarray:
    """Look each pixel up where its own disparity points: the usual one-line warp, with stretched rims."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    u, v = (np.asarray(side) for side in places(_across(x), _down(y), disparity, camera, LENS))
    at = [v * WIDTH + HEIGHT / 2 - 0.5, u * WIDTH + WIDTH / 2 - 0.5]
    return np.stack([ndimage.map_coordinates(left[..., b], at, order=1, mode="nearest") for b in range(3)], -1)


def painted(left: np.ndarray, disparity: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Draw pixels from far to near, and fill gaps along the row from the left, as public stereo scripts do."""
    result, known = np.zeros_like(left), np.zeros(left.shape[:2], bool)
    order = np.argsort(disparity, axis=None, kind="stable")
    row, column = np.unravel_index(order, disparity.shape)
    at = np.rint(column - BUDGET_PX * disparity[row, column]).astype(int)
    inside = (at >= 0) & (at < WIDTH)
    result[row[inside], at[inside]] = left[row[inside], column[inside]]
    known[row[inside], at[inside]] = True
    before = np.maximum.accumulate(np.where(known, np.arange(WIDTH), 0), axis=1)
    return np.take_along_axis(result, before[..., None], 1)


def ours(left: np.ndarray, disparity: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Dioptre's view from depth alone."""
    return view(Scene.of(left, disparity, screen=0.0), -BUDGET_PX).pixels


def with_matte(left: np.ndarray, disparity: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Dioptre's view from depth, the nearest object's matte and the background that Dioptre fills in behind it."""
    plate = all_rows(left.shape, clean_background(left, alpha, disparity))
    return view(Scene.of(left, disparity, alpha=alpha, plate=plate, screen=0.0), -BUDGET_PX).pixels


def filmed(left: np.ndarray, disparity: np.ndarray, alpha: np.ndarray, camera: Camera = RIGHT) -> np.ndarray:
    """The same as a frame of a film, whose hidden areas are filled in before the camera moves."""
    plate = all_rows(left.shape, clean_background(left, alpha, disparity))
    scene = Scene.of(left, disparity, alpha=alpha, plate=plate, screen=0.0)
    sheets = sheets_of(scene, inverse_at=(0.0, 1.0), reach_px=BUDGET_PX)
    return drawn(sheets, camera, LENS, (HEIGHT, WIDTH)) / np.float32(255)


def speed() -> None:
    """Print the time for a frame of 1080p."""
    size = 1080, 1920
    for seed in range(3):
        scene = rendered(seed, Camera())
        large = Scene.of(scene.left, scene.disparity, screen=0.0).resized((1350, 2400))
        sheets = sheets_of(large, inverse_at=(0.0, 1.0), reach_px=90)
        drawn(sheets, Camera(forward=0.01), LENS, size)
        times, used = [], time.process_time()
        for frame in range(10):
            started = time.perf_counter()
            drawn(sheets, Camera(forward=0.01 * frame), LENS, size)
            times.append(time.perf_counter() - started)
        used = (time.process_time() - used) / len(times)
        print(
            f"{len(sheets.packed)} sheets: {min(times):.3f} s a frame at best, {used:.3f} s of all cores together"
        )


MOVES = {
    "push-in": cameras("push-in", 2, lens=LENS, limits=(0.05, 1.0), strength=1.0)[1],
    "dolly zoom": cameras("dolly-zoom", 2, lens=LENS, limits=(0.05, 1.0), strength=1.0)[1],
    "orbit": cameras("orbit", 4, lens=LENS, limits=(0.05, 1.0), strength=1.0)[1],
}
METHODS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "naive": naive,
    "drawn": painted,
    "depth": ours,
    "depth, matte and plate": with_matte,
    "frame of a film": filmed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--moves", action="store_true", help="compare frames of films instead")
    parser.add_argument("--speed", action="store_true", help="time the frames of a film instead")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    if given.moves:
        for name, camera in MOVES.items():
            print(f"{name}:")
            moved = {method.__name__: partial(method, camera=camera) for method in (naive, filmed)}
            table(given.scenes, camera, moved, None)
        return
    table(given.scenes, RIGHT, METHODS, given.sheet)


def table(
    scenes: int, camera: Camera, methods: Mapping[str, Callable[..., np.ndarray]], sheet: Path | None
) -> None:
    """Print the scores of some methods."""
    scores: dict[str, list[list[float]]] = {name: [] for name in methods}
    for seed in range(scenes):
        scene = rendered(seed, camera)
        made = {name: method(scene.left, scene.disparity, scene.alpha) for name, method in methods.items()}
        for name, view_ in made.items():
            error, alike = ((view_ - scene.right) ** 2).mean(-1), ssim_map(view_, scene.right)
            parts = [np.ones_like(scene.hidden), ~scene.hidden, scene.hidden]
            scores[name].append([values[part].mean() for part in parts for values in (error, alike)])
        if seed == 0 and sheet:
            row = np.concatenate([scene.left, scene.right, *made.values()], axis=1)
            Image.fromarray((row.clip(0, 1) * 255).astype(np.uint8)).save(sheet)
    print("| method | all | visible | hidden |\n|---|---|---|---|")
    for name, values in scores.items():
        mean = np.asarray(values)
        cells = [f"{np.mean(-10 * np.log10(mean[:, i])):.1f} / {mean[:, i + 1].mean():.3f}" for i in (0, 2, 4)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
