"""Depth of one photo, the camera's own or estimated: what is near and what is far, with the picture's own edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.embedded import EmbeddedDepth
from dioptre.imaging.frames import find_frame
from dioptre.imaging.layers import Inputs, Layer, Prepared, Progress, Result, no_progress
from dioptre.imaging.numbers import is_finite, within_unit
from dioptre.imaging.resize import resize
from dioptre.imaging.spread import spread_known
from dioptre.imaging.step_cache import StepResult
from dioptre.models.loaded import Loaded
from dioptre.models.registry import ModelKind, analysis_checksums, find, load_model
from dioptre_link.errors import DioptreError
from dioptre_link.operations import Role

from .depth_edges import aspect_of, enlarged_along_edges, range_of, to_unit_range, with_edges, working_shape

_PERCENTILES = (1.0, 99.0)  # of the network's output; the refiner was trained with these at 0 and 1
_FLAT = 1e-4  # range of the network's output below which a picture has no depth at all
_DISAGREEMENT = 0.1  # between a picture and its mirror image, at which confidence falls to 1/e
_FEWEST_LEVELS = 4  # different values; a camera's map with fewer is an empty one
_LARGEST_SQUEEZE = 0.03  # of a camera's map to its picture's shape; beyond, it belongs to another crop

DEPTH_STEP, CONFIDENCE_STEP = "depth", "depth with confidence"
"""Steps of the cache."""


class DepthError(DioptreError):
    """No depth can be had of this picture."""

    code = "depth"


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The depth of a picture.

    disparity: (H, W) in [0, 1], 1 = nearest, 0 = farthest; affine-invariant inverse depth.
    confidence: (H, W) in [0, 1]: how well the picture and its mirror image agree, or what the camera says; 0
        outside of a frame and where the picture is transparent. None where nobody asked for it.
    mean_confidence: of the whole picture.
    model: id of the network; empty for the camera's own depth. models: sha256 of the cards of every checkpoint
        that took part.
    source: "estimate", or what the camera's map was, in words.
    range_per_m: inverse depth in 1/m that a disparity of 0 and of 1 stand for; None where nobody knows.
    messages: sentences for the user.
    """

    disparity: Float32[np.ndarray, "h w"]
    confidence: Float32[np.ndarray, "h w"] | None = None
    mean_confidence: float = 1.0
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    source: str = "estimate"
    range_per_m: tuple[float, float] | None = None
    messages: tuple[str, ...] = ()

    def values(self) -> dict[str, Any]:
        """What is to be told beside the pixels, as JSON types."""
        told: dict[str, Any] = {"depth_source": self.source}
        if self.range_per_m is not None:
            told["depth_range_per_m"] = [round(value, 5) for value in self.range_per_m]
        return told


def depth_of(
    image: Float32[np.ndarray, "h w c"],
    *,
    embedded: EmbeddedDepth | None,
    source: str = "auto",
    refine: bool = True,
    progress: Progress = no_progress,
) -> Depth:
    """The camera's own depth where there is one and `source` allows it, else an estimate.

    source: "auto", "embedded" (raises DepthError where the file has none that fits) or "estimate".
    The rest as in `estimate_depth`.
    """
    if embedded is None and source == "embedded":
        raise DepthError(
            "There is no depth of the camera for this picture.",
            hint="Portrait photographs of phones have one, in the file as the phone wrote it. Or choose: estimate.",
        )
    messages: tuple[str, ...] = ()
    if embedded is not None and source != "estimate":
        if (misfit := _misfit(embedded, image)) is None:
            return fit_embedded(image, embedded, refine=refine, progress=progress)
        if source == "embedded":
            raise DepthError(misfit, hint="Let depth be estimated instead.")
        messages = (f"{misfit} Depth was estimated.",)
    estimated = estimate_depth(image, refine=refine, progress=progress)
    return replace(estimated, messages=(*messages, *estimated.messages))


