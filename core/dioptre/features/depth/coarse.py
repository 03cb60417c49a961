"""Depth at the resolution of a network or a camera, and its enlargement to any size of the picture.

Networks run on the full-size picture, whatever the size of the preview.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import (
    Disparity,
    EmbeddedDepth,
    FieldOfView,
    Layer,
    Matte,
    Picture,
    Plane,
    Progress,
    inverse_distance,
    no_progress,
)
from dioptre.imaging.frames import Inside, find_frame
from dioptre.imaging.numbers import is_finite, within_unit
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre.models.depth_view import DepthView, ReadingOptions
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import DEFAULTS, ENTRIES, ModelKind, chosen_depth_network, resolve
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

from .detail import with_detail
from .edges import enlarged_along_edges, mirrored_input, range_of, sharpened, to_unit_range
from .objects import with_objects

# Percentiles of the network's output that become 0 and 1 at first.
_PERCENTILES = (1.0, 99.0)
_FLAT = 1e-4  # range of the network's output below which the depth of the picture counts as constant
# Inverse depth of 1 km, in 1/m: lower limit of the scale to which `_FLAT` is relative, and of the range to which a
# constant depth is widened.
_FARTHEST_PER_M = 1e-3
USUAL_NEAREST = 0.15
"""Distance of a picture's nearest point divided by that of the farthest, where distances are not known."""
GIVEN = "given"
"""Source of depth that was not estimated."""
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
class Depth:
    """The depth of a picture, at the resolution of a network, of the camera's map or of the picture (see `at`).

    Attributes:
        disparity: (H, W) in [0, 1], 1 = nearest, 0 = farthest; affine-invariant inverse depth. A network's, before
            `at`: inside the picture's frame, with 0 and 1 at its 1st and 99th percentiles.
        confidence: (P, Q) in [0, 1], of the same area: agreement between the estimates for the picture and its
            mirror image, or the camera's own; 0 outside the frame and in transparent areas. None if it is 1
            everywhere or was not requested.
        mean_confidence: mean of the confidence over the whole picture.
        frame: top, bottom, left and right of the area inside the picture's frame, and the picture's height and
            width, in pixels; None if there is no frame, or if `disparity` covers it.
        refined: whether the disparity was aligned with the picture's edges.
        model: id of the network; empty for the camera's own depth.
        models: SHA-256 of the cards of all networks that were used.
        source: "estimate", or the kind of the camera's map.
        range_per_m: inverse depth in 1/m of the disparities 0 and 1; None if unknown.
        focal_diagonals: focal length of the picture divided by its diagonal; None if unknown.
        focal_source: where the focal length comes from, e.g. EXIF or the network's title.
        messages: sentences for the user.
    """

    disparity: Disparity
    confidence: Float32[np.ndarray, "p q"] | None = None
    mean_confidence: float = 1.0
    frame: tuple[int, int, int, int, int, int] | None = None
    refined: bool = False
    model: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    source: str = "estimate"
    range_per_m: tuple[float, float] | None = None
    focal_diagonals: float | None = None
    focal_source: str = ""
    messages: tuple[str, ...] = ()

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
        if self.source == GIVEN:
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
        if self.source == GIVEN:
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

    def seen_from(self, view: FieldOfView | None) -> Depth:
        """Return this depth with the picture's angle of view; unchanged if it is unknown."""
        if view is None:
            return self
        return replace(self, focal_diagonals=view.focal_diagonals, focal_source=view.source)

    def inside(self, size: tuple[int, int]) -> Inside:
        """Return the area inside the frame, for the picture resized to `size`."""
        if self.frame is None:
            return Inside(top=0, bottom=size[0], left=0, right=size[1])
        top, bottom, left, right, *whole = self.frame
        return Inside(top=top, bottom=bottom, left=left, right=right).scaled((whole[0], whole[1]), size)

    def at(self, picture: Visible, *, progress: Progress = no_progress) -> Depth:
        """Enlarge to the size of `picture`: the picture that the depth was computed for, or a smaller version."""
        inside = self.inside(picture.size)
        cropped, seen = picture.colour[inside.slices], picture.alpha[inside.slices]
        progress(0.7, "Enlarging")
        if self.refined:
            disparity = enlarged_along_edges(self.disparity, cropped)
        else:
            disparity = resize(self.disparity, inside.shape, method="bilinear")
        progress(0.9, "Enlarging")
        range_per_m = self.range_per_m
        if self.model:
            disparity, ends = to_unit_range(disparity, seen)
            range_per_m = None if range_per_m is None else _within(range_per_m, ends)
        elif self.refined:
            disparity = within_unit(disparity)
        confidence = np.ones(inside.shape, np.float32)
        if self.confidence is not None:
            confidence = resize(self.confidence, inside.shape, method="bilinear")
        confidence *= seen > 0
        if self.frame is not None:
            height, width = picture.size
            margins = ((inside.top, height - inside.bottom), (inside.left, width - inside.right))
            disparity, confidence = np.pad(disparity, margins, mode="edge"), np.pad(confidence, margins)
        progress(1.0, "Depth")
        return replace(
            self,
            disparity=disparity,
            confidence=confidence,
            mean_confidence=float(confidence.mean()),
            frame=None,
            range_per_m=range_per_m,
            messages=(*_network_in_words(self.model, range_per_m), *self.messages),
        )


