"""Depth from a network or a camera at its native resolution, and its enlargement to any size of the picture.

Networks run on the full-size picture, whatever the size of the preview.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from jaxtyping import Float32

from dioptre.contract import EmbeddedDepth, FieldOfView, Matte, Picture, Plane, Progress, no_progress
from dioptre.imaging.frames import Inside, find_frame
from dioptre.imaging.numbers import is_finite, within_unit
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre.models.depth_view import DepthView, ReadingOptions
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import chosen_depth_network, resolve
from dioptre_link.errors import DioptreError

from .detail import with_detail
from .edges import enlarged_along_edges, mirrored_input, range_of, sharpened, to_unit_range
from .objects import with_objects

# Percentiles of the network's output that become 0 and 1 at first.
_PERCENTILES = (1.0, 99.0)
_FLAT = 1e-4  # range of the network's output below which the depth of the picture counts as constant
# Inverse depth of 1 km, in 1/m: lower limit of the scale to which `_FLAT` is relative, and of the range to which a
# constant depth is widened.
_FARTHEST_PER_M = 1e-3
# Difference between the estimates for a picture and its mirror image at which confidence falls to 1/e.
_DISAGREEMENT = 0.1


class DepthError(DioptreError):
    """The depth of a picture cannot be determined."""

    code = "depth"


Glances = Callable[[bool, Callable[[], DepthView]], DepthView]
"""Returns a network's view of the picture, or of its mirror image if True: stored, or from the given function."""


def _fresh(_: bool, look: Callable[[], DepthView]) -> DepthView:
    return look()


@dataclass(frozen=True, kw_only=True)
class Visible:
    """The input of depth estimation: colours in [0, 1], extended under transparent pixels, and alpha."""

    colour: Float32[np.ndarray, "h w 3"]
    alpha: Matte

    @staticmethod
    def of(image: Picture) -> Visible:
        """Prepare a picture of shape (H, W, 3 or 4), sRGB-encoded, straight alpha.

        Raises:
            DepthError: the picture is completely transparent or contains NaN or infinite values.
        """
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
class DepthSource:
    """Where the depth of a picture comes from, and its scale.

    Attributes:
        model: id of the network; empty for the camera's own depth.
        models: SHA-256 of the cards of all networks that were used.
        source: "estimate", or the kind of the camera's map.
        range_per_m: inverse depth in 1/m of the disparities 0 and 1; None if unknown.
        focal_diagonals: focal length of the picture divided by its diagonal; None if unknown.
        focal_source: where the focal length comes from, e.g. EXIF or the network's title.
        messages: sentences for the user.
    """

    model: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    source: str = "estimate"
    range_per_m: tuple[float, float] | None = None
    focal_diagonals: float | None = None
    focal_source: str = ""
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CoarseDepth(DepthSource):
    """The depth of a picture at the resolution of a network or of the camera's map.

    Attributes:
        disparity: (A, B), disparity inside the picture's frame; aligned with the picture's edges if `refined`.
        confidence: (P, Q) in [0, 1], confidence inside the frame; None if it is 1 everywhere.
        size: (height, width) of the picture.
        frame: top, bottom, left and right of the area inside the picture's frame, in pixels of the picture.
        refined: whether the disparity was aligned with the picture's edges.
        estimated: whether a network estimated the disparity; otherwise it is the camera's own, in the camera's
            range.
    """

    disparity: Float32[np.ndarray, "a b"]
    confidence: Float32[np.ndarray, "p q"] | None = None
    size: tuple[int, int]
    frame: tuple[int, int, int, int]
    refined: bool
    estimated: bool = True

    @property
    def framed(self) -> bool:
        """Whether the picture has a frame."""
        return self.frame != (0, self.size[0], 0, self.size[1])

    def inside(self, size: tuple[int, int]) -> Inside:
        """Return the area inside the frame, for the picture resized to `size`."""
        top, bottom, left, right = self.frame
        return Inside(top=top, bottom=bottom, left=left, right=right).scaled(self.size, size)


