"""Write depth in metres to files: float TIFF, 16-bit PNG in millimetres, or a point cloud (PLY); and normals.

PLY: Turk, "The PLY Polygon File Format", 1994; binary, little-endian.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.field_of_view import FieldOfView

from . import problems
from .atomic import InputFiles, replacing
from .encode import Extras, encode
from .notes import of_depth
from .picture import Format

SUFFIXES = (".tif", ".tiff", ".png", ".ply")
FARTHEST_MM = 65_535
"""The PNG's code for everything at 65.535 m or farther. 0 is not used."""

_MOST_POINTS = 4_000_000
_STEP = 0.06  # a point belongs to no surface if its inverse depth differs by more than this from both neighbours


def write_metric_depth(
    inverse_m: Float32[np.ndarray, "h w"],
    picture: Float32[np.ndarray, "h w c"],
    path: str | os.PathLike[str],
    *,
    field_of_view: FieldOfView | None = None,
    force: bool = False,
    permissions_of: InputFiles = (),
) -> None:
    """Write depth in metres in the format that the suffix selects.

    .tif: float32, metres along the optical axis, infinity for points at infinity. .png: 16-bit millimetres, at most
    65535. Both state their unit in XMP, by which `read_depth` recognises them. .ply: coloured points in metres with
    the camera at 0, x right, y up and z towards the camera. Points at infinity and points between two surfaces at a
    depth step are left out.

    Args:
        inverse_m: inverse depth in 1/m.
        picture: sRGB-encoded colours of the points.
        path: the file.
        field_of_view: required for points.
        force: replace an existing file.
        permissions_of: input files; only users who can read all of them can read the result.

    Raises:
        FileExists: the file exists and `force` is off.
        UnwritableFile: the file cannot be written, has another suffix, or a point cloud has no field of view.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in SUFFIXES:
        raise problems.UnwritableFile(
            "Depth in metres cannot be saved as {suffix}.",
            hint="Use a file name that ends in .tif (metres), .png (millimetres) or .ply (points).",
            suffix=suffix or "a file without a suffix",
        )
    if suffix == ".ply" and field_of_view is None:
        raise problems.UnwritableFile(
            "A point cloud needs the picture's angle of view, which is not known.",
            hint="Specify the 35 mm equivalent focal length of the photo, for example --equivalent-mm 28.",
        )
    with replacing(place, force=force, permissions_of=permissions_of) as stream:
        if suffix == ".ply":
            assert field_of_view is not None
            stream.write(_points(inverse_m, picture, field_of_view))
        elif suffix == ".png":
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


def _points(inverse_m: Float32[np.ndarray, "h w"], picture: np.ndarray, view: FieldOfView) -> bytes:
    height, width = inverse_m.shape
    step = max(1, math.ceil(math.sqrt(height * width / _MOST_POINTS)))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    inverse, colours = inverse_m[::step, ::step], picture[::step, ::step, :3]
    kept = (inverse > 0) & ~_hanging(inverse)
    if picture.shape[2] == 4:
        kept &= picture[::step, ::step, 3] > 0
    depth = 1 / inverse[kept]
    focal = view.focal_px((height, width))
    across, down = np.meshgrid((columns + 0.5 - width / 2) / focal, (rows + 0.5 - height / 2) / focal)
    vertices = np.empty(
        len(depth), dtype=[*((axis, "<f4") for axis in "xyz"), *((name, "u1") for name in ("red", "green", "blue"))]
    )
    vertices["x"], vertices["y"], vertices["z"] = across[kept] * depth, -down[kept] * depth, -depth
    codes = np.rint(np.clip(colours[kept], 0, 1) * 255).astype(np.uint8)
    vertices["red"], vertices["green"], vertices["blue"] = codes.T
    properties = [f"property float {axis}" for axis in "xyz"]
    properties += [f"property uchar {name}" for name in ("red", "green", "blue")]
    head = ["ply", "format binary_little_endian 1.0", "comment metres; x right, y up, z towards the camera"]
    head += [f"element vertex {len(depth)}", *properties, "end_header", ""]
    return "\n".join(head).encode("ascii") + vertices.tobytes()


def _hanging(inverse: Float32[np.ndarray, "h w"]) -> np.ndarray:
    """Find points between surfaces: their inverse depth differs greatly from both neighbours along an axis."""
    hanging = np.zeros(inverse.shape, bool)
    for axis in (0, 1):
        if inverse.shape[axis] < 3:
            continue
        differences = np.abs(np.diff(inverse, axis=axis))
        moved = np.moveaxis(differences, axis, 0)
        both = np.minimum(moved[:-1], moved[1:])
        inner = np.moveaxis(inverse, axis, 0)[1:-1]
        np.moveaxis(hanging, axis, 0)[1:-1] |= both > _STEP * inner
    return hanging
