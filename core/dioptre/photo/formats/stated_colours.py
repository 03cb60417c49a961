"""Give a decoded picture without an ICC profile the profile of the colours that its file states by numbers.

Code points of ITU-T H.273 stand in PNG's chunk cICP and in nclx of AVIF and HEIC. Each pair of primaries and
transfer function becomes an ICC profile, so that such a picture is read, processed and saved like any other
with a profile. PNG also has gAMA and cHRM (PNG third edition, 4.3: cICP takes precedence over iCCP, iCCP over
sRGB, and sRGB over gAMA and cHRM), TIFF has PrimaryChromaticities, WhitePoint and TransferFunction (TIFF 6.0,
section 20).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from dioptre_link.language import Message

from ..matrix_profile import ADOBE_RGB_GAMMA, D65_XY, SRGB_XY, grey_profile, rgb_profile, srgb_samples
from ..metadata import containers, exif, tiff_tags
from ..picture import Colour
from .decoded import Decoded, expanded, unusable_profile

PQ, HLG = 16, 18
"""Transfer functions of HDR pictures, which `hdr_signal` reads."""

_ILLUMINANT_C_XY = (0.310, 0.316)
_PRIMARIES = {
    1: ("Rec. 709", SRGB_XY, D65_XY),
    4: ("BT.470 M", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), _ILLUMINANT_C_XY),
    5: ("BT.470 B/G", ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65_XY),
    6: ("SMPTE 170M", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65_XY),
    7: ("SMPTE 240M", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65_XY),
    8: ("Film", ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049)), _ILLUMINANT_C_XY),
    9: ("Rec. 2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65_XY),
    10: ("CIE XYZ", ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)), (1 / 3, 1 / 3)),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    12: ("P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65_XY),
    22: ("EBU 3213", ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)), D65_XY),
}
"""Name, CIE xy of red, green and blue, and of white (H.273 table 2)."""
_EXPONENTS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_LIKE_SRGB = (1, 2, 6, 7, 11, 12, 13, 14, 15)
"""sRGB's curve, unspecified curves, and those of video cameras. Encoders write the latter for photos in sRGB, and
browsers show still pictures with them as sRGB."""
_SRGB_GAMMA = 0.45455  # the value of gAMA that stands for sRGB's curve
_GAMMA_TOLERANCE = 0.01  # relative; no 8-bit code changes by more than about one
_GAMMA_RANGE = (0.05, 20.0)
_XY_TOLERANCE = 0.001
_SINGULAR = 1e-4
_WHITE_POINT, _CHROMATICITIES, _TRANSFER_FUNCTION = 318, 319, 301  # fields of TIFF
_RATIONAL = 5
_MOST_SAMPLES = 4096


@dataclass(frozen=True, kw_only=True)
class CodePoints:
    """The colours of a file as code points.

    Attributes:
        primaries: code of the primaries.
        transfer: code of the transfer function.
        full_range: whether black is code 0 and white is the largest code, as usual; else 16 and 235 of 8 bits.
    """

    primaries: int
    transfer: int
    full_range: bool = True

    @property
    def known(self) -> bool:
        """Whether `profile` represents the colours, apart from the transfer functions PQ and HLG."""
        curve = self.transfer in _LIKE_SRGB or self.transfer in _EXPONENTS
        return curve and (self.primaries == 2 or self.primaries in _PRIMARIES)

    def profile(self, *, grey: bool) -> bytes | None:
        """Return an ICC profile of the colours; None for sRGB, or grey with its curve.

        Args:
            grey: whether the picture is grey, so that the primaries do not matter.
        """
        exponent = _EXPONENTS.get(self.transfer)
        primaries = 1 if grey or self.primaries not in _PRIMARIES else self.primaries
        return None if exponent is None and primaries == 1 else _profile_of(primaries, exponent, grey=grey)

    def hdr_profile(self, *, grey: bool) -> bytes:
        """Return the profile of an HDR picture's rendition: its primaries, or Rec. 2020, with gamma 2.2."""
        return _profile_of(self.primaries if self.primaries in _PRIMARIES else 9, ADOBE_RGB_GAMMA, grey=grey)


@cache
def _profile_of(primaries: int, exponent: float | None, *, grey: bool) -> bytes:
    """Return a profile with an exponent, or with sRGB's curve if that is None."""
    name, primaries_xy, white_xy = _PRIMARIES[primaries]
    curve, words = (srgb_samples(), "the sRGB curve") if exponent is None else (exponent, f"gamma {exponent:.3g}")
    if grey:
        return grey_profile(f"Grey with {words}", curve=curve)
    return rgb_profile(f"{name} with {words}", primaries_xy=primaries_xy, white_xy=white_xy, curve=curve)


def apply_png(found: Decoded, data: memoryview, path: Path) -> None:
    """Read the colours that a PNG file states.

    Args:
        found: the picture, changed in place; its codes may be empty.
        data: the file.
        path: the file, for messages.
    """
    chunks = dict(reversed([*containers.png_chunks(data, after_pixels=False)]))  # the first of equal ones counts
    points = None
    if len(given := chunks.get(b"cICP", b"")) == 4:
        points = CodePoints(primaries=given[0], transfer=given[1], full_range=bool(given[3]))
    if points is not None and (points.known or points.transfer in (PQ, HLG)):
        if not points.full_range and found.codes.size:
            colours = found.codes[..., : found.codes.shape[2] - found.source.alpha]
            limited = expanded(colours, bits=8 * found.codes.dtype.itemsize)
            found.codes = np.concatenate([limited, found.codes[..., colours.shape[2] :]], 2)
        found.source = replace(found.source, icc=None)
        apply_code_points(found, points, path)
    elif found.source.icc is None and b"iCCP" in chunks:  # libpng has refused it
        found.messages.append(unusable_profile())
    elif found.source.icc is None and b"sRGB" not in chunks:
        grey = found.source.colour is Colour.GREY
        icc = _profile(_exponent(chunks.get(b"gAMA", b"")), _chromaticities(chunks.get(b"cHRM", b"")), grey=grey)
        found.source = replace(found.source, icc=icc)
        if icc is None and points is not None:
            _note_unknown(found, path)


