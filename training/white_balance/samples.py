"""Endless pairs of wrongly and rightly balanced thumbnails, made on the fly.

A right picture (a photograph's part, a developed raw, two of them side by side) gets another rendering (colour
matrix, exposure, tone curve), and the same picture is rendered with a cast: a setting of the white-balance emulator
or a blend of two, another of 46 cameras developed for the wrong light, a pure change of light. A share has no cast.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dioptre.colour import D65_XY, WhitePoint, adaptation_matrix
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.models.white_balance.config import WhiteBalanceConfig
from training.lists import listed

from .rendering import pairs, random_rendering

LISTS = Path(__file__).parent
SIDE = WhiteBalanceConfig().coarse_px
FINE_SIDE = WhiteBalanceConfig().thumbnail_px  # with fine detail: highlights and shadows of a few pixels
PHOTOS_SHARE = 0.42
NOISY_SHARE = 0.3
UNKNOWN_STYLES = 0.4  # of settings of the emulator: bent further, as one picture style differs from another
UNKNOWN_SENSORS = 0.5  # of other cameras, of raws just shown: one that mixes colours as none of the known ones
NATIVE = 0.35  # of other cameras: the sensor's own colours with no matrix and no balance, a raw file just shown
OWN_LIGHTS = 0.7  # of raws just shown that were raws: under the light in which they were taken; lamps light rooms
STYLES_APART = (3, 5)  # of the emulator: shade and tungsten, each as "camera standard"; never trained on
CAMERAS_APART = (
    "Sony_ILCE-7RM2",
    "Nikon_D850",
    "Canon_EOS_R5",
    "Panasonic_DC-GX9",
    "Hasselblad_L2D-20c",
    "Fujifilm_GFX_100",
)
D65 = jnp.array(D65_XY)
_RUN, _EVERY = 12, 8


@dataclass(frozen=True, kw_only=True)
class Right:
    """Pictures (N, side, side, 3), sRGB-encoded uint8 or linear float16, and emulator settings (N, 10, 9, 3).

    full: (N,) the linear value at which the sensor was full.
    """

    pictures: np.ndarray
    mappings: np.ndarray
    full: np.ndarray
    linear: bool


def part(n: int, which: str) -> np.ndarray:
    """Indices of the "training", "validation" or "test" part of n pictures.

    The first and the fifth of every eight runs of a dozen are kept apart, for neighbours often show one scene.
    """
    run = np.arange(n) // _RUN % _EVERY
    chosen = {"test": run == 0, "validation": run == 4, "training": (run != 0) & (run != 4)}
    return np.flatnonzero(chosen[which])


def left_out(which: str = "test") -> frozenset[str]:
    """The names of photographs that are not used: what is right is not known of them, or they must not be used.

    Those whose licences do not allow commercial use or changes are kept from the training alone.
    """
    unknown = listed(LISTS / "left_out.txt")
    return unknown | listed(LISTS / "not_trained_on.txt") if which == "training" else unknown


class Material:
    """What `data.py` prepared, and the pairs made of it."""

    def __init__(self, folder: Path, which: str = "training", *, side: int = SIDE) -> None:
        """side: of the pictures, SIDE or FINE_SIDE; raws have no more detail than SIDE."""
        self.side = side
        with np.load(folder / "photos.npz") as photos:
            keep = part(len(photos["thumbnails"]), which)
            keep = keep[~np.isin(photos["names"][keep], sorted(left_out(which)))]
            pictures, mappings = [photos["thumbnails"][keep]], [photos["mappings"][keep]]
        if which == "training" and (folder / "photos_more.npz").exists():
            with np.load(folder / "photos_more.npz") as photos:
                pictures += [pictures[0], photos["thumbnails"]]  # those chosen with most care count twice
                mappings += [mappings[0], photos["mappings"]]
        pictures = [_smaller(thumbnails, FINE_SIDE // side) for thumbnails in pictures]
        self.photos = Right(
            pictures=np.concatenate(pictures),
            mappings=np.concatenate(mappings),
            full=np.ones(sum(map(len, pictures)), np.float32),
            linear=False,
        )
        raws, mappings, full, taken = [], [], [], []
        for path in sorted(folder.glob("raw_*.npz")):
            with np.load(path) as raw:
                keep = part(len(raw["linear"]), which)
                raws.append(raw["linear"][keep])
                mappings.append(raw["mappings"][keep])
                full.append(raw["full"][keep])
                taken.append((str(raw["camera"]), raw["lights"][keep]))
        self.raws = Right(
            pictures=np.concatenate(raws),
            mappings=np.concatenate(mappings),
            full=np.concatenate(full),
            linear=True,
        )
        with np.load(folder / "cameras.npz") as cameras:
            apart = np.isin(cameras["names"], CAMERAS_APART)
            keep = apart if which != "training" else ~apart
            self.matrices, self.black_bodies = cameras["matrices"][keep], cameras["black_bodies"][keep]
            self.lights = cameras["lights"][keep]
            every = np.concatenate([cameras["black_bodies"], cameras["lights"]], axis=1)
            known = dict(zip(cameras["names"].tolist(), every, strict=True))
        self.every_light = every[keep]
        own = [_nearest(known[name], lights) for name, lights in taken]
        self.own_lights, self.own_rest = (np.concatenate(found) for found in zip(*own, strict=True))
        cct = np.geomspace(1900, 20000, 64)
        whites = [[WhitePoint(cct_kelvin=t, duv=d).xy for d in np.linspace(-0.03, 0.03, 9)] for t in cct]
        self.changes = np.asarray(
            jax.vmap(jax.vmap(lambda xy: adaptation_matrix(D65, xy).T))(jnp.asarray(whites, jnp.float32))
        )

    def batch(
        self,
        rng: np.random.Generator,
        size: int,
        *,
        styles: tuple[int, ...] = tuple(s for s in range(10) if s not in STYLES_APART),
        kinds: tuple[float, ...] = (0.17, 0.40, 0.32, 0.11),
        photos: float = PHOTOS_SHARE,
        noisy: float = NOISY_SHARE,
        unknown_styles: float = UNKNOWN_STYLES,
        native: float = NATIVE,
    ) -> dict[str, Array]:
        """seen, wrong, right (size, side, side, 3), sRGB-encoded; chroma (size, 2) of the light; known, cast.

        kinds: shares of pictures with no cast, an emulated one, another camera's, a pure change of light.
        styles: which of the emulator's settings. photos: share of photographs, the others are raws. native: share
        of other cameras' pictures that are raws just shown.
        """
        pictures, full, mappings, is_raw, index = self._pictures(rng, size, photos)
        kind = rng.choice(4, size=size, p=kinds)
        identity = np.eye(3, dtype=np.float32)
        white, sensor = (np.tile(identity, (size, 1, 1)) for _ in range(2))
        bend = np.tile(np.concatenate([identity, np.zeros((6, 3), np.float32)]), (size, 1, 1))
        for row in range(size):
            if kind[row] == 1:
                bend[row] = _setting(rng, mappings[row], styles, unknown_styles)
            if kind[row] == 2 and rng.random() < native:
                sensor[row], white[row] = self._native(rng, index[row])
            elif kind[row] == 2 or (kind[row] == 1 and rng.random() < 0.1):
                white[row] = self._other_camera(rng)
            elif kind[row] == 3:
                white[row] = self._change(rng)
        n_noisy = round(noisy * size)
        rendering = random_rendering(rng, is_raw, n_noisy)
        rendering["matrix"] = sensor @ rendering["matrix"]
        noise = np.where(rng.random(n_noisy) < 0.5, rng.uniform(0, 0.006, n_noisy), rng.uniform(0, 0.02, n_noisy))
        grain = rng.standard_normal((2, n_noisy, self.side, self.side, 3), np.float32)
        made = pairs(pictures, full, white, bend, rendering, noise.astype(np.float32), grain)
        return made | {"known": jnp.asarray(kind != 1, jnp.float32), "cast": jnp.asarray(kind != 0, jnp.float32)}

    def _pictures(
        self, rng: np.random.Generator, n: int, photos: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Linear right pictures, where the sensor was full, settings' polynomials, and which come from raws.

        Last, which raw it is, or -1 for photographs and where two pictures were put together.
        """
        side = self.side
        pictures, mappings = np.empty((n, side, side, 3), np.float32), np.empty((n, 10, 9, 3), np.float32)
        full = np.empty(n, np.float32)
        is_raw = rng.random(n) >= photos
        index = np.full(n, -1)
        for row in range(n):
            source = self.raws if is_raw[row] else self.photos
            pictures[row], full[row], mappings[row], which = _crop(rng, source, side)
            index[row] = which if is_raw[row] else -1
            if rng.random() < 0.2:
                beside, other_full, other, _ = _crop(rng, source, side)
                index[row] = -1
                beside = beside * (full[row] / other_full)
                cut = int(rng.integers(side // 4, 3 * side // 4))
                if rng.random() < 0.5:
                    pictures[row, cut:] = beside[cut:]
                else:
                    pictures[row, :, cut:] = beside[:, cut:]
                mappings[row] = (mappings[row] + other) / 2
            if rng.random() < 0.2:
                mappings[row] = source.mappings[rng.integers(len(source.mappings))]
        return pictures, full, mappings, is_raw, index

    def _other_camera(self, rng: np.random.Generator) -> np.ndarray:
        """From right linear colours to those of a camera set for the wrong light.

        A third of the settings are another camera's, as when a raw file is developed with foreign numbers, which
        makes casts of green and magenta; a tenth are none at all. Half of the cameras lie between two known ones.
        """
        camera, other = self._camera(rng), self._camera(rng)
        chance = rng.random()
        true = self._light(rng, camera)
        believed = np.ones(3) if chance < 0.1 else self._light(rng, other if chance < 0.45 else camera)
        gains = true / believed
        shares = rng.random(2)
        if rng.random() < 0.5:  # developed for the light it is set for, else with one matrix for all
            shares[1] = shares[0]
        matrices = camera @ self.matrices.reshape(len(camera), -1)
        first, second = (
            (matrices.reshape(2, 3, 3) * np.stack([s, 1 - s])[:, None, None]).sum(axis=0) for s in shares
        )
        if rng.random() < UNKNOWN_SENSORS:
            sensor = _near_identity(rng, rng.uniform(0.08, 0.25))
            first, second = sensor @ first, sensor @ second
            gains = gains * np.exp(rng.normal(0, 0.15, 3))
        matrix: np.ndarray = np.linalg.inv(first) @ np.diag(gains / gains[1]) @ second
        return matrix

    def _native(self, rng: np.random.Generator, raw: int) -> tuple[np.ndarray, np.ndarray]:
        """To (a part of the way to) a sensor's own balanced colours, and the light as that sensor sees it.

        raw: which raw the picture is, whose own light is taken as that sensor would see it; -1 for none.
        """
        camera = self._camera(rng)
        matrix = (camera @ self.matrices.reshape(len(camera), -1)).reshape(2, 3, 3)[rng.integers(2)]
        share = 1.0 if rng.random() < 0.6 else rng.random()
        identity = np.eye(3)
        sensor, light = identity + share * (np.linalg.inv(matrix) - identity), self._light(rng, camera)
        if raw >= 0 and rng.random() < OWN_LIGHTS:
            light = (camera @ self.every_light[:, self.own_lights[raw]]) * self.own_rest[raw]
            light = light / light[1] * np.exp(rng.normal(0, 0.03, 3) * [1, 0, 1])
        if rng.random() < UNKNOWN_SENSORS:  # else all lights lie where those of the known sensors do
            sensor = sensor @ _near_identity(rng, rng.uniform(0.03, 0.15))
            light = light * np.exp(rng.normal(0, 0.2, 3) * [1, 0, 1])
        return sensor, np.diag(light)

    def _change(self, rng: np.random.Generator) -> np.ndarray:
        """A change of light alone: along the black bodies, or gains of any colour, as of a foreign camera."""
        if rng.random() < 0.5:
            change: np.ndarray = self.changes[rng.integers(64), int(np.clip(rng.normal(4, 1.7), 0, 8))]
            return change
        gains = np.exp(rng.normal(0, 0.4, 3))
        return np.diag(gains / gains[1])

    def _camera(self, rng: np.random.Generator) -> np.ndarray:
        """The share of each known camera in one camera's sensitivities."""
        shares = np.zeros(len(self.matrices))
        first, second = rng.integers(len(shares), size=2)
        part = rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0
        shares[first] += 1 - part
        shares[second] += part
        return shares

    def _light(self, rng: np.random.Generator, camera: np.ndarray) -> np.ndarray:
        table = self.black_bodies if rng.random() < 0.65 else self.lights
        light = (camera @ table[:, rng.integers(table.shape[1])]) * np.exp(rng.normal(0, 0.07, 3))
        colour: np.ndarray = light / light[1]
        return colour


def _near_identity(rng: np.random.Generator, deviation: float) -> np.ndarray:
    """A matrix whose columns add up to one: grey stays grey."""
    bend = rng.normal(0, deviation, (3, 3))
    matrix: np.ndarray = np.eye(3) + bend - bend.mean(axis=0)
    return matrix


def _nearest(known: np.ndarray, lights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) which of a camera's known lights (n, 3) each light (N, 3) is closest to, and (N, 3) what is left."""
    ratio = np.log(lights[:, None] / known)
    index = np.argmin(np.linalg.norm(ratio, axis=-1), axis=1)
    return index, np.exp(np.clip(ratio[np.arange(len(lights)), index], -0.2, 0.2))


def _crop(rng: np.random.Generator, source: Right, side: int) -> tuple[np.ndarray, np.float32, np.ndarray, int]:
    """A part of a right picture, linear, where its sensor was full, its ten polynomials, and which it is."""
    index, whole = int(rng.integers(len(source.pictures))), source.pictures.shape[1]
    length = int(max(rng.integers(whole // (2 if source.linear else 3), whole + 1, size=2)))
    top, left = rng.integers(0, whole - length + 1, size=2)
    pick = np.arange(side) * length // side
    crop = source.pictures[index, top : top + length, left : left + length][pick][:, pick]
    crop = crop[:, ::-1] if rng.random() < 0.5 else crop
    crop = (crop if source.linear else _LINEAR[crop]).astype(np.float32)
    return crop, source.full[index], source.mappings[index], index


def _smaller(pictures: np.ndarray, times: int) -> np.ndarray:
    """Pictures (N, h, w, 3) uint8, their sides `times` shorter: means."""
    if times == 1:
        return pictures
    n, height, width, _ = pictures.shape
    cells = pictures.reshape(n, height // times, times, width // times, times, 3)
    means: np.ndarray = np.round(cells.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
    return means


_LINEAR = np.asarray(srgb_to_linear(jnp.arange(256, dtype=jnp.float32) / 255))


def _setting(rng: np.random.Generator, mappings: np.ndarray, styles: tuple[int, ...], unknown: float) -> np.ndarray:
    """A polynomial: a camera setting, or one between two, or part of the way to it.

    Settings come in pairs: one white point in two picture styles. unknown: the share to which a part of the
    difference within such a pair is added: a style like none of the known ones.
    """
    first, second = rng.choice(styles, size=2)
    between = rng.random() if rng.random() < 0.3 else 0.0
    wrong = mappings[first] + between * (mappings[second] - mappings[first])
    if unknown and rng.random() < unknown:
        pair = rng.choice([s for s in styles if s % 2 == 0 and s + 1 in styles])
        wrong = wrong + rng.uniform(-1.2, 1.2) * (mappings[pair + 1] - mappings[pair])
    share = 1.0 if rng.random() < 0.75 else rng.uniform(0.3, 1.2)
    identity = np.concatenate([np.eye(3), np.zeros((6, 3))])
    polynomial: np.ndarray = identity + share * (wrong - identity)
    return polynomial