def estimated(
    whole: Visible,
    *,
    model: str,
    quick: bool = False,
    field_of_view: FieldOfView | None = None,
    glances: Glances = _fresh,
    progress: Progress = no_progress,
) -> Depth:
    """Estimate the depth with one look of a network at the area inside the picture's frame; see also `refined`.

    Args:
        whole: the full-size picture.
        model: the network's id, as in `estimate_depth`.
        quick: do without the mirror image.
        field_of_view: the picture's angle of view, if known.
        glances: stores the network's views.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.

    Raises:
        UsageError: there is no such model.
        WeightsError: the model's weights are missing or damaged.
    """
    network = load_model(chosen_depth_network(model).id)
    inside = find_frame(whole.colour)
    framed = inside.shape != whole.size
    progress(0.1, "Estimating depth")
    depth = replace(
        _look(
            Visible(colour=whole.colour[inside.slices], alpha=whole.alpha[inside.slices]),
            network,
            quick=quick,
            glances=glances,
            # Inside a frame, the picture may be a crop, so the given angle of view need not apply to it.
            view=None if framed else field_of_view,
        ),
        model=network.entry.id,
        models=dict(network.checksums),
    )
    if not framed:
        return depth
    messages = ("The frame around the picture was ignored; it has the depth of the area next to it.",)
    return replace(
        depth,
        frame=(inside.top, inside.bottom, inside.left, inside.right, *whole.size),
        focal_diagonals=None,
        focal_source="",
        messages=messages,
    )


def refined(coarse: Depth, whole: Visible, *, progress: Progress = no_progress) -> Depth:
    """Sharpen the steps of the depth of `whole`, after adding the detail of crops to a network's estimate.

    The camera's map stays as it is if it is finer than that needs.

    Raises:
        WeightsError: the model's weights are missing or damaged.
    """
    cropped, disparity = whole.colour[coarse.inside(whole.size).slices], coarse.disparity
    if coarse.model:
        network = load_model(coarse.model)
        progress(0.3, "Estimating depth")
        disparity = with_objects(cropped, with_detail(cropped, disparity, network), network)
    progress(0.5, "Aligning with edges")
    edged = sharpened(disparity, cropped)
    is_finer = not coarse.model and min(disparity.shape) > min(edged.shape)
    return replace(coarse, disparity=disparity if is_finer else edged, refined=True)


