"""What cameras' sensors see of a right picture: known ones, those between two, and others like none of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

UNKNOWN_SENSORS = 0.5  # of other cameras, of raws just shown: one that mixes colours as none of the known ones
OWN_LIGHTS = 0.7  # of raws just shown that were raws: under the light in which they were taken; lamps light rooms
EVERY_MAKER = 0.5  # of cameras: of any maker, as compact cameras and telephones are few among the known ones
SHIFT = 0.09  # of ln r/g and ln b/g: how another sensor sees a light; known ones lie twice as far from each other
CAMERAS_APART = (
    "Sony_ILCE-7RM2",
    "Nikon_D850",
    "Canon_EOS_R5",
    "Panasonic_DC-GX9",
    "Hasselblad_L2D-20c",
    "Fujifilm_GFX_100",
)
_SMALL = ("PowerShot", "DSC", "Insta360")


class Sensors:
    """The cameras of `data.py`: matrices (n, 2, 3, 3) from balanced raw to linear sRGB, raw colours of lights."""

    def __init__(self, folder: Path, which: str) -> None:
        """which: "training", or anything else for the cameras that are kept apart."""
        with np.load(folder / "cameras.npz") as cameras:
            names = cameras["names"]
            apart = np.isin(names, CAMERAS_APART)
            keep = apart if which != "training" else ~apart
            every = np.concatenate([cameras["black_bodies"], cameras["lights"]], axis=1)
            self.matrices, self.black_bodies = cameras["matrices"][keep], cameras["black_bodies"][keep]
            self.lights = cameras["lights"][keep]
        self.every_light = every[keep]
        self._known = dict(zip(names.tolist(), every, strict=True))
        makers = np.array([_maker(str(name)) for name in names[keep]])
        self.makers = [np.flatnonzero(makers == maker) for maker in np.unique(makers)]

    def nearest(self, name: str, lights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) which of a camera's known lights each light (N, 3) is closest to, and (N, 3) what is left over."""
        ratio = np.log(lights[:, None] / self._known[name])
        index = np.argmin(np.linalg.norm(ratio, axis=-1), axis=1)
        return index, np.exp(np.clip(ratio[np.arange(len(lights)), index], -0.2, 0.2))

    def wrongly_set(self, rng: np.random.Generator) -> np.ndarray:
        """From right linear colours to those of a camera set for the wrong light.

        A third of the settings are another camera's, as when a raw file is developed with foreign numbers, which
        makes casts of green and magenta; a tenth are none at all. Half of the cameras lie between two known ones.
        """
        camera, other = self.camera(rng), self.camera(rng)
        chance = rng.random()
        true = self.light(rng, camera)
        believed = np.ones(3) if chance < 0.1 else self.light(rng, other if chance < 0.45 else camera)
        gains = true / believed
        shares = rng.random(2)
        if rng.random() < 0.5:  # developed for the light it is set for, else with one matrix for all
            shares[1] = shares[0]
        matrices = camera @ self.matrices.reshape(len(camera), -1)
        first, second = (
            (matrices.reshape(2, 3, 3) * np.stack([s, 1 - s])[:, None, None]).sum(axis=0) for s in shares
        )
        if rng.random() < UNKNOWN_SENSORS:
            sensor = near_identity(rng, rng.uniform(0.08, 0.25))
            first, second = sensor @ first, sensor @ second
            gains = gains * np.exp(rng.normal(0, 0.15, 3))
        return np.linalg.inv(first) @ np.diag(gains / gains[1]) @ second

    def native(self, rng: np.random.Generator, own: tuple[int, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
        """To (a part of the way to) a sensor's own balanced colours, and the light as that sensor sees it.

        own: the light the picture was taken in, as `nearest` says it; None where it is not known.
        """
        camera = self.camera(rng)
        matrix = (camera @ self.matrices.reshape(len(camera), -1)).reshape(2, 3, 3)[rng.integers(2)]
        share = 1.0 if rng.random() < 0.6 else rng.random()
        identity = np.eye(3)
        sensor, light = identity + share * (np.linalg.inv(matrix) - identity), self.light(rng, camera)
        if own is not None and rng.random() < OWN_LIGHTS:
            light = (camera @ self.every_light[:, own[0]]) * own[1]
            light = light / light[1]
        if rng.random() < UNKNOWN_SENSORS:
            sensor = sensor @ near_identity(rng, rng.uniform(0.03, 0.15))
        return sensor, np.diag(light * shift(rng))

    def camera(self, rng: np.random.Generator) -> np.ndarray:
        """The share of each known camera in one camera's sensitivities."""
        shares = np.zeros(len(self.matrices))
        first, second = rng.integers(len(shares), size=2)
        if rng.random() < EVERY_MAKER:
            makers = self.makers[rng.integers(len(self.makers))]
            first = makers[rng.integers(len(makers))]
        part = rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0
        shares[first] += 1 - part
        shares[second] += part
        return shares

    def light(self, rng: np.random.Generator, camera: np.ndarray) -> np.ndarray:
        """A light in a camera's raw colours, green 1."""
        table = self.black_bodies if rng.random() < 0.65 else self.lights
        light = (camera @ table[:, rng.integers(table.shape[1])]) * np.exp(rng.normal(0, 0.07, 3))
        return light / light[1]


def near_identity(rng: np.random.Generator, deviation: float) -> np.ndarray:
    """A matrix whose columns add up to one: grey stays grey."""
    bend = rng.normal(0, deviation, (3, 3))
    return np.eye(3) + bend - bend.mean(axis=0)


def shift(rng: np.random.Generator) -> np.ndarray:
    """Gains of a sensor that is like the known ones, but none of them; green's is 1."""
    return np.exp(rng.normal(0, SHIFT, 3) * [1, 0, 1])


def _maker(camera: str) -> str:
    return "small" if any(word in camera for word in _SMALL) else camera.split("_")[0]
