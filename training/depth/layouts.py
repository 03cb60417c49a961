"""Arrange random scenes and cameras: rooms, portraits, close-ups, tables, streets, landscapes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import props
from .furniture import Library, Model
from .scene import Scene
from .textures import Materials, surface, texture, wall_picture

SHARES = {"room": 0.26, "portrait": 0.18, "closeup": 0.18, "table": 0.18, "street": 0.10, "landscape": 0.10}


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera: position and target in metres; field of view along the longer side, and roll, in degrees."""

    origin: np.ndarray
    target: np.ndarray
    field_of_view: float
    roll: float


@dataclass(frozen=True, kw_only=True)
class Cast:
    """The library's models, grouped by the roles that they can have in a scene."""

    library: Library
    people: list[Model]
    animals: list[Model]
    outdoors: list[Model]
    large: list[Model]
    small: list[Model]
    things: list[Model]

    @classmethod
    def of(cls, library: Library) -> "Cast":
        """Group the models of a library."""
        models = library.models
        indoors = [m for m in models if not m.outdoors]
        beasts = ("cat", "dog", "horse", "bird", "rabbit", "cow", "animal", "bear", "lion", "duck", "fish")
        return cls(
            library=library,
            people=[m for m in models if m.person],
            animals=[m for m in models if any(word in m.name.lower() for word in beasts)],
            outdoors=[m for m in models if m.outdoors],
            large=[m for m in indoors if 0.35 < max(m.size_m) < 3.2],
            small=[m for m in indoors if 0.05 < max(m.size_m) < 0.5],
            things=[m for m in indoors if max(m.size_m) > 0.15],
        )


Arranged = tuple[Scene, str, Callable[[], Camera]]


def arrange(rng: np.random.Generator, cast: Cast, materials: Materials) -> Arranged:
    """Return a random scene, the name of its layout, and a function that draws a camera for it."""
    scene = Scene(rng, materials)
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    open_air = kind in ("street", "landscape") or (kind in ("portrait", "closeup") and rng.random() < 0.5)
    w, d = rng.uniform(2.5, 8), rng.uniform(3, 10)
    if kind == "landscape" or (open_air and rng.random() < 0.3):
        w, d = 6.0, 12.0
        landscape(scene, cast)
    elif open_air:
        w, d = 6.0, 12.0
        street(scene, cast)
    else:
        room(scene, cast, (w, d, rng.uniform(2.3, 3.6)))
    centre = np.array([rng.uniform(-0.8, 0.8), 0, rng.uniform(0.8, d * 0.7)])
    if kind in ("room", "street", "landscape") and rng.random() < 0.4:
        _somebody_in_front(scene, cast, w, d)
    if rng.random() < 0.3:
        _thin_things(scene, w, d, open_air=open_air)
    if kind in ("room", "street", "landscape") and rng.random() < 0.1:
        props.lattice(scene, rng.uniform(1.2, 0.6 * d), width_m=w, height_m=rng.uniform(0.8, 2.5))
    if kind == "closeup":
        return scene, kind, _closeup(scene, cast, centre)
    if kind == "portrait":
        return scene, kind, _portrait(scene, cast, centre, open_air=open_air)
    if kind == "table":
        return scene, kind, _table(scene, cast, centre)

    def camera() -> Camera:
        # The camera is mostly at eye height.
        level = rng.normal(1.6, 0.1) if rng.random() < 0.6 else rng.uniform(0.5, 2)
        depth = rng.uniform(-2, 2) if open_air else rng.uniform(0.1, 0.35) * d
        origin = np.array([rng.uniform(-0.4, 0.4) * w, level, depth])
        yaw, pitch = rng.normal(0, 0.5), rng.normal(-0.12, 0.18)
        way = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        return _camera(rng, origin, origin + way, rng.uniform(35, 85))

    return scene, kind, camera


