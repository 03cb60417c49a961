"""Drawing for the dialogs, with GdkPixbuf and plain Python, because some GIMP builds lack Cairo for Python."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dioptre_link.editing.events import Image
from dioptre_link.editing.ruler import Ruler
from dioptre_link.editing.scene import Segment

from .document import GLib
from .toolkit import GdkPixbuf

RING_PX = 27
CHECKER_PX = 8
MEASURED, DOT_PX = (110, 200, 255), 11  # Marks of known distances; the colour is the same as in `style`.
_BACK = bytes((32, 32, 34))  # Background of the histogram.
RULER_SHARP, RULER_MARK = (60, 220, 90), (255, 190, 60)
# Colour (RGBA) and width of the focus frame; the colour is the same as in `style`.
_FOCUSED, _FRAME_PX = 0x2F6FBDFF, 2
_LIGHT, _DARK = 0x999999, 0x666666  # Checkerboard behind transparent areas.


def pixbuf_of(image: Image) -> GdkPixbuf.Pixbuf:
    return pixbuf_from_rgb(image.width, image.height, image.channels, image.data)


def pixbuf_from_rgb(width: int, height: int, channels: int, data: bytes) -> GdkPixbuf.Pixbuf:
    """Return a pixbuf from packed 8-bit rows of 1 (grey), 2 (grey and alpha), 3 or 4 channels."""
    if channels <= 2:
        step = 3 if channels == 1 else 4
        grey, alpha = data[::channels], data[1::2]
        wide = bytearray(width * height * step)
        for place in range(3):
            wide[place::step] = grey
        if channels == 2:
            wide[3::4] = alpha
        data, channels = bytes(wide), step
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, channels == 4, 8, width, height, width * channels
    )


def opaque(picture: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
    """Return an opaque copy with a checkerboard behind transparent areas."""
    width, height = picture.get_width(), picture.get_height()
    drawn = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, width, height)
    area = (0, 0, width, height, 0, 0, 1.0, 1.0)
    kind = GdkPixbuf.InterpType.NEAREST
    picture.composite_color(drawn, *area, kind, 255, 0, 0, CHECKER_PX, _LIGHT, _DARK)
    return drawn


def lay_over(onto: GdkPixbuf.Pixbuf, top: GdkPixbuf.Pixbuf, *, smooth: bool = False) -> None:
    """Draw `top` over `onto`, scaled to the size of `onto`."""
    width, height = onto.get_width(), onto.get_height()
    scale = width / top.get_width(), height / top.get_height()
    kind = GdkPixbuf.InterpType.BILINEAR if smooth else GdkPixbuf.InterpType.NEAREST
    top.composite(onto, 0, 0, width, height, 0, 0, *scale, kind, 255)


def split(before: GdkPixbuf.Pixbuf, after: GdkPixbuf.Pixbuf, at: float) -> GdkPixbuf.Pixbuf:
    """Return `before` on the left and `after` on the right of a line at `at`, a fraction of the width."""
    drawn = opaque(after)
    width, height = drawn.get_width(), drawn.get_height()
    edge = min(max(round(at * width), 0), width)
    if edge > 0:
        left = opaque(before)
        if (left.get_width(), left.get_height()) != (width, height):
            left = left.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
        left.copy_area(0, 0, edge, height, drawn, 0, 0)
    for offset, colour in ((-2, 0x000000FF), (-1, 0xFFFFFFFF), (0, 0xFFFFFFFF), (1, 0x000000FF)):
        if 0 <= edge + offset < width:
            drawn.new_subpixbuf(edge + offset, 0, 1, height).fill(colour)
    return drawn


def coloured(image: Image, table: Sequence[tuple[int, int, int, int]]) -> GdkPixbuf.Pixbuf:
    """Map a single-channel image through a table of 256 RGBA colours."""
    data = bytearray(4 * len(image.data))
    for channel in range(4):
        data[channel::4] = image.data.translate(bytes(colour[channel] for colour in table))
    return pixbuf_from_rgb(image.width, image.height, 4, bytes(data))


def stamp(mark: GdkPixbuf.Pixbuf, onto: GdkPixbuf.Pixbuf, x: int, y: int) -> None:
    """Draw `mark` centred at (x, y), clipped to `onto`."""
    left, top = x - mark.get_width() // 2, y - mark.get_height() // 2
    first_x, first_y = max(left, 0), max(top, 0)
    width = min(left + mark.get_width(), onto.get_width()) - first_x
    height = min(top + mark.get_height(), onto.get_height()) - first_y
    if width > 0 and height > 0:
        mark.composite(
            onto, first_x, first_y, width, height, left, top, 1.0, 1.0, GdkPixbuf.InterpType.NEAREST, 255
        )


def ring(colour: tuple[int, int, int]) -> GdkPixbuf.Pixbuf:
    """Return a ring with a dot; dark edges make both visible on every picture."""
    middle = RING_PX // 2
    rows = bytearray()
    for y in range(RING_PX):
        for x in range(RING_PX):
            distance = ((x - middle) ** 2 + (y - middle) ** 2) ** 0.5
            light = max(0.0, 2.0 - abs(distance - 9)) if distance > 4 else max(0.0, 2.6 - distance)
            dark = max(0.0, 3.2 - abs(distance - 9)) if distance > 4 else max(0.0, 4.0 - distance)
            shade = min(light, 1.0)
            alpha = round(255 * max(shade, 0.7 * min(dark, 1.0)))
            rows += bytes((*(round(part * shade) for part in colour), alpha))
    return pixbuf_from_rgb(RING_PX, RING_PX, 4, bytes(rows))


def dot() -> GdkPixbuf.Pixbuf:
    """Return a small dot with a dark edge, which fits into a ring."""
    middle = DOT_PX // 2
    away = [math.hypot(x - middle, y - middle) for y in range(DOT_PX) for x in range(DOT_PX)]
    pixels = ((min(max(4.0 - one, 0.0), 1.0), min(max(5.5 - one, 0.0), 1.0)) for one in away)
    rows = (
        bytes((*(round(part * light) for part in MEASURED), round(255 * max(light, 0.8 * dark))))
        for light, dark in pixels
    )
    return pixbuf_from_rgb(DOT_PX, DOT_PX, 4, b"".join(rows))


def circle(radius_px: float) -> GdkPixbuf.Pixbuf:
    """Return the brush's outline: a thin white line next to a dark one, visible on every picture."""
    side = 2 * math.ceil(radius_px) + 5
    data = bytearray(4 * side * side)
    for away, pixel in ((1.0, bytes((0, 0, 0, 160))), (0.0, bytes((255, 255, 255, 230)))):
        # About 25% more steps than the outline has pixels, so that the outline has no gaps.
        steps = max(round(8 * (radius_px + away)), 8)
        for step in range(steps):
            angle = math.tau * step / steps
            x, y = (round(side / 2 - 0.5 + (radius_px + away) * turn(angle)) for turn in (math.cos, math.sin))
            data[4 * (y * side + x) : 4 * (y * side + x) + 4] = pixel
    return pixbuf_from_rgb(side, side, 4, bytes(data))