def fit_embedded(
    image: Float32[np.ndarray, "h w c"],
    embedded: EmbeddedDepth,
    *,
    refine: bool = True,
    progress: Progress = no_progress,
) -> Depth:
    """The camera's depth map at the picture's size and, with `refine`, with the picture's edges.

    A map nearly as fine as the refiner's own size keeps its edges; it is only enlarged along the picture's.
    Raises DepthError as `estimate_depth` does.
    """
    progress(0.0, "Reading the camera's depth")
    picture, visible = _visible_part(image)
    size = picture.shape[0], picture.shape[1]
    low, high = range_of(embedded.disparity, np.ones_like(embedded.disparity))
    disparity = np.clip((embedded.disparity - np.float32(low)) / np.float32(high - low), 0, 1)
    models: Mapping[str, str] = {}
    if refine:
        progress(0.2, "Following edges")
        edged, models = with_edges(picture, disparity)
        finer = min(disparity.shape) > min(edged.shape)
        progress(0.6, "Enlarging")
        disparity = within_unit(enlarged_along_edges(disparity if finer else edged, picture))
    else:
        disparity = resize(disparity, size, method="bilinear")
    sure = np.ones(size, np.float32)
    if embedded.confidence is not None:
        sure = resize(np.clip(embedded.confidence, 0, 1), size, method="bilinear")
    sure *= visible > 0
    range_per_m = None
    message = f"Depth is the camera's own ({embedded.kind})."
    if embedded.range_per_m is not None:
        start, span = embedded.range_per_m[0], embedded.range_per_m[1] - embedded.range_per_m[0]
        range_per_m = (start + low * span, start + high * span)
        far = f"{1 / range_per_m[0]:.2g} m" if range_per_m[0] > 0 else "infinity"
        message = f"Depth is the camera's own ({embedded.kind}), from {1 / range_per_m[1]:.2g} m to {far}."
    progress(1.0, "Depth")
    return Depth(
        disparity=disparity.astype(np.float32, copy=False),
        confidence=sure,
        mean_confidence=float(sure.mean()),
        model="",
        models=models,
        source=embedded.kind,
        range_per_m=range_per_m,
        messages=(message,),
    )


def _misfit(embedded: EmbeddedDepth, image: np.ndarray) -> str | None:
    """Why the camera's map cannot be this picture's, in a sentence; None where it can."""
    found, wanted = embedded.disparity.shape, image.shape[:2]
    rounding = 1 / min(found)
    if abs(np.log(found[1] * wanted[0] / (found[0] * wanted[1]))) > _LARGEST_SQUEEZE + rounding:
        return "The camera's depth map has another shape than the picture."
    if len(np.unique(embedded.disparity)) < _FEWEST_LEVELS:
        return "The camera's depth map is empty."
    return None


def estimate_depth(
    image: Float32[np.ndarray, "h w c"],
    *,
    model: str = "default",
    refine: bool = True,
    progress: Progress = no_progress,
) -> Depth:
    """Estimate the depth of a picture of any size.

    image: (H, W, 3) or (H, W, 4) straight alpha, sRGB-encoded; values outside [0, 1] count as 0 and 1.
    refine: put the picture's edges into the map.
    Raises DepthError for a picture with values that are not numbers, or wholly transparent; UsageError for an
    unknown model; WeightsError when its weights are missing or damaged.
    """
    progress(0.0, "Loading the network")
    picture, visible = _visible_part(image)
    network = load_model(find(model, kind=ModelKind.DEPTH).id)
    models = dict(network.checksums)
    inside = find_frame(picture)
    cropped, seen = picture[inside.slices], visible[inside.slices]
    progress(0.1, "Estimating depth")
    coarse, agreement = _look(cropped, seen, network)
    progress(0.5, "Following edges")
    if refine:
        disparity, checksums = with_edges(cropped, coarse)
        models |= checksums
        progress(0.7, "Enlarging")
        disparity = enlarged_along_edges(disparity, cropped)
    else:
        disparity = resize(coarse, inside.shape, method="bilinear")
    progress(0.9, "Enlarging")
    disparity = to_unit_range(disparity, seen)
    confidence = resize(np.clip(agreement, 0, 1), inside.shape, method="bilinear")
    confidence *= seen > 0
    framed = inside.shape != picture.shape[:2]
    if framed:
        margins = ((inside.top, picture.shape[0] - inside.bottom), (inside.left, picture.shape[1] - inside.right))
        disparity, confidence = np.pad(disparity, margins, mode="edge"), np.pad(confidence, margins)
    progress(1.0, "Depth")
    return Depth(
        disparity=disparity,
        confidence=confidence,
        mean_confidence=float(confidence.mean()),
        model=network.entry.id,
        models=models,
        messages=("The frame round the picture was left out; it got the depth beside it.",) if framed else (),
    )