def street(s: Scene, cast: Cast) -> None:
    """Build a street with houses, outdoor objects, a few trees and a sky."""
    rng = s.rng
    skin, colour = surface(rng, s.materials)
    s.quad([-80, 0, 80], [160, 0, 0], [0, 0, -160], texture=skin, colour=colour, repeat_m=rng.uniform(1, 5))
    for _ in range(rng.integers(2, 9)):  # Buildings.
        w, n, h = rng.uniform(4, 20), rng.uniform(4, 12), rng.uniform(3, 22)
        skin, colour = surface(rng, s.materials)
        at, repeat = _around(rng, rng.uniform(7, 60) + w / 2, 1.1), rng.uniform(2, 6)
        for x, z, side in ((-1, -1, [w, 0, 0]), (1, -1, [0, 0, n]), (1, 1, [-w, 0, 0]), (-1, 1, [0, 0, -n])):
            corner = at + [x * w / 2, 0, z * n / 2]
            s.quad(corner, side, [0, h, 0], texture=skin, colour=colour, repeat_m=repeat)
    for _ in range(rng.integers(5, 25)):
        at = _around(rng, rng.uniform(1.5, 30) if rng.random() < 0.7 else rng.uniform(1, 6), 0.9)
        s.place(cast.library, _one(rng, cast.outdoors), at, yaw=rng.uniform(0, 6.3), scale=rng.uniform(0.8, 1.3))
    for _ in range(rng.integers(0, 4)):
        tree(s, _around(rng, rng.uniform(3, 25), 0.9), height_m=rng.uniform(2, 8))
    s.sky()


def landscape(s: Scene, cast: Cast) -> None:
    """Build hills out to 400 m, level at the camera, with trees, grass, rocks, animals and people."""
    rng = s.rng
    distance = np.concatenate([np.linspace(0, 12, 13), np.geomspace(13, 400, 42)])
    angle = np.linspace(-1.3, 1.3, 61)
    x, z = distance[:, None] * np.sin(angle), distance[:, None] * np.cos(angle) - 3
    height = np.zeros_like(x)
    for _ in range(10):
        wave, phase = rng.uniform(8, 160), rng.uniform(0, 6.3)
        way = rng.uniform(0, 6.3)
        height += rng.uniform(0, 0.06) * wave * np.sin((x * np.cos(way) + z * np.sin(way)) * 6.28 / wave + phase)
    away = np.clip(distance[:, None] / rng.uniform(15, 80), 0, 1) ** 1.5
    height = (height - height[0, 0]) * away + rng.uniform(0, 0.15) * np.clip(distance[:, None] - 80, 0, None)
    ground = np.stack([x, height, z], -1)
    s.grid(ground, texture=texture(rng, s.materials.surfaces), repeat_m=rng.uniform(2, 12))
    _backing(s)

    def spot() -> np.ndarray:
        i, j = int(rng.integers(4, 50) ** 1.0), rng.integers(12, 49)
        return ground[i, j]

    for _ in range(rng.integers(3, 22)):
        at = spot()
        tree(s, at - [0, 0.2, 0], height_m=rng.uniform(2, 12))
    for _ in range(rng.integers(3, 20)):
        green = rng.uniform(0.03, 0.5) * np.array([rng.uniform(0.5, 1), 1, rng.uniform(0.2, 0.7)])
        size = rng.uniform(0.15, 0.9)
        s.tuft(spot(), size_m=size, count=int(rng.integers(20, 160)), thick_m=size * 0.05, colour=green)
    for _ in range(rng.integers(0, 8)):
        s.ball(spot() - [0, 0.3, 0], rng.uniform(0.3, 3, 3))
    for _ in range(rng.integers(0, 5)):
        s.place(cast.library, _one(rng, cast.outdoors), spot(), yaw=rng.uniform(0, 6.3))
    s.sky()


def _backing(s: Scene) -> None:
    """Add ground behind the camera, where the sky map would otherwise light the scene from below."""
    s.quad([-60, -0.3, -3], [120, 0, 0], [0, 0, -60], colour=s.rng.uniform(0.1, 0.4, 3))


def tree(s: Scene, at: np.ndarray, *, height_m: float) -> None:
    """Add a tree: a trunk, a few branches, and tufts as leaves."""
    rng = s.rng
    bark, top = rng.uniform(0.04, 0.3) * np.array([1, 0.8, 0.6]), np.array([0, height_m * rng.uniform(0.5, 0.8), 0])
    green = rng.uniform(0.04, 0.45) * np.array([rng.uniform(0.3, 1.2), 1, rng.uniform(0.15, 0.6)])
    bare = rng.random() < 0.2
    s.tube(np.asarray(at) + np.linspace(0, 1, 5)[:, None] * top, radius_m=height_m * 0.02, colour=bark)
    for _ in range(rng.integers(4, 11)):
        root = np.asarray(at) + top * rng.uniform(0.35, 1)
        way = rng.normal(0, 0.22, 3) * height_m + [0, 0.15 * height_m, 0]
        t = np.linspace(0, 1, 5)[:, None]
        s.tube(root + t * way + [0, 0.08 * height_m, 0] * t * t, radius_m=height_m * 0.006, colour=bark, sides=5)
        if not bare:
            leaves = int(rng.integers(40, 140))
            s.tuft(root + way, size_m=height_m * 0.2, count=leaves, thick_m=height_m * 0.02, colour=green)


