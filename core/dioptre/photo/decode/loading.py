"""Load a photo from a file as sRGB-encoded pixels."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from .. import colour_profile, matrix_profile
from ..colour_profile import BadProfile, LabModel, ReadOnlyModel
from ..curves import in_bands, srgb_curve
from ..formats.decoded import Decoded, require_finite, unusable_profile
from ..gain_map import GainMap
from ..metadata import exif
from ..picture import Colour, Picture, Source
from .decoding import decode
from .hdr_signal import divide

_PART = 1 << 20  # pixels that are converted at a time
LARGEST = np.float32(65504.0)
"""The largest half float, brighter than any photo. Values of float files are clipped to it."""


@runtime_checkable
class Decoding(Protocol):
    """A function that decodes a file, in this process or another one."""

    def __call__(self, path: Path, *, max_megapixels: float | None = None) -> Decoded: ...


def load(
    path: str | os.PathLike[str], *, max_megapixels: float | None = None, decoding: Decoding = decode
) -> Picture:
    """Read JPEG, PNG, TIFF, WebP, AVIF, GIF, and HEIC, JPEG XL and RAW if their extras are installed.

    Pictures of any bit depth, colour model (grey, palette, RGB, CMYK, Lab), orientation and profile, with or
    without alpha, become upright, sRGB-encoded float32 with straight alpha. Colours that a file states by numbers
    (cICP, gAMA and cHRM in PNG, nclx in AVIF and HEIC) become a profile. A photo with a gain map and an HDR picture
    (PQ, HLG) are not clipped at white, so their values can exceed 1.

    The file is decoded in this process, within the limits that follow from its size. For files that you do not
    trust, pass `dioptre.photo.apart.reader().decoding`: a separate process then decodes them, which may take only a
    certain time and memory, and whose crash is an error.

    Args:
        path: the file.
        max_megapixels: refuse larger pictures before decoding. None: DIOPTRE_MAX_MEGAPIXELS, or 200.
        decoding: where the file is decoded: in this process, or in a separate one (`apart.Reader.decoding`).

    Returns:
        Picture: `pixels` (H, W, 3) or (H, W, 4), and `source`, which lets `save` write a result in the same format.

    Raises:
        MissingFile, UnreadableFile, NotAPicture, DamagedPicture, PictureTooLarge, NotEnoughMemory
    """
    place = Path(path)
    decoded = decoding(place, max_megapixels=max_megapixels)
    require_finite(decoded, place, maps=True)
    divide(decoded)
    model, source, message = _model(decoded)
    messages = (*decoded.messages, *message)
    return Picture(
        pixels=_all_pixels(decoded, model),
        source=source,
        path=place,
        messages=messages,
        sha256=decoded.sha256,
        gain_map=decoded.gain_map,
        depth=decoded.depth,
    )


def _model(decoded: Decoded) -> tuple[ReadOnlyModel, Source, tuple[str, ...]]:
    """Choose how to convert the colours. An unusable profile is removed from the source."""
    source = decoded.source
    if source.colour is Colour.LAB:
        return LabModel(), replace(source, icc=None), ()
    bands = {Colour.GREY: 1, Colour.CMYK: 4}.get(source.colour, 3)
    profile = source.icc
    if profile is None and bands == 3 and exif.camera_is_adobe_rgb(source.exif):
        profile = matrix_profile.adobe_rgb()
        source = replace(source, icc=profile)
    if profile is None:
        message = ("No CMYK profile is embedded; a common one is assumed.",) if bands == 4 else ()
        return colour_profile.model(None, bands=bands), source, message
    try:
        if bands == 1 and colour_profile.is_srgb(profile):  # grey files often contain an RGB profile of sRGB
            profile = None
        return colour_profile.model(profile, bands=bands), source, ()
    except BadProfile:
        message = (unusable_profile(cmyk=bands == 4),)
        return colour_profile.model(None, bands=bands), replace(source, icc=None), message


def _all_pixels(decoded: Decoded, model: ReadOnlyModel) -> np.ndarray:
    """Return the pixels of the whole picture; what is computed on the way takes little memory."""
    height, width = decoded.codes.shape[:2]
    pixels, step = np.empty((height, width, 4 if decoded.source.alpha else 3), np.float32), max(1, _PART // width)
    for top in range(0, height, step):
        rows = slice(top, top + step)
        pixels[rows] = _pixels(decoded, model, rows)
    return pixels


def _pixels(decoded: Decoded, model: ReadOnlyModel, rows: slice) -> np.ndarray:
    codes, alpha = decoded.codes[rows], decoded.source.alpha
    pixels = np.empty((*codes.shape[:2], 4 if alpha else 3), np.float32)
    colours = codes[..., :-1] if alpha else codes
    if alpha:
        scale = np.float32(1.0 if codes.dtype.kind == "f" else 1.0 / np.iinfo(codes.dtype).max)
        np.multiply(codes[..., -1], scale, out=pixels[..., 3], dtype=np.float32)
        np.clip(pixels[..., 3], 0.0, 1.0, out=pixels[..., 3])
    if codes.dtype.kind == "f":  # a stray value of 1e38 would overflow to infinity
        colours = np.clip(colours, -LARGEST, LARGEST)
    if decoded.premultiplied:
        colours = _straight(colours, pixels[..., 3])
    model.to_srgb(colours, out=pixels[..., :3])
    if decoded.gain_map is not None:
        first = rows.indices(len(decoded.codes))[0]
        _brighten(pixels, decoded.gain_map, shape=decoded.codes.shape, first=first)
    return pixels


def _brighten(pixels: np.ndarray, gains: GainMap, *, shape: tuple[int, ...], first: int) -> None:
    """Multiply the linear light of some rows of a picture by its gain map, in place.

    Gains with three channels apply to the file's own primaries; here they are applied to sRGB's.

    Args:
        pixels: the rows.
        gains: the gain map.
        shape: shape of the whole picture.
        first: index of the first row.
    """

    def work(rows: slice) -> None:
        stops = gains.stops(slice(first + rows.start, first + rows.stop), shape)
        linear = srgb_curve().decode(pixels[rows][..., :3])
        pixels[rows][..., :3] = srgb_curve().encode(gains.brightened(linear, stops))

    in_bands(pixels.shape, work)


def _straight(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Divide premultiplied colours by alpha; return float32 in [0, 1]."""
    result = np.empty(colours.shape, np.float32)

    def work(rows: slice) -> None:
        colour_profile.normalise(colours[rows], out=result[rows])
        result[rows] /= np.maximum(alpha[rows], np.float32(1e-4))[..., None]

    in_bands(alpha.shape, work)
    return result
