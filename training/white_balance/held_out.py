"""Write the pairs that the benchmark scores, NAME_input.png and NAME_gt.png, none of them used for training.

    python -m training.white_balance.held_out --photos DIR --material DIR --sensor DIR --spectral DIR --out DIR

photos and spectral are the inputs of `data.py`, material is its output. sensor contains NAME.npz with `raw`
(uint16), `white_level` and `illuminant` of a camera that no training picture comes from.

The sets are:

- "emulated": held-out photographs with about four wrong camera settings each
- "style": the same photographs with settings that training does not use
- "balanced": the same photographs unchanged
- "dark": the same photographs at a sixth of the light, with a small sensor's noise and one wrong setting
- "developed": held-out raw thumbnails with wrong gains
- "camera": raws of the other sensor, developed with a rendering (matrix, filmic curve) that training does not use
- "shown": the same raws unprocessed, with neither matrix nor balance
- "known": held-out unprocessed raws of the cameras used in training
- "own": pictures whose colour cast is intentional (fires, stages, graded pictures) and must not change, without
  those of `evening.txt`, which training uses
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.lists import listed

from .data import CAMERAS, camera
from .samples import LISTS, STYLES_APART, left_out, part

LONGEST_PX = 256
OWN = ("# coloured light", "# graded in one colour")  # Sections of left_out.txt whose pictures form the set "own".
OTHER_CAMERA = "Sony_ILCE-7RM2"
WRONG_KELVINS = (2800, 4000, 8500)
SHOWN_LEVEL = 0.995  # Quantile of the raw values that is rendered as white.
KNOWN_OF_EACH = 12
NOISE = 0.012  # Standard deviation of the noise in dark pictures, in linear values; typical of a phone at night.


def encode(linear: np.ndarray) -> np.ndarray:
    """Encode linear light as sRGB, clipped to 0 to 1."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def decode(encoded: np.ndarray) -> np.ndarray:
    """Decode sRGB to linear light."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def terms(rgb: np.ndarray) -> np.ndarray:
    """Return the nine polynomial terms of RGB colours."""
    r, g, b = np.moveaxis(rgb, -1, 0)
    return np.stack([r, g, b, r * r, g * g, b * b, r * g, r * b, g * b], axis=-1)


def write(folder: Path, name: str, wrong: np.ndarray, right: np.ndarray) -> None:
    """Write a pair as 8-bit PNG files."""
    for kind, picture in (("input", wrong), ("gt", right)):
        pixels = np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}_{kind}.png")


def photographs(options: argparse.Namespace, rng: np.random.Generator) -> None:
    """Write the sets "balanced", "emulated", "style" and "dark" from held-out photographs."""
    with np.load(options.material / "photos.npz") as file:
        mappings, names = file["mappings"], file["names"]
    unused = left_out()
    for i in part(len(names), "test"):
        if str(names[i]) in unused:
            continue
        picture = Image.open(options.photos / str(names[i])).convert("RGB")
        picture.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BOX)
        right = np.asarray(picture) / 255
        write(options.out, f"balanced_{i}", right, right)
        for setting in range(5):
            style = 2 * setting + int(rng.integers(2))
            family = "style" if style in STYLES_APART else "emulated"
            write(options.out, f"{family}_{i}_{style}", terms(right) @ mappings[i, style], right)
        dim, style = decode(right) / 6, int(rng.integers(10))
        noisy = encode(dim + np.sqrt(NOISE**2 * (0.2 + dim * 6)) * rng.standard_normal(dim.shape))
        write(options.out, f"dark_{i}", terms(noisy) @ mappings[i, style], noisy)  # The truth is noisy, too.


def own_colours(options: argparse.Namespace) -> None:
    """Write the photographs of `left_out.txt` whose colour cast is intentional; input and truth are the same."""
    names: list[str] = []
    trained_on = listed(LISTS / "evening.txt")
    for line in (LISTS / "left_out.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            wanted = line.startswith(OWN)
        elif line and wanted and line not in trained_on:
            names.append(line)
    for i, name in enumerate(names):
        picture = Image.open(options.photos / name).convert("RGB")
        picture.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BOX)
        write(options.out, f"own_{i}", np.asarray(picture) / 255, np.asarray(picture) / 255)


def developed(options: argparse.Namespace, rng: np.random.Generator) -> None:
    """Write held-out raws, developed with the right and with wrong gains."""
    for folder in ("TAU_N_D810", "TAU_C_5DSR"):
        with np.load(options.material / f"raw_{folder}.npz") as file:
            raws, lights, matrices = file["thumbnails"], file["lights"], file["matrices"]
        for i in rng.choice(part(len(raws), "test"), 60, replace=False):
            other = lights[rng.integers(len(lights))]
            linear = [
                np.minimum(raws[i].astype(float) / gains, 1) @ matrices.mean(axis=0) for gains in (other, lights[i])
            ]
            level = max(np.quantile(linear[1].max(axis=-1), 0.97), 1e-3)
            write(options.out, f"developed_{folder}_{i}", encode(linear[0] / level), encode(linear[1] / level))


def known_sensors(options: argparse.Namespace, rng: np.random.Generator) -> None:
    """Write unprocessed raws of the cameras used in training."""
    for folder in CAMERAS:
        with np.load(options.material / f"raw_{folder}.npz") as file:
            raws, lights = file["thumbnails"], file["lights"]
        held_out = part(len(raws), "test")
        for i in rng.choice(held_out, min(len(held_out), KNOWN_OF_EACH), replace=False):
            just_shown(options.out, f"known_{folder}_{i}", raws[i].astype(float), lights[i])


def just_shown(folder: Path, name: str, raw: np.ndarray, light: np.ndarray) -> None:
    """Write an unprocessed raw as its sensor recorded it, and its counterpart with the right white balance."""
    level = max(np.quantile(raw, SHOWN_LEVEL), 1e-3)
    write(folder, name, encode(raw / level), encode(np.minimum(raw / light, 1) / level))


def other_camera(options: argparse.Namespace) -> None:
    """Write raws of a camera that training does not use, both developed with a new rendering and unprocessed."""
    known = camera(options.spectral, OTHER_CAMERA)
    matrix = known["matrices"].mean(axis=0)
    for path in sorted(options.sensor.glob("*.npz")):
        with np.load(path) as file:
            raw = file["raw"].astype(float) / float(file["white_level"])
            light = file["illuminant"] / file["illuminant"][1]
        right = np.minimum(raw / light, 1) @ matrix
        exposure = 0.45 / max(float(np.mean(right[..., 1])), 1e-4)
        for kelvin in WRONG_KELVINS:
            at = int(np.argmin(np.abs(known["kelvins"] - kelvin)))
            other = known["black_bodies"][at]
            name = f"camera_{path.stem.replace('_', '-')}_{kelvin}"
            wrong = np.minimum(raw / other, 1) @ matrix
            write(options.out, name, filmic(exposure * wrong), filmic(exposure * right))
        just_shown(options.out, f"shown_{path.stem.replace('_', '-')}", raw, light)


def filmic(linear: np.ndarray) -> np.ndarray:
    """Apply a curve with toe and shoulder (Hable 2010), and encode the result."""
    x = np.maximum(linear, 0)

    def hable(v: np.ndarray | float) -> np.ndarray:
        return np.asarray((v * (0.15 * v + 0.05) + 0.004) / (v * (0.15 * v + 0.5) + 0.06) - 0.0667)

    return encode(hable(x) / hable(8.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photos", "material", "sensor", "spectral", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    photographs(options, rng)
    own_colours(options)
    developed(options, rng)
    other_camera(options)
    known_sensors(options, rng)


if __name__ == "__main__":
    main()