def estimated(
    whole: Visible,
    *,
    model: str,
    quick: bool = False,
    field_of_view: FieldOfView | None = None,
    glances: Glances = _fresh,
    progress: Progress = no_progress,
) -> CoarseDepth:
    """Estimate the depth with one look of a network at the area inside the picture's frame; see also `refined`.

    Args:
        whole: the full-size picture.
        model: the network's id, as in `estimate_depth`.
        quick: as in `look_at`.
        field_of_view: the picture's angle of view, if known.
        glances: stores the network's views.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.

    Raises:
        UsageError: there is no such model.
        WeightsError: the model's weights are missing or damaged.
    """
    network = load_model(chosen_depth_network(model).id)
    models = dict(network.checksums)
    inside = find_frame(whole.colour)
    cropped, seen = whole.colour[inside.slices], whole.alpha[inside.slices]
    framed = inside.shape != whole.size
    # Inside a frame, the picture may be a crop, so the given angle of view need not apply to it.
    known = None if framed or field_of_view is None else field_of_view
    progress(0.1, "Estimating depth")
    focal = None if known is None else known.focal_diagonals
    look = look_at(cropped, seen, network, quick=quick, glances=glances, focal_diagonals=focal)
    if known is None and look.focal_diagonals is not None and not framed:
        known = FieldOfView(focal_diagonals=look.focal_diagonals, source=network.entry.title)
    messages: tuple[str, ...] = ()
    if framed:
        messages = ("The frame around the picture was ignored; it has the depth of the area next to it.",)
    return CoarseDepth(
        disparity=look.disparity,
        confidence=np.clip(look.agreement, 0, 1),
        size=whole.size,
        frame=(inside.top, inside.bottom, inside.left, inside.right),
        refined=False,
        model=network.entry.id,
        models=models,
        range_per_m=look.range_per_m,
        focal_diagonals=None if known is None else known.focal_diagonals,
        focal_source="" if known is None else known.source,
        messages=messages,
    )


def refined(coarse: CoarseDepth, whole: Visible, *, progress: Progress = no_progress) -> CoarseDepth:
    """Add the detail of crops to a network's estimate for `whole`, and sharpen the steps of the map.

    Raises:
        WeightsError: the model's weights are missing or damaged.
    """
    network = load_model(coarse.model)
    cropped = whole.colour[coarse.inside(whole.size).slices]
    progress(0.3, "Estimating depth")
    disparity = with_objects(cropped, with_detail(cropped, coarse.disparity, network), network)
    progress(0.5, "Aligning with edges")
    return replace(coarse, disparity=sharpened(disparity, cropped), refined=True)


def fitted(
    whole: Visible,
    embedded: EmbeddedDepth,
    *,
    refine: bool,
    field_of_view: FieldOfView | None = None,
    progress: Progress = no_progress,
) -> CoarseDepth:
    """Scale the camera's map to [0, 1] and, with `refine`, sharpen its steps unless it is finer than that needs."""
    progress(0.0, "Reading the camera's depth")
    low, high = range_of(embedded.disparity, np.ones_like(embedded.disparity))
    disparity = np.clip((embedded.disparity - np.float32(low)) / np.float32(high - low), 0, 1)
    if refine:
        progress(0.2, "Aligning with edges")
        edged = sharpened(disparity, whole.colour)
        disparity = disparity if min(disparity.shape) > min(edged.shape) else edged
    range_per_m = None
    message = f"Using the camera's depth map ({embedded.kind})."
    if embedded.range_per_m is not None:
        start, span = embedded.range_per_m[0], embedded.range_per_m[1] - embedded.range_per_m[0]
        range_per_m = (start + low * span, start + high * span)
        near, far = ends_in_words(range_per_m)
        message = f"Using the camera's depth map ({embedded.kind}), from {near} to {far}."
    return CoarseDepth(
        disparity=disparity.astype(np.float32, copy=False),
        confidence=None if embedded.confidence is None else np.clip(embedded.confidence, 0, 1),
        size=whole.size,
        frame=(0, whole.size[0], 0, whole.size[1]),
        refined=refine,
        estimated=False,
        source=embedded.kind,
        range_per_m=range_per_m,
        focal_diagonals=None if field_of_view is None else field_of_view.focal_diagonals,
        focal_source="" if field_of_view is None else field_of_view.source,
        messages=(message,),
    )


def ends_in_words(range_per_m: tuple[float, float]) -> tuple[str, str]:
    """Format the nearest and the farthest distance, such as "0.8 m" and "12 m" or "infinity"."""
    far = f"{1 / range_per_m[0]:.2g} m" if range_per_m[0] > 0 else "infinity"
    return f"{1 / range_per_m[1]:.2g} m", far


def enlarged(
    coarse: CoarseDepth, picture: Visible, *, progress: Progress = no_progress
) -> tuple[Plane, Plane, tuple[float, float] | None]:
    """Enlarge the depth to the size of `picture`: the picture that it was computed for, or a smaller version.

    Returns:
        Disparity (h, w) in [0, 1], confidence (h, w) in [0, 1], and the inverse depth in 1/m at disparity 0 and 1.
    """
    inside = coarse.inside(picture.size)
    cropped, seen = picture.colour[inside.slices], picture.alpha[inside.slices]
    progress(0.7, "Enlarging")
    if coarse.refined:
        disparity = enlarged_along_edges(coarse.disparity, cropped)
    else:
        disparity = resize(coarse.disparity, inside.shape, method="bilinear")
    progress(0.9, "Enlarging")
    range_per_m = coarse.range_per_m
    if coarse.estimated:
        disparity, ends = to_unit_range(disparity, seen)
        range_per_m = None if range_per_m is None else _within(range_per_m, ends)
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
    return disparity, confidence, range_per_m


