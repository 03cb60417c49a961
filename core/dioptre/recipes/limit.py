"""Limit the effect of an operation to a range of depth, a selection, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dioptre.contract import Inputs, Layer, Matte, Picture, Result
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre_link.catalogue.limit import FARTHEST, FEATHER, NEAREST, RangeOptions
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role

_FARTHEST, _NEAREST = (each.mention() for each in RangeOptions.parameters if each.name != FEATHER)


def check_range(options: Mapping[str, Any]) -> None:
    """Raise UsageError if the ends of a range of depth are swapped, before anything is computed."""
    if options.get(FARTHEST, 0.0) > options.get(NEAREST, 1.0):
        raise UsageError(
            "The farthest depth is nearer than the nearest depth.",
            hint="Swap the values of {farthest} and {nearest}.",
            farthest=_FARTHEST,
            nearest=_NEAREST,
        )


def with_range(result: Result, inputs: Inputs, options: Mapping[str, Any]) -> Result:
    """Add the mask of a range of depth below the result that it limits.

    Args:
        result: a result with the depth, unless the inputs have it.
        inputs: the inputs of the operation.
        options: its checked options; without a range, the result stays as it is.

    Raises:
        UsageError: nothing lies in the range.
    """
    farthest, nearest = options.get(FARTHEST, 0.0), options.get(NEAREST, 1.0)
    depths = [layer.pixels for layer in result.layers if layer.role is Role.DEPTH]
    disparity = depths[0] if depths else inputs.disparity
    if (farthest <= 0 and nearest >= 1) or disparity is None:
        return result
    from dioptre.features.select import depth_mask  # imports JAX

    mask = depth_mask(inputs.picture, disparity, farthest=farthest, nearest=nearest, feather=options[FEATHER])
    if not mask.any():
        raise UsageError(
            "There is nothing in the range of depth.",
            hint="Widen it: {farthest}, {nearest}.",
            farthest=_FARTHEST,
            nearest=_NEAREST,
        )
    below = 1 + next(place for place, layer in enumerate(result.layers) if layer.role is Role.RESULT)
    added = Layer(name="Mask", role=Role.MASK, pixels=mask, visible=False)
    return replace(result, layers=(*result.layers[:below], added, *result.layers[below:]))


def within(result: Result, selection: Matte) -> Result:
    """Multiply the mask of a result, if it has one, by a selection."""
    layers = (
        replace(layer, pixels=layer.pixels * within_unit(without_nan(selection)))
        if layer.role is Role.MASK
        else layer
        for layer in result.layers
    )
    return replace(result, layers=tuple(layers))


def blended(result: Result, inputs: Inputs, *, selection: Matte | None) -> Result:
    """Blend a result with the picture by its mask and a selection, as editors show a layer with a mask.

    Args:
        result: the result, perhaps with a mask, which the new result does not have.
        inputs: the inputs of the operation.
        selection: how much of each pixel may change; None for all.

    Raises:
        UsageError: nothing is selected.
    """
    masks = [layer.pixels for layer in result.layers if layer.role is Role.MASK]
    if selection is not None:
        masks.append(within_unit(without_nan(selection)))
        if not masks[-1].any():
            raise UsageError("Nothing is selected.", hint="Select the area to change.")
    if not masks:
        return result
    weight = np.prod(masks, axis=0, dtype=np.float32)
    return replace(
        result,
        layers=tuple(
            replace(layer, pixels=_mixed(inputs.picture, layer.pixels, weight))
            if layer.role is Role.RESULT and layer.shape[:2] == weight.shape
            else layer
            for layer in result.layers
            if layer.role is not Role.MASK
        ),
    )


def _mixed(before: Picture, after: Picture, weight: Matte) -> Picture:
    """Return `before` where the weight is 0, `after` where it is 1, and a blend of encoded values between."""
    inside = weight[..., None]
    if before.shape[2] == after.shape[2] == 3:
        return np.asarray(before * (1 - inside) + after * inside, np.float32)
    alphas = [each[..., 3:] if each.shape[2] == 4 else np.ones_like(inside) for each in (before, after)]
    weights = alphas[0] * (1 - inside), alphas[1] * inside
    alpha = weights[0] + weights[1]
    colour = (before[..., :3] * weights[0] + after[..., :3] * weights[1]) / np.maximum(alpha, 1e-6)
    mixed = np.concatenate([colour, alpha], axis=-1)
    for part, full in ((0, before), (1, after)):
        if full.shape[2] == 4:
            mixed = np.where(inside == part, full, mixed)
    return np.asarray(mixed, np.float32)
