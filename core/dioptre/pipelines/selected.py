"""What every operation that selects gives: a mask, and the cut-out layer where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.foreground import with_own_colours
from dioptre.imaging.layers import Layer, LayerOnDemand, Rows
from dioptre_link.catalogue.selection import LAYER
from dioptre_link.operation import Role


@dataclass(frozen=True, kw_only=True)
class Selected:
    """A selection of a picture.

    Attributes:
        mask: (H, W), how far each pixel is selected, 0 to 1.
        values: what was decided, as JSON types.
        models: sha256 of the card of every network that took part.
        messages: sentences for the user.
    """

    mask: Float32[np.ndarray, "h w"]
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def cut_out_layer(
    image: Float32[np.ndarray, "h w c"], mask: Float32[np.ndarray, "h w"], *, decontaminate: bool
) -> Layer:
    """The selected part of a picture as a layer, read when it is written.

    decontaminate: with its own colours where the background shines through, instead of the picture's.
    """
    return LayerOnDemand(
        name="Cut-out",
        role=Role.SUBJECT,
        shape=(*mask.shape, 4),
        begin=lambda: with_own_colours(image, mask) if decontaminate else _as_it_is(image, mask),
        made_of=(image, mask),
    )


def selection_layers(
    image: Float32[np.ndarray, "h w c"], mask: Float32[np.ndarray, "h w"], options: Mapping[str, Any]
) -> tuple[Layer, ...]:
    """The mask, and above it the cut-out where `options` ask for a new layer."""
    selection = Layer(name="Selection", role=Role.SELECTION, pixels=mask, visible=False)
    if options["result"] != LAYER:
        return (selection,)
    return cut_out_layer(image, mask, decontaminate=options["decontaminate"]), selection


def _as_it_is(image: Float32[np.ndarray, "h w c"], mask: Float32[np.ndarray, "h w"]) -> Rows:
    return lambda rows: np.concatenate([image[rows][..., :3], mask[rows][..., None]], axis=-1)
