"""Depth from a network or the camera at its own resolution, and its enlargement to any size of the picture.

Networks run once, on the full-size picture, whatever size is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.embedded import EmbeddedDepth
from dioptre.imaging.frames import Inside, find_frame
from dioptre.imaging.layers import Progress, no_progress
from dioptre.imaging.numbers import is_finite, within_unit
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find
from dioptre_link.errors import DioptreError

from .depth_edges import aspect_of, enlarged_along_edges, range_of, to_unit_range, with_edges, working_shape

_PERCENTILES = (1.0, 99.0)  # of the network's output; the refiner was trained with these at 0 and 1
_FLAT = 1e-4  # range of the network's output below which a picture has no depth at all
_DISAGREEMENT = 0.1  # between a picture and its mirror image, at which confidence falls to 1/e


class DepthError(DioptreError):
    """No depth can be had of this picture."""

    code = "depth"


@dataclass(frozen=True, kw_only=True)
class Visible:
    """What depth is taken from: colours in [0, 1], spread under transparent pixels, and alpha."""

    colour: Float32[np.ndarray, "h w 3"]
    alpha: Float32[np.ndarray, "h w"]

    @staticmethod
    def of(image: Float32[np.ndarray, "h w c"]) -> Visible:
        """Raises DepthError for a picture that shows nothing, or whose values are not numbers."""
        if not is_finite(image):
            raise DepthError(
                "The picture contains values that are NaN or infinite.",
                hint="Replace the damaged pixels in an editor first.",
            )
        picture = within_unit(image)
        if picture.shape[2] == 3:
            return Visible(colour=picture, alpha=np.broadcast_to(np.float32(1), picture.shape[:2]))
        colour, alpha = np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])
        if not alpha.any():
            raise DepthError("The picture is completely transparent.", hint="Choose a layer with visible pixels.")
        return Visible(colour=colour if alpha.min() == 1 else pull_push(colour, alpha), alpha=alpha)

    @property
    def size(self) -> tuple[int, int]:
        return self.colour.shape[0], self.colour.shape[1]


@dataclass(frozen=True, kw_only=True)
class CoarseDepth:
    """The depth of a picture at a network's size, or the camera's.

    disparity: (A, B), of what lies inside the frame; with the picture's edges where `refined`.
    confidence: (P, Q) of the same; None where all of it counts as sure.
    size: (height, width) of the picture. frame: top, bottom, left and right of what lies inside its frame.
    estimated: by a network; else the camera's own, in its range.
    model, models, source, range_per_m, messages: as of `Depth`.
    """

    disparity: Float32[np.ndarray, "a b"]
    confidence: Float32[np.ndarray, "p q"] | None = None
    size: tuple[int, int]
    frame: tuple[int, int, int, int]
    refined: bool
    estimated: bool = True
    model: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    source: str = "estimate"
    range_per_m: tuple[float, float] | None = None
    messages: tuple[str, ...] = ()

    @property
    def framed(self) -> bool:
        """Whether the picture has a frame."""
        return self.frame != (0, self.size[0], 0, self.size[1])

    def inside(self, size: tuple[int, int]) -> Inside:
        """What lies inside the frame of the picture brought to `size`."""
        top, bottom, left, right = self.frame
        return Inside(top=top, bottom=bottom, left=left, right=right).scaled(self.size, size)


def estimated(whole: Visible, *, model: str, refine: bool, progress: Progress = no_progress) -> CoarseDepth:
    """A network's estimate. Raises what `estimate_depth` raises."""
    network = load_model(find(model, kind=ModelKind.DEPTH).id)
    models = dict(network.checksums)
    inside = find_frame(whole.colour)
    cropped, seen = whole.colour[inside.slices], whole.alpha[inside.slices]
    progress(0.1, "Estimating depth")
    coarse, agreement = _look(cropped, seen, network)
    progress(0.5, "Aligning with edges")
    if refine:
        coarse, checksums = with_edges(cropped, coarse)
        models |= checksums
    framed = inside.shape != whole.size
    return CoarseDepth(
        disparity=coarse,
        confidence=np.clip(agreement, 0, 1),
        size=whole.size,
        frame=(inside.top, inside.bottom, inside.left, inside.right),
        refined=refine,
        model=network.entry.id,
        models=models,
        messages=("The frame round the picture was left out; it got the depth beside it.",) if framed else (),
    )