def fitted(embedded: EmbeddedDepth) -> Depth:
    """Scale the camera's map to [0, 1]."""
    low, high = range_of(embedded.disparity, np.ones_like(embedded.disparity))
    disparity = np.clip((embedded.disparity - np.float32(low)) / np.float32(high - low), 0, 1)
    range_per_m = None
    message = f"Using the camera's depth map ({embedded.kind})."
    if embedded.range_per_m is not None:
        start, span = embedded.range_per_m[0], embedded.range_per_m[1] - embedded.range_per_m[0]
        range_per_m = (start + low * span, start + high * span)
        near, far = ends_in_words(range_per_m)
        message = f"Using the camera's depth map ({embedded.kind}), from {near} to {far}."
    return Depth(
        disparity=disparity.astype(np.float32, copy=False),
        confidence=None if embedded.confidence is None else np.clip(embedded.confidence, 0, 1),
        source=embedded.kind,
        range_per_m=range_per_m,
        messages=(message,),
    )


def ends_in_words(range_per_m: tuple[float, float]) -> tuple[str, str]:
    """Format the nearest and the farthest distance, such as "0.8 m" and "12 m" or "infinity"."""
    far = f"{1 / range_per_m[0]:.2g} m" if range_per_m[0] > 0 else "infinity"
    return f"{1 / range_per_m[1]:.2g} m", far


def _network_in_words(model: str, range_per_m: tuple[float, float] | None) -> tuple[str, ...]:
    """Return a message that names the depth network, unless it is the bundled one."""
    if model not in ENTRIES or model == DEFAULTS[ModelKind.DEPTH]:
        return ()
    title = ENTRIES[model].title
    messages = (f"Depth was estimated by {title}.",)
    if range_per_m is not None:
        near, far = ends_in_words(range_per_m)
        messages = (f"Depth was estimated by {title}, from {near} to {far}.",)
    return messages


def _within(range_per_m: tuple[float, float], ends: tuple[float, float]) -> tuple[float, float]:
    """Return the inverse depths of two values of a map that spans `range_per_m`; none is less than 0 (infinity)."""
    low, high = range_per_m
    return max(0.0, low + ends[0] * (high - low)), low + ends[1] * (high - low)


def _look(picture: Visible, network: Loaded, *, quick: bool, glances: Glances, view: FieldOfView | None) -> Depth:
    """Run the network on the picture and its mirror image, and put its percentiles at 0 and 1.

    The mean of both estimates is slightly more accurate than either one; confidence is low where they disagree.
    """
    prepared, traits = network.entry.preprocessing, network.entry.depth
    assert traits is not None  # every depth network has depth traits
    both, more = mirrored_input(picture.colour, network.entry)
    shape = both.shape[1:3]
    options = ReadingOptions(size=picture.size, focal_diagonals=None if view is None else view.focal_diagonals)

    def glance(side: int) -> DepthView:
        seen: Sequence[DepthView] = resolve(traits.read)(network(both[side : side + 1], *more), options)
        return replace(seen[0], inverse=seen[0].inverse.astype(np.float32, copy=False))

    views = [glances(bool(side), partial(glance, side)) for side in range(1 if quick else 2)]
    straight, mirrored = views[0].inverse, views[-1].inverse
    if not quick:
        mirrored = mirrored[:, ::-1]
    visible = resize(picture.alpha, shape, method="area")
    range_per_m = None
    if all(each.metric for each in views):
        mean = (straight + mirrored) / 2
        low, high = range_per_m = _metric_range(mean, visible)
        straight, mirrored = ((each - np.float32(low)) / np.float32(high - low) for each in (straight, mirrored))
    else:
        straight, mirrored = (_scaled(each, visible) for each in (straight, mirrored))
    patches = (shape[0] // prepared.multiple_px, shape[1] // prepared.multiple_px)
    disagreement = resize(np.abs(straight - mirrored), patches, method="area")
    focals = [each.focal_diagonals for each in views if each.focal_diagonals is not None]
    if view is None and focals:
        focal = math.prod(focals) ** (1 / len(focals))
        view = FieldOfView(focal_diagonals=focal, source=network.entry.title)
    return Depth(
        disparity=(straight + mirrored) / 2,
        confidence=np.exp(-disagreement / np.float32(_DISAGREEMENT)),
        range_per_m=range_per_m,
    ).seen_from(view)


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
