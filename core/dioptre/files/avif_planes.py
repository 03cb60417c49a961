"""Correct the grey and the alpha of AVIF pictures, which libheif decodes wrongly.

libheif stretches the limited range of video (16 to 235) only in colours, and libvips makes three channels of grey.
Pillow's decoder, libavif, is right, but returns 8 bits only. Its result therefore serves to tell which planes have
the limited range.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from .decoded import PYTHON_DECODER_ERRORS, Decoded, expanded
from .picture import Colour

_QUANTILES = np.linspace(0.0, 1.0, 33)
_SAMPLES = 1 << 20


def correct(found: Decoded, file: BinaryIO) -> None:
    """Reduce a grey picture to one channel, and stretch grey and alpha to the full range.

    Args:
        found: the picture with full-range codes as libheif decoded it, changed in place; its codes may be empty.
        file: the open file.
    """
    from PIL import Image

    file.seek(0)
    with warnings.catch_warnings():  # a budget has been checked, which replaces Pillow's warning
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=("AVIF",)) as image:
                _correct(found, image)
        except (*PYTHON_DECODER_ERRORS, Image.DecompressionBombError):
            return  # the platform's Pillow has no AVIF, or libavif is stricter than libheif


def _correct(found: Decoded, image: Any) -> None:
    grey, alpha = image.getbands()[0] == "L", found.source.alpha and image.getbands()[-1] == "A"
    if grey:
        found.source = replace(found.source, colour=Colour.GREY)
        found.codes = found.codes[..., [0, 3] if found.source.alpha else [0]] if found.codes.size else found.codes
    if not found.codes.size:
        return
    bits = found.source.packed_bits or 8
    for band, channel in (("L", 0),) * grey + (("A", found.codes.shape[2] - 1),) * alpha:
        plane = found.codes[..., channel : channel + 1]
        if _is_limited(plane, np.asarray(image.getchannel(band)), bits=bits):
            found.codes[..., channel : channel + 1] = expanded(plane, bits=bits)


def _is_limited(plane: np.ndarray, reference: np.ndarray, *, bits: int) -> bool:
    """Return whether the values of a plane are those of the reference, uint8 (H, W), only after stretching."""
    step = max(1, round((reference.size / _SAMPLES) ** 0.5))
    codes = plane[::step, ::step]
    own, stretched, right = (
        np.quantile(values, _QUANTILES) / np.iinfo(values.dtype).max
        for values in (codes, expanded(codes, bits=bits), reference[::step, ::step])
    )
    return bool(np.abs(stretched - right).sum() < np.abs(own - right).sum())
