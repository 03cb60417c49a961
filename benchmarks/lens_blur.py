"""Compare the quality and time of the lens blur with GEGL's and G'MIC's map-driven blurs and with a plain gather.

    python -m benchmarks.lens_blur [DATA] [-o FILE] [--crops FILE] [--megapixels 12] [--radius 60] [--runs 2]

DATA contains blur/NAME.npz with all_in_focus, depth, blurred, aperture_radius, focus_distance and focal_px: truth
ray-traced with a thin lens. PSNR is computed in linear light, with both pictures clipped to 0 to 1. GEGL runs
through its own command line on float TIFF files; its lens-blur and variable-blur take the radius from a map
(focus-blur takes none). The gather blurs each pixel with the disc of its own depth. GEGL's times include reading
and writing, which is also measured alone. All times are the wall-clock time and the CPU time of all threads in the
fastest run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import jax.numpy as jnp
import numpy as np
import tifffile
from PIL import Image

from benchmarks.frame import scene
from dioptre.contract import FieldOfView, Inputs
from dioptre.features.blur.from_depth import lens_blur
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.optics.defocus import Focus
from dioptre.recipes.apply import apply

_F_NUMBER = 2.0  # f-number of the lens for the blur in metres; its focal length follows from the opening

Blur = Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]
"""Maps linear picture, disparity, focal disparity and radius (px per unit of disparity) to the blurred picture."""


def dioptre(linear: np.ndarray, disparity: np.ndarray, focal: float, radius: float) -> np.ndarray:
    """Blur a linear picture with Dioptre's lens blur."""
    return lens_blur(
        linear, disparity, focus=Focus(focal_disparity=focal, max_radius_px=radius), encoding="linear"
    ).image


def in_metres(linear: np.ndarray, disparity: np.ndarray, focal: float, radius: float) -> np.ndarray:
    """Blur like a user: encoded picture, depth layer from 0 to 1 with its metres, and the options of a real lens.

    Only the product of the opening and the focal length in pixels determines the blur, so the angle of view is that
    of a 50 mm lens on full frame and the opening follows.
    """
    low, high = float(disparity.min()), float(disparity.max())
    view = FieldOfView.of_equivalent(50, source="the scene")
    opening_m = 2 * radius / view.focal_px(linear.shape[:2])
    options = {
        "lens_mm": 1000 * _F_NUMBER * opening_m,
        "f_number": _F_NUMBER,
        "focus_m": 1 / focal,
        "existing_defocus": "ignore",
        "highlight_boost": 0.0,
        "grain": 0.0,
    }
    inputs = Inputs(
        picture=np.asarray(linear_to_srgb(jnp.asarray(linear))),
        disparity=((disparity - low) / (high - low)).astype(np.float32),
        range_per_m=(low, high),
        field_of_view=view,
    )
    encoded = apply("lens_blur", options, inputs).layers[0].pixels
    return np.asarray(srgb_to_linear(jnp.asarray(encoded)))


def draft(linear: np.ndarray, disparity: np.ndarray, focal: float, radius: float) -> np.ndarray:
    """Blur at the draft quality that is shown while a slider moves."""
    return lens_blur(
        linear, disparity, focus=Focus(focal_disparity=focal, max_radius_px=radius), encoding="linear", draft=True
    ).image


def gather(linear: np.ndarray, disparity: np.ndarray, focal: float, radius: float) -> np.ndarray:
    """Replace each pixel with the mean over a disc of the radius given for it, regardless of depth edges."""
    own = np.abs(disparity - focal) * radius
    levels = np.unique(np.concatenate([np.arange(0, 4, 0.5), np.geomspace(4, max(own.max(), 4.1) * 1.01, 24)]))
    reach = int(np.ceil(levels[-1])) + 1
    padded = np.pad(linear, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in padded.shape[:2])
    transformed = np.fft.rfft2(padded, axes=(0, 1))
    result, lower = np.zeros_like(linear), linear
    for low, high in itertools.pairwise(levels):
        disc = np.clip(high + 0.5 - np.hypot(y[:, None], x[None]), 0, 1)
        kernel = np.fft.rfft2(disc / disc.sum())[..., None]
        upper = np.fft.irfft2(transformed * kernel, s=padded.shape[:2], axes=(0, 1))
        upper = upper[reach:-reach, reach:-reach].astype(np.float32)
        share = np.clip((own - low) / (high - low), 0, 1)[..., None]
        inside = ((own >= low) & (own < high))[..., None]
        result = np.where(inside, lower + share * (upper - lower), result)
        lower = upper
    return result


