"""Measure the benefit of a gain map for the lens blur, using ray-traced scenes with their true dynamic range.

    python -m benchmarks.gain_map [DATA]

DATA contains blur/NAME.npz as in `lens_blur.py`. Each sharp scene is written as a JPEG clipped at white, and as an
Ultra HDR JPEG by libultrahdr (through libvips). The JPEG is blurred without and with the default highlight boost,
the Ultra HDR JPEG with its gain map. The scores are the PSNR of `lens_blur.py` and the error, in stops, of the
brightest hundredth of the true pixels; the last column scores the result as read back from a file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import numpy as np

from benchmarks.lens_blur import psnr, scenes
from dioptre.files import load, save
from dioptre.files.curves import srgb_curve
from dioptre.files.vips import vips
from dioptre.pipelines.lens_blur import lens_blur

_BOOST = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=Path("data"))
    folder = parser.parse_args().data
    print("| scene | JPEG | JPEG, boost 0.2 | with gain map | written and read again |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for name, linear, disparity, focal, radius, truth in scenes(folder):
            path, clipped = Path(place) / "scene.jpg", Path(place) / "clipped.jpg"
            written(linear, path)
            decode, encode = srgb_curve().decode, srgb_curve().encode
            save(encode(np.clip(linear, 0, 1)), clipped, force=True)
            ordinary, picture = load(clipped), load(path)
            assert picture.gain_map is not None
            cells = []
            for pixels, boost in ((ordinary.pixels, 0.0), (ordinary.pixels, _BOOST), (picture.pixels, 0.0)):
                made = lens_blur(
                    pixels, disparity, focal_disparity=focal, max_radius=radius, highlight_boost=boost
                ).image
                cells.append(scored(decode(made), truth))
            save(made, path.with_name("result.jpg"), like=picture, force=True)
            cells.append(scored(decode(load(path.with_name("result.jpg")).pixels), truth))
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def written(linear: np.ndarray, path: Path) -> None:
    """Write linear light as an Ultra HDR JPEG with libultrahdr, which is independent of Dioptre's own writer."""
    height, width = linear.shape[:2]
    data = np.ascontiguousarray(linear, np.float32).tobytes()
    image = vips().Image.new_from_memory(data, width, height, 3, "float").copy(interpretation="scrgb")
    image.uhdrsave(str(path), Q=95)


def scored(made: np.ndarray, truth: np.ndarray) -> str:
    """Return as text the PSNR, and the mean error, in stops, of the brightest hundredth of the true pixels."""
    light = truth.max(axis=2)
    bright = light >= np.quantile(light, 0.99)
    stops = np.log2(np.maximum(made.max(axis=2)[bright], 1e-3) / light[bright])
    return f"{psnr(made, truth):.2f} dB, {np.mean(stops):+.2f} stops"


if __name__ == "__main__":
    main()
