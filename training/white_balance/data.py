r"""Prepare the training material: thumbnails of balanced photographs and raws, their plausible casts, and cameras.

    python -m training.white_balance.data --photos DIR --augmenter DIR --raw DIR --spectral DIR --out DIR \
        [--more DIR]

photos: correctly balanced photographs (PNG or JPEG, in any folders below DIR).
more: photographs for training only; those named in `more.txt`, `evening.txt` and `coloured.txt` are used.
augmenter: `features.npy`, `mappingFuncs.npy`, `encoderBias.npy`, `encoderWeights.npy` of the white-balance emulator
    of Afifi and Brown (ICCV 2019), MIT.
raw: folders CAMERA/numpy_data/*.npy with linear raw thumbnails and CAMERA/numpy_labels/*.npy with their lights.
spectral: cameras' sensitivities and training reflectances of rawtoaces-data (Apache-2.0).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from training.lists import listed

THUMBNAIL_PX = 288
RAW_PX = 64
HISTOGRAM_BINS = 60
NEIGHBOURS = 25
FALL_OFF = 0.25
# Folder of raws → camera with the same or a related sensor, whose sensitivities are used to develop them.
CAMERAS = {
    "TAU_N_D810": "Nikon_D810",
    "TAU_C_5DSR": "Canon_EOS_5DS",
    "Gehler-Shi": "Canon_EOS_5D_Mark_II",
    "Cube+": "Canon_EOS_600D",
    "NUS-C1": "Canon_EOS-1Ds_Mark_III",
    "NUS-Canon600D": "Canon_EOS_600D",
    "NUS-Fuji": "Fujifilm_X-T3",
    "NUS-NikonD5200": "Nikon_D5300",
    "NUS-Olympus": "Panasonic_DC-GX9",
    "NUS-Panasonic": "Panasonic_DC-GX9",
    "NUS-Samsung": "Canon_EOS_M",
    "NUS-Sony": "Sony_ILCE-6400",
}
KELVINS = np.geomspace(2000, 12000, 40)
TONE_LEVEL = 0.97  # Quantile of the brightest channel's values that is scaled to 1.


class Emulator:
    """Re-implementation of the white-balance emulator: ten wrong camera settings for every photograph."""

    def __init__(self, folder: Path) -> None:
        self.features = np.load(folder / "features.npy")
        self.mappings = np.load(folder / "mappingFuncs.npy").reshape(len(self.features), 10, 9, 3)
        self.bias = np.load(folder / "encoderBias.npy").ravel()
        self.weights = np.load(folder / "encoderWeights.npy")

    def mappings_for(self, srgb_encoded: np.ndarray) -> np.ndarray:
        """Return the ten casts of a photograph, blended from those of the most similar training photographs.

        Args:
            srgb_encoded: (h, w, 3) in [0, 1].

        Returns:
            Polynomials (10, 9, 3) from right to wrong colours.
        """
        feature = (self._histogram(srgb_encoded) - self.bias) @ self.weights
        distance = np.linalg.norm(self.features - feature, axis=1)
        nearest = np.argsort(distance)[:NEIGHBOURS]
        share = np.exp(-(distance[nearest] ** 2) / (2 * FALL_OFF**2)) + 1e-12
        return np.tensordot(share / share.sum(), self.mappings[nearest], 1)

    def _histogram(self, srgb_encoded: np.ndarray) -> np.ndarray:
        """Return RGB-uv histograms, flattened as the encoder expects them."""
        pixels = srgb_encoded.reshape(-1, 3)
        pixels = pixels[(pixels > 0).all(axis=1)]
        half = 6.4 / HISTOGRAM_BINS / 2
        brightness = np.linalg.norm(pixels, axis=1)
        planes = []
        for channel in range(3):
            first, second = (other for other in range(3) if other != channel)
            u = np.log(pixels[:, channel] / pixels[:, second])
            v = np.log(pixels[:, channel] / pixels[:, first])
            span = ((-3.2 - half, 3.2 - half),) * 2
            plane, _, _ = np.histogram2d(u, v, bins=HISTOGRAM_BINS, range=span, weights=brightness)
            planes.append(np.sqrt(plane / max(plane.sum(), 1e-9)).ravel())
        return np.concatenate(planes)


def photographs(folder: Path, emulator: Emulator, *, only: frozenset[str] | None = None) -> dict[str, np.ndarray]:
    """Read all photographs below a folder and compute their cast polynomials.

    Args:
        folder: Folder of the photographs, at any depth.
        emulator: The white-balance emulator.
        only: Names of the photographs to use, relative to the folder; None for all.

    Returns:
        Thumbnails (N, 288, 288, 3) uint8, mappings (N, 10, 9, 3), and names (N,).
    """
    thumbnails, mappings, names = [], [], []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg")):
        if only is not None and path.relative_to(folder).as_posix() not in only:
            continue
        try:
            picture = Image.open(path).convert("RGB")
        except OSError:
            print(f"skipped, damaged: {path.name}")
            continue
        wide = np.asarray(picture.resize((256, 256), Image.Resampling.BOX)) / 255.0
        mappings.append(emulator.mappings_for(wide))
        thumbnails.append(np.asarray(picture.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)))
        names.append(path.relative_to(folder).as_posix())
    return {
        "thumbnails": np.stack(thumbnails),
        "mappings": np.stack(mappings).astype(np.float32),
        "names": np.array(names),
    }


def raws(folder: Path) -> dict[str, np.ndarray]:
    """Return a camera's linear raw thumbnails (N, 64, 64, 3) float16, and lights (N, 3) whose green is 1."""
    data = sorted((folder / "numpy_data").glob("*.npy"))
    lights = np.stack([np.load(folder / "numpy_labels" / path.name).ravel() for path in data])
    thumbnails = np.stack([_without_chart(np.load(path)).astype(np.float16) for path in data])
    return {"thumbnails": thumbnails, "lights": (lights / lights[:, 1:2]).astype(np.float32)}