def gegl(operation: str) -> Blur:
    """Return a blur that runs a GEGL operation through its command line; "nothing" only reads and writes."""

    def run(linear: np.ndarray, disparity: np.ndarray, focal: float, radius: float) -> np.ndarray:
        own = np.abs(disparity - focal) * radius
        largest = float(own.max())
        with tempfile.TemporaryDirectory() as folder:
            source, mask, made = (str(Path(folder) / name) for name in ("in.tif", "mask.tif", "out.tif"))
            tifffile.imwrite(source, linear, photometric="rgb")
            tifffile.imwrite(mask, (own / largest).astype(np.float32), photometric="minisblack")
            step = [operation, f"radius={largest}", "linear-mask=true", "aux=[", "gegl:load", f"path={mask}", "]"]
            save = ["gegl:tiff-save", f"path={made}", "bitdepth=32", "fp=1"]
            chain = [*(step if operation != "nothing" else []), *save]
            subprocess.run(["gegl", source, "--", *chain], check=True, capture_output=True)  # noqa: S603, S607
            pixels: np.ndarray = tifffile.imread(made)[..., :3]
        return pixels

    return run


def gmic(linear: np.ndarray, disparity: np.ndarray, focal: float, radius: float) -> np.ndarray:
    """Blur with G'MIC's depth-map filter, a Gaussian whose standard deviation is half the largest disc radius."""
    own = np.abs(disparity - focal) * radius
    with tempfile.TemporaryDirectory() as folder:
        source, mask, made = (str(Path(folder) / name) for name in ("in.tif", "mask.tif", "out.tif"))
        tifffile.imwrite(source, linear * np.float32(255), photometric="rgb")
        tifffile.imwrite(mask, (255 * own / own.max()).astype(np.float32), photometric="minisblack")
        blur = ["fx_blur_dof", f"{own.max() / 2},32,1,0,50,50,30,20,0,1,0,0"]
        subprocess.run(["gmic", source, mask, *blur, "-o", f"{made},float"], check=True, capture_output=True)  # noqa: S603, S607
        pixels: np.ndarray = tifffile.imread(made)[..., :3]
    return pixels / np.float32(255)


def methods() -> dict[str, Blur]:
    """Return the blurs that this machine can run, by name."""
    found: dict[str, Blur] = {"dioptre": dioptre, "dioptre in metres": in_metres, "gather": gather}
    if shutil.which("gegl"):
        found |= {name: gegl(f"gegl:{name}") for name in ("lens-blur", "variable-blur")}
    if shutil.which("gmic"):
        found["gmic fx_blur_dof"] = gmic
    found["no blur"] = lambda linear, *_: linear
    return found


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    """Return the PSNR in dB of two linear pictures, both clipped to 0 to 1."""
    difference = np.clip(made, 0, 1).astype(np.float64) - np.clip(truth, 0, 1)
    return float(-10 * np.log10(np.mean(np.square(difference))))


def scenes(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, float, float, np.ndarray]]:
    """Yield the name, linear picture, disparity, focal disparity, radius and blurred truth of every scene."""
    for path in sorted((folder / "blur").glob("*.npz")):
        held = np.load(path)
        linear, disparity = held["all_in_focus"].astype(np.float32), (1 / held["depth"]).astype(np.float32)
        for number, (aperture, distance) in enumerate(
            zip(held["aperture_radius"], held["focus_distance"], strict=True)
        ):
            radius = float(aperture * held["focal_px"])
            truth = held["blurred"][number].astype(np.float32)
            yield f"{path.stem} {number}", linear, disparity, float(1 / distance), radius, truth


def quality(folder: Path, crops: Path | None) -> dict[str, dict[str, float]]:
    """Return the PSNR of every method for every scene, and save crops side by side on request."""
    table: dict[str, dict[str, float]] = {}
    rows = []
    for name, linear, disparity, focal, radius, truth in scenes(folder):
        made = {method: blur(linear, disparity, focal, radius) for method, blur in methods().items()}
        table[name] = {method: round(psnr(picture, truth), 2) for method, picture in made.items()}
        print(name, table[name], flush=True)
        shown = [picture for method, picture in made.items() if method != "no blur"]
        rows.append(np.concatenate([_crop(picture, disparity) for picture in (truth, *shown)], axis=1))
    if crops:
        Image.fromarray(np.concatenate(rows)).save(crops, quality=90)
    return table


