"""Objects that photographs often show and models of furniture lack: hands, lattices, cups, glasses, food."""

import numpy as np

from .scene import Scene, turned
from .textures import pattern


def hand(s: Scene, at: np.ndarray, *, towards: np.ndarray, size_m: float) -> None:
    """Add a raised hand and its forearm, made of round bars.

    Args:
        s: The scene.
        at: Middle of the palm, in metres.
        towards: Direction from the palm to the camera.
        size_m: Length of the hand.
    """
    rng = s.rng
    skin = rng.uniform(0.15, 0.8) * np.array([1, rng.uniform(0.6, 0.8), rng.uniform(0.4, 0.65)])
    lean = rng.uniform(-0.7, 0.7)
    up = np.array([np.sin(lean), np.cos(lean), 0])
    side = np.cross(up, towards / np.linalg.norm(towards))
    for bar in np.linspace(-1, 1, 4):  # The palm.
        middle = at + side * bar * 0.2 * size_m
        s.tube(
            np.linspace(middle - up * 0.3 * size_m, middle + up * 0.2 * size_m, 4),
            radius_m=0.1 * size_m,
            colour=skin,
        )
    bent = rng.uniform(0, 0.6)
    for finger in range(5):
        thumb = finger == 4
        place = (
            at
            + side * (0.28 if thumb else (finger - 1.5) * 0.17) * size_m
            + up * (-0.05 if thumb else 0.2) * size_m
        )
        way = up + side * (0.9 if thumb else (finger - 1.5) * rng.uniform(0, 0.25))
        t = np.linspace(0, 1, 6)[:, None]
        curl = towards * bent * rng.uniform(0.3, 1) * t * t
        path = place + (way * t + curl) * size_m * (0.35 if thumb else rng.uniform(0.4, 0.5))
        s.tube(path, radius_m=0.05 * size_m, colour=skin)
    end = at - up * 0.3 * size_m
    elbow = end - up * size_m * 1.4 - towards * rng.uniform(-0.3, 0.9) * size_m + side * rng.normal(0, 0.5) * size_m
    sleeve = rng.uniform(0.05, 0.8, 3) if rng.random() < 0.6 else skin
    s.tube(np.linspace(end, elbow, 5), radius_m=0.16 * size_m, colour=sleeve)


def lattice(s: Scene, z: float, *, width_m: float, height_m: float) -> None:
    """Add a fence, grille or trellis that fills a vertical plane at the distance `z`."""
    rng = s.rng
    step, colour = rng.uniform(0.04, 0.35), rng.uniform(0.03, 0.8, 3)
    radius = step * rng.uniform(0.02, 0.16)
    slant = rng.choice([0.0, 1.0]) * rng.uniform(0.6, 1.6)
    left, right = -width_m / 2, width_m / 2
    for x in np.arange(left - slant * height_m, right + slant * height_m, step):
        s.tube(np.array([[x, 0, z], [x + slant * height_m, height_m, z]]), radius_m=radius, colour=colour, sides=5)
        if slant:
            s.tube(
                np.array([[x, 0, z], [x - slant * height_m, height_m, z]]), radius_m=radius, colour=colour, sides=5
            )
    if not slant and rng.random() < 0.7:
        for y in np.arange(0, height_m, step * rng.uniform(0.8, 3)):
            s.tube(np.array([[left, y, z], [right, y, z]]), radius_m=radius, colour=colour, sides=5)


def cup(s: Scene, at: np.ndarray) -> None:
    """Add a cup, bowl or vase, often with a handle, a saucer and a spoon."""
    rng = s.rng
    r, h = rng.uniform(0.03, 0.06), rng.uniform(0.04, 0.12)
    colour, thick = rng.uniform(0.1, 0.85) * rng.uniform(0.4, 1, 3), 0.004
    bulge = 1 + rng.uniform(-0.15, 0.3) * np.sin(np.linspace(0, np.pi, 9))
    widen = np.linspace(rng.uniform(0.6, 1), 1, 9)
    outer = np.stack([r * bulge * widen, np.linspace(0, h, 9)], -1)
    inner = outer[::-1] * [1, 0.97] - [thick, 0]
    full = rng.uniform(0.3, 0.95) * h
    profile = np.concatenate([[[0, 0]], outer, inner])
    lift, at = 0.0, np.asarray(at, float)
    if rng.random() < 0.5:
        lift, plate = 0.008, rng.uniform(1.5, 2.2) * r
        rim = np.array([[0, 0.006], [0.6 * plate, 0.006], [plate, 0.016], [plate, 0.012], [0.6 * plate, 0], [0, 0]])
        s.turned_profile(at, rim, colour=colour if rng.random() < 0.6 else rng.uniform(0.2, 0.85, 3))
        if rng.random() < 0.5:
            turn, t = turned(rng.uniform(0, 6.3)), np.linspace(-1, 1, 12)
            spoon = np.stack([t * 0.07, 0.02 + 0.01 * t, np.full(12, plate * 0.7)], -1) @ turn + at
            s.tube(spoon, radius_m=0.003, colour=np.full(3, rng.uniform(0.3, 0.8)))
            s.ball(spoon[-1] - [0, 0.004, 0], [0.035, 0.008, 0.025])
    s.turned_profile(at + [0, lift, 0], profile, colour=colour)
    drink = rng.uniform(0.02, 0.4, 3) if rng.random() < 0.6 else colour
    s.turned_profile(at + [0, lift, 0], np.array([[0.9 * r, full], [0, full]]), colour=drink)
    if rng.random() < 0.75:
        a = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 12)
        reach, tall = r * rng.uniform(0.5, 0.9), h * rng.uniform(0.22, 0.38)
        path = np.stack([r * 0.93 + reach * np.cos(a), h * 0.52 + tall * np.sin(a), np.zeros(12)], -1)
        turn = turned(rng.uniform(0, 6.3))
        s.tube(path @ turn + at + [0, lift, 0], radius_m=rng.uniform(0.004, 0.008), colour=colour)