def _within(range_per_m: tuple[float, float], ends: tuple[float, float]) -> tuple[float, float]:
    """Return the inverse depths of two values of a map that spans `range_per_m`; none is less than 0 (infinity)."""
    low, high = range_per_m
    return max(0.0, low + ends[0] * (high - low)), low + ends[1] * (high - low)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A network's depth estimate for a picture.

    Attributes:
        disparity: (A, B) at the network's size, scaled so that its 1st and 99th percentiles are 0 and 1.
        agreement: (P, Q), agreement between the estimates for the picture and its mirror image, one value per
            patch.
        range_per_m: inverse depth in 1/m at disparity 0 and 1; None if the network does not estimate metres.
        focal_diagonals: the network's estimate of the focal length, divided by the picture's diagonal; None if it
            has none.
    """

    disparity: Float32[np.ndarray, "a b"]
    agreement: Float32[np.ndarray, "p q"]
    range_per_m: tuple[float, float] | None
    focal_diagonals: float | None


def look_at(
    picture: Float32[np.ndarray, "h w 3"],
    seen: Matte,
    network: Loaded,
    *,
    quick: bool = False,
    glances: Glances = _fresh,
    focal_diagonals: float | None = None,
) -> Look:
    """Run the network on the picture and its mirror image.

    The mean of both estimates is slightly more accurate than either one; confidence is low where they disagree.

    Args:
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        seen: (h, w), alpha of the picture.
        network: a depth network.
        quick: do without the mirror image.
        glances: stores the network's views.
        focal_diagonals: focal length divided by the picture's diagonal, if known.
    """
    prepared, traits = network.entry.preprocessing, network.entry.depth
    assert traits is not None  # every depth network has depth traits
    both, more = mirrored_input(picture, network.entry)
    shape = both.shape[1:3]
    options = ReadingOptions(size=(picture.shape[0], picture.shape[1]), focal_diagonals=focal_diagonals)

    def glance(side: int) -> DepthView:
        views: Sequence[DepthView] = resolve(traits.read)(network(both[side : side + 1], *more), options)
        return replace(views[0], inverse=views[0].inverse.astype(np.float32, copy=False))

    views = [glances(bool(side), partial(glance, side)) for side in range(1 if quick else 2)]
    straight, mirrored = views[0].inverse, views[-1].inverse
    if not quick:
        mirrored = mirrored[:, ::-1]
    visible = resize(seen, shape, method="area")
    range_per_m = None
    if all(view.metric for view in views):
        mean = (straight + mirrored) / 2
        low, high = range_per_m = _metric_range(mean, visible)
        straight, mirrored = ((view - np.float32(low)) / np.float32(high - low) for view in (straight, mirrored))
    else:
        straight, mirrored = (_scaled(view, visible) for view in (straight, mirrored))
    patches = (shape[0] // prepared.multiple_px, shape[1] // prepared.multiple_px)
    disagreement = resize(np.abs(straight - mirrored), patches, method="area")
    focals = [view.focal_diagonals for view in views if view.focal_diagonals is not None]
    return Look(
        disparity=(straight + mirrored) / 2,
        agreement=np.exp(-disagreement / np.float32(_DISAGREEMENT)),
        range_per_m=range_per_m,
        focal_diagonals=math.prod(focals) ** (1 / len(focals)) if focals else None,
    )


def _metric_range(inverse: Float32[np.ndarray, "a b"], seen: Float32[np.ndarray, "a b"]) -> tuple[float, float]:
    """Return the 1st and 99th percentiles of the visible pixels in 1/m; widen the range of a constant depth."""
    visible = inverse[seen > 0.5] if (seen > 0.5).any() else inverse
    low, high = (float(value) for value in np.percentile(visible, _PERCENTILES))
    if high - low < _FLAT * max(high, _FARTHEST_PER_M):
        return 0.5 * low, 0.5 * low + max(low, _FARTHEST_PER_M)
    return low, high


def _scaled(disparity: Float32[np.ndarray, "a b"], seen: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "a b"]:
    """Map the 1st and 99th percentiles of the visible pixels to 0 and 1; return 0.5 everywhere for a flat map."""
    visible = disparity[seen > 0.5] if (seen > 0.5).any() else disparity
    low, high = np.percentile(visible, _PERCENTILES).astype(np.float32)
    if high - low < _FLAT:
        return np.full_like(disparity, 0.5)
    return (disparity - low) / (high - low)
