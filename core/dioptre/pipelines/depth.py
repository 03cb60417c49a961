"""Depth from one photo: what is near and what is far, with the picture's own edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.frames import find_frame
from dioptre.imaging.joint_upsampling import double_along_edges
from dioptre.imaging.layers import Inputs, Layer, Progress, Result, no_progress
from dioptre.imaging.resize import resize
from dioptre.imaging.spread import spread_known
from dioptre.models.loaded import Loaded
from dioptre.models.registry import ModelKind, find, load_model
from dioptre_link.errors import DioptreError
from dioptre_link.operations import Role

_ASPECTS = (1.0, 1.2, 1.35, 1.5, 1.8, 2.0, 2.5, 3.0)
"""Long by short side of the few shapes that networks see; pictures are squeezed by 12 % at most to fit one."""

_REFINEMENTS = 2
_PERCENTILES = (1.0, 99.0)  # of the network's output; the refiner was trained with these at 0 and 1
_RANGE = (0.2, 99.8)  # percentiles of the finished map that become 0 and 1
_FLAT = 1e-4  # range of the network's output below which a picture has no depth at all
_DISAGREEMENT = 0.1  # between a picture and its mirror image, at which confidence falls to 1/e
_LARGEST_STEP_UP = 2  # doublings along edges; beyond that the map is enlarged bilinearly


class DepthError(DioptreError):
    """No depth can be estimated from this picture."""

    code = "depth"


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The depth of a picture.

    disparity: (H, W) in [0, 1], 1 = nearest, 0 = farthest; affine-invariant inverse depth.
    confidence: (H, W) in [0, 1]: how well the picture and its mirror image agree; 0 outside of a frame and where
        the picture is transparent.
    model: id of the network. models: sha256 of the cards of every checkpoint that took part.
    messages: sentences for the user.
    """

    disparity: Float32[np.ndarray, "h w"]
    confidence: Float32[np.ndarray, "h w"]
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


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
    aspect = _aspect(inside.shape)
    progress(0.1, "Estimating depth")
    coarse, agreement = _look(cropped, seen, network, aspect)
    progress(0.5, "Following edges")
    if refine:
        refiner = load_model(find("default", kind=ModelKind.DEPTH_REFINER).id)
        models |= refiner.checksums
        disparity = _refine(cropped, coarse, refiner, aspect)
        progress(0.7, "Enlarging")
        disparity = _enlarge(disparity, cropped)
    else:
        disparity = resize(coarse, inside.shape, method="bilinear")
    progress(0.9, "Enlarging")
    disparity = _to_unit_range(disparity, seen)
    confidence = np.clip(resize(agreement, inside.shape, method="bilinear"), 0, 1) * (seen > 0)
    framed = inside.shape != picture.shape[:2]
    if framed:
        margins = ((inside.top, picture.shape[0] - inside.bottom), (inside.left, picture.shape[1] - inside.right))
        disparity, confidence = np.pad(disparity, margins, mode="edge"), np.pad(confidence, margins)
    progress(1.0, "Depth")
    return Depth(
        disparity=disparity,
        confidence=confidence,
        model=network.entry.id,
        models=models,
        messages=("The frame round the picture was left out; it got the depth beside it.",) if framed else (),
    )


def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
    """The operation "depth": see `dioptre_link.operations`."""
    depth = estimate_depth(inputs.picture, refine=options["refine"], progress=progress)
    return Result(
        layers=(Layer(name="Depth", role=Role.DEPTH, pixels=depth.disparity),),
        values={"model": depth.model, "mean_confidence": round(float(depth.confidence.mean()), 4)},
        messages=depth.messages,
        models=depth.models,
    )


def _visible_part(
    image: Float32[np.ndarray, "h w c"],
) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
    """The picture in [0, 1] with colours spread under its transparent pixels, and its alpha."""
    if not np.isfinite(image).all():
        raise DepthError(
            "The picture contains values that are not numbers.",
            hint="Open it in an editor and replace the damaged pixels (NaN or infinite) first.",
        )
    picture = np.clip(image, 0, 1)
    if picture.shape[2] == 3:
        return picture, np.ones(picture.shape[:2], np.float32)
    colour, alpha = np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])
    if not alpha.any():
        raise DepthError("The picture is wholly transparent.", hint="Choose a layer that shows something.")
    return (colour if alpha.min() == 1 else spread_known(colour, alpha)), alpha


def _aspect(shape: tuple[int, int]) -> float:
    """Height by width of the nearest of the few shapes."""
    aspects = np.array(sorted({a for aspect in _ASPECTS for a in (aspect, 1 / aspect)}))
    return float(aspects[np.argmin(np.abs(np.log(aspects * shape[1] / shape[0])))])


def _working_shape(aspect: float, short_side_px: int, multiple_px: int) -> tuple[int, int]:
    short = round(short_side_px / multiple_px) * multiple_px
    long = round(short * max(aspect, 1 / aspect) / multiple_px) * multiple_px
    return (long, short) if aspect > 1 else (short, long)


def _look(
    picture: Float32[np.ndarray, "h w 3"], seen: Float32[np.ndarray, "h w"], network: Loaded, aspect: float
) -> tuple[Float32[np.ndarray, "a b"], Float32[np.ndarray, "p q"]]:
    """Disparity at the network's size, its 1st and 99th percentile at 0 and 1, and confidence patch by patch.

    The picture and its mirror image are looked at; the mean of both is a little better than either, and where they
    disagree neither is to be trusted.
    """
    prepared = network.entry.preprocessing
    shape = _working_shape(aspect, prepared.short_side_px, prepared.multiple_px)
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


def _refine(
    picture: Float32[np.ndarray, "h w 3"], coarse: Float32[np.ndarray, "a b"], refiner: Loaded, aspect: float
) -> Float32[np.ndarray, "p q"]:
    """The map at the refiner's size, with the picture's edges."""
    prepared = refiner.entry.preprocessing
    shape = _working_shape(aspect, prepared.short_side_px, prepared.multiple_px)
    rgb = np.clip(resize(picture, shape, method="bicubic"), 0, 1)[None]
    disparity = resize(coarse, shape, method="bilinear")[None]
    for _ in range(_REFINEMENTS):
        disparity = refiner(rgb, disparity)
    return np.array(disparity[0])


def _enlarge(
    disparity: Float32[np.ndarray, "a b"], picture: Float32[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w"]:
    """The map at the picture's size: doubled along the picture's edges, the rest bilinearly."""
    size = picture.shape[0], picture.shape[1]
    guide = resize(picture, disparity.shape, method="area")
    for _ in range(_LARGEST_STEP_UP):
        if min(size) <= 1.25 * min(disparity.shape):
            break
        finer = resize(picture, (2 * disparity.shape[0], 2 * disparity.shape[1]), method="area")
        disparity = np.array(double_along_edges(disparity, guide, finer))
        guide = finer
    return resize(disparity, size, method="bilinear")


def _to_unit_range(
    disparity: Float32[np.ndarray, "h w"], seen: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """[0, 1], but for a few outliers' sake; percentiles come from a sample of what is seen."""
    step = max(1, int((disparity.size / 1e6) ** 0.5))
    sample = disparity[::step, ::step][seen[::step, ::step] > 0.5]
    low, high = np.percentile(sample if sample.size else disparity, _RANGE).astype(np.float32)
    if high - low < _FLAT:
        return np.full_like(disparity, 0.5)
    scaled: np.ndarray = np.clip((disparity - low) / (high - low), 0, 1)
    return scaled
