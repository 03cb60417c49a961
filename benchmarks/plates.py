"""Compare *Clean background*, a smooth filling and other programs' with the truth in holes of photographs.

    python -m benchmarks.plates PHOTO… [--opencv PYTHON] [--resynthesizer LIBRARY] [--sheets FOLDER]
                                [--kept FOLDER] [--json FILE]

A hole follows a rule: the outline of the photo's own subject is reduced to at most a tenth of the picture and moved
to the side where most of it lies on the background. The hole and the subject together are what a method must fill
in; only the hole is compared, because only there is the truth known. The depth is Dioptre's estimate.

* `psnr_rim`, `ssim_rim`: on the luma within `RIM` of the hole's edge.
* `gradients`: mean squared gradient in the hole, divided by that of the truth; 1 means as much texture.
* `psnr`: on the whole hole. A smooth filling often wins, because texture at the wrong place counts as an error.
* `seconds`: CPU time, at the size of the photo.

PYTHON is an interpreter that can import OpenCV (`opencv-python-headless`), in an environment of its own. LIBRARY is
the engine of GIMP's Resynthesizer (the folder `lib` of its source, without threads), compiled as a shared library;
it runs with the parameters of *Heal selection*, and with the whole picture as its source. --sheets saves, for each
photo, the hole, the truth and all fillings side by side. --kept stores the depth and the subject of each photo, and
uses them when the benchmark runs again.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image
from scipy import ndimage

from dioptre.imaging.layers import all_rows
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre.pipelines.clean_background import clean_background
from dioptre.pipelines.depth import estimate_depth
from dioptre.pipelines.subject import find_subject

LARGEST = 0.1  # largest hole, as a fraction of the picture
RIM = 0.01  # width of the rim, as a fraction of the longer side
APART = 0.02  # distance between hole and subject, as a fraction of the longer side
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
OPENCV = """
import sys, cv2, numpy as np
picture, hole = np.load(sys.argv[1] + "/picture.npy"), np.load(sys.argv[1] + "/hole.npy")
for name, how in (("telea", cv2.INPAINT_TELEA), ("navier_stokes", cv2.INPAINT_NS)):
    np.save(f"{sys.argv[1]}/{name}.npy", cv2.inpaint(picture, hole, 5, how))
"""


@dataclass(frozen=True)
class Scene:
    """A photo, the subject in it, and a hole in its background.

    Attributes:
        name: the photo's name.
        truth: (h, w, 3), sRGB-encoded.
        disparity: (h, w), of the photo.
        alpha: (h, w), 1 in the hole and the subject's coverage elsewhere.
        hole: (h, w), the part that is compared.
    """

    name: str
    truth: np.ndarray
    disparity: np.ndarray
    alpha: np.ndarray
    hole: np.ndarray


def scene_of(path: Path, kept: Path | None) -> Scene:
    """Load a photo and cut the hole into it."""
    truth = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    stored = kept / f"{path.stem}.npz" if kept else None
    if stored and stored.exists():
        with np.load(stored) as arrays:
            disparity, alpha = (arrays[name].astype(np.float32) for name in ("disparity", "alpha"))
    else:
        disparity = estimate_depth(truth).disparity
        alpha = find_subject(truth, disparity=disparity).alpha
        if stored:
            stored.parent.mkdir(parents=True, exist_ok=True)
            np.savez(stored, disparity=disparity, alpha=alpha)
    hole = hole_of(alpha > 0.5, alpha >= 0.02)
    return Scene(path.stem, truth, disparity, np.maximum(alpha, hole.astype(np.float32)), hole)


def hole_of(subject: np.ndarray, all_of_it: np.ndarray) -> np.ndarray:
    """Return the hole that the rule gives for a subject.

    Args:
        subject: (h, w), true where the subject is.
        all_of_it: (h, w), true also where only a little of the subject is visible.
    """
    height, width = subject.shape
    scale = min(1.0, (LARGEST / max(subject.mean(), 1e-6)) ** 0.5)
    small = max(1, round(height * scale)), max(1, round(width * scale))
    outline = resize(subject.astype(np.float32), small, method="area") > 0.5
    apart = int(APART * max(subject.shape))
    free = ~ndimage.maximum_filter(all_of_it, 2 * apart + 1)
    best, most = np.zeros_like(subject), -1
    top = (height - small[0]) // 2
    lit = np.flatnonzero(outline.any(axis=0))
    for left in range(-int(lit[0]), width - int(lit[-1]), max(1, width // 32)):
        moved = np.zeros_like(subject)
        start, stop = max(left, 0), min(left + small[1], width)
        moved[top : top + small[0], start:stop] = outline[:, start - left : stop - left]
        moved &= free
        if moved.sum() > most:
            best, most = moved, int(moved.sum())
    return best


def smooth(scene: Scene) -> np.ndarray:
    """Fill smoothly, as *Clean background* does where no texture fits."""
    return pull_push(scene.truth, (scene.alpha < 0.02).astype(np.float32))


def textured(scene: Scene) -> np.ndarray:
    """Fill as *Clean background* does."""
    picture = np.where(scene.hole[..., None], 0, scene.truth)
    return all_rows(picture.shape, clean_background(picture, scene.alpha, scene.disparity))


def of_opencv(scene: Scene, python: str) -> Mapping[str, np.ndarray]:
    """Fill with both methods of OpenCV's `inpaint`."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/picture.npy", (scene.truth * 255 + 0.5).astype(np.uint8))
        np.save(f"{folder}/hole.npy", (scene.alpha >= 0.02).astype(np.uint8) * 255)
        subprocess.run([python, "-c", OPENCV, folder], check=True)  # noqa: S603
        return {
            name: np.load(f"{folder}/{name}.npy").astype(np.float32) / 255 for name in ("telea", "navier_stokes")
        }


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("width", ctypes.c_uint),
        ("height", ctypes.c_uint),
        ("row_bytes", ctypes.c_size_t),
    )


