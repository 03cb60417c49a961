"""Read and write depth maps as separate files: disparity, 1 = nearest, 0 = farthest; and normals.

The formats are 16-bit PNG for editors, and float TIFF, PFM and NumPy for exact values. Profiles are ignored on
reading, because the values are data and not tones. The PNG has a grey profile with sRGB's curve, with which editors
show the values unchanged; without a profile, Krita would ask for one.

Files with distances in metres or millimetres are read and written, too: float TIFF or 16-bit PNG, which state
their unit in XMP, and others if the user states the unit.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.lenses import in_metres

from . import matrix_profile, problems
from .budget import megapixels_allowed, most_megapixels
from .colour_profile import quantise
from .curves import in_bands
from .decode.decoding import decode
from .decode.loading import Decoding
from .encode.encoding import PLAIN, encode
from .formats.decoded import Decoded, require_finite
from .metadata.xmp import depth_unit, of_depth
from .picture import Extras, Format

UNITS = {"m": 1.0, "mm": 1e-3}
"""Metres per unit of a depth map's distances."""

_NEAREST_M = np.float32(1e-6)  # smaller distances count as unknown; the inverse of the smallest floats is infinite
_LARGEST = np.float32(1e30)  # of a relative depth; the difference of larger floats may be infinite
_FARTHEST_M = 1e6  # larger distances count as infinite

_LEAST_ALPHA = np.float32(1e-4)
_SAME = 0.02  # relative tolerance for the channels of a grey picture, and for aspect ratios
SUFFIXES = (".png", ".tif", ".tiff", ".pfm", ".npy")
"""Suffixes of files with one value per pixel."""
FARTHEST_MM = 65_535
"""The PNG's code for everything at 65.535 m or farther. 0 is not used."""


@dataclass(frozen=True, kw_only=True)
class DepthMap:
    """A depth map for a picture.

    Attributes:
        disparity: float32 (H, W), 1 = nearest.
        range_per_m: inverse distances in 1/m at disparity 0 and 1; None if the file has no distances.
        messages: sentences for the user about any assumptions.
    """

    disparity: np.ndarray
    range_per_m: tuple[float, float] | None = None
    messages: tuple[str, ...] = ()


def require_plane_suffix(path: Path) -> None:
    """Raise UnwritableFile if no file of this name can hold depth or a mask without losing precision."""
    if path.suffix.lower() not in SUFFIXES:
        raise problems.UnwritableFile(
            "A depth map or mask cannot be saved as {suffix} without losing precision.",
            hint="Use a file name that ends in .png (16-bit), .tif, .pfm, .npy (float), .exr or .ora (layers).",
            suffix=path.suffix or "a file without a suffix",
        )


def encoded_depth(disparity: np.ndarray, suffix: str) -> bytes:
    """Encode a disparity map, or the mask of a selection, as a file.

    Args:
        disparity: float32 (H, W). PNG maps [0, 1] to 0 to 65535; TIFF, PFM and NumPy store the values unchanged.
        suffix: one of `SUFFIXES`.
    """
    if suffix.lower() != ".png":
        return _floats(disparity, suffix)
    codes = np.empty((*disparity.shape, 1), np.uint16)
    in_bands(codes.shape, lambda rows: quantise(disparity[rows], dtype=codes.dtype, out=codes[rows][..., 0]))
    return encode(codes, Format.PNG, extras=Extras(icc=matrix_profile.srgb_grey()))


def _floats(values: np.ndarray, suffix: str, extras: Extras = PLAIN) -> bytes:
    """Encode values unchanged, as TIFF, PFM (whose rows start at the bottom) or a NumPy array."""
    values = np.ascontiguousarray(values, np.float32)
    match suffix.lower():
        case ".pfm":
            return b"Pf\n%d %d\n-1.0\n" % values.shape[::-1] + values[::-1].astype("<f4").tobytes()
        case ".npy":
            file = BytesIO()
            np.save(file, values, allow_pickle=False)
            return file.getvalue()
        case _:
            return encode(values[..., None], Format.TIFF, extras=extras)


