"""Depth maps of photos, read from the camera's own map or estimated, and aligned with the edges of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from functools import cache
from typing import Any

import numpy as np

from dioptre.contract import (
    Disparity,
    EmbeddedDepth,
    FieldOfView,
    Inputs,
    Layer,
    Picture,
    Progress,
    Result,
    no_progress,
)
from dioptre.models.depth_view import DepthView
from dioptre.models.registry import analysis_checksums, chosen_depth_network
from dioptre_link.catalogue.depth import BEST, DepthMapOptions, DepthOptions
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .coarse import (
    GIVEN,
    Depth,
    DepthError,
    Glances,
    Visible,
    estimated,
    fitted,
    refined,
)

_FLAT = 1 / 255  # least range of disparities; smaller ones are rounding
_FEWEST_LEVELS = 4  # a camera's map with fewer distinct values than this is considered empty
# Largest difference in aspect ratio (as a logarithm) at which a camera's map is stretched to fit the picture; a map
# that differs more belongs to another crop.
_LARGEST_SQUEEZE = 0.03

# Names under which the results of steps are cached.
_GLANCE_STEP = "view of the depth"
_COARSE_STEP, _DEPTH_STEP, _CONFIDENCE_STEP = "coarse depth", "depth", "depth with confidence"


def _misfit(embedded: EmbeddedDepth, wanted: tuple[int, int]) -> str | None:
    """Return a sentence that says why the camera's map cannot belong to this picture; None if it can."""
    found = embedded.disparity.shape
    rounding = 1 / min(found)
    if abs(np.log(found[1] * wanted[0] / (found[0] * wanted[1]))) > _LARGEST_SQUEEZE + rounding:
        return Message("The camera's depth map and the picture differ in aspect ratio.")
    if len(np.unique(embedded.disparity)) < _FEWEST_LEVELS:
        return Message("The camera's depth map is empty.")
    return None


def estimate_depth(
    image: Picture,
    *,
    model: str = BEST,
    refine: bool = True,
    field_of_view: FieldOfView | None = None,
    progress: Progress = no_progress,
) -> Depth:
    """Estimate the depth of a picture of any size.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha. Values outside [0, 1] are clipped.
        model: a depth network's id, "best" for the best that is installed, "default" for the bundled network.
        refine: align the map with the edges of the picture.
        field_of_view: the picture's angle of view, if known; networks that estimate metres use it.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.

    Returns:
        Depth: `disparity` (H, W) in [0, 1], 1 = nearest, with its confidence and, if known, its scale.

    Raises:
        DepthError: the picture is completely transparent or contains NaN or infinite values.
        UsageError: there is no such model.
        WeightsError: the model's weights are missing or damaged.
    """
    progress(0.0, "Loading the network")
    whole = Visible.of(image)
    coarse = estimated(whole, model=model, field_of_view=field_of_view, progress=progress)
    coarse = refined(coarse, whole, progress=progress) if refine else coarse
    return coarse.at(whole, progress=progress)


def _unrefined(
    whole: Visible,
    embedded: EmbeddedDepth | None,
    options: DepthOptions,
    field_of_view: FieldOfView | None,
    progress: Progress,
    *,
    quick: bool,
    glances: Glances,
) -> Depth:
    """Return the camera's depth, if there is any and the options allow it, or else a first estimate.

    Raises:
        DepthError: the options require the camera's depth, and the file has no usable depth map.
    """
    source = options.depth_source
    if embedded is None and source == "embedded":
        raise DepthError(
            "This picture has no depth map from the camera.",
            hint="Phones embed one in portrait photos; use the original file from the phone, or choose “estimate”.",
        )
    messages: tuple[str, ...] = ()
    if embedded is not None and source != "estimate":
        progress(0.0, "Reading the camera's depth")
        if (misfit := _misfit(embedded, whole.size)) is None:
            return fitted(embedded).seen_from(field_of_view)
        if source == "embedded":
            raise DepthError(misfit, hint="Estimate the depth instead.")
        messages = (f"{misfit} The depth was estimated instead.",)
    coarse = estimated(
        whole,
        model=options.depth_model,
        quick=quick,
        field_of_view=field_of_view,
        glances=glances,
        progress=progress,
    )
    return replace(coarse, messages=(*messages, *coarse.messages))