def _crop(linear: np.ndarray, disparity: np.ndarray, side: int = 160) -> np.ndarray:
    """Return the square with the strongest depth edges, encoded as 8-bit sRGB for viewing."""
    edges = np.abs(np.diff(disparity, axis=1, append=0))
    edges[:, -1] = 0
    sums = edges.cumsum(0).cumsum(1)
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    part = np.clip(linear[top : top + side, left : left + side], 0, 1)
    encoded: np.ndarray = np.where(part < 0.0031308, 12.92 * part, 1.055 * part ** (1 / 2.4) - 0.055) * 255 + 0.5
    return encoded.astype(np.uint8)


def least(work: Callable[[], object], runs: int) -> dict[str, float]:
    """Return the wall-clock and CPU seconds of the fastest of several runs."""
    return least_in_turns({"work": work}, runs)["work"]


def least_in_turns(works: dict[str, Callable[[], object]], runs: int) -> dict[str, dict[str, float]]:
    """Time several functions in rotation, so that all of them run under the same conditions.

    Args:
        works: The functions by name.
        runs: Number of rounds.

    Returns:
        The smallest wall-clock and CPU seconds of each function, by name.
    """

    def cpu() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(part.ru_utime + part.ru_stime for part in used)

    made = {name: {"wall_s": float("inf"), "cpu_s": float("inf")} for name in works}
    for _ in range(runs):
        for name, work in works.items():
            wall, before = time.perf_counter(), cpu()
            work()
            taken = {"wall_s": time.perf_counter() - wall, "cpu_s": cpu() - before}
            made[name] = {key: round(min(made[name][key], value), 3) for key, value in taken.items()}
    return made


def times(megapixels: float, radius: float, runs: int) -> dict[str, dict[str, float]]:
    """Time the blurs on a synthetic scene.

    Args:
        megapixels: Size of the scene.
        radius: Radius of the strongest blur in pixels.
        runs: Number of rounds; the smallest times count.

    Returns:
        Wall-clock and CPU seconds by the name of the method.
    """
    linear, disparity = scene(megapixels)
    small, small_disparity = scene(1.5)
    focal = 0.5
    largest = radius / 0.5  # The scene's wall is half the disparity range away from the focus.
    dioptre(linear, disparity, focal, largest)  # This call compiles the program before the timing.
    made = least_in_turns(
        {
            f"dioptre, radius {radius * factor:g}": partial(dioptre, linear, disparity, focal, largest * factor)
            for factor in (1.0, 0.5, 2.0)
        },
        runs,
    )
    preview = largest * (1.5 / megapixels) ** 0.5
    for name, method in {"dioptre, 1.5 megapixels": dioptre, "dioptre, draft of 1.5 megapixels": draft}.items():
        method(small, small_disparity, focal, preview)
        made[name] = least(partial(method, small, small_disparity, focal, preview), runs + 4)
    if shutil.which("gegl"):
        for name in ("lens-blur", "variable-blur"):
            made[name] = least(partial(gegl(f"gegl:{name}"), linear, disparity, focal, largest), 1)
        if shutil.which("gmic"):
            made["gmic fx_blur_dof"] = least(lambda: gmic(linear, disparity, focal, largest), 1)
        made["reading and writing"] = least(lambda: gegl("nothing")(linear, disparity, focal, largest), 1)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("-o", "--output", type=Path, default=Path("lens_blur.json"))
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--radius", type=float, default=60)
    parser.add_argument("--runs", type=int, default=2)
    chosen = parser.parse_args()
    result: dict[str, object] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    if chosen.data:
        table = quality(chosen.data, chosen.crops)
        result["psnr_db"] = table
        result["mean_psnr_db"] = {
            method: round(float(np.mean([row[method] for row in table.values()])), 2)
            for method in next(iter(table.values()))
        }
        result["worst_psnr_db"] = {
            method: min(row[method] for row in table.values()) for method in next(iter(table.values()))
        }
    if chosen.megapixels > 0:
        result["times"] = times(chosen.megapixels, chosen.radius, chosen.runs)
    result["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