def fitted(
    whole: Visible, embedded: EmbeddedDepth, *, refine: bool, progress: Progress = no_progress
) -> CoarseDepth:
    """The camera's map and, with `refine`, the picture's edges in it. Raises what `fit_embedded` raises.

    A map nearly as fine as the refiner's own size keeps its edges.
    """
    progress(0.0, "Reading the camera's depth")
    low, high = range_of(embedded.disparity, np.ones_like(embedded.disparity))
    disparity = np.clip((embedded.disparity - np.float32(low)) / np.float32(high - low), 0, 1)
    models: Mapping[str, str] = {}
    if refine:
        progress(0.2, "Aligning with edges")
        edged, models = with_edges(whole.colour, disparity)
        disparity = disparity if min(disparity.shape) > min(edged.shape) else edged
    range_per_m = None
    message = f"Using the camera's depth map ({embedded.kind})."
    if embedded.range_per_m is not None:
        start, span = embedded.range_per_m[0], embedded.range_per_m[1] - embedded.range_per_m[0]
        range_per_m = (start + low * span, start + high * span)
        far = f"{1 / range_per_m[0]:.2g} m" if range_per_m[0] > 0 else "infinity"
        message = f"Using the camera's depth map ({embedded.kind}), from {1 / range_per_m[1]:.2g} m to {far}."
    return CoarseDepth(
        disparity=disparity.astype(np.float32, copy=False),
        confidence=None if embedded.confidence is None else np.clip(embedded.confidence, 0, 1),
        size=whole.size,
        frame=(0, whole.size[0], 0, whole.size[1]),
        refined=refine,
        estimated=False,
        models=models,
        source=embedded.kind,
        range_per_m=range_per_m,
        messages=(message,),
    )


def enlarged(
    coarse: CoarseDepth, picture: Visible, *, progress: Progress = no_progress
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Disparity in [0, 1] and confidence at the size of `picture`, which may be the same picture reduced."""
    inside = coarse.inside(picture.size)
    cropped, seen = picture.colour[inside.slices], picture.alpha[inside.slices]
    progress(0.7, "Enlarging")
    if coarse.refined:
        disparity = enlarged_along_edges(coarse.disparity, cropped)
    else:
        disparity = resize(coarse.disparity, inside.shape, method="bilinear")
    progress(0.9, "Enlarging")
    if coarse.estimated:
        disparity = to_unit_range(disparity, seen)
    elif coarse.refined:
        disparity = within_unit(disparity)
    confidence = np.ones(inside.shape, np.float32)
    if coarse.confidence is not None:
        confidence = resize(coarse.confidence, inside.shape, method="bilinear")
    confidence *= seen > 0
    if coarse.framed:
        height, width = picture.size
        margins = ((inside.top, height - inside.bottom), (inside.left, width - inside.right))
        disparity, confidence = np.pad(disparity, margins, mode="edge"), np.pad(confidence, margins)
    progress(1.0, "Depth")
    return disparity, confidence


def _look(
    picture: Float32[np.ndarray, "h w 3"], seen: Float32[np.ndarray, "h w"], network: Loaded
) -> tuple[Float32[np.ndarray, "a b"], Float32[np.ndarray, "p q"]]:
    """Disparity at the network's size, its 1st and 99th percentile at 0 and 1, and confidence patch by patch.

    The network runs on the picture and its mirror image; the mean of both is a little better than either, and
    confidence is low where they disagree.
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
    """Map the 1st and 99th percentile of visible pixels to 0 and 1; return 0.5 everywhere for a flat map."""
    visible = disparity[seen > 0.5] if (seen > 0.5).any() else disparity
    low, high = np.percentile(visible, _PERCENTILES).astype(np.float32)
    if high - low < _FLAT:
        return np.full_like(disparity, 0.5)
    return (disparity - low) / (high - low)
