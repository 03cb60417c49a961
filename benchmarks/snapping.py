"""How near strokes that snap to edges bring a depth map to the truth, on photographs with true mattes.

    python -m benchmarks.snapping DATA

DATA is a folder with NAME.jpg and NAME_alpha.png. A subject is painted near on a depth map that lacks it ("flat"),
or that has it, but blurred and too far ("soft"). The outline of the stroke strays from the true one by 1 % or 2 %
of the short side (standard deviation, smooth), and the brush is hard or soft. The score is the mean error of
disparity within three times that distance from the true outline.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from dioptre.features.depth import snapped_strokes

LONGEST_PX = 800
NEAR, TOO_FAR = 0.85, 0.55  # disparity of the stroke, and of the subject that the map has blurred
STRAYS = (0.01, 0.02)
SUBJECT = (0.02, 0.9)  # fractions of the picture that a subject covers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    scores: dict[tuple[str, str, float], list[tuple[float, float]]] = {}
    for number, (photo, subject) in enumerate(pictures(parser.parse_args().data)):
        short = min(subject.shape)
        ground = np.linspace(0.15, 0.45, subject.shape[0], dtype=np.float32)[:, None] * np.ones(subject.shape, "f4")
        truth = np.where(subject, np.float32(NEAR), ground)
        blurred = ndimage.gaussian_filter(subject.astype(np.float32), 0.008 * short)
        for known, before in (("flat", ground), ("soft", ground + blurred * (np.float32(TOO_FAR) - ground))):
            for stray in STRAYS:
                stroke = strayed(subject, stray * short, np.random.default_rng(number)).astype(np.float32)
                band = distance(subject) < 3 * stray * short
                for brush, wide in (("hard", 0.0), ("soft", 0.01 * short)):
                    painted = ndimage.gaussian_filter(stroke, wide) if wide else stroke
                    now = before + painted * (np.float32(NEAR) - before)
                    made = snapped_strokes(photo, now, before)
                    was, became = (float(np.abs(each - truth)[band].mean()) for each in (now, made))
                    scores.setdefault((known, brush, stray), []).append((was, became))
    for (known, brush, stray), errors in scores.items():
        was, became = np.mean(errors, axis=0)
        sys.stdout.write(f"{known} map, {brush} brush, {stray:.0%}: {was:.4f} to {became:.4f} ({len(errors)})\n")


def pictures(data: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield photographs and where their subjects are."""
    for file in sorted(data.glob("*_alpha.png")):
        with (
            Image.open(file.with_name(file.name.replace("_alpha.png", ".jpg"))) as photo,
            Image.open(file) as alpha,
        ):
            scale = min(1.0, LONGEST_PX / max(photo.size))
            size = round(photo.width * scale), round(photo.height * scale)
            colours = np.asarray(photo.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32) / 255
            subject = np.asarray(alpha.convert("L").resize(size, Image.Resampling.LANCZOS)) > 127
        if SUBJECT[0] < subject.mean() < SUBJECT[1]:
            yield colours, subject


def distance(subject: np.ndarray) -> np.ndarray:
    """Return the distance of each pixel from the outline."""
    return np.asarray(ndimage.distance_transform_edt(subject) + ndimage.distance_transform_edt(~subject))


def strayed(subject: np.ndarray, by_px: float, chance: np.random.Generator) -> np.ndarray:
    """Return the subject with an outline that strays smoothly to both sides, by a standard deviation in pixels."""
    signed = ndimage.distance_transform_edt(subject) - ndimage.distance_transform_edt(~subject)
    noise = ndimage.gaussian_filter(chance.standard_normal(subject.shape), 3 * by_px + 8)
    return np.asarray(signed + by_px * noise / noise.std() > 0)


if __name__ == "__main__":
    main()
