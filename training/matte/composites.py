"""Composite whole subjects with exact alpha over a photograph: bodies with hair or fur, plants, wheels and meshes.

Everything is drawn FINE times larger than the result and then averaged, with colours premultiplied by coverage, so
alpha is exact. A body is a person, animal or object, cut out of a photograph slightly inside its outline and still
recognisable to the networks; without outlined photographs it is a blob with a photograph's texture.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE = 512
FINE = 2
_N = SIDE * FINE

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Body:
    """A cut-out: its colours (h, w, 3) and its mask (h, w), uint8."""

    colours: np.ndarray
    mask: np.ndarray


class Canvas:
    """Colours and coverage, FINE times larger than the result; widths and positions are in pixels of the result."""

    def __init__(self, colours: np.ndarray) -> None:
        self.colours = Image.fromarray(colours).resize((_N, _N), Image.Resampling.BILINEAR)
        self.mask = Image.new("L", (_N, _N))
        self._paint, self._cover = ImageDraw.Draw(self.colours), ImageDraw.Draw(self.mask)

    def line(self, points: np.ndarray, width: float, colour: np.ndarray | None = None) -> None:
        """Add a polyline to the coverage, and paint it if a colour is given."""
        path = [tuple(point) for point in np.asarray(points) * FINE]
        thick = max(1, round(width * FINE))
        self._cover.line(path, fill=255, width=thick, joint="curve")
        if colour is not None:
            self._paint.line(path, fill=_colour(colour), width=thick + 1, joint="curve")

    def polygon(self, points: np.ndarray, colour: np.ndarray | None = None) -> None:
        """Add a polygon to the coverage, and paint it if a colour is given."""
        path = [tuple(point) for point in np.asarray(points) * FINE]
        self._cover.polygon(path, fill=255)
        if colour is not None:
            self._paint.polygon(path, fill=_colour(colour))

    def add(self, mask: np.ndarray) -> None:
        """Add a boolean mask (h, w) of the result's size to the coverage."""
        field = ndimage.gaussian_filter(mask.astype(np.float32), 1.0)  # Smooths the mask's jagged edge.
        grown = Image.fromarray(field).resize((_N, _N), Image.Resampling.BICUBIC)
        self.mask.paste(255, mask=Image.fromarray((np.asarray(grown) > 0.5).astype(np.uint8) * 255))
        self._cover = ImageDraw.Draw(self.mask)

    def remove(self, points: np.ndarray) -> None:
        """Cut a polygonal hole."""
        self._cover.polygon([tuple(point) for point in np.asarray(points) * FINE], fill=0)

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Return premultiplied colours, 0 to 255, and coverage, 0 to 1, both reduced to SIDE x SIDE pixels."""
        cover = np.asarray(self.mask, np.float32) / 255
        thick = np.asarray(self.colours, np.float32) * cover[..., None]

        def reduced(x: np.ndarray) -> np.ndarray:
            return x.reshape(SIDE, FINE, SIDE, FINE, -1).mean((1, 3)).squeeze()

        return reduced(thick), reduced(cover)


def _colour(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in np.clip(colour, 0, 255))


def composite(rng: Rng, photos: Sequence[np.ndarray], bodies: Sequence[Body]) -> tuple[np.ndarray, np.ndarray]:
    """Return a random picture (SIDE, SIDE, 3) and its alpha (SIDE, SIDE), both in [0, 1].

    Args:
        rng: Source of randomness.
        photos: Pictures of any size, uint8, for backgrounds and textures.
        bodies: Cut-outs to choose from; may be empty.
    """
    kind = rng.choice(["hair", "plant", "wheel", "plain"], p=[0.55, 0.15, 0.2, 0.1])
    colours, mask = _placed_body(rng, photos, bodies)
    canvas = Canvas(colours)
    if kind == "plant":
        plant(rng, canvas, _palette(rng, colours, None))
    else:
        canvas.add(mask)
        if kind == "hair":
            strands(rng, canvas, mask, colours)
        elif kind == "wheel":
            wheel(rng, canvas, _palette(rng, colours, mask))
    thick, alpha = canvas.kept()
    return seen(rng, thick, alpha, background(rng, photos))


def _placed_body(rng: Rng, photos: Sequence[np.ndarray], bodies: Sequence[Body]) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours (SIDE, SIDE, 3) and the mask (SIDE, SIDE) of a body at a random place."""
    if not bodies or rng.random() < 0.25:
        field = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), SIDE / rng.uniform(6, 14))
        y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
        field = (
            field / np.abs(field).max() + rng.uniform(0.5, 1.0) - 1.6 * (x**2 + (y - rng.uniform(-0.2, 0.4)) ** 2)
        )
        return texture(rng, photos), field > 0
    body = bodies[int(rng.integers(len(bodies)))]
    tall = rng.uniform(0.5, 1.0) * SIDE / max(body.mask.shape)
    size = [max(2, round(n * tall)) for n in body.mask.shape[::-1]]
    part = np.asarray(Image.fromarray(body.colours).resize(size, Image.Resampling.BICUBIC))
    inside = np.asarray(Image.fromarray(body.mask).resize(size, Image.Resampling.BILINEAR)) > 127
    inside = ndimage.binary_erosion(inside, iterations=max(1, round(0.008 * max(size))))
    if rng.random() < 0.5:
        part, inside = part[:, ::-1], inside[:, ::-1]
    top = SIDE - len(part) if rng.random() < 0.4 else rng.integers(SIDE - len(part) + 1)
    left = rng.integers(SIDE - part.shape[1] + 1)
    place = slice(top, top + len(part)), slice(left, left + part.shape[1])
    mask, colours = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE, 3), np.uint8)
    mask[place], colours[place] = inside, part
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return colours[tuple(nearest)], mask  # Strands outside the body take the body's nearest colour.