def apply_tiff(found: Decoded, data: memoryview) -> None:
    """Read the colours that a TIFF file states, as `apply_png` does."""
    read = tiff_tags.first_directory(data)
    if read is None or found.source.icc is not None or found.source.colour in (Colour.CMYK, Colour.LAB):
        return
    head, first = read

    def rationals(tag: int, usual: np.ndarray) -> np.ndarray:
        entry = first.entries.get(tag)
        if entry is None or entry.type != _RATIONAL or entry.count != usual.size:
            return usual
        pairs = np.frombuffer(data, f"{head.order}u4", 2 * entry.count, entry.at).reshape(-1, 2)
        return (pairs[:, 0] / np.maximum(pairs[:, 1], 1)).reshape(usual.shape)

    white = rationals(_WHITE_POINT, np.array([D65_XY]))
    primaries = rationals(_CHROMATICITIES, np.array(SRGB_XY))
    table = np.array(exif.integers(data, head, first.entries.get(_TRANSFER_FUNCTION))) / 65535
    grey = found.source.colour is Colour.GREY
    samples = 1 << min(found.source.bits, 16)
    curve = None
    if len(table) in (samples, 3 * samples) and not found.source.floating:
        curve = table.reshape(-1, samples)[0 if grey or len(table) == samples else slice(None)]
        curve = curve[..., np.linspace(0, samples - 1, min(samples, _MOST_SAMPLES)).round().astype(int)]
    found.source = replace(found.source, icc=_profile(curve, np.concatenate([white, primaries]), grey=grey))


def apply_code_points(found: Decoded, points: CodePoints | None, path: Path) -> None:
    """Read colours stated by code points. An ICC profile takes precedence, except over HDR.

    HDR pictures get the profile of their ordinary rendition; their codes are left to `hdr_signal.divide`, because
    those of a depth map must not change.

    Args:
        found: the picture with full-range codes, changed in place; its codes may be empty.
        points: its code points; None if there are none.
        path: the file, for messages.
    """
    if points is None:
        return
    grey = found.source.colour is Colour.GREY
    if points.transfer in (PQ, HLG):
        if found.source.floating or found.premultiplied:
            found.messages.append(f"{path.name} is an HDR picture (PQ or HLG). Its tones are treated as sRGB.")
            return
        found.source = replace(found.source, icc=points.hdr_profile(grey=grey), hdr_transfer=points.transfer)
    elif found.source.icc is None and points.known:
        found.source = replace(found.source, icc=points.profile(grey=grey))
    elif found.source.icc is None:
        _note_unknown(found, path)


def _note_unknown(found: Decoded, path: Path) -> None:
    found.messages.append(
        Message(
            "{file} states a kind of colours that Dioptre does not know. They are treated as sRGB.", file=path.name
        )
    )


def _exponent(gamma: bytes) -> float | None:
    """Return the exponent that a gAMA chunk states; None for sRGB's curve."""
    value = int.from_bytes(gamma, "big") / 100_000 if len(gamma) == 4 else _SRGB_GAMMA
    usual = abs(value / _SRGB_GAMMA - 1) < _GAMMA_TOLERANCE
    return None if usual or not _GAMMA_RANGE[0] <= value <= _GAMMA_RANGE[1] else 1 / value


def _chromaticities(chunk: bytes) -> np.ndarray:
    """Return CIE xy of white, red, green and blue in a cHRM chunk, (4, 2); those of sRGB if there is none."""
    usual = np.array([D65_XY, *SRGB_XY])
    return np.frombuffer(chunk, ">i4").reshape(4, 2) / 100_000 if len(chunk) == 32 else usual


def _profile(curve: float | np.ndarray | None, white_and_primaries_xy: np.ndarray, *, grey: bool) -> bytes | None:
    """Return the profile for a curve as in `rgb_profile`, or sRGB's if that is None; None for sRGB.

    Impossible primaries count as those of sRGB.
    """
    stated = isinstance(curve, np.ndarray)
    words = "a stated curve" if stated else f"gamma {curve:.3g}" if curve else "the sRGB curve"
    if grey:
        return None if curve is None else grey_profile(f"Grey with {words}", curve=curve)
    if not _possible(white_and_primaries_xy):
        white_and_primaries_xy = np.array([D65_XY, *SRGB_XY])
    usual = np.abs(white_and_primaries_xy - [D65_XY, *SRGB_XY]).max() < _XY_TOLERANCE
    if usual and curve is None:
        return None
    white, *primaries = ((float(x), float(y)) for x, y in white_and_primaries_xy)
    name = f"{'sRGB' if usual else 'Stated'} primaries with {words}"
    curve = srgb_samples() if curve is None else curve
    return rgb_profile(name, primaries_xy=tuple(primaries), white_xy=white, curve=curve)


def _possible(white_and_primaries_xy: np.ndarray) -> bool:
    """Return whether the primaries span a triangle that contains the white."""
    columns = np.column_stack([white_and_primaries_xy, 1 - white_and_primaries_xy.sum(1)]).T
    if not np.isfinite(columns).all() or white_and_primaries_xy[0, 1] <= 0:
        return False
    if abs(np.linalg.det(columns[:, 1:])) < _SINGULAR:
        return False
    return bool((np.linalg.solve(columns[:, 1:], columns[:, 0]) > 0).all())
