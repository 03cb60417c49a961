"""HDR pictures with the transfer functions PQ and HLG: divide their light into an ordinary picture and a gain map.

Cameras write such pictures as HEIC, AVIF and JPEG XL, and screenshots of HDR screens as PNG. The division is
exact to a 16-bit code, so that reading, processing and saving are the same as for other pictures with a gain map.
SMPTE ST 2084 and ITU-R BT.2100 (transfer functions), ITU-R BT.2408 (white at 203 cd/m²), ITU-T H.273 (codes).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from .curves import CODES, in_bands
from .decoded import Decoded, note_hdr
from .gain_map import GainMap
from .matrix_profile import ADOBE_RGB_GAMMA, D65_XY, SRGB_XY, rgb_profile
from .picture import Colour

PQ, HLG = 16, 18
"""Transfer functions, by their codes in H.273."""

_WHITE_CD_M2 = 203.0
_PQ_PEAK_CD_M2, _HLG_PEAK_CD_M2 = 10000.0, 1000.0
_HLG_GAMMA = 1.2
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of Rec. 2020
_REC_2020 = ("Rec. 2020 with gamma 2.2", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)))
_P3 = ("P3 with gamma 2.2", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)))
_PRIMARIES = {1: ("sRGB with gamma 2.2", SRGB_XY), 11: _P3, 12: _P3}
_KNEE = 0.5  # light relative to white above which the ordinary picture is compressed
_MAP_CODES = 255


@dataclass(frozen=True, kw_only=True)
class HdrSignal:
    """The meaning of an HDR picture's codes.

    Attributes:
        transfer: `PQ` or `HLG`.
        primaries: code of the primaries in H.273. Unknown ones are treated as those of Rec. 2020.
    """

    transfer: int
    primaries: int

    def profile(self) -> bytes:
        """Return the profile of the ordinary picture: the same primaries with an exponent of 2.2."""
        name, primaries_xy = _PRIMARIES.get(self.primaries, _REC_2020)
        return rgb_profile(name, primaries_xy=primaries_xy, white_xy=D65_XY, gamma=ADOBE_RGB_GAMMA)

    def light(self, codes: np.ndarray) -> np.ndarray:
        """Convert codes, uint8 or uint16 (h, w, 3), to linear light, float32; 1 is white."""
        table = _light_of_codes(self.transfer)
        signal = (table if codes.dtype == np.uint16 else table[::257]).take(codes)
        if self.transfer == PQ:
            return np.asarray(signal)
        scene = np.maximum(signal @ _LUMINANCE, np.float32(1e-9))[..., None]
        return np.asarray(signal * scene ** np.float32(_HLG_GAMMA - 1) * np.float32(_HLG_PEAK_CD_M2 / _WHITE_CD_M2))


def hdr_signal(transfer: int, primaries: int) -> HdrSignal | None:
    """Return the HDR signal that two codes of H.273 describe; None for other transfer functions."""
    return HdrSignal(transfer=transfer, primaries=primaries) if transfer in (PQ, HLG) else None


def divide(found: Decoded, signal: HdrSignal, path: Path) -> None:
    """Replace an HDR picture's codes by those of an ordinary picture and add a gain map.

    Grey pictures, floats and premultiplied colours are left unchanged, with a message.

    Args:
        found: the picture, changed in place. If its codes are empty, only its profile is replaced.
        signal: the meaning of its codes.
        path: the file, for the message.
    """
    if found.source.colour is not Colour.RGB or found.source.floating or found.premultiplied:
        note_hdr(found.messages, path)
        return
    found.source = replace(found.source, icc=signal.profile())
    if found.codes.size:
        found.codes, found.gain_map = _divided(found.codes, signal)


def _divided(codes: np.ndarray, signal: HdrSignal) -> tuple[np.ndarray, GainMap | None]:
    """Return the ordinary picture, uint16 (H, W, C), and its gain map; None if nothing exceeds white."""
    peaks: list[float] = []
    in_bands(codes.shape, lambda rows: peaks.append(float(signal.light(codes[rows][..., :3]).max())))
    peak = max(peaks)
    stops = float(np.log2(peak)) if peak > 1 else 0.0
    ordinary = np.empty(codes.shape, np.uint16)
    gains = np.empty((*codes.shape[:2], 1), np.uint8)

    def work(rows: slice) -> None:
        light = signal.light(codes[rows][..., :3])
        if stops:
            brightest = np.maximum(light.max(axis=2, keepdims=True), _KNEE)
            wanted = np.log2(brightest / _compressed(brightest, peak))
            gains[rows] = np.ceil(wanted * np.float32(_MAP_CODES / stops) - np.float32(1e-3)).clip(0, _MAP_CODES)
            light = light * np.exp2(gains[rows] * np.float32(-stops / _MAP_CODES))
        encoded = light ** np.float32(1 / ADOBE_RGB_GAMMA) * np.float32(CODES - 1) + np.float32(0.5)
        ordinary[rows][..., :3] = encoded.clip(0, CODES - 1)
        if codes.shape[2] == 4:
            alpha = codes[rows][..., 3].astype(np.uint16)
            ordinary[rows][..., 3] = alpha if codes.dtype == np.uint16 else alpha * 257

    in_bands(codes.shape, work)
    return ordinary, GainMap.of_stops(gains, stops) if stops else None


def _compressed(light: np.ndarray, peak: float) -> np.ndarray:
    """Compress light above the knee so that the peak becomes white (E. Reinhard et al., SIGGRAPH 2002, eq. 4)."""
    scale = np.float32(1 - _KNEE)
    over, top = (light - np.float32(_KNEE)) / scale, np.float32((peak - _KNEE) / (1 - _KNEE))
    return np.asarray(np.float32(_KNEE) + scale * over * (1 + over / top**2) / (1 + over))


@cache
def _light_of_codes(transfer: int) -> np.ndarray:
    """Return the light of every 16-bit code as float32: for PQ relative to white, for HLG the scene's, 0 to 1."""
    signal = np.linspace(0.0, 1.0, CODES)
    if transfer == PQ:
        root = signal ** (32 / 2523)
        light = (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
        return np.asarray(light * (_PQ_PEAK_CD_M2 / _WHITE_CD_M2), np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)