def texture(rng: Rng, photos: Sequence[np.ndarray]) -> np.ndarray:
    """Return a random crop of a photograph, of shape (SIDE, SIDE, 3)."""
    photo = photos[int(rng.integers(len(photos)))]
    side = int(min(photo.shape[:2]) * rng.uniform(0.3, 1))
    top, left = (rng.integers(n - side + 1) for n in photo.shape[:2])
    part = Image.fromarray(photo[top : top + side, left : left + side]).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    return np.asarray(part)[:, :: rng.choice([-1, 1])]


def background(rng: Rng, photos: Sequence[np.ndarray]) -> np.ndarray:
    """Return a photograph, often out of focus, or a plain wall, (SIDE, SIDE, 3) in 0 to 255."""
    if rng.random() < 0.12:
        first, second = rng.uniform(0, 255, (2, 3))
        return first + np.linspace(0, 1, SIDE)[:, None, None] * (second - first) + np.zeros((SIDE, SIDE, 3))
    picture = texture(rng, photos).astype(np.float32)
    if rng.random() < 0.6:
        blur = np.exp(rng.uniform(0, 2.7))
        picture = ndimage.gaussian_filter(picture, (blur, blur, 0))
    return np.clip(picture * np.exp(rng.normal(0, 0.1, 3)), 0, 255)


