"""Use Pillow to decode AVIF files that hold only a sequence of frames, which libvips does not read."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from . import exif
from .budget import Budget
from .decoded import PYTHON_DECODER_ERRORS, Decoded, any_size, damaged, note_several, turned
from .picture import Colour, Format, Source


def decode_avif_sequence(file: BinaryIO, path: Path, budget: Budget | None) -> Decoded:
    """Decode the first frame with 8 bits within a budget; without a budget, read only the file's properties."""
    from PIL import Image

    file.seek(0)
    try:
        with any_size(), Image.open(file, formats=["AVIF"]) as image:
            info, bands = image.info, image.getbands()
            codes = np.empty((0, 0, len(bands)), np.uint8)
            if budget is not None:
                budget.check_picture(image.width, image.height)
                codes = np.asarray(image).reshape(image.height, image.width, len(bands))
    except PYTHON_DECODER_ERRORS as error:
        raise damaged(path) from error
    blob = exif.strip_prefix(info.get("exif"))
    source = Source(
        format=Format.AVIF,
        colour=Colour.GREY if len(bands) < 3 else Colour.RGB,
        alpha="A" in bands,
        icc=info.get("icc_profile") or None,
        exif=blob,
        xmp=info.get("xmp") or None,
    )
    found = Decoded(codes=turned(codes, exif.orientation(blob)), source=source)
    note_several(found.messages, path, "frames")
    return found