def range_of(disparity: Disparity) -> tuple[float, float]:
    """Return the least and the largest disparity of a picture.

    Raises:
        DioptreError: they are the same.
    """
    low, high = float(disparity.min()), float(disparity.max())
    if high - low < _FLAT:
        raise DioptreError(
            "This picture's depth is the same everywhere.",
            hint="Use another photo or another depth map.",
            code="flat-depth",
        )
    return low, high


def disparity_around(disparity: Disparity, point: tuple[float, float]) -> float:
    """Return the median of the 9 x 9 pixels around a point (x, y), or around the nearest one inside the picture."""
    column, row = (
        min(max(int(place), 0), side - 1) for place, side in zip(point, disparity.shape[::-1], strict=True)
    )
    return float(np.median(disparity[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5]))


def kept_depth(
    inputs: Inputs,
    options: DepthOptions,
    *,
    field_of_view: FieldOfView | None = None,
    confidence: bool = False,
    progress: Progress = no_progress,
) -> Depth:
    """Return the picture's depth as the options choose it, from the step cache if it was computed before.

    For a preview, the depth of the whole picture is computed and then resized to the preview; a draft has only the
    network's first view, to which the exact preview adds others. Without `confidence`, the confidence map is
    dropped because it takes as much memory as the depth.

    Raises:
        DepthError: as in `estimate_depth`; also if the options require the camera's depth and it is not usable.
        UsageError: as in `estimate_depth`.
        WeightsError: as in `estimate_depth`.
    """
    options = replace(options, depth_model=chosen_depth_network(options.depth_model).id)
    given: dict[str, Any] = {
        "picture": inputs.full_picture,
        "source": options.depth_source,
        "model": options.depth_model,
        "field_of_view": None if field_of_view is None else asdict(field_of_view),
        "networks": analysis_checksums(),
    }
    if options.depth_source != "estimate" and inputs.embedded is not None:
        given["embedded"] = {one.name: getattr(inputs.embedded, one.name) for one in fields(inputs.embedded)}
    looked_at = {**given, "quick": inputs.draft, "refine": options.refine and not inputs.draft}

    def glances(mirrored: bool, look: Callable[[], DepthView]) -> DepthView:
        return inputs.cache.made(DepthView, _GLANCE_STEP, {**given, "mirrored": mirrored}, look)

    whole = cache(lambda: Visible.of(inputs.full_picture))

    def coarse() -> Depth:
        return _unrefined(
            whole(), inputs.embedded, options, field_of_view, progress, quick=inputs.draft, glances=glances
        )

    def sharp() -> Depth:
        first = inputs.cache.made(Depth, _COARSE_STEP, {**looked_at, "refine": False}, coarse)
        return refined(first, whole(), progress=progress)

    def sized() -> Depth:
        progress(0.0, "Loading the network")
        picture = whole() if inputs.whole is None else Visible.of(inputs.picture)
        depth = inputs.cache.made(Depth, _COARSE_STEP, looked_at, sharp if looked_at["refine"] else coarse)
        depth = depth.at(picture, progress=progress)
        return depth if confidence else replace(depth, confidence=None)

    step = _CONFIDENCE_STEP if confidence else _DEPTH_STEP
    depth = inputs.cache.made(Depth, step, {**looked_at, "size": inputs.picture.shape[:2]}, sized)
    progress(1.0, "Depth")
    return depth


def chosen_depth(inputs: Inputs, options: DepthOptions, *, progress: Progress = no_progress) -> Depth:
    """Return the given depth, or else the estimated one (see `kept_depth`)."""
    view = inputs.chosen_field_of_view(options.equivalent_mm)
    if inputs.disparity is None:
        return kept_depth(inputs, options, field_of_view=view, progress=progress)
    return Depth(disparity=inputs.disparity, source=GIVEN, range_per_m=inputs.range_per_m).seen_from(view)


def run(inputs: Inputs, options: DepthMapOptions, progress: Progress) -> Result:
    """Run the operation `depth`; its options are described in `dioptre_link.catalogue`."""
    view = inputs.chosen_field_of_view(options.equivalent_mm)
    depth = kept_depth(inputs, options, field_of_view=view, confidence=options.confidence, progress=progress)
    layers = [Layer(name="Depth", role=Role.DEPTH, pixels=depth.disparity)]
    if depth.confidence is not None:
        sure = Layer(name="Confidence of the depth", role=Role.CONFIDENCE, pixels=depth.confidence, visible=False)
        layers.append(sure)
    return Result(
        layers=tuple(layers),
        values={"model": depth.model, "mean_confidence": round(depth.mean_confidence, 4), **depth.values()},
        messages=depth.messages,
        models=depth.models,
    )