def _palette(rng: Rng, colours: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    flat = colours.reshape(-1, 3) if mask is None or not mask.any() else colours[mask]
    return flat[rng.integers(len(flat), size=5)].astype(np.float32)


def strands(rng: Rng, canvas: Canvas, mask: np.ndarray, colours: np.ndarray) -> None:
    """Draw hair along part of the outline, or fur along all of it, in the body's colour at the root."""
    field = ndimage.gaussian_filter(mask.astype(np.float32), 4)
    rim = np.argwhere((field > 0.3) & (field < 0.7))
    if len(rim) < 30:
        return
    down, across = np.gradient(field)
    fur = rng.random() < 0.5
    if not fur:  # Hair grows around one place, as on a head.
        centre = rim[rim[:, 0].argmin()] if rng.random() < 0.7 else rim[rng.integers(len(rim))]
        rim = rim[np.abs(rim - centre).max(1) < rng.uniform(0.15, 0.4) * SIDE]
    reach = rng.uniform(4, 25) if fur else rng.uniform(15, 120)
    width, wild = np.exp(rng.uniform(np.log(0.4), np.log(1.6))), rng.uniform(0.1, 0.7)
    lean, curl = rng.normal(0, 0.7), rng.normal(0, 0.12) * (rng.random() < 0.6)
    steps = 12
    for _ in range(int(rng.integers(60, 350) if fur else rng.integers(10, 120))):
        row, column = rim[rng.integers(len(rim))]
        outwards = np.arctan2(-down[row, column], -across[row, column]) + lean + rng.normal(0, wild)
        shade = colours[row, column] + rng.normal(0, 10)
        for _ in range(int(rng.integers(1, 14))):
            length = reach * np.exp(rng.normal(0, 0.4))
            turn = outwards + rng.normal(0, 0.15) + np.cumsum(curl + 0.05 * rng.standard_normal(steps))
            path = np.stack([np.cumsum(np.cos(turn)), np.cumsum(np.sin(turn))], -1) * length / steps
            path += [column, row] + rng.normal(0, 4, 2)
            canvas.line(path, width * np.exp(rng.normal(0, 0.25)), shade + rng.normal(0, 12))


def plant(rng: Rng, canvas: Canvas, palette: np.ndarray) -> None:
    """Draw stems from the bottom edge, with leaves along them."""
    root = np.array([rng.uniform(0.3, 0.7), 1.0]) * SIDE
    for _ in range(rng.integers(1, 7)):
        turn = -np.pi / 2 + rng.normal(0, 0.4) + np.cumsum(rng.normal(0, 0.06, 30))
        path = (
            root
            + np.stack([np.cumsum(np.cos(turn)), np.cumsum(np.sin(turn))], -1) * SIDE * rng.uniform(0.5, 0.95) / 30
        )
        canvas.line(path, rng.uniform(0.8, 5), palette[0])
        size, shape = rng.uniform(8, 70), rng.uniform(0.1, 0.6)
        for knot in range(3, 30, int(rng.integers(1, 6))):
            angle = turn[knot] + rng.choice([-1, 1]) * rng.uniform(0.3, 1.3)
            bend = np.linspace(0, np.pi, 11)
            half = np.stack([(1 - np.cos(bend)) / 2, np.sin(bend) * shape / 2], -1) * size
            leaf = np.concatenate([half, half[::-1] * [1, -1]])
            turned = leaf @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            canvas.polygon(path[knot] + turned, palette[rng.integers(5)] + rng.normal(0, 8))


def wheel(rng: Rng, canvas: Canvas, palette: np.ndarray) -> None:
    """Draw a wheel with spokes or a mesh through a hole in the body, and cords that lead away from it."""
    centre, radius = rng.uniform(0.25, 0.75, 2) * SIDE, rng.uniform(0.12, 0.3) * SIDE
    circle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([np.cos(circle), np.sin(circle)], -1)
    canvas.remove(centre + radius * ring)
    canvas.line(centre + radius * ring, rng.uniform(2, 9), palette[0])
    width = rng.uniform(0.5, 2.5)
    if rng.random() < 0.6:
        for angle in np.arange(n := int(rng.integers(8, 36))) * 2 * np.pi / n:
            canvas.line(
                np.stack([centre, centre + radius * np.array([np.cos(angle), np.sin(angle)])]), width, palette[1]
            )
    else:
        gap = rng.uniform(5, 25)
        for offset in np.arange(-radius, radius, gap):
            half = np.sqrt(max(radius**2 - offset**2, 0))
            for one in (np.array([[offset, -half], [offset, half]]), np.array([[-half, offset], [half, offset]])):
                canvas.line(centre + one, width, palette[1])
    for _ in range(rng.integers(0, 4)):
        turn = rng.uniform(0, 6.28) + np.cumsum(rng.normal(0, 0.1, 40))
        path = centre + np.stack([np.cumsum(np.cos(turn)), np.cumsum(np.sin(turn))], -1) * SIDE / 70
        canvas.line(path, rng.uniform(0.8, 5), palette[2])


def seen(rng: Rng, thick: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Composite the subject over a background as a camera would record it.

    The picture is sometimes out of focus or blurred by motion, and gets noise and JPEG compression.

    Args:
        rng: Source of randomness.
        thick: Colours times coverage, (SIDE, SIDE, 3) in 0 to 255.
        alpha: Coverage (SIDE, SIDE) in [0, 1].
        behind: Background (SIDE, SIDE, 3) in 0 to 255.

    Returns:
        The picture and its alpha, both in [0, 1].
    """
    layers = np.concatenate([thick, 255 * alpha[..., None]], axis=-1)
    if rng.random() < 0.35:
        blur = np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
        layers = ndimage.gaussian_filter(layers, (blur, blur, 0))
    if rng.random() < 0.15:
        length, angle = rng.uniform(2, 10), rng.uniform(0, np.pi)
        moves = [(t * np.sin(angle), t * np.cos(angle), 0) for t in np.linspace(-length / 2, length / 2, 7)]
        layers = np.mean([ndimage.shift(layers, move, order=1, mode="nearest") for move in moves], axis=0)
    alpha = layers[..., 3] / 255
    picture = layers[..., :3] + (1 - alpha[..., None]) * behind
    picture += rng.normal(0, rng.uniform(0, 6), picture.shape)
    image = Image.fromarray(np.clip(np.round(picture), 0, 255).astype(np.uint8))
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=int(rng.integers(65, 97)))
        picture = np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
    return picture, np.clip(alpha, 0, 1).astype(np.float32)
