"""Depth maps of photos, read from the camera's own map or estimated, and aligned with the edges of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from dioptre.contract import (
    Disparity,
    EmbeddedDepth,
    FieldOfView,
    Inputs,
    Layer,
    Picture,
    Plane,
    Progress,
    Result,
    StepResult,
    inverse_distance,
    no_progress,
)
from dioptre.models.depth_view import DepthView
from dioptre.models.registry import DEFAULTS, ENTRIES, ModelKind, analysis_checksums, chosen_depth_network
from dioptre_link.catalogue.depth import BEST, DepthMapOptions, DepthOptions
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .coarse import (
    CoarseDepth,
    DepthError,
    DepthSource,
    Glances,
    Visible,
    ends_in_words,
    enlarged,
    estimated,
    fitted,
    refined,
)

_FLAT = 1 / 255  # least range of disparities; smaller ones are rounding
USUAL_NEAREST = 0.15
"""Distance of a picture's nearest point divided by that of the farthest, where distances are not known."""
_GIVEN = "given"  # source of depth that was not estimated
_FEWEST_LEVELS = 4  # a camera's map with fewer distinct values than this is considered empty
# Largest difference in aspect ratio (as a logarithm) at which a camera's map is stretched to fit the picture; a map
# that differs more belongs to another crop.
_LARGEST_SQUEEZE = 0.03

# Names under which the results of steps are cached.
_GLANCE_STEP = "view of the depth"
_COARSE_STEP, _DEPTH_STEP, _CONFIDENCE_STEP = "coarse depth", "depth", "depth with confidence"


@dataclass(frozen=True, kw_only=True)
class Depth(DepthSource):
    """The depth of a picture, with the attributes of `DepthSource`.

    Attributes:
        disparity: (H, W) in [0, 1], 1 = nearest, 0 = farthest; affine-invariant inverse depth.
        confidence: (H, W) in [0, 1]: agreement between the estimates for the picture and its mirror image, or the
            camera's own confidence; 0 outside the frame and in transparent areas. None if it was not requested.
        mean_confidence: mean of the confidence over the whole picture.
    """

    disparity: Disparity
    confidence: Plane | None = None
    mean_confidence: float = 1.0

    @property
    def metric(self) -> Plane | None:
        """Inverse depth in 1/m, 0 at infinity; None if the scale is unknown."""
        return None if self.range_per_m is None else inverse_distance(self.disparity, self.range_per_m)

    @property
    def nearest(self) -> float:
        """Distance of the nearest point divided by that of the farthest, from 0.01 to 0.9; usual if unknown."""
        if self.range_per_m is None or self.range_per_m[1] <= 0:
            return USUAL_NEAREST
        return min(max(self.range_per_m[0] / self.range_per_m[1], 0.01), 0.9)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The depth as a hidden layer of a result; none if it was given."""
        if self.source == _GIVEN:
            return ()
        return (Layer(name="Depth", role=Role.DEPTH, pixels=self.disparity, visible=False),)

    @property
    def metric_source(self) -> str:
        """Source of the metric scale: the kind of the camera's map or the network's title; "" without a scale."""
        if self.range_per_m is None:
            return ""
        return ENTRIES[self.model].title if self.model in ENTRIES else self.source

    @property
    def field_of_view(self) -> FieldOfView | None:
        """The picture's angle of view; None if unknown."""
        if self.focal_diagonals is None:
            return None
        return FieldOfView(focal_diagonals=self.focal_diagonals, source=self.focal_source)

    def values(self) -> dict[str, Any]:
        """Return the values that are reported along with the pixels, as JSON types; none if the depth was given."""
        if self.source == _GIVEN:
            return {}
        values: dict[str, Any] = {"depth_source": self.source}
        if self.model:
            values["depth_model"] = self.model
        if self.range_per_m is not None:
            values["depth_range_per_m"] = [round(value, 5) for value in self.range_per_m]
            values["metric_source"] = self.metric_source
        if (view := self.field_of_view) is not None:
            values["focal_length_equivalent_mm"] = round(view.equivalent_mm, 1)
            values["focal_length_source"] = view.source
        return values


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
    return _finished(refined(coarse, whole, progress=progress) if refine else coarse, whole, progress)


