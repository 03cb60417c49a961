"""Determines the part of a layer to process if the layer extends beyond the canvas.

A stroke across the canvas edge enlarges a paint layer. Outside the canvas it is then mostly transparent, and a blur
would spread that transparency into the picture. Photo content outside the canvas, as after a move, is included.
"""

from __future__ import annotations

from collections.abc import Generator

from .raster import ONE, is_opaque, strip_rows, strips
from .spaces import Rect, Snapshot

_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)  # Indices into the lists of edges in this module.


def taking_part(frozen: Snapshot, canvas: Rect) -> Generator[None, None, Rect]:
    """Find the rectangle of a layer to process, in steps.

    It contains the part on the canvas and extends beyond each side where the layer is opaque outside the canvas. A
    side that is not opaque is cut at the canvas if the layer is opaque all over the canvas or mostly ends at that
    side. A layer outside the canvas is processed whole.

    Args:
        frozen: The layer's pixels.
        canvas: Rectangle of the canvas, in document pixels.

    Returns:
        A rectangle inside `frozen.rect`.
    """
    outer, edges = _edges(frozen.rect), _common(frozen.rect, canvas)
    on_canvas = _rect(edges)
    if edges == outer or on_canvas.width <= 0 or on_canvas.height <= 0:
        return frozen.rect
    fills_canvas: bool | None = None
    for side in (_LEFT, _RIGHT, _TOP, _BOTTOM):
        if edges[side] == outer[side]:
            continue
        if not (yield from _is_opaque(frozen, _beyond(edges, outer, side))):
            if fills_canvas is None:
                fills_canvas = yield from _is_opaque(frozen, on_canvas)
            if fills_canvas or _ends_at(frozen, edges, side):
                continue
        edges[side] = outer[side]
    return _rect(edges)


def _is_opaque(frozen: Snapshot, rect: Rect) -> Generator[None, None, bool]:
    part = frozen.narrowed(rect)
    for first, rows in strips(rect.height, strip_rows(part.row_bytes)):
        if not is_opaque(part.rows(first, rows), part.space.depth, part.pixel_bytes):
            return False
        yield
    return True


def _ends_at(frozen: Snapshot, edges: list[int], side: int) -> bool:
    """Return whether most of the layer's pixels along a side of the canvas have no neighbour outside the canvas."""
    inner, outer = list(edges), list(edges)
    if side in (_LEFT, _TOP):
        inner[side + 2], outer[side], outer[side + 2] = edges[side] + 1, edges[side] - 1, edges[side]
    else:
        inner[side - 2], outer[side - 2], outer[side] = edges[side] - 1, edges[side], edges[side] + 1
    pairs = list(zip(_seen(frozen, _rect(inner)), _seen(frozen, _rect(outer)), strict=True))
    along = sum(inside for inside, _ in pairs)
    return along > 0 and 2 * sum(inside and not beyond for inside, beyond in pairs) >= along


def _seen(frozen: Snapshot, line: Rect) -> list[bool]:
    """Return for each pixel of a line whether it is at least partly opaque."""
    part = frozen.narrowed(line)
    data, size = part.rows(0, line.height), part.pixel_bytes
    alpha = len(ONE[part.space.depth])
    return [any(data[at + size - alpha : at + size]) for at in range(0, len(data), size)]


def _edges(rect: Rect) -> list[int]:
    return [rect.x, rect.y, rect.x + rect.width, rect.y + rect.height]


def _rect(edges: list[int]) -> Rect:
    return Rect(edges[_LEFT], edges[_TOP], edges[_RIGHT] - edges[_LEFT], edges[_BOTTOM] - edges[_TOP])


def _common(one: Rect, other: Rect) -> list[int]:
    """Return the edges of the intersection of two rectangles."""
    (left, top, right, bottom), (left_2, top_2, right_2, bottom_2) = _edges(one), _edges(other)
    return [max(left, left_2), max(top, top_2), min(right, right_2), min(bottom, bottom_2)]


def _beyond(edges: list[int], outer: list[int], side: int) -> Rect:
    """Return the strip between one side of `edges` and the same side of `outer`, as long as that side."""
    strip = list(edges)
    strip[side] = outer[side]
    strip[side + 2 if side in (_LEFT, _TOP) else side - 2] = edges[side]
    return _rect(strip)
