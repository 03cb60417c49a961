"""Read a folder of photographs with measured depth, for the benchmark of depth.

Each photograph NAME.jpg (or .png, .tif, .webp) has its depth in one of these files, where 0 and infinity count as
unknown:

- NAME.depth.png: 16-bit millimetres, as `dioptre depth --metric` writes
- NAME.depth.tif: float metres
- NAME.npz: `gt` (H, W; 0 where unknown), `valid` (bool) and `kind`, which is "depth_m" or, for inverse depth,
  "disparity_per_m", "disparity_px" (unknown scale) or "disparity_rel" (unknown scale and shift)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.depth_scores import Truth

BORDER_PX = 8
"""Pixels at the border that are not scored, because sensors and stereo matching fail there."""

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
_DEPTHS = (".depth.png", ".depth.tif", ".depth.tiff", ".npz")
_KINDS = ("depth_m", "disparity_per_m", "disparity_px", "disparity_rel")
_UNITS = {"I;16": 1000, "I;16B": 1000, "F": 1}  # values per metre, by Pillow's name of the pixel format
_SAME = 0.02  # largest relative difference of the aspect ratios of a photograph and its depth


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A photograph with measured depth.

    Attributes:
        name: the files' common name.
        picture: file of the photograph.
        truth: the measured depth.
    """

    name: str
    picture: Path
    truth: Truth

    def check_shape(self, height: int, width: int) -> None:
        """Raise ValueError if the depth cannot belong to a picture of this size."""
        rows, columns = self.truth.valid.shape
        if abs((columns / rows) / (width / height) - 1) > _SAME + 1 / min(rows, columns):
            raise ValueError(
                f"the depth of {self.name} is {columns} × {rows} pixels, the picture {width} × {height}"
            )


def measured_pictures(folder: Path) -> Iterator[Measured]:
    """Yield the photographs of a folder with their depth, in the order of their names.

    Raises:
        ValueError: the folder contains no depth, a photograph is missing, or a depth file is not valid.
    """
    found = sorted(
        (path.name[: -len(suffix)], path)
        for path in folder.iterdir()
        for suffix in _DEPTHS
        if path.name.lower().endswith(suffix)
    )
    if not found:
        raise ValueError(f"{folder} contains no measured depth, such as NAME.depth.png next to NAME.jpg")
    for name, path in found:
        picture = next((one for end in _PICTURES if (one := folder / f"{name}{end}").is_file()), None)
        if picture is None:
            raise ValueError(f"{path.name} has no photograph named {name}.jpg")
        truth = _from_arrays(path) if path.suffix.lower() == ".npz" else _from_picture(path)
        if not truth.valid.any():
            raise ValueError(f"{path.name} contains no known depth")
        yield Measured(name=name, picture=picture, truth=truth)


def _from_picture(path: Path) -> Truth:
    with Image.open(path) as image:
        kind, codes = image.mode, np.asarray(image, np.float64)
    if kind not in _UNITS:
        raise ValueError(f"{path.name} is not a depth map in metres: one channel of 16 bits or of floats")
    depth_m = codes / _UNITS[kind]
    known = np.isfinite(depth_m) & (depth_m > 0)
    return _truth(np.where(known, 1 / np.where(known, depth_m, 1), 0), known, kind="depth_m")


def _from_arrays(path: Path) -> Truth:
    with np.load(path, allow_pickle=False) as file:
        values, valid, kind = file["gt"].astype(np.float64), file["valid"].astype(bool), str(file["kind"])
    if kind not in _KINDS or values.ndim != 2 or values.shape != valid.shape:
        raise ValueError(f"{path.name} is not valid: {kind}")
    valid = valid & np.isfinite(values) & (values > 0)
    if kind == "depth_m":
        values = np.where(valid, 1 / np.where(valid, values, 1), 0)
    return _truth(np.where(valid, values, 0), valid, kind=kind)


def _truth(inverse_depth: np.ndarray, valid: np.ndarray, *, kind: str) -> Truth:
    inside = np.zeros_like(valid)
    inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return Truth(
        inverse_depth=inverse_depth,
        valid=valid & inside & (inverse_depth > 0),
        relative=kind == "disparity_rel",
        in_metres=kind in ("depth_m", "disparity_per_m"),
    )