def _coarse(
    whole: Visible,
    embedded: EmbeddedDepth | None,
    options: DepthOptions,
    field_of_view: FieldOfView | None,
    progress: Progress,
    *,
    quick: bool,
    glances: Glances,
) -> CoarseDepth:
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
    refine = options.refine
    if embedded is not None and source != "estimate":
        if (misfit := _misfit(embedded, whole.size)) is None:
            return fitted(whole, embedded, refine=refine, field_of_view=field_of_view, progress=progress)
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


def _finished(coarse: CoarseDepth, picture: Visible, progress: Progress) -> Depth:
    """Enlarge the depth to the size of `picture`: the picture that it was computed for, or a smaller version."""
    disparity, confidence, range_per_m = enlarged(coarse, picture, progress=progress)
    source = {one.name: getattr(coarse, one.name) for one in fields(DepthSource)}
    source |= {
        "range_per_m": range_per_m,
        "messages": (*_network_in_words(coarse, range_per_m), *coarse.messages),
    }
    return Depth(disparity=disparity, confidence=confidence, mean_confidence=float(confidence.mean()), **source)


def _network_in_words(coarse: CoarseDepth, range_per_m: tuple[float, float] | None) -> tuple[str, ...]:
    """Return a message that names the depth network, unless it is the bundled one."""
    entry = ENTRIES.get(coarse.model)
    if entry is None or entry.id == DEFAULTS[ModelKind.DEPTH]:
        return ()
    title = entry.title
    messages = (f"Depth was estimated by {title}.",)
    if range_per_m is not None:
        near, far = ends_in_words(range_per_m)
        messages = (f"Depth was estimated by {title}, from {near} to {far}.",)
    return messages


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
    whole = inputs.full_picture
    refine = options.refine and not inputs.draft
    options = replace(options, depth_model=chosen_depth_network(options.depth_model).id)
    given: dict[str, Any] = {
        "picture": whole,
        "source": options.depth_source,
        "model": options.depth_model,
        "field_of_view": None if field_of_view is None else asdict(field_of_view),
        "networks": analysis_checksums(),
    }
    if options.depth_source != "estimate" and inputs.embedded is not None:
        given["embedded"] = {one.name: getattr(inputs.embedded, one.name) for one in fields(inputs.embedded)}

    without = () if confidence else ("confidence",)

    def glances(mirrored: bool, look: Callable[[], DepthView]) -> DepthView:
        kept = inputs.cache.result(
            _GLANCE_STEP,
            {**given, "mirrored": mirrored},
            lambda: StepResult.of(look()),
            makes=StepResult.names(DepthView),
        )
        return kept.to(DepthView)

    looked_at = {**given, "refine": refine, "quick": inputs.draft}

    def compute() -> StepResult:
        progress(0.0, "Loading the network")
        picture = Visible.of(inputs.picture)

        def look(*, refine: bool) -> StepResult:
            seen = picture if whole is inputs.picture else Visible.of(whole)
            if refine:
                unrefined = {**looked_at, "refine": False}
                first = inputs.cache.result(
                    _COARSE_STEP, unrefined, partial(look, refine=False), makes=StepResult.names(CoarseDepth)
                )
                if (coarse := first.to(CoarseDepth)).estimated:
                    return StepResult.of(refined(coarse, seen, progress=progress))
            how = replace(options, refine=refine)
            return StepResult.of(
                _coarse(seen, inputs.embedded, how, field_of_view, progress, quick=inputs.draft, glances=glances)
            )

        coarse = inputs.cache.result(
            _COARSE_STEP, looked_at, partial(look, refine=refine), makes=StepResult.names(CoarseDepth)
        ).to(CoarseDepth)
        depth = _finished(coarse, picture, progress)
        return StepResult.of(depth, without=without)

    step = _CONFIDENCE_STEP if confidence else _DEPTH_STEP
    sized = {**looked_at, "size": inputs.picture.shape[:2]}
    ready = inputs.cache.result(step, sized, compute, makes=StepResult.names(Depth, without=without))
    progress(1.0, "Depth")
    return ready.to(Depth)


def chosen_depth(inputs: Inputs, options: DepthOptions, *, progress: Progress = no_progress) -> Depth:
    """Return the given depth, or else the estimated one (see `kept_depth`)."""
    view = inputs.chosen_field_of_view(options.equivalent_mm)
    if inputs.disparity is None:
        return kept_depth(inputs, options, field_of_view=view, progress=progress)
    focal = None if view is None else view.focal_diagonals
    return Depth(disparity=inputs.disparity, source=_GIVEN, range_per_m=inputs.range_per_m, focal_diagonals=focal)


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
