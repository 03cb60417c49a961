"""The part of a layer to process if the layer extends beyond the canvas."""

from __future__ import annotations

import types

import pytest

from .fake_krita import Document, Node
from .logic import HEIGHT, WIDTH, made, photo, read

Rect = tuple[int, int, int, int]
CANVAS = (0, 0, WIDTH, HEIGHT)


def painted(document: Document, bounds: Rect, *opaque: Rect) -> Node:
    """Create a layer that is opaque inside some rectangles."""
    left, top, width, height = bounds
    rows = [
        any(x0 <= left + x < x0 + wide and y0 <= top + y < y0 + high for x0, y0, wide, high in opaque)
        for y in range(height)
        for x in range(width)
    ]
    node = document.createNode("Photo", "paintlayer")
    node.setPixelData(b"".join(bytes((9, 9, 9, 255 if one else 0)) for one in rows), *bounds)
    document.rootNode().addChildNode(node, None)
    return node


@pytest.mark.parametrize(
    ("bounds", "opaque", "wanted"),
    [
        (CANVAS, [CANVAS], CANVAS),
        ((0, -2, WIDTH, HEIGHT + 2), [CANVAS, (2, -2, 2, 2)], CANVAS),  # A stroke across the upper edge.
        ((-1, -1, WIDTH + 2, HEIGHT + 2), [CANVAS, (-1, 1, 1, 1), (2, -1, 1, 1), (6, 4, 1, 1)], CANVAS),
        # Painted along the whole edge, unevenly.
        ((0, -2, WIDTH, HEIGHT + 2), [CANVAS, (0, -1, WIDTH, 1)], CANVAS),
        ((3, 1, WIDTH, HEIGHT), [(3, 1, WIDTH, HEIGHT)], (3, 1, WIDTH, HEIGHT)),  # The layer was moved.
        ((-9, -9, 30, 30), [(-9, -9, 30, 30)], (-9, -9, 30, 30)),  # Larger than the canvas.
        ((3, -1, WIDTH, HEIGHT + 1), [(3, 0, WIDTH, HEIGHT), (4, -1, 1, 1)], (3, 0, WIDTH, HEIGHT)),
        ((-2, 0, 5, 3), [(-2, 0, 3, 2), (0, 2, 3, 1)], (-2, 0, 5, 3)),  # A cut-out that crosses the edge.
        ((20, 20, 2, 2), [(20, 20, 1, 2)], (20, 20, 2, 2)),  # Outside the canvas.
        ((2, 1, 3, 2), [(2, 1, 1, 2)], (2, 1, 3, 2)),  # Inside the canvas.
    ],
)
def test_transparency_beyond_the_canvas_takes_no_part(
    plugin: types.SimpleNamespace, document: Document, bounds: Rect, opaque: list[Rect], wanted: Rect
) -> None:
    node = painted(document, bounds, *opaque)
    source = read(plugin, plugin.catalogue.operation("depth"), document, node)
    assert source.picture.rect == wanted
    assert source.picture.raster.height == wanted[3]
    x, y, width, height = wanted
    assert b"".join(source.picture.raster.strips) == node.pixelData(x, y, width, height)


def test_a_stroke_across_the_edge_leaves_the_photo_in_its_place(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    node = painted(document, (0, -2, WIDTH, HEIGHT + 2), CANVAS, (2, -2, 2, 2))
    group = made(plugin, "portrait", document, node)
    assert node.visible()
    assert [one.bounds() for one in group.childNodes()] == [type(node.bounds())(*CANVAS)] * 2


def test_the_selection_and_a_given_depth_fit_the_part(plugin: types.SimpleNamespace, document: Document) -> None:
    from .fake_krita import Selection

    node = painted(document, (0, -2, WIDTH, HEIGHT + 2), CANVAS, (2, -2, 2, 2))
    depth = photo(document)
    document.setSelection(Selection(1, 1, 2, 1))
    source = read(plugin, plugin.catalogue.operation("lens_blur"), document, node, depth)
    rows = [list(source.selection[at : at + WIDTH]) for at in range(0, WIDTH * HEIGHT, WIDTH)]
    assert [sum(value > 0 for value in row) for row in rows] == [0, 2, 0, 0]
    assert source.depth.rect == CANVAS


def test_depth_is_read_where_its_layer_lies(plugin: types.SimpleNamespace, document: Document) -> None:
    """A picture that was moved after its depth was created keeps that depth."""
    node, depth = photo(document, rect=(3, 1, WIDTH, HEIGHT)), photo(document)
    described = plugin.catalogue.operation("lens_blur")
    assert read(plugin, described, document, node, depth).depth.rect == CANVAS
    larger = photo(document, rect=(0, 0, WIDTH + 2, HEIGHT))
    assert read(plugin, described, document, larger, depth).depth.rect == (0, 0, WIDTH + 2, HEIGHT)
