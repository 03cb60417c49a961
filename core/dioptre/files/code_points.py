"""Colours that a file states by code points of ITU-T H.273 instead of an ICC profile: cICP in PNG, nclx in HEIF.

Each pair of primaries and transfer function becomes an ICC profile, so that such a picture is read, processed and
saved like any other with a profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .matrix_profile import ADOBE_RGB_GAMMA, D65_XY, SRGB_XY, grey_profile, rgb_profile, srgb_samples

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
