"""Arrange views for screens, glasses and holographic displays."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Layer, Progress, Result, part_of, row_slices
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.resize import resize
from dioptre_link.catalogue.spatial import (
    OPERATION,
    QUILT_COLUMNS,
    QUILT_ROWS,
    SpatialOptions,
    ending_of,
    quilt_view,
)
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .drawing import views
from .scene import Scene, scene_of

# For red-cyan glasses: E. Dubois, "A projection method to generate anaglyph stereo images", ICASSP 2001.
_LEFT = np.array([[0.437, 0.449, 0.164], [-0.062, -0.062, -0.024], [-0.048, -0.050, -0.017]], np.float32)
_RIGHT = np.array([[-0.011, -0.032, -0.007], [0.377, 0.761, 0.009], [-0.026, -0.093, 1.234]], np.float32)

Pixels = Float32[np.ndarray, "h w 3"]
Sheet = Float32[np.ndarray, "tall wide 3"]


def side_by_side(left: Pixels, right: Pixels) -> Sheet:
    """Return two pictures beside each other."""
    return np.concatenate([left, right], axis=1)


def anaglyph(left: Pixels, right: Pixels) -> Pixels:
    """Return the two pictures in one, for red-cyan glasses."""
    mixed = np.empty_like(left)
    for rows in row_slices(left.shape[0]):
        light = srgb_to_linear(jnp.asarray(left[rows])) @ _LEFT.T
        light += srgb_to_linear(jnp.asarray(right[rows])) @ _RIGHT.T
        mixed[rows] = linear_to_srgb(jnp.maximum(light, 0))
    return mixed


def quilt(tiles: Sequence[Pixels], columns: int) -> Sheet:
    """Return views in rows as a Looking Glass reads them: the leftmost view at the bottom left."""
    rows = [np.concatenate(tiles[at : at + columns], axis=1) for at in range(0, len(tiles), columns)]
    return np.concatenate(rows[::-1], axis=0)


def run(inputs: Inputs, options: SpatialOptions, progress: Progress) -> Result:
    """Run the operation `spatial`."""
    layout, budget = options.layout, options.budget / 100
    found = scene_of(
        inputs, options, at=options.screen, divided=layout != "rgbd", progress=part_of(progress, 0.0, 0.8)
    )
    progress(0.8, "Drawing the views")
    values, messages = found.depth.values(), [*found.messages]
    if layout == "rgbd":
        pictures = [side_by_side(found.picture, np.repeat(found.disparity[..., None], 3, axis=2))]
    elif layout == "quilt":
        pictures = [_quilted(found.scene, budget)]
        ending = ending_of(OPERATION.name, vars(options), found.disparity.shape)
        messages.append(
            Message(
                "Looking Glass programs need a file name that ends in {ending}, before the suffix.", ending=ending
            )
        )
    else:
        left, right = views(found.scene, 2, budget=budget)
        values["invented"] = [round(float(each.invented.mean()), 4) for each in (left, right)]
        pictures = _paired(left.pixels, right.pixels, layout)
    progress(1.0, "Done")
    layers = tuple(Layer(name=OPERATION.title, role=Role.RESULT, pixels=pixels) for pixels in pictures)
    return Result(layers=layers, values=values, messages=tuple(messages), models=found.models)


def _paired(left: Pixels, right: Pixels, layout: str) -> list[Sheet]:
    if layout == "mpo":
        return [left, right]
    if layout == "anaglyph":
        return [anaglyph(left, right)]
    return [side_by_side(right, left) if layout == "crossed" else side_by_side(left, right)]


def _quilted(scene: Scene, budget: float) -> Sheet:
    """Return a quilt whose views are drawn at twice their size, which smooths rims."""
    height, width = scene.surfaces[0].disparity.shape
    tile = quilt_view((height, width))
    drawn = scene.resized((min(height, 2 * tile[0]), min(width, 2 * tile[1])))
    each = views(drawn, QUILT_COLUMNS * QUILT_ROWS, budget=budget)
    return quilt([resize(one.pixels, tile, method="area") for one in each], QUILT_COLUMNS)