class _Settings(ctypes.Structure):
    _fields_ = (
        ("tiles_across", ctypes.c_int),
        ("tiles_down", ctypes.c_int),
        ("context", ctypes.c_int),
        ("map_weight", ctypes.c_double),
        ("outliers", ctypes.c_double),
        ("neighbours", ctypes.c_uint),
        ("probes", ctypes.c_uint),
    )


def of_resynthesizer(scene: Scene, library: Path) -> np.ndarray:
    """Fill with the engine of GIMP's Resynthesizer, inwards from the rim."""
    engine = ctypes.CDLL(str(library.resolve()))
    picture = np.ascontiguousarray(scene.truth * 255 + 0.5).astype(np.uint8)
    hole = (scene.alpha >= 0.02).astype(np.uint8) * 255
    height, width = hole.shape
    buffers = [_Buffer(each.ctypes.data, width, height, each.strides[0]) for each in (picture, hole)]
    settings = _Settings(0, 0, 2, 0.5, 0.117, 16, 500)
    report, rgb = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)(lambda *_: None), 0
    status = engine.imageSynth(
        *map(ctypes.byref, buffers), rgb, ctypes.byref(settings), report, None, ctypes.byref(ctypes.c_int(0))
    )
    if status:
        raise RuntimeError(f"Resynthesizer returned {status}")
    return picture.astype(np.float32) / 255


def scores(filled: np.ndarray, scene: Scene) -> dict[str, float]:
    """Compare a filling with the truth."""
    rim_px = max(3, int(RIM * max(scene.hole.shape)))
    inwards = ndimage.distance_transform_edt(scene.hole)
    background = ndimage.maximum_filter(scene.alpha < 0.02, 2 * rim_px + 1)
    rim = scene.hole & (inwards <= rim_px) & background
    ours, theirs = filled @ LUMA, scene.truth @ LUMA
    inside = ndimage.binary_erosion(scene.hole, iterations=2)
    return {
        "psnr_rim": _psnr(ours[rim], theirs[rim]),
        "ssim_rim": float(_ssim(ours, theirs)[rim].mean()),
        "gradients": float(_energy(ours)[inside].mean() / _energy(theirs)[inside].mean()),
        "psnr": _psnr(ours[scene.hole], theirs[scene.hole]),
    }


def _psnr(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((ours - theirs) ** 2) + 1e-10))


def _energy(luma: np.ndarray) -> np.ndarray:
    down, across = np.gradient(luma)
    energy: np.ndarray = down**2 + across**2
    return energy


def _ssim(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    def mean(plane: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(plane.astype(np.float64), 1.5, truncate=3.5)

    a, b = mean(ours), mean(theirs)
    variances = mean(ours**2) - a**2 + mean(theirs**2) - b**2
    structure = (2 * (mean(ours * theirs) - a * b) + 0.03**2) / (variances + 0.03**2)
    ssim: np.ndarray = (2 * a * b + 0.01**2) / (a**2 + b**2 + 0.01**2) * structure
    return ssim


def measure(
    scene: Scene, opencv: str | None, resynthesizer: Path | None
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, float]]]:
    """Fill a scene with all methods; return the fillings and their scores."""
    fillings: dict[str, np.ndarray] = {}
    table: dict[str, dict[str, float]] = {}
    methods: dict[str, Callable[[Scene], np.ndarray]] = {"smooth": smooth, "textured": textured}
    if resynthesizer:
        methods["resynthesizer"] = partial(of_resynthesizer, library=resynthesizer)
    for name, method in methods.items():
        start = time.process_time()
        fillings[name] = method(scene)
        table[name] = {**scores(fillings[name], scene), "seconds": time.process_time() - start}
    if opencv:
        for name, filled in of_opencv(scene, opencv).items():
            fillings[name] = filled
            table[name] = scores(filled, scene)
    return fillings, table


def save_sheet(scene: Scene, fillings: Mapping[str, np.ndarray], target: Path) -> None:
    """Save the hole, the truth and the fillings side by side, in two rows."""
    hidden = np.where((scene.alpha >= 0.02)[..., None], np.float32(1), scene.truth)
    tiles = [hidden, scene.truth, *fillings.values()]
    tiles += [np.zeros_like(scene.truth)] * (len(tiles) % 2)
    half = len(tiles) // 2
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in (tiles[:half], tiles[half:])], axis=0)
    Image.fromarray((np.clip(sheet, 0, 1) * 255 + 0.5).astype(np.uint8)).save(target, quality=92)


def main() -> None:
    """Measure the given photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--opencv", metavar="PYTHON")
    parser.add_argument("--resynthesizer", type=Path, metavar="LIBRARY")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER")
    parser.add_argument("--kept", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    results = {}
    for path in options.photos:
        scene = scene_of(path, options.kept)
        fillings, results[scene.name] = measure(scene, options.opencv, options.resynthesizer)
        for name, each in results[scene.name].items():
            print(f"{scene.name:20} {name:14}", *(f"{key} {value:7.3f}" for key, value in each.items()), flush=True)
        if options.sheets:
            options.sheets.mkdir(parents=True, exist_ok=True)
            save_sheet(scene, fillings, options.sheets / f"{scene.name}.jpg")
    methods = next(iter(results.values()))
    for name in methods:
        means = {key: float(np.mean([each[name][key] for each in results.values()])) for key in methods[name]}
        print(f"{'mean':20} {name:14}", *(f"{key} {value:7.3f}" for key, value in means.items()))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
