"""Make training pictures: photographs that were reduced, sharpened, made noisy and compressed in random ways.

python -m training.sharpening.pictures OUT PHOTOS... [--rounds N]

OUT receives the luma of each picture after the product's noise reduction (PNG, 16 bits, 1/64 of a grey level) and
gains.json, with the natural logarithm of each picture's gain at 0.4 cycles per pixel.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.imaging.luma import LUMA
from dioptre.imaging.noise_estimation import measure_degradation, suitable_strength
from dioptre.imaging.noise_reduction import reduce_noise

FREQUENCY = 0.4  # cycles per pixel at which gains are stated
STEPS_PER_LEVEL = 64
KERNELS = {  # and the logarithm of their gain at FREQUENCY relative to bicubic
    Image.Resampling.BICUBIC: 0.0,
    Image.Resampling.LANCZOS: 0.2,
    Image.Resampling.BOX: 0.09,
    Image.Resampling.HAMMING: -0.05,
    Image.Resampling.BILINEAR: -0.19,
}
RADII_PX = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.8, 2.5)
LEAST_GAIN = -0.6  # blurred pictures all count as this


def treated(photo: Image.Image, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return a picture (h, w, 3) in [0, 255] made from a photograph, and the logarithm of its gain."""
    factor, kernel = rng.uniform(1.5, 2.1), list(KERNELS)[rng.integers(len(KERNELS))]
    small = photo.resize((round(photo.width / factor), round(photo.height / factor)), kernel)
    pixels: np.ndarray = np.asarray(small, np.float32)
    gain = KERNELS[kernel]
    if rng.random() < 0.25:
        blur_px = rng.uniform(0.25, 0.8)
        pixels = gaussian_filter(pixels, (blur_px, blur_px, 0))
        gain += _log_gain(blur_px)
    if rng.random() < 0.65:
        pixels, more = _sharpened(pixels, rng)
        gain += more
    if noise := rng.choice((0, 0, 0, 1, 2, 4)):
        pixels = pixels + rng.normal(0, noise, pixels.shape)
    return _compressed(np.clip(pixels + 0.5, 0, 255).astype(np.uint8), rng), max(gain, LEAST_GAIN)


def _log_gain(blur_px: float) -> float:
    return float(-2 * (np.pi * FREQUENCY * blur_px) ** 2)


def _sharpened(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Apply an unsharp mask to the colours or to luma, with or without a threshold."""
    radius_px = float(rng.choice(RADII_PX))
    amount = rng.uniform(0.2, 2.2) * (1 if radius_px < 1 else 0.7)
    source = pixels if rng.random() < 0.5 else (pixels @ LUMA)[..., None]
    detail = source - gaussian_filter(source, (radius_px, radius_px, 0))
    detail = np.where(np.abs(detail) < rng.choice((0, 0, 1, 2)), 0, detail)
    return pixels + amount * detail, float(np.log(1 + amount * (1 - np.exp(_log_gain(radius_px)))))


def _compressed(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.choice((0, 0, 0, 97, 92, 85, 75)))
    if not quality:
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=int(rng.choice((0, 2))))
    return np.asarray(Image.open(file).convert("RGB"))


def clean_luma(pixels: np.ndarray) -> np.ndarray:
    """Return the luma (h, w) in [0, 255] of a picture after automatic noise reduction, as enlargements apply it."""
    picture = pixels.astype(np.float32) / 255
    strength = suitable_strength(measure_degradation(picture, None))
    luma: np.ndarray = 255 * (reduce_noise(picture, strength=strength) @ LUMA)
    return luma


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("photos", type=Path, nargs="+", help="folders of photographs of about 420 pixels")
    parser.add_argument("--rounds", type=int, default=2, help="pictures per photograph")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    photos = [path for folder in arguments.photos for path in sorted(folder.glob("*.jpg"))]
    gains: dict[str, float] = {}
    for path in photos * arguments.rounds:
        pixels, gain = treated(Image.open(path).convert("RGB"), rng)
        name = f"{len(gains):05d}-{path.stem}.png"
        values = np.round(clean_luma(pixels) * STEPS_PER_LEVEL).astype(np.uint16)
        Image.fromarray(values).save(arguments.out / name)
        gains[name] = gain
    (arguments.out / "gains.json").write_text(json.dumps(gains))


if __name__ == "__main__":
    main()
