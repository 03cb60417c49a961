"""Prepare the training material: thumbnails of balanced photographs with plausible casts, and raw thumbnails.

    python -m training.white_balance.data --photos DIR --augmenter DIR --raw DIR --spectral DIR --out DIR

photos: correctly balanced photographs (PNG or JPEG, any folders below DIR).
augmenter: `features.npy`, `mappingFuncs.npy`, `encoderBias.npy`, `encoderWeights.npy` of the white-balance emulator
    of Afifi and Brown (ICCV 2019), MIT.
raw: folders CAMERA/numpy_data/*.npy with linear raw thumbnails and CAMERA/numpy_labels/*.npy with their light.
spectral: cameras' sensitivities and training reflectances of rawtoaces-data (Apache-2.0).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

THUMBNAIL_PX = 96
HISTOGRAM_BINS = 60
NEIGHBOURS = 25
FALL_OFF = 0.25
CAMERAS = {"TAU_N_D810": "Nikon_D810", "TAU_C_5DSR": "Canon_EOS_5DS"}
KELVINS = np.geomspace(2200, 10000, 40)


class Emulator:
    """Re-implementation of the white-balance emulator: ten wrongly set cameras for every photograph."""

    def __init__(self, folder: Path) -> None:
        self.features = np.load(folder / "features.npy")
        self.mappings = np.load(folder / "mappingFuncs.npy").reshape(len(self.features), 10, 9, 3)
        self.bias = np.load(folder / "encoderBias.npy").ravel()
        self.weights = np.load(folder / "encoderWeights.npy")

    def mappings_for(self, srgb_encoded: np.ndarray) -> np.ndarray:
        """(10, 9, 3) polynomials from right to wrong colours, blended from the most similar training photos."""
        feature = (self._histogram(srgb_encoded) - self.bias) @ self.weights
        distance = np.linalg.norm(self.features - feature, axis=1)
        nearest = np.argsort(distance)[:NEIGHBOURS]
        share = np.exp(-(distance[nearest] ** 2) / (2 * FALL_OFF**2)) + 1e-12
        return np.tensordot(share / share.sum(), self.mappings[nearest], 1)

    def _histogram(self, srgb_encoded: np.ndarray) -> np.ndarray:
        """RGB-uv histograms, flattened as the encoder expects them."""
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


def photographs(folder: Path, emulator: Emulator) -> dict[str, np.ndarray]:
    """Thumbnails (N, 96, 96, 3) uint8 and their cast polynomials (N, 10, 9, 3)."""
    thumbnails, mappings, names = [], [], []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg")):
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
    """Linear raw thumbnails (N, 64, 64, 3) float16 and lights (N, 3), green = 1, of one camera."""
    data = sorted((folder / "numpy_data").glob("*.npy"))
    lights = np.stack([np.load(folder / "numpy_labels" / path.name).ravel() for path in data])
    thumbnails = np.stack([np.load(path).astype(np.float16) for path in data])
    return {"thumbnails": thumbnails, "lights": (lights / lights[:, 1:2]).astype(np.float32)}


def camera(spectral: Path, name: str) -> dict[str, np.ndarray]:
    """Colour matrices from white-balanced camera RGB to linear sRGB, and the raw colours of black-body lights."""
    sensitivity = _spectrum(spectral / "camera" / f"{name}_380_780_5.json")
    matching = _spectrum(spectral / "cmf" / "cmf_1931.json")
    reflectance = _spectrum(spectral / "training" / "training_spectral.json")
    nm = np.arange(380, 781, 5)
    s, c, r = (np.stack([table[w] for w in nm]) for table in (sensitivity, matching, reflectance))
    lights = np.stack([_black_body(nm, kelvin) for kelvin in KELVINS])
    raw_white = lights @ s
    matrices = []
    for kelvin in (3000, 6500):
        light = _black_body(nm, kelvin)
        white_xyz, white_raw = light @ c, light @ s
        xyz = (r * light[:, None]).T @ c / white_xyz
        linear = (xyz * [0.95047, 1, 1.08883]) @ XYZ_TO_LINEAR_RGB.T
        balanced = (r * light[:, None]).T @ s / white_raw
        fit = np.linalg.lstsq(balanced, linear, rcond=None)[0]
        matrices.append(fit / fit.sum(axis=0))  # white stays white
    return {"matrices": np.stack(matrices), "black_bodies": raw_white / raw_white[:, 1:2], "kelvins": KELVINS}


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
    """Rightly developed raw thumbnails (N, 64, 64, 3) uint8 and their cast polynomials (N, 10, 9, 3)."""
    thumbnails, mappings = [], []
    for raw, light in zip(material["thumbnails"].astype(np.float32), material["lights"], strict=True):
        matrix = material["matrices"][0] + rng.random() * (material["matrices"][1] - material["matrices"][0])
        linear = np.minimum(raw / light, 1) @ matrix
        linear = np.clip(linear / max(np.quantile(linear.max(axis=-1), 0.97), 1e-3) * rng.uniform(0.85, 1.2), 0, 1)
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        bend = 0.5 * rng.random()
        picture = np.round(255 * ((1 - bend) * encoded + bend * encoded * encoded * (3 - 2 * encoded)))
        thumbnails.append(picture.astype(np.uint8))
        mappings.append(emulator.mappings_for(picture / 255))
    return {"pictures": np.stack(thumbnails), "mappings": np.stack(mappings).astype(np.float32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photos", "augmenter", "raw", "spectral", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    emulator = Emulator(options.augmenter)
    photos = photographs(options.photos, emulator)
    np.savez(options.out / "photos.npz", **photos)
    print(f"photos: {len(photos['thumbnails'])}")
    for folder, name in CAMERAS.items():
        material = raws(options.raw / folder) | camera(options.spectral, name)
        material |= developed(material, emulator, np.random.default_rng(0))
        np.savez(options.out / f"{folder}.npz", **material)
        print(f"{folder}: {len(material['thumbnails'])}")


if __name__ == "__main__":
    main()