def read_depth(
    path: str | os.PathLike[str],
    *,
    width: int,
    height: int,
    unit: str | None = None,
    selection: bool = False,
    decoding: Decoding = decode,
) -> DepthMap:
    """Read a depth map for a picture, or a selection: grey PNG, TIFF, JPEG or WebP with 8, 16 or 32 bits.

    White is near, unless the file contains distances. Integers are scaled to [0, 1]. Floats outside [0, 1] are
    rescaled to that range. If the size differs, the map is resized linearly, with averaging when it is reduced.
    Transparent pixels of a map have no depth and count as the farthest; a selection is multiplied by its alpha.

    Args:
        path: the file.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
        unit: "m" or "mm" if the file contains distances in this unit; None: what the file's XMP states.
        selection: whether the file is a selection, whose shape must be that of the picture.
        decoding: as in `load`.

    Raises:
        NotAPicture: the file is a colour picture.
        PictureTooLarge: the file has far more pixels than the picture, or more than the user's limit.
        UsageError: a selection has another shape.
        DioptreError: as in `load`.
    """
    place = Path(path)
    limit = most_megapixels(width, height)
    try:
        decoded = decoding(place, max_megapixels=limit)
    except problems.PictureTooLarge as error:
        if limit == megapixels_allowed():
            raise
        raise problems.PictureTooLarge(
            "{file} has far more pixels than the picture.",
            hint="Use a copy of the picture's size.",
            file=problems.shown(place),
        ) from error
    unit = depth_unit(decoded.source.xmp) if unit is None else unit
    if unit is None:
        found = _relative(decoded, place, selection=selection)
    else:
        found = _of_distances(decoded, place, metres=UNITS[unit])
    messages = [*decoded.messages, *found.messages]
    if found.disparity.shape != (height, width):
        found_height, found_width = found.disparity.shape
        file, size = f"{problems.shown(place)} ({found_width} × {found_height})", f"{width} × {height}"
        aspect = (found_width / found_height) / (width / height)
        alike = abs(aspect - 1.0) <= _SAME + 1.0 / min(
            width, height, found_width, found_height
        )  # room for rounding
        if not alike and selection:
            raise UsageError(
                "{file} does not have the shape of the picture ({size}).",
                hint="Specify a selection of the picture's size.",
                file=file,
                size=size,
            )
        if not alike:
            messages.append(
                Message("{file} was stretched to the shape of the picture ({size}).", file=file, size=size)
            )
        elif selection:
            messages.append(Message("{file} was scaled to the size of the picture ({size}).", file=file, size=size))
        found = replace(found, disparity=resize_depth(found.disparity, width=width, height=height))
    return replace(found, messages=tuple(messages))


def _relative(decoded: Decoded, path: Path, *, selection: bool) -> DepthMap:
    """Return the map of a file whose values are disparity, or how much is selected."""
    require_finite(decoded, path, maps=True)
    values = _single(decoded, path, selection=selection).clip(-_LARGEST, _LARGEST)
    unknown = np.isnan(values)
    low, high = (float(each) for each in (np.fmin.reduce(values, None), np.fmax.reduce(values, None)))
    messages: list[str] = []
    if low < 0.0 or high > 1.0:
        values = (values - np.float32(low)) / np.float32(max(high - low, 1e-12))
        message = f"The depth values {low:g} to {high:g} were scaled to 0 to 1; the largest value is nearest."
        messages.append(message)
    if unknown.any():
        values[unknown] = 0
        messages.append(_missing(unknown))
    return DepthMap(disparity=values, messages=tuple(messages))


def _missing(unknown: np.ndarray) -> Message:
    """Return the message about the pixels of a depth map that have no depth."""
    return Message(
        "{percent} % of the depth map has no distance and counts as the farthest.",
        percent=f"{100 * unknown.mean():.2g}",
    )


