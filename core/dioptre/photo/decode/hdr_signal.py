"""HDR pictures with the transfer functions PQ and HLG: divide their light into an ordinary picture and a gain map.

Cameras write such pictures as HEIC, AVIF and JPEG XL, and screenshots of HDR screens as PNG. The division is
exact to a 16-bit code, so that reading, processing and saving are the same as for other pictures with a gain map.
SMPTE ST 2084 and ITU-R BT.2100 (transfer functions), ITU-R BT.2408 (white at 203 cd/m²), ITU-T H.273 (codes).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..curves import CODES, in_bands
from ..formats.decoded import Decoded
from ..formats.stated_colours import PQ
from ..gain_map import GainMap
from ..matrix_profile import ADOBE_RGB_GAMMA
from ..picture import Colour

_WHITE_CD_M2 = 203.0
_PQ_PEAK_CD_M2, _HLG_PEAK_CD_M2 = 10000.0, 1000.0
_HLG_GAMMA = 1.2
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of Rec. 2020
_KNEE = 0.5  # light relative to white above which the ordinary picture is compressed
_MAP_CODES = 255


def light(codes: np.ndarray, transfer: int) -> np.ndarray:
    """Convert codes, uint8 or uint16 (h, w, 1 or 3), to linear light, float32; 1 is white.

    Args:
        codes: grey or RGB.
        transfer: `PQ` or `HLG`.
    """
    table = _light_of_codes(transfer)
    signal = (table if codes.dtype == np.uint16 else table[::257]).take(codes)
    if transfer == PQ:
        return np.asarray(signal)
    scene = np.maximum(signal if signal.shape[2] == 1 else (signal @ _LUMINANCE)[..., None], np.float32(1e-9))
    return np.asarray(signal * scene ** np.float32(_HLG_GAMMA - 1) * np.float32(_HLG_PEAK_CD_M2 / _WHITE_CD_M2))


def divide(found: Decoded) -> None:
    """Replace an HDR picture's codes by those of an ordinary picture and add a gain map; leave other pictures.

    Args:
        found: the picture, changed in place. `source.hdr_transfer` says what its codes mean.
    """
    if found.source.hdr_transfer and found.codes.dtype.kind == "u":
        colours = 1 if found.source.colour is Colour.GREY else 3
        found.codes, found.gain_map = _divided(found.codes, found.source.hdr_transfer, colours=colours)


def _divided(codes: np.ndarray, transfer: int, *, colours: int) -> tuple[np.ndarray, GainMap | None]:
    """Return the ordinary picture, uint16 (H, W, C), and its gain map; None if nothing exceeds white."""
    peaks: list[float] = []
    in_bands(codes.shape, lambda rows: peaks.append(float(light(codes[rows][..., :colours], transfer).max())))
    peak = max(peaks)
    stops = float(np.log2(peak)) if peak > 1 else 0.0
    ordinary = np.empty(codes.shape, np.uint16)
    gains = np.empty((*codes.shape[:2], 1), np.uint8)

    def work(rows: slice) -> None:
        linear = light(codes[rows][..., :colours], transfer)
        if stops:
            brightest = np.maximum(linear.max(axis=2, keepdims=True), _KNEE)
            wanted = np.log2(brightest / _compressed(brightest, peak))
            gains[rows] = np.ceil(wanted * np.float32(_MAP_CODES / stops) - np.float32(1e-3)).clip(0, _MAP_CODES)
            linear = linear * np.exp2(gains[rows] * np.float32(-stops / _MAP_CODES))
        encoded = linear ** np.float32(1 / ADOBE_RGB_GAMMA) * np.float32(CODES - 1) + np.float32(0.5)
        ordinary[rows][..., :colours] = encoded.clip(0, CODES - 1)
        if codes.shape[2] > colours:
            alpha = codes[rows][..., colours].astype(np.uint16)
            ordinary[rows][..., colours] = alpha if codes.dtype == np.uint16 else alpha * 257

    in_bands(codes.shape, work)
    return ordinary, GainMap.of_stops(gains, stops) if stops else None


def _compressed(linear: np.ndarray, peak: float) -> np.ndarray:
    """Compress light above the knee so that the peak becomes white (E. Reinhard et al., SIGGRAPH 2002, eq. 4)."""
    scale = np.float32(1 - _KNEE)
    over, top = (linear - np.float32(_KNEE)) / scale, np.float32((peak - _KNEE) / (1 - _KNEE))
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
