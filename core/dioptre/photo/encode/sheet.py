"""The preview sheet: the original picture, its depth and the result on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dioptre.contract import Rows

from ..colour_profile import quantise
from ..curves import in_bands
from ..picture import Format
from .encoding import encode

_BOX_PX = (960, 960)  # maximum width and height of a panel's picture
_GAP_PX = 28
_CAPTION_PX = 25
_LEAST_WIDTH_PX = 280  # minimum width of a panel, to keep captions legible under small pictures
_GROUND = (38, 38, 38)  # background: neutral, because a tint would affect how colours look; darker than mid-tones
_ROWS_AT_ONCE = 64  # number of rows that are processed at a time
_INK = (206, 206, 206)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A picture on a sheet: float32 (H, W, 3 or 4) sRGB-encoded, or (H, W) in [0, 1] for depth."""

    caption: str
    pixels: np.ndarray


def sheet(panels: Sequence[Panel]) -> np.ndarray:
    """Arrange panels with captions side by side, or one below the other for very wide pictures.

    Args:
        panels: the pictures.

    Returns:
        The page, uint8 (H, W, 3).
    """
    from PIL import Image, ImageDraw, ImageFont

    pictures = [_scaled(panel.pixels) for panel in panels]
    width, height = max(_LEAST_WIDTH_PX, *(p.width for p in pictures)), max(p.height for p in pictures)
    below = max(p.width for p in pictures) > 2.2 * height
    row = height + _GAP_PX // 2 + _CAPTION_PX
    columns, rows = (1, len(pictures)) if below else (len(pictures), 1)
    page = Image.new("RGB", (columns * (width + _GAP_PX) + _GAP_PX, rows * (row + _GAP_PX) + _GAP_PX), _GROUND)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(_CAPTION_PX)
    for index, (panel, picture) in enumerate(zip(panels, pictures, strict=True)):
        left = _GAP_PX + (0 if below else index * (width + _GAP_PX))
        top = _GAP_PX + (index * (row + _GAP_PX) if below else 0)
        page.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
        caption = panel.caption
        while len(caption) > 1 and draw.textlength(caption, font=font) > width:
            caption = caption[:-2].rstrip() + "…"
        draw.text((left, top + height + _GAP_PX // 2), caption, font=font, fill=_INK, anchor="lt")
    return np.asarray(page)


def encoded_sheet(panels: Sequence[Panel]) -> bytes:
    """Encode a sheet as a JPEG; see `sheet`."""
    return encode(sheet(panels), Format.JPEG)


def no_larger_than_needed(shape: tuple[int, ...], read: Rows) -> np.ndarray:
    """Reduce a picture by block averaging to about twice a panel's size.

    A better filter then reduces it to the panel's size.

    Args:
        shape: shape of the picture, (h, w) or (h, w, c), without alpha.
        read: reads rows of the picture.
    """
    factor = int(min(shape[0] / (2 * _BOX_PX[1]), shape[1] / (2 * _BOX_PX[0])))
    if factor < 2:
        return read(slice(0, shape[0]))
    height, width = shape[0] // factor, shape[1] // factor
    small = np.zeros((height, width, *shape[2:]), np.float32)
    for top in range(0, height, _ROWS_AT_ONCE):
        sums = small[top : top + _ROWS_AT_ONCE]
        cut = read(slice(top * factor, (top + len(sums)) * factor))[:, : width * factor]
        for dy in range(factor):
            for dx in range(factor):
                sums += cut[dy::factor, dx::factor]
    small /= np.float32(factor * factor)
    return small


def _scaled(pixels: np.ndarray) -> Any:
    from PIL import Image

    if pixels.ndim == 2 or pixels.shape[2] == 3:
        pixels = no_larger_than_needed(pixels.shape, pixels.__getitem__)
    codes = np.empty(pixels.shape, np.uint8)
    in_bands(codes.shape, lambda rows: quantise(pixels[rows], dtype=codes.dtype, out=codes[rows]))
    image = Image.fromarray(codes)
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (*_GROUND, 255))
        image = Image.alpha_composite(ground, image)
    image = image.convert("RGB" if pixels.ndim == 3 else "L")
    scale = min(_BOX_PX[0] / image.width, _BOX_PX[1] / image.height, 1.0)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0).convert("RGB")
