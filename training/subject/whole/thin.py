"""Draw thin things: sticks, cords and wheels that belong to a subject, and wires and fences behind it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

_LARGER = 2  # factor at which things are drawn, so that their rims are soft
_CELLS = 28  # side of the coarse map in which places are chosen


def with_thin_thing(
    rng: np.random.Generator, canvas: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Attach a stick, a cord, a wheel, a ring or a blade to the subject."""
    if mask.mean() < 0.02:
        return canvas, mask
    side, k = len(mask), _LARGER
    image = Image.new("L", (side * k, side * k))
    pen = ImageDraw.Draw(image)
    start = on_rim(rng, mask) if rng.random() < 0.6 else _inside(rng, mask)
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.75)
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    bend = 0.0 if rng.random() < 0.5 else rng.normal() * 0.3
    thickness = np.exp(rng.uniform(np.log(0.0024), np.log(0.022))) * side * k
    _stroke(pen, side * k * _curve(start, end, bend), thickness, taper=rng.uniform(0.3, 1))
    if rng.random() < 0.25:
        start, end = start + rng.normal(size=2) * 0.05, end + rng.normal(size=2) * 0.15
        _stroke(pen, side * k * _curve(start, end, bend), thickness, taper=1.0)
    if rng.random() < 0.5:
        _end_piece(rng, pen, end, side * k)
    cover = np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float32) / 255
    cover = cover * (1 if rng.random() < 0.35 else 1 - mask)
    grain = rng.normal(size=(side, side, 1)).astype(np.float32) * 0.04
    fading = np.linspace(rng.uniform(0.6, 1.2), 1, side, dtype=np.float32)[:, None, None]
    pixels = np.clip(colour(rng) * fading + grain, 0, 1)
    return canvas + cover[..., None] * (pixels - canvas), np.maximum(mask, cover)


def wires(rng: np.random.Generator, side: int) -> np.ndarray:
    """Return the coverage of poles, wires or a fence that cross the picture behind the subject."""
    image = Image.new("L", (side * _LARGER, side * _LARGER))
    pen, whole = ImageDraw.Draw(image), side * _LARGER
    angle = (
        rng.normal() * 0.1
        + (np.pi / 2 if rng.random() < 0.5 else 0.0)
        + (rng.uniform(0, np.pi) if rng.random() < 0.3 else 0)
    )
    direction, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    width = max(1, round(np.exp(rng.uniform(np.log(0.0024), np.log(0.03))) * whole))
    offset, spacing = rng.uniform(-0.4, 0.4), rng.uniform(0.05, 0.5)
    for number in range(1 if rng.random() < 0.5 else 12):
        at = 0.5 + across * (offset + number * spacing)
        pen.line([*((at - 2 * direction) * whole), *((at + 2 * direction) * whole)], fill=255, width=width)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float32) / 255


def on_rim(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """Return a place (x, y) near the outline of a mask, as fractions."""
    small = (
        np.asarray(Image.fromarray(as_bytes(mask)).resize((_CELLS, _CELLS), Image.Resampling.BOX), np.float32) / 255
    )
    odds = small * (1 - small) + 1e-3 * small + 1e-6
    at = rng.choice(_CELLS * _CELLS, p=(odds / odds.sum()).ravel())
    return (np.array([at % _CELLS, at // _CELLS]) + rng.random(2)) / _CELLS


def colour(rng: np.random.Generator) -> np.ndarray:
    """Return a random colour (3,), seldom a strong one."""
    base = rng.random(3) ** np.exp(rng.normal() * 0.5)
    return (base.mean() + (base - base.mean()) * rng.uniform(0, 1.2)).astype(np.float32)


def as_bytes(x: np.ndarray) -> np.ndarray:
    """Return a plane in [0, 1] as uint8."""
    if x.dtype == np.uint8:
        return x
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def _inside(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask[::8, ::8] > 0.5)
    if not len(rows):
        return on_rim(rng, mask)
    at = rng.integers(len(rows))
    return np.array([columns[at], rows[at]]) * 8 / len(mask)


def _curve(start: np.ndarray, end: np.ndarray, bend: float) -> np.ndarray:
    """Return the points (k, 2) of a quadratic curve."""
    t = np.linspace(0, 1, 24)[:, None]
    along = end - start
    middle = (start + end) / 2 + np.array([-along[1], along[0]]) * bend
    points: np.ndarray = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    return points


def _stroke(pen: ImageDraw.ImageDraw, points: np.ndarray, width: float, *, taper: float) -> None:
    for number, (a, b) in enumerate(pairwise(points)):
        thick = width * (1 - (1 - taper) * number / len(points))
        pen.line([*a, *b], fill=255, width=max(1, round(thick)))
        if thick > 3:
            pen.ellipse([*(b - thick / 2), *(b + thick / 2)], fill=255)


def _end_piece(rng: np.random.Generator, pen: ImageDraw.ImageDraw, end: np.ndarray, side: int) -> None:
    """Draw a wheel with spokes, a ring, a disc or a half-disc."""
    radius = rng.uniform(0.03, 0.2) * side
    squeeze, thick = rng.uniform(0.35, 1), max(1, round(rng.uniform(0.004, 0.02) * side))
    x, y = end * side
    box = [x - radius * squeeze, y - radius, x + radius * squeeze, y + radius]
    kind = rng.random()
    if kind < 0.55:
        pen.ellipse(box, outline=255, width=thick)
        for turn in np.arange(0, np.pi, np.pi / rng.integers(3, 12)) if kind < 0.4 else ():
            reach = np.array([np.cos(turn) * radius * squeeze, np.sin(turn) * radius])
            pen.line([*(end * side - reach), *(end * side + reach)], fill=255, width=max(1, round(thick * 0.4)))
    elif kind < 0.8:
        pen.ellipse([x - radius * squeeze / 2, y - radius / 2, x + radius * squeeze / 2, y + radius / 2], fill=255)
    else:
        first = rng.uniform(0, 360)
        pen.chord(box, first, first + 180, fill=255)
