"""Read a folder of photographs with measured depth, to measure networks with (`dioptre bench --depth`).

Each photograph NAME.jpg (or .png, .tif, .webp) has its depth in one of these files, where 0 and infinity count as
unknown:

- NAME.depth.png: 16-bit millimetres, as `dioptre depth --metric` writes
- NAME.depth.tif: float metres
- NAME.npz: `gt` (H, W; 0 where unknown), `valid` (bool) and `kind`, which is "depth_m" or, for inverse depth,
  "disparity_per_m", "disparity_px" (unknown scale) or "disparity_rel" (unknown scale and shift)
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dioptre.imaging.depth_scores import Truth
from dioptre_link.errors import UsageError

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
        """Raise UsageError if the depth cannot belong to a picture of this size."""
        rows, columns = self.truth.valid.shape
        if abs((columns / rows) / (width / height) - 1) > _SAME + 1 / min(rows, columns):
            raise UsageError(
                "The depth of {name} is {columns} × {rows} pixels, the picture {width} × {height}.",
                hint="Both must have the same aspect ratio and orientation.",
                name=self.name,
                columns=columns,
                rows=rows,
                width=width,
                height=height,
            )


def measured_pictures(folder: Path) -> Iterator[Measured]:
    """Yield the photographs of a folder with their depth, in the order of their names.

    Raises:
        UsageError: the folder contains no depth, a photograph is missing, or a depth file is not valid.
    """
    found = sorted(
        (path.name[: -len(suffix)], path)
        for path in folder.iterdir()
        for suffix in _DEPTHS
        if path.name.lower().endswith(suffix)
    )
    if not found:
        raise UsageError(
            "{folder} contains no measured depth.",
            hint="Put NAME.depth.png (16-bit millimetres) or NAME.depth.tif (metres) next to each NAME.jpg.",
            folder=str(folder),
        )
    for name, path in found:
        picture = next((one for end in _PICTURES if (one := folder / f"{name}{end}").is_file()), None)
        if picture is None:
            raise UsageError("{file} has no photograph named {name}.", file=path.name, name=f"{name}.jpg")
        yield Measured(name=name, picture=picture, truth=_checked(_read(path), path))


def _checked(truth: Truth, path: Path) -> Truth:
    if not truth.valid.any():
        raise UsageError("{file} contains no known depth.", file=path.name)
    return truth


def _read(path: Path) -> Truth:
    if path.suffix.lower() == ".npz":
        return _from_arrays(path)
    try:
        with Image.open(path) as image:
            kind, codes = image.mode, np.asarray(image, np.float64)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError("{file} is not valid: {error}.", file=path.name, error=error) from error
    if kind not in _UNITS:
        raise UsageError(
            "{file} is not a depth map in metres.",
            hint="Use one channel with 16 bits (millimetres) or with floats (metres).",
            file=path.name,
        )
    depth_m = codes / _UNITS[kind]
    known = np.isfinite(depth_m) & (depth_m > 0)
    return _truth(np.where(known, 1 / np.where(known, depth_m, 1), 0), known, kind="depth_m")


def _from_arrays(path: Path) -> Truth:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            values, valid, kind = file["gt"].astype(np.float64), file["valid"].astype(bool), str(file["kind"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError("{file} is not valid: {error}.", file=path.name, error=error) from error
    if kind not in _KINDS or values.ndim != 2 or values.shape != valid.shape:
        raise UsageError(
            "{file} is not valid: {error}.",
            hint="`gt` and `valid` must be (H, W), and `kind` one of {kinds}.",
            file=path.name,
            error=kind,
            kinds=", ".join(_KINDS),
        )
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