def _of_distances(decoded: Decoded, path: Path, *, metres: float) -> DepthMap:
    """Return the map of a file whose values are distances. Pixels without one get the farthest distance.

    Args:
        decoded: the file's content.
        path: the file, for messages.
        metres: the unit.
    """
    largest = 1 if decoded.codes.dtype.kind == "f" else np.iinfo(decoded.codes.dtype).max
    with np.errstate(invalid="ignore"):
        distance = _single(decoded, path) * np.float32(largest * metres)
    known = distance > _NEAREST_M  # false for NaN
    if not known.any():
        raise problems.NotAPicture(
            "{file} contains no distances.",
            hint="Specify a depth map in metres or millimetres, or leave out --depth-unit.",
            file=problems.shown(path),
        )
    inverse = np.zeros_like(distance)
    np.divide(np.float32(1), distance, out=inverse, where=known & (distance < _FARTHEST_M))
    low, high = float(inverse[known].min()), float(inverse[known].max())
    if high == 0:
        raise problems.NotAPicture(
            "All distances in {file} are infinite.",
            hint="Specify a depth map with finite distances.",
            file=problems.shown(path),
        )
    low = low if low < high else 0.0  # a plane at one distance, which is white
    message = Message(
        "The depth map contains distances from {near} to {far}.",
        near=in_metres(1 / high),
        far=in_metres(1 / low if low > 0 else math.inf),
    )
    return DepthMap(
        disparity=np.maximum((inverse - np.float32(low)) / np.float32(high - low), 0),
        range_per_m=(low, high),
        messages=(message,) if known.all() else (message, _missing(~known)),
    )


def _single(decoded: Decoded, path: Path, *, selection: bool = False) -> np.ndarray:
    """Return a plane as float32 (H, W); raise NotAPicture if it has colours.

    Where it is transparent, depth is NaN, and a selection is multiplied by alpha.
    """
    codes, spread, largest = decoded.codes, [0.0], [1.0]
    scale = np.float32(1.0 if codes.dtype.kind == "f" else 1.0 / np.iinfo(codes.dtype).max)
    values = np.empty(codes.shape[:2], np.float32)

    def work(rows: slice) -> None:
        band = codes[rows].astype(np.float32) * scale
        band, alpha = band[..., : 1 if band.shape[2] < 3 else 3], band[..., -1:]
        if decoded.source.alpha and selection != decoded.premultiplied:
            band = band * alpha if selection else band / alpha.clip(_LEAST_ALPHA)
        seen = np.where(alpha > 0, band, 0) if decoded.source.alpha else band
        values[rows] = band[..., 0]
        if decoded.source.alpha and not selection:
            values[rows][alpha[..., 0] <= 0] = np.nan
        if band.shape[2] > 1:
            spread.append(float(np.ptp(seen, axis=2).max()))
            largest.append(float(np.abs(seen).max()))

    in_bands(values.shape, work)
    if max(spread) > _SAME * max(largest):
        raise problems.NotAPicture(
            "{file} is a colour picture, not a grey one.",
            hint="In a depth map, white is near and black is far; in a selection, white is selected.",
            file=problems.shown(path),
        )
    return values


def resize_depth(values: np.ndarray, *, width: int, height: int) -> np.ndarray:
    """Resize a float32 map (H, W) linearly, with averaging when it is reduced."""
    from PIL import Image

    image = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32)


def encoded_metres(inverse_m: Float32[np.ndarray, "h w"], suffix: str) -> bytes:
    """Encode depth in metres as a file.

    .tif, .pfm, .npy: float32, metres along the optical axis, infinity for points at infinity. .png: 16-bit
    millimetres, at most 65535. PNG and TIFF state their unit in XMP, by which `read_depth` recognises them.

    Args:
        inverse_m: inverse depth in 1/m.
        suffix: one of `SUFFIXES`.
    """
    if suffix.lower() == ".png":
        return encode(_millimetres(inverse_m)[..., None], Format.PNG, extras=Extras(xmp=of_depth("mm")))
    return _floats(metres(inverse_m), suffix, Extras(xmp=of_depth("m")))


def encoded_normals(vectors: Float32[np.ndarray, "h w 3"]) -> bytes:
    """Encode unit vectors as a 16-bit PNG: red is right, green is up and blue is towards the camera.

    The components -1 to 1 become 0 to 65535, as in the usual normal maps.
    """
    codes = np.clip(np.rint((vectors + 1) * np.float32(32767.5)), 0, 65535).astype(np.uint16)
    return encode(codes, Format.PNG)


def metres(inverse_m: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Return the distances of inverse distances in 1/m; infinity for 0."""
    depth = np.full_like(inverse_m, np.inf)
    np.divide(np.float32(1), inverse_m, out=depth, where=inverse_m > 0)
    return depth


def _millimetres(inverse_m: Float32[np.ndarray, "h w"]) -> np.ndarray:
    codes: np.ndarray = np.clip(np.rint(1000 * metres(inverse_m)), 1, FARTHEST_MM).astype(np.uint16)
    return codes
