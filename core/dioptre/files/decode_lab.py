"""Use Pillow to decode TIFF files in 8-bit Lab, which libvips treats as damaged."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .budget import Budget
from .decoded import Decoded, damaged, turned
from .picture import Colour, Format, Source
from .tiff_properties import TiffProperties, describe_tiff


def decode_8_bit_lab(file: BinaryIO, path: Path, budget: Budget | None, *, tiff: TiffProperties) -> Decoded:
    """Decode 8-bit Lab within a budget; without a budget, return only the file's properties."""
    from PIL import Image

    found = Decoded(codes=np.empty((0, 0, 3), np.float32), source=Source(format=Format.TIFF, colour=Colour.LAB))
    describe_tiff(found, tiff, path)
    if budget is None:
        return found
    try:
        with warnings.catch_warnings():  # the budget replaces Pillow's warning about large pictures
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                budget.check_picture(image.width, image.height, bytes_per_pixel=30)
                codes = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise damaged(path) from error
    lab = np.empty(codes.shape, np.float32)
    np.multiply(codes[..., 0], np.float32(100 / 255), out=lab[..., 0])
    lab[..., 1:] = codes[..., 1:].view(np.int8)
    found.codes = turned(lab, found.source.orientation)
    return found