def _without_chart(raw: np.ndarray) -> np.ndarray:
    """Crop black borders, and fill the black box over the colour chart.

    The box is filled from the mirrored picture or, where that is black too, with the mean.
    """
    black = raw.max(axis=-1) <= 0
    rows, columns = (np.flatnonzero(~black.all(axis=axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) < RAW_PX // 3:
        return raw
    rows, columns = (kept[np.arange(RAW_PX) * len(kept) // RAW_PX] for kept in (rows, columns))
    raw, black = raw[rows][:, columns], black[rows][:, columns]
    for axis in (0, 1):  # Pixels next to a black one are mixed with black.
        black = black | np.roll(black, 1, axis) | np.roll(black, -1, axis)
    if not 0 < black.mean() < 0.6:
        return raw
    beside = np.where(black[:, ::-1, None], raw[~black].mean(axis=0), raw[:, ::-1])
    return np.where(black[..., None], beside, raw)


def camera(spectral: Path, name: str, lights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Compute a camera's colour matrices and its raw values of several lights.

    Args:
        spectral: Folder of rawtoaces-data.
        name: Name of the camera.
        lights: (n, 81) spectra, 380 to 780 nm in steps of 5; None for none.

    Returns:
        matrices (2, 3, 3) from white-balanced camera RGB to linear sRGB under 3,000 and 6,500 K; black_bodies (40,
        3) and their temperatures in kelvins; and lights (n, 3). Green is 1 in all raw values of lights.
    """
    sensitivity = _spectrum(spectral / "camera" / f"{name}_380_780_5.json")
    matching = _spectrum(spectral / "cmf" / "cmf_1931.json")
    reflectance = _spectrum(spectral / "training" / "training_spectral.json")
    nm = np.arange(380, 781, 5)
    s, c, r = (np.stack([table[int(w)] for w in nm]) for table in (sensitivity, matching, reflectance))
    matrices = []
    for kelvin in (3000, 6500):
        light = _black_body(nm, kelvin)
        white_xyz, white_raw = light @ c, light @ s
        xyz = (r * light[:, None]).T @ c / white_xyz
        linear = (xyz * [0.95047, 1, 1.08883]) @ XYZ_TO_LINEAR_RGB.T
        balanced = (r * light[:, None]).T @ s / white_raw
        fit = np.linalg.lstsq(balanced, linear, rcond=None)[0]
        matrices.append(fit / fit.sum(axis=0))  # The columns add up to 1, so that white stays white.
    black_bodies = np.stack([_black_body(nm, kelvin) for kelvin in KELVINS]) @ s
    found = {
        "matrices": np.stack(matrices),
        "black_bodies": black_bodies / black_bodies[:, 1:2],
        "kelvins": KELVINS,
    }
    if lights is not None:
        seen = lights @ s
        found["lights"] = seen / seen[:, 1:2]
    return found


def spectra() -> np.ndarray:
    """Return the spectra (n, 81) of daylight, fluorescent tubes, LEDs and sodium lamps.

    They are those of CIE 015:2018, as colour-science provides them.
    """
    import colour
    from colour.temperature import CCT_to_xy_CIE_D

    shape = colour.SpectralShape(380, 780, 5)
    daylights = [colour.sd_CIE_illuminant_D_series(CCT_to_xy_CIE_D(t)) for t in range(4000, 12001, 1000)]
    tables = colour.SDS_ILLUMINANTS
    lamps = [tables[name] for name in tables if name.startswith(("FL", "LED", "HP"))]
    aligned = [np.asarray(light.copy().align(shape).values, dtype=float) for light in (*daylights, *lamps)]
    return np.stack([light / light.max() for light in aligned])


XYZ_TO_LINEAR_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


def _black_body(nm: np.ndarray, kelvin: float) -> np.ndarray:
    metres = nm * 1e-9
    power = 1 / (metres**5 * np.expm1(1.438776877e-2 / (metres * kelvin)))
    return power / power.max()


def _spectrum(path: Path) -> dict[int, np.ndarray]:
    table = json.loads(path.read_text(encoding="utf-8"))["spectral_data"]["data"]["main"]
    return {int(nm): np.array(values) for nm, values in table.items()}


def developed(
    material: dict[str, np.ndarray], emulator: Emulator, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Develop raws with the correct white balance.

    Args:
        material: `thumbnails` and `lights` of `raws`, and `matrices` of `camera`.
        emulator: The white-balance emulator.
        rng: Source of randomness.

    Returns:
        linear (N, 64, 64, 3) float16, mappings (N, 10, 9, 3), and full (N,): the linear value at which the sensor
        was saturated.
    """
    thumbnails, mappings, full = [], [], []
    for raw, light in zip(material["thumbnails"].astype(np.float32), material["lights"], strict=True):
        matrix = material["matrices"][0] + rng.random() * (material["matrices"][1] - material["matrices"][0])
        linear = np.minimum(raw / light, 1) @ matrix
        full.append(1 / max(np.quantile(linear.max(axis=-1), TONE_LEVEL), 1e-3))
        linear = np.clip(linear * full[-1], 0, 16)
        shown = np.clip(linear * rng.uniform(0.85, 1.2), 0, 1)
        encoded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
        thumbnails.append(linear.astype(np.float16))
        mappings.append(emulator.mappings_for(np.round(255 * encoded) / 255))
    return {
        "linear": np.stack(thumbnails),
        "mappings": np.stack(mappings).astype(np.float32),
        "full": np.array(full, np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photos", "augmenter", "raw", "spectral", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--more", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lights = spectra()
    names = sorted(p.name.removesuffix("_380_780_5.json") for p in (options.spectral / "camera").glob("*.json"))
    every = [camera(options.spectral, name, lights) for name in names]
    keys = ("matrices", "black_bodies", "lights")
    stacked = {key: np.stack([found[key] for found in every]).astype(np.float32) for key in keys}
    np.savez(options.out / "cameras.npz", allow_pickle=False, names=np.array(names), **stacked)
    print(f"cameras: {len(names)}")
    emulator = Emulator(options.augmenter)
    for folder, name in CAMERAS.items():
        if not (options.raw / folder).is_dir():
            print(f"{folder}: left out, not there")
            continue
        material = raws(options.raw / folder) | camera(options.spectral, name)
        material |= developed(material, emulator, np.random.default_rng(0))
        np.savez(options.out / f"raw_{folder}.npz", allow_pickle=False, camera=np.array(name), **material)
        print(f"{folder}: {len(material['thumbnails'])}")
    photos = photographs(options.photos, emulator)
    np.savez(options.out / "photos.npz", allow_pickle=False, **photos)
    print(f"photos: {len(photos['thumbnails'])}")
    if options.more:
        for name in ("more", "evening", "coloured"):
            more = photographs(options.more, emulator, only=listed(Path(__file__).with_name(f"{name}.txt")))
            np.savez(options.out / f"photos_{name}.npz", allow_pickle=False, **more)
            print(f"{name} photos: {len(more['thumbnails'])}")


if __name__ == "__main__":
    main()
