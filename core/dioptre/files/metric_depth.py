"""Write depth in metres to files, as a float TIFF or as a 16-bit PNG in millimetres; and normals."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from . import problems
from .encode import Extras, encode
from .notes import of_depth
from .picture import Format
from .publish import InputFiles, replacing

SUFFIXES = (".tif", ".tiff", ".png")
FARTHEST_MM = 65_535
"""The PNG's code for everything at 65.535 m or farther. 0 is not used."""


def write_metric_depth(
    inverse_m: Float32[np.ndarray, "h w"],
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    permissions_of: InputFiles = (),
) -> None:
    """Write depth in metres in the format that the suffix selects.

    .tif: float32, metres along the optical axis, infinity for points at infinity. .png: 16-bit millimetres, at most
    65535. Both state their unit in XMP, by which `read_depth` recognises them.

    Args:
        inverse_m: inverse depth in 1/m.
        path: the file.
        force: replace an existing file.
        permissions_of: input files; only users who can read all of them can read the result.

    Raises:
        FileExists: the file exists and `force` is off.
        UnwritableFile: the file cannot be written or has another suffix.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in SUFFIXES:
        raise problems.UnwritableFile(
            "Depth in metres cannot be saved as {suffix}.",
            hint="Use a file name that ends in .tif (metres) or .png (millimetres).",
            suffix=suffix or "a file without a suffix",
        )
    with replacing(place, force=force, permissions_of=permissions_of) as stream:
        if suffix == ".png":
            stream.write(encode(_millimetres(inverse_m)[..., None], Format.PNG, extras=Extras(xmp=of_depth("mm"))))
        else:
            stream.write(encode(_metres(inverse_m)[..., None], Format.TIFF, extras=Extras(xmp=of_depth("m"))))


def write_normals(
    vectors: Float32[np.ndarray, "h w 3"],
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    permissions_of: InputFiles = (),
) -> None:
    """Write surface normals as a 16-bit PNG: red is right, green is up and blue is towards the camera.

    The components -1 to 1 become 0 to 65535, as in the usual normal maps.

    Args:
        vectors: unit vectors.
        path: the file, with the suffix .png.
        force: replace an existing file.
        permissions_of: input files; only users who can read all of them can read the result.

    Raises:
        FileExists: the file exists and `force` is off.
        UnwritableFile: the file cannot be written, or has another suffix.
    """
    place = Path(path)
    if place.suffix.lower() != ".png":
        raise problems.UnwritableFile(
            "Normals cannot be saved as {suffix}.",
            hint="Use a file name that ends in .png (16-bit).",
            suffix=place.suffix or "a file without a suffix",
        )
    codes = np.clip(np.rint((vectors + 1) * np.float32(32767.5)), 0, 65535).astype(np.uint16)
    with replacing(place, force=force, permissions_of=permissions_of) as stream:
        stream.write(encode(codes, Format.PNG))


def _metres(inverse_m: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    depth = np.full_like(inverse_m, np.inf)
    np.divide(np.float32(1), inverse_m, out=depth, where=inverse_m > 0)
    return depth


def _millimetres(inverse_m: Float32[np.ndarray, "h w"]) -> np.ndarray:
    codes: np.ndarray = np.clip(np.rint(1000 * _metres(inverse_m)), 1, FARTHEST_MM).astype(np.uint16)
    return codes
