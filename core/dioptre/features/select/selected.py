"""The result of every operation that selects: a mask and, if requested, a cut-out layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dioptre.contract import Layer, LayerOnDemand, Matte, Picture, Rows
from dioptre.imaging.foreground import with_own_colours
from dioptre_link.catalogue.selection import LAYER, SelectionOptions
from dioptre_link.operation import Role


@dataclass(frozen=True, kw_only=True)
class Selected:
    """A selection in a picture.

    Attributes:
        mask: (H, W) in [0, 1], how much of each pixel is selected.
        values: parameters that were chosen automatically, as JSON types.
        models: SHA-256 of the cards of all networks that were used.
        messages: sentences for the user.
    """

    mask: Matte
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def cut_out_layer(image: Picture, mask: Matte, *, decontaminate: bool) -> Layer:
    """Return the selected part of a picture as a layer whose pixels are computed when they are written.

    Args:
        image: (h, w, 3 or 4), the picture.
        mask: (h, w) in [0, 1], how much of each pixel is selected.
        decontaminate: estimate the subject's own colours where the background shines through, instead of copying
            the picture's.
    """
    return LayerOnDemand(
        name="Cut-out",
        role=Role.SUBJECT,
        shape=(*mask.shape, 4),
        begin=lambda: with_own_colours(image, mask) if decontaminate else _as_it_is(image, mask),
        made_of=(image, mask),
    )


def selection_layers(image: Picture, mask: Matte, options: SelectionOptions) -> tuple[Layer, ...]:
    """Return the mask, preceded by the cut-out if `options` request a new layer."""
    selection = Layer(name="Selection", role=Role.SELECTION, pixels=mask, visible=False)
    if options.result != LAYER:
        return (selection,)
    return cut_out_layer(image, mask, decontaminate=options.decontaminate), selection


def _as_it_is(image: Picture, mask: Matte) -> Rows:
    return lambda rows: np.concatenate([image[rows][..., :3], mask[rows][..., None]], axis=-1)
