"""Preview requests from an editor: the operation, its options, and its input pixels; and what a recipe previews."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..buffers import Buffer
from ..catalogue import OPERATIONS
from ..chain import as_operation
from ..client import Worker
from ..language import Message
from ..metres import DepthMetres
from ..operation import PLACES, Operation
from ..recipe import Recipe
from . import traits
from .events import Image, Steps

DETAIL_SHAPE = 3 / 2  # width divided by height of the part shown in the preview of an enlargement

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Given:
    """An input provided by the editor.

    Attributes:
        key: a value that changes whenever the pixels change.
        upload: returns a generator whose result is a buffer with the pixels; the session deletes the buffer.
    """

    key: Hashable
    upload: Callable[[Worker], Steps[Buffer]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request for a preview.

    Attributes:
        operation: the operation.
        options: its options.
        inputs: "picture" and, if available, "layer", "disparity" and "selection".
        size: (width, height) of the picture in pixels.
        longest_px: longest side of the preview.
        opened_file: path of the file that the picture was opened from.
        place: centre of the part that an enlargement shows, as fractions of the picture's width and height.
        crop: for enlargements, returns the inputs' pixels in a rectangle (left, top, width, height) as buffers,
            which the session deletes.
        depth_image: the depth layer given as input, at a reduced size, for the views that show it.
        depth_metres: the metres of that layer, if they are known.
        coverage: the layer's mask times its opacity at any size, which the editor applies to the result as well;
            None if both leave the layer as it is.
    """

    operation: Operation
    options: Mapping[str, Any]
    inputs: Mapping[str, Given]
    size: tuple[int, int]
    longest_px: int
    opened_file: str | None = None
    place: Point = (0.5, 0.5)
    crop: Callable[[Worker, tuple[int, int, int, int]], Mapping[str, Buffer]] | None = None
    depth_image: Image | None = None
    depth_metres: DepthMetres | None = None
    coverage: Image | None = None

    @property
    def point(self) -> Point | None:
        """The clicked point, in pixels of the picture; None if there is none."""
        parameter = traits.point_of(self.operation)
        return None if parameter is None else self.options.get(parameter.name)

    @property
    def choice(self) -> Hashable:
        """All places that the user chose; they determine which subject is found."""
        return tuple(
            one.points_of(self.options.get(one.name)) for one in self.operation.parameters if one.kind in PLACES
        )


def detail_rect(request: Request) -> tuple[int, int, int, int]:
    """Return the part of the picture that an enlargement's preview shows: left, top, width and height in pixels."""
    scale, full = request.operation.scale(request.options), request.size
    width = max(1, min(full[0], int(request.longest_px / scale)))
    height = max(1, min(full[1], int(request.longest_px / scale / DETAIL_SHAPE)))
    left = min(max(round(request.place[0] * full[0] - width / 2), 0), full[0] - width)
    top = min(max(round(request.place[1] * full[1] - height / 2), 0), full[1] - height)
    return left, top, width, height


@dataclass(frozen=True, kw_only=True)
class RecipePreview:
    """A recipe as an operation with its options, for a preview.

    Attributes:
        operation: the operation.
        options: its options.
        note: message about steps that the preview omits; "" if there are none.
        shown: False if no step remains.
    """

    operation: Operation
    options: Mapping[str, Any]
    note: str = ""
    shown: bool = True


def preview_of(recipe: Recipe) -> RecipePreview:
    """Return the part of a recipe to preview on a picture."""
    operation, options = as_operation(recipe)
    steps = tuple(step for step in recipe.steps if not traits.enlarges(OPERATIONS[step.operation]))
    if len(steps) == len(recipe.steps):
        return RecipePreview(operation=operation, options=options)
    scale = math.prod(OPERATIONS[step.operation].scale(step.options) for step in recipe.steps)
    note = Message("The result is {scale} times wider and taller. The preview is not enlarged.", scale=f"{scale:g}")
    if not steps:
        return RecipePreview(operation=operation, options=options, note=note, shown=False)
    operation, options = as_operation(replace(recipe, steps=steps))
    return RecipePreview(operation=operation, options=options, note=note)