def kept_depth(
    inputs: Inputs, *, source: str, refine: bool, confidence: bool = False, progress: Progress = no_progress
) -> Depth:
    """What `depth_of` gives for the picture, from the step cache where it was computed before.

    Without the confidence where that is not asked for: it takes as much room as the depth.
    Raises what `depth_of` raises.
    """

    def compute() -> StepResult:
        depth = depth_of(inputs.picture, embedded=inputs.embedded, source=source, refine=refine, progress=progress)
        return StepResult.of(depth, without=() if confidence else ("confidence",))

    step = CONFIDENCE_STEP if confidence else DEPTH_STEP
    ready = inputs.prepared.get(step)
    if ready is None:
        given: dict[str, Any] = {"picture": inputs.picture, "source": source, "refine": refine}
        if source != "estimate" and inputs.embedded is not None:
            given["embedded"] = {one.name: getattr(inputs.embedded, one.name) for one in fields(inputs.embedded)}
        ready = inputs.cache.result(step, {**given, "networks": analysis_checksums()}, compute)
        progress(1.0, "Depth")
    return ready.to(Depth)


def prepare(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Prepared:
    """The slow step of `run`, for a picture at its full size."""
    confidence = options["confidence"]
    depth = kept_depth(
        inputs,
        source=options["depth_source"],
        refine=options["refine"],
        confidence=confidence,
        progress=progress,
    )
    return {CONFIDENCE_STEP if confidence else DEPTH_STEP: StepResult.of(depth)}


def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
    """The operation "depth": see `dioptre_link.operations`."""
    depth = kept_depth(
        inputs,
        source=options["depth_source"],
        refine=options["refine"],
        confidence=options["confidence"],
        progress=progress,
    )
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


def _visible_part(
    image: Float32[np.ndarray, "h w c"],
) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
    """The picture in [0, 1] with colours spread under its transparent pixels, and its alpha."""
    if not is_finite(image):
        raise DepthError(
            "The picture contains values that are not numbers.",
            hint="Open it in an editor and replace the damaged pixels (NaN or infinite) first.",
        )
    picture = within_unit(image)
    if picture.shape[2] == 3:
        return picture, np.broadcast_to(np.float32(1), picture.shape[:2])
    colour, alpha = np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])
    if not alpha.any():
        raise DepthError("The picture is wholly transparent.", hint="Choose a layer that shows something.")
    return (colour if alpha.min() == 1 else spread_known(colour, alpha)), alpha


def _look(
    picture: Float32[np.ndarray, "h w 3"], seen: Float32[np.ndarray, "h w"], network: Loaded
) -> tuple[Float32[np.ndarray, "a b"], Float32[np.ndarray, "p q"]]:
    """Disparity at the network's size, its 1st and 99th percentile at 0 and 1, and confidence patch by patch.

    The picture and its mirror image are looked at; the mean of both is a little better than either, and where they
    disagree neither is to be trusted.
    """
    prepared = network.entry.preprocessing
    shape = working_shape(aspect_of(picture.shape), prepared.short_side_px, prepared.multiple_px)
    small = np.clip(resize(picture, shape, method="bicubic"), 0, 1)
    x = (small - np.array(prepared.mean, np.float32)) / np.array(prepared.deviation, np.float32)
    straight, mirrored = np.asarray(network(np.stack([x, x[:, ::-1]])))
    straight, mirrored = (
        _scaled(view, resize(seen, shape, method="area")) for view in (straight, mirrored[:, ::-1])
    )
    patches = (shape[0] // prepared.multiple_px, shape[1] // prepared.multiple_px)
    disagreement = resize(np.abs(straight - mirrored), patches, method="area")
    return (straight + mirrored) / 2, np.exp(-disagreement / np.float32(_DISAGREEMENT))


def _scaled(disparity: Float32[np.ndarray, "a b"], seen: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "a b"]:
    """1st and 99th percentile of what is seen to 0 and 1; 0.5 everywhere when it is all the same."""
    visible = disparity[seen > 0.5] if (seen > 0.5).any() else disparity
    low, high = np.percentile(visible, _PERCENTILES).astype(np.float32)
    if high - low < _FLAT:
        return np.full_like(disparity, 0.5)
    scaled: np.ndarray = (disparity - low) / (high - low)
    return scaled