def glass(s: Scene, at: np.ndarray) -> None:
    """Add a drinking glass, a wine glass or a bottle, clear or tinted; its depth is that of its front."""
    rng = s.rng
    r, h = rng.uniform(0.025, 0.045), rng.uniform(0.08, 0.28)
    y = np.linspace(0, 1, 14)
    kind = rng.integers(3)
    if kind == 0:
        radius = r * np.linspace(rng.uniform(0.7, 1), 1, 14)
    elif kind == 1:
        bowl = np.sin(np.pi * (0.1 + 0.65 * np.clip(y - 0.4, 0, None) / 0.6)) ** 0.7
        radius = np.where(y < 0.4, 0.12 * r, r * bowl)
        s.turned_profile(at, np.array([[0, 0.004], [0.8 * r, 0.003], [0.8 * r, 0], [0, 0]]), colour=np.full(3, 0.6))
    else:
        radius = np.where(y < 0.65, r, r * (0.3 + 0.7 * np.clip(1 - (y - 0.65) / 0.12, 0, 1)))
    s.turned_profile(at, np.stack([radius, y * h], -1), colour=rng.uniform(0.5, 1, 3), glass=True)
    if rng.random() < 0.6:
        level = rng.uniform(0.3, 0.8)
        inside = np.stack([0.94 * radius, y * h], -1)[y <= level]
        drink = np.concatenate([inside, [[0, level * h]]])
        s.turned_profile(np.asarray(at) + [0, 0.003, 0], drink, colour=rng.uniform(0.03, 0.7, 3))


def food(s: Scene, at: np.ndarray) -> None:
    """Add a plate or a bowl with a heap of pieces on it."""
    rng = s.rng
    r = rng.uniform(0.08, 0.16)
    rim = np.array([[0, 0.008], [0.65 * r, 0.008], [r, 0.025 + rng.uniform(0, 0.05)], [0.7 * r, 0], [0, 0]])
    s.turned_profile(at, rim, colour=rng.uniform(0.2, 0.9) * rng.uniform(0.7, 1, 3))
    colours = rng.uniform(0.05, 0.85, (3, 3)) * [1, 0.8, 0.5]
    for _ in range(rng.integers(4, 40)):
        size = rng.uniform(0.015, 0.06, 3)
        away, angle = 0.6 * r * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        lift = 0.008 + max(0.0, 0.6 * r - away) * rng.uniform(0, 0.6)
        spot = np.asarray(at) + [away * np.cos(angle), lift, away * np.sin(angle)]
        if rng.random() < 0.2:
            end = spot + rng.normal(0, 0.03, 3) + [0, 0.01, 0]
            s.tube(np.linspace(spot, end, 3), radius_m=rng.uniform(0.003, 0.012), colour=colours[rng.integers(3)])
        else:
            s.ball(spot, size, colour=colours[rng.integers(3)] * rng.uniform(0.7, 1.2))


def cushion(s: Scene, at: np.ndarray, *, width_m: float) -> None:
    """Add a soft lump with a printed pattern, such as a cushion, a bag or a folded cloth."""
    rng = s.rng
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 33), np.linspace(0, np.pi, 17))
    power = rng.uniform(0.4, 0.8)
    x, y, z = np.sin(height) * np.cos(angle), 1 - np.cos(height), np.sin(height) * np.sin(angle)
    square = np.stack([np.sign(v) * np.abs(v) ** power for v in (x, y - 1, z)], -1) + [0, 1, 0]
    wave = 1 + 0.06 * np.sin(square @ rng.normal(0, 4, (3, 3)))
    size = width_m * rng.uniform([0.7, 0.15, 0.5], [1, 0.5, 1])
    points = square * wave / 2 * size @ turned(rng.uniform(0, np.pi)) + at
    s.grid(points, texture=pattern(rng, s.materials), repeat_m=width_m * rng.uniform(0.3, 1.5))