def frame(onto: GdkPixbuf.Pixbuf, left: int, top: int, width: int, height: int) -> None:
    """Draw the outline of a box in adjacent white and black lines, clipped to `onto`."""
    for inset, colour in ((-1, 0x000000FF), (0, 0xFFFFFFFF)):
        x, y, across, down = left + inset, top + inset, width - 2 * inset, height - 2 * inset
        for line in (
            (x, y, across, 1),
            (x, y + down - 1, across, 1),
            (x, y, 1, down),
            (x + across - 1, y, 1, down),
        ):
            _fill(onto, line, colour)


def _fill(onto: GdkPixbuf.Pixbuf, line: tuple[int, int, int, int], colour: int) -> None:
    left, top = max(line[0], 0), max(line[1], 0)
    width = min(line[0] + line[2], onto.get_width()) - left
    height = min(line[1] + line[3], onto.get_height()) - top
    if width > 0 and height > 0:
        onto.new_subpixbuf(left, top, width, height).fill(colour)


def histogram(
    bars: Sequence[tuple[Segment, ...]],
    size: tuple[int, int],
    sharp: tuple[float, float] | None,
    *,
    focused: bool = False,
) -> GdkPixbuf.Pixbuf:
    """Draw depth bars from far (left) to near (right).

    Args:
        bars: The segments of each bar, each over the one before.
        size: Width and height of the picture in pixels.
        sharp: The sharp range of disparity, 0 to 1, or None.
        focused: Draw the frame that marks the keyboard focus.

    Returns:
        The drawn pixbuf.
    """
    width, height = size

    def column(bar: tuple[Segment, ...]) -> list[bytes]:
        """Return the colours of a column of pixels from the top."""
        drawn = [_BACK] * height
        for number, (share, colour) in enumerate(bar):
            tall = max(round(height * share), int(number == 0))
            drawn[height - tall :] = [bytes(colour[:3])] * tall
        return drawn

    drawn_bars = [column(bar) for bar in bars]
    columns = [drawn_bars[x * len(bars) // width] for x in range(width)]
    for value in sharp or ():
        columns[min(max(round(value * (width - 1)), 0), width - 1)] = [b"\xff\xff\xff"] * height
    drawn = pixbuf_from_rgb(width, height, 3, b"".join(map(b"".join, zip(*columns, strict=True))))
    if focused:
        inside = drawn.new_subpixbuf(_FRAME_PX, _FRAME_PX, width - 2 * _FRAME_PX, height - 2 * _FRAME_PX).copy()
        drawn.fill(_FOCUSED)
        inside.copy_area(0, 0, inside.get_width(), inside.get_height(), drawn, _FRAME_PX, _FRAME_PX)
    return drawn


def ruler(shown: Ruler | None, size: tuple[int, int], least_gap: float) -> GdkPixbuf.Pixbuf:
    """Draw the sharp range in metres: a bar from the far to the near limit, ticks, and the hyperfocal distance.

    Args:
        shown: The ruler; None draws an empty one.
        size: Width and height of the picture in pixels.
        least_gap: As in `Ruler.ticks`.

    Returns:
        The drawn pixbuf.
    """
    width, height = size

    def column(position: float) -> int:
        return min(max(round(position * (width - 1)), 0), width - 1)

    columns = [_BACK] * width
    if shown is not None:
        far, near = (column(position) for position in shown.sharp)
        colour = bytes(RULER_SHARP)
        columns[far : near + 1] = [colour] * (near + 1 - far)
    ticks = [*columns]
    for position, _ in () if shown is None else shown.ticks(least_gap):
        ticks[column(position)] = b"\xff\xff\xff"
    for line in (columns, ticks):
        if shown is not None and shown.hyperfocal is not None:
            at = column(shown.hyperfocal)
            line[max(at - 1, 0) : at + 1] = [bytes(RULER_MARK)] * (at + 1 - max(at - 1, 0))
    bar = height * 2 // 3
    return pixbuf_from_rgb(width, height, 3, b"".join(columns) * bar + b"".join(ticks) * (height - bar))