def room(s: Scene, cast: Cast, size_m: tuple[float, float, float]) -> None:
    """Build a room with lamps, windows, pictures and furniture; `size_m` is its width, depth and height."""
    rng = s.rng
    w, d, h = size_m
    x, wall = w / 2, surface(rng, s.materials)
    faces = (
        ([-x, 0, d], [w, 0, 0], [0, 0, -d]),  # Floor, ceiling, left, right, far and near wall.
        ([-x, h, 0], [w, 0, 0], [0, 0, d]),
        ([-x, 0, d], [0, 0, -d], [0, h, 0]),
        ([x, 0, 0], [0, 0, d], [0, h, 0]),
        ([x, 0, d], [-w, 0, 0], [0, h, 0]),
        ([-x, 0, 0], [w, 0, 0], [0, h, 0]),
    )
    for number, face in enumerate(faces):
        skin, colour = wall if number > 1 and rng.random() < 0.8 else surface(rng, s.materials)
        if number == 1 and rng.random() < 0.8:
            skin, colour = None, np.full(3, rng.uniform(0.6, 0.9))
        s.quad(*face, texture=skin, colour=colour, repeat_m=rng.uniform(0.5, 3))
    for _ in range(rng.integers(1, 4)):  # Lamps and windows.
        light = rng.uniform([0.8, 0.7, 0.5], 1) * rng.uniform(4, 14)
        a, b = rng.uniform(0.3, 1.8), rng.uniform(0.4, 1.5)
        if rng.random() < 0.6:
            s.quad([rng.uniform(-x, x - a), h - 0.01, rng.uniform(0, d - b)], [a, 0, 0], [0, 0, b], radiance=light)
        else:
            m = rng.choice([-1, 1])
            corner = [m * (x - 0.01), rng.uniform(0.5, h - b), rng.uniform(0.2, d - 0.2)]
            s.quad(corner, [0, 0, m * a], [0, b, 0], radiance=light[::-1])
    for _ in range(rng.integers(0, 7)):  # Framed pictures and mirrors.
        picture, a, m = wall_picture(rng, s.materials), rng.uniform(0.3, 1.4), rng.integers(3) - 1
        b = a * picture.shape[0] / picture.shape[1]
        y, z = rng.uniform(0.6, max(0.7, h - b - 0.1)), rng.uniform(0, d - a)
        corner, side = [rng.uniform(a - x, x), y, d - 0.02], [-a, 0, 0]
        if m:
            corner, side = [m * (x - 0.02), y, z + a * (m < 0)], [0, 0, m * a]
        s.quad(corner, side, [0, b, 0], texture=picture[::-1], mirror=bool(rng.random() < 0.1))
    for _ in range(rng.integers(5, 18)):
        _furnish(s, cast, (w, d))


def _furnish(s: Scene, cast: Cast, size_m: tuple[float, float]) -> None:
    """Add a piece of furniture, often against a wall, often with objects on it."""
    rng, (w, d) = s.rng, size_m
    x, piece, yaw = w / 2, _one(s.rng, cast.large), float(s.rng.integers(4) * np.pi / 2)
    at = np.array([rng.uniform(-0.84, 0.84) * x, 0, rng.uniform(0.15, 0.95) * d])
    back, top = piece.size_m[2] / 2, piece.size_m[1]
    if rng.random() < 0.5:
        walls = [
            (np.array([at[0], 0, d - back]), np.pi),
            (np.array([back - x, 0, at[2]]), np.pi / 2),
            (np.array([x - back, 0, at[2]]), -np.pi / 2),
        ]
        at, yaw = walls[rng.integers(3)]
    s.place(cast.library, piece, at, yaw=yaw + rng.normal(0, 0.1))
    for _ in range(rng.integers(0, 4) if top < 1.2 else 0):
        off = rng.uniform(-0.3, 0.3, 2) * piece.size_m[[0, 2]]
        spot = np.add(at, [off[0], top, off[1]])
        if rng.random() < 0.25:
            props.cup(s, spot)
        else:
            s.place(cast.library, _one(rng, cast.small), spot, yaw=rng.uniform(0, 6.3))
    if rng.random() < 0.2:
        size = rng.uniform(0.1, 0.5)
        s.tuft(
            np.add(at, [0, top, 0]), size_m=size, count=int(rng.integers(10, 150)), thick_m=rng.uniform(0.003, 0.04)
        )
    if rng.random() < 0.2:
        props.cushion(s, np.add(at, [rng.uniform(-0.3, 0.3), min(top, 0.6), 0]), width_m=rng.uniform(0.3, 0.7))
    if rng.random() < 0.3:
        spot = np.add(at, [rng.uniform(-0.5, 0.5), rng.choice([0, top]), rng.uniform(-0.5, 0.5)])
        s.ball(spot, rng.uniform(0.08, 0.5, 3))


