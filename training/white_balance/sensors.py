"""Simulate how sensors record a picture: known cameras, blends of two, and unknown ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

UNKNOWN_SENSORS = 0.5  # Fraction of the cameras that mix colours unlike any known camera.
OWN_LIGHTS = 0.7  # Fraction of the raws shown under their real light, so that rooms are mostly lit by lamps.
# Fraction of the cameras drawn evenly by maker, because few known cameras are compacts or phones.
EVERY_MAKER = 0.5
# Standard deviation of ln r/g and ln b/g between simulated sensors; known ones differ by twice as much.
SHIFT = 0.09
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
    """The cameras of `data.py`: matrices (n, 2, 3, 3) from balanced raw to linear sRGB, and lights' raw values."""

    def __init__(self, folder: Path, which: str) -> None:
        """Load the cameras.

        Args:
            folder: Folder of the material.
            which: "training"; any other value selects the cameras that are held out.
        """
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
        """Find the known light of a camera that is closest to each given light.

        Args:
            name: Name of the camera.
            lights: (N, 3) raw colours, scaled so that green is 1.

        Returns:
            The indices (N,) of the known lights, and the remaining ratios (N, 3).
        """
        ratio = np.log(lights[:, None] / self._known[name])
        index = np.argmin(np.linalg.norm(ratio, axis=-1), axis=1)
        return index, np.exp(np.clip(ratio[np.arange(len(lights)), index], -0.2, 0.2))

    def wrongly_set(self, rng: np.random.Generator) -> np.ndarray:
        """Return a matrix from right linear colours to those of a camera set for the wrong light.

        A third of the settings belong to another camera, as when a raw file is developed with that camera's
        matrices and gains, which causes green and magenta casts. A tenth have no setting at all. Half of the
        cameras are blends of two known ones.
        """
        camera, other = self.camera(rng), self.camera(rng)
        chance = rng.random()
        true = self.light(rng, camera)
        believed = np.ones(3) if chance < 0.1 else self.light(rng, other if chance < 0.45 else camera)
        gains = true / believed
        shares = rng.random(2)
        # Half of the time, the matrix suits the light that the camera is set for; otherwise it is the same for all
        # lights.
        if rng.random() < 0.5:
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
        """Return a matrix towards a sensor's own balanced colours, and the light as that sensor records it.

        In 40% of the cases the matrix converts only part of the way to the sensor's colours.

        Args:
            rng: Source of randomness.
            own: The light in which the picture was taken, as `nearest` returns it; None when it is unknown.

        Returns:
            The matrix (3, 3), and the light as a diagonal matrix (3, 3).
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
        """Return the weight of each known camera in a random camera's sensitivities."""
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
        """Return a random light in a camera's raw colours, scaled so that green is 1."""
        table = self.black_bodies if rng.random() < 0.65 else self.lights
        light = (camera @ table[:, rng.integers(table.shape[1])]) * np.exp(rng.normal(0, 0.07, 3))
        return light / light[1]


def near_identity(rng: np.random.Generator, deviation: float) -> np.ndarray:
    """Return a random matrix whose columns add up to one, so grey stays grey."""
    bend = rng.normal(0, deviation, (3, 3))
    return np.eye(3) + bend - bend.mean(axis=0)


def shift(rng: np.random.Generator) -> np.ndarray:
    """Return the gains of a sensor that resembles the known ones without equalling any; green's gain is 1."""
    return np.exp(rng.normal(0, SHIFT, 3) * [1, 0, 1])


def _maker(camera: str) -> str:
    return "small" if any(word in camera for word in _SMALL) else camera.split("_")[0]
