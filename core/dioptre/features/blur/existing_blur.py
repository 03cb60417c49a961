"""Measure the blur that a photo already has, for operations whose option *Existing blur* is automatic.

A value computed from depth is kept for further previews of the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Progress, kept_for
from dioptre.optics.certain_defocus import PictureEdges, certain_defocus_px, find_edges
from dioptre_link.catalogue.blur import BlurOptions


@dataclass(frozen=True, kw_only=True)
class ExistingBlur:
    """The blur in those parts of a photo that are certainly out of focus.

    Attributes:
        radius_px: (H, W) radius in pixels of the existing blur; None if there is none.
        values: values to report along with the pixels, as JSON types.
        messages: messages for the user.
    """

    radius_px: Float32[np.ndarray, "h w"] | None = None
    values: Mapping[str, Any]
    messages: tuple[str, ...] = ()


def edges_of(inputs: Inputs, options: BlurOptions, progress: Progress) -> PictureEdges | None:
    """Return the picture's edges, measured now or kept from an earlier preview; None if they are not needed.

    A preview uses the edges of the full-size picture, so that it finds the same blur as the final result.
    """
    if options.existing_defocus != "auto":
        return None
    if "edges" not in inputs.kept:
        progress(0.0, "Measuring existing blur")
        inputs.kept["edges"] = find_edges(inputs.full_picture)
    return cast("PictureEdges", inputs.kept["edges"])


def existing_blur(
    edges: PictureEdges | None, disparity: Float32[np.ndarray, "h w"], *, kept: dict[str, Any] | None = None
) -> ExistingBlur:
    """Return the blur that a photo certainly has at each point of its disparity map.

    Args:
        edges: the picture's edges; None to assume that the picture has no blur.
        disparity: (H, W), in any unit; the returned radius is in pixels of this map.
        kept: dictionary that keeps the last result for further drafts of the same picture.
    """
    if edges is None:
        return ExistingBlur(values={})
    if kept is None:
        return _measured(edges, disparity)
    return kept_for(kept, "existing blur", disparity, compute=lambda: _measured(edges, disparity))


def _measured(edges: PictureEdges, disparity: Float32[np.ndarray, "h w"]) -> ExistingBlur:
    radius = certain_defocus_px(edges, disparity)
    if radius is None:
        return ExistingBlur(values={})
    messages = ("Parts of the photo are already out of focus; only the missing blur was added there.",)
    return ExistingBlur(
        radius_px=radius, values={"existing_blur_px": round(float(radius.max()), 1)}, messages=messages
    )