def _thin_things(s: Scene, w: float, d: float, *, open_air: bool) -> None:
    """Add posts, rails and twigs between the camera and the rest of the scene."""
    rng = s.rng
    colour = rng.uniform(0.03, 0.6, 3)
    for _ in range(rng.integers(1, 7)):
        at = np.array([rng.uniform(-0.45, 0.45) * w, 0, rng.uniform(0.9, 0.6 * d + 1)])
        top = at + rng.normal(0, 0.15, 3) + [0, rng.uniform(0.8, 2.4 if not open_air else 4), 0]
        s.tube(np.linspace(at, top, 4), radius_m=rng.uniform(0.004, 0.05), colour=colour, sides=6)
    if rng.random() < 0.4:
        z, step = rng.uniform(1.2, 3), rng.uniform(0.08, 0.3)
        for x in np.arange(-w / 2, w / 2, step):
            s.tube(np.array([[x, 0, z], [x, 1, z]]), radius_m=0.012, colour=colour, sides=5)
        s.tube(np.array([[-w / 2, 1, z], [w / 2, 1, z]]), radius_m=0.025, colour=colour, sides=6)


def _somebody_in_front(s: Scene, cast: Cast, w: float, d: float) -> None:
    for _ in range(s.rng.integers(1, 7)):
        at = [s.rng.uniform(-0.4, 0.4) * w, 0, s.rng.uniform(1.2, 0.7 * d + 1)]
        s.place(cast.library, _one(s.rng, cast.people), at, yaw=s.rng.uniform(0, 6.3))


def _closeup(s: Scene, cast: Cast, centre: np.ndarray) -> Callable[[], Camera]:
    """Fill the picture with a head, an animal or an object."""
    rng = s.rng
    draw = rng.random()
    beast = draw < 0.3 and bool(cast.animals)
    subject = _one(rng, cast.animals if beast else cast.people if draw < 0.7 else cast.things)
    wide, top, deep = subject.size_m
    human = subject.person and top > 1.2
    # Small objects mostly lie on a surface.
    low = 0.0 if top > 0.8 or rng.random() < 0.3 else rng.uniform(0.3, 0.9)
    if low:
        b = rng.uniform(0.4, 2)
        skin, colour = surface(rng, s.materials)
        corner = centre + [-b / 2, low, b / 2]
        s.quad(corner, [b, 0, 0], [0, 0, -b], texture=skin, colour=colour, repeat_m=rng.uniform(0.2, 1.5))
    fur = max(subject.size_m) * rng.uniform(0.01, 0.05) if beast or rng.random() < 0.1 else 0.0
    yaw = rng.normal(np.pi if rng.random() < 0.6 else 0, 0.7)
    s.place(cast.library, subject, centre + [0, low, 0], yaw=yaw, fur_m=fur)
    if rng.random() < 0.3:
        size, count = rng.uniform(0.05, 0.2) * min(top, 1.2), int(rng.integers(30, 400))
        s.tuft(centre + [0, low + top * 0.97, 0], size_m=size, count=count, thick_m=rng.uniform(0.001, 0.006))
    if rng.random() < 0.3:
        at = centre + [rng.normal(0, 0.5), low, rng.normal(0, 0.5)]
        props.cushion(s, at, width_m=rng.uniform(0.5, 1.5) * max(wide, deep))
    for _ in range(rng.integers(0, 5)):
        at = centre + [rng.normal(0, 0.3), low, rng.normal(0, 0.3)]
        s.place(cast.library, _one(rng, cast.small), at, yaw=rng.uniform(0, 6.3))
    whole = 0.35 if human else max(subject.size_m)

    def camera() -> Camera:
        level = low + (top * rng.uniform(0.86, 0.95) if human else top * rng.uniform(0.4, 0.9))
        near = rng.uniform(0.7, 1.6) * whole + (0.15 if human else 0.6 * min(wide, deep))
        origin = centre + _around(rng, -near, 0.8) + [0, level + rng.normal(0.05, 0.15) * whole, 0]
        return _camera(rng, origin, centre + [rng.normal(0, 0.12) * whole, level, 0], rng.uniform(32, 62))

    return camera


def _portrait(s: Scene, cast: Cast, centre: np.ndarray, *, open_air: bool) -> Callable[[], Camera]:
    """Place one near subject in front of a distant background."""
    rng = s.rng
    subject = _one(rng, cast.people if rng.random() < 0.7 else cast.outdoors if open_air else cast.large)
    s.place(cast.library, subject, centre, yaw=rng.normal(np.pi if rng.random() < 0.7 else 0, 0.6))
    top = subject.size_m[1]
    level = top * rng.uniform(0.5, 0.95)
    if subject.person and rng.random() < 0.3:  # An object in the person's hands.
        at = centre + [rng.normal(0, 0.12), top * rng.uniform(0.5, 0.7), -rng.uniform(0.2, 0.4)]
        s.ball(at, rng.uniform(0.12, 0.35, 3))
    if subject.person and rng.random() < 0.3:
        at = centre + [rng.normal(0, 0.25), top * rng.uniform(0.6, 0.95), -rng.uniform(0.25, 0.6)]
        props.hand(s, at, towards=np.array([0, 0, -1.0]), size_m=rng.uniform(0.15, 0.22))
    if rng.random() < 0.35:
        for _ in range(rng.integers(1, 5)):
            at = centre + [rng.normal(0, 1.2), 0, rng.uniform(-0.5, 4)]
            s.place(cast.library, _one(rng, cast.people), at, yaw=rng.uniform(0, 6.3))

    def camera() -> Camera:
        away = -rng.uniform(0.5, 2.2) * np.clip(top, 0.5, 1.2)
        origin = np.maximum(
            centre + _around(rng, away, 0.5) + [0, level + rng.normal(0, 0.15), 0], [-9, 0.25, 0.15]
        )
        target = centre + [rng.normal(0, 0.25), level + rng.normal(0, 0.1), 0]
        return _camera(rng, origin, target, rng.uniform(28, 60))

    return camera


def _table(s: Scene, cast: Cast, centre: np.ndarray) -> Callable[[], Camera]:
    """Add a table top with objects, seen at close range."""
    rng = s.rng
    y, a, b = rng.uniform(0.4, 1), rng.uniform(0.7, 2.2), rng.uniform(0.7, 2.2)
    skin, colour = surface(rng, s.materials)
    corner = centre + [-a / 2, y, b / 2]
    s.quad(corner, [a, 0, 0], [0, 0, -b], texture=skin, colour=colour, repeat_m=rng.uniform(0.4, 1.5))
    for _ in range(rng.integers(2, 18)):
        at, draw = centre + [rng.normal(0, 0.2) * a, y, rng.normal(0, 0.2) * b], rng.random()
        if draw < 0.3:
            props.cup(s, at)
        elif draw < 0.42:
            props.glass(s, at)
        elif draw < 0.52:
            props.food(s, at)
        elif draw < 0.8:
            s.place(cast.library, _one(rng, cast.small), at, yaw=rng.uniform(0, 6.3))
        else:
            s.ball(at, rng.uniform(0.04, 0.2, 3))

    def camera() -> Camera:
        away, tilt = rng.uniform(0.25, 1.3), rng.uniform(0.1, 1.1)
        origin = centre + _around(rng, -away * np.cos(tilt), 1.2) + [0, y + away * np.sin(tilt), 0]
        target = centre + [rng.normal(0, 0.08), y + 0.05, rng.normal(0, 0.08)]
        return _camera(rng, origin, target, rng.uniform(30, 65))

    return camera


def _camera(rng: np.random.Generator, origin: np.ndarray, target: np.ndarray, field_of_view: float) -> Camera:
    return Camera(origin=origin, target=target, field_of_view=field_of_view, roll=rng.normal(0, 3))


def _around(rng: np.random.Generator, radius: float, spread: float) -> np.ndarray:
    angle = rng.uniform(-spread, spread)
    return np.array([np.sin(angle) * radius, 0, np.cos(angle) * radius])


def _one(rng: np.random.Generator, models: list[Model]) -> Model:
    return models[rng.integers(len(models))]
