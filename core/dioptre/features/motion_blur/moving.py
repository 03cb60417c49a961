"""Blur a photo as if its camera had turned with the subject during the exposure: everything else gets streaks."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import Inputs, Layer, Matte, Picture, Progress, Result, no_progress, part_of
from dioptre.features.depth import chosen_depth
from dioptre.features.spatial import rim_px, without_traces
from dioptre.features.subject import kept_subject
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.imaging.foreground import OUTSIDE
from dioptre.imaging.numbers import without_nan
from dioptre.imaging.pull_push import extend_colours, pull_push
from dioptre.imaging.resize import resize
from dioptre.imaging.shapes import map_chunks
from dioptre_link.catalogue.motion_blur import OPERATION, MotionBlurOptions
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

from .streaks import CELL, streaked

_SOLID = 0.5  # coverage from which a place is on the subject


def motion_blur(
    picture: Picture,
    *,
    length_px: float,
    angle: float = 0.0,
    alpha: Matte | None = None,
    progress: Progress = no_progress,
) -> Picture:
    """Blur a picture as if its camera had turned with the subject.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        length_px: length of the streaks.
        angle: their direction in degrees, counter-clockwise from the horizontal.
        alpha: coverage of the subject, which stays sharp; None for none.
        progress: called with the fraction done; raises Cancelled to stop.
    """
    if length_px == 0:
        return picture.copy()
    progress(0.0, "Filling in what is hidden")
    alpha = np.zeros(picture.shape[:2], np.float32) if alpha is None else alpha
    visible = ndimage.minimum_filter(alpha < OUTSIDE, 2 * rim_px(alpha.shape) + 1)
    return streaked(
        picture,
        visible,
        _hidden_colours(picture, visible, length_px, upright=abs(angle) > 45),
        alpha=alpha,
        length_px=length_px,
        turn=math.radians(angle),
        watch=lambda fraction: progress(0.3 + 0.7 * fraction, "Drawing the streaks"),
    )


def _hidden_colours(
    picture: Picture, visible: Bool[np.ndarray, "h w"], length_px: float, *, upright: bool
) -> Float32[np.ndarray, "h8 w8 3"]:
    """Return the colours behind the subject for each cell, in linear light."""
    rows, columns = (np.minimum(np.arange(0, side, CELL) + CELL // 2, side - 1) for side in visible.shape)
    shown = visible[np.ix_(rows, columns)]  # at the middle of each cell, for means over edges lie between
    small = resize(np.ascontiguousarray(picture[..., :3]), (len(rows), len(columns)), method="area")
    inner = ndimage.minimum_filter(shown, 3)
    known = next((each for each in (inner, shown) if each.any()), np.ones_like(shown))
    light = map_chunks(srgb_to_linear, small)
    return _continued(light, known, max(1, round(length_px / CELL)), 0 if upright else 1)


def _continued(
    light: Float32[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"], window: int, axis: int
) -> Float32[np.ndarray, "h w 3"]:
    """Continue the known colours along the motion, so that streaks go on behind what hides them."""
    if axis == 0:
        return _continued(light.swapaxes(0, 1), known.swapaxes(0, 1), window, 1).swapaxes(0, 1)
    weight = ndimage.uniform_filter1d(known.astype(np.float32), window, axis=1)[..., None]
    means = ndimage.uniform_filter1d(light * known[..., None], window, axis=1) / np.maximum(weight, 1e-6)
    row, column = np.indices(known.shape)
    last = known.shape[1]
    before = np.maximum.accumulate(np.where(known, column, -last), axis=1)
    after = np.minimum.accumulate(np.where(known, column, 2 * last)[:, ::-1], axis=1)[:, ::-1]
    share = ((column - before) / np.maximum(after - before, 1))[..., None].astype(np.float32)
    share = np.where((before < 0)[..., None], 1, np.where((after > last)[..., None], 0, share))
    along = means[row, before.clip(0)] * (1 - share) + means[row, after.clip(0, last - 1)] * share
    return pull_push(
        along.astype(np.float32), np.broadcast_to(known.any(axis=1, keepdims=True), known.shape).astype(np.float32)
    )


def run(inputs: Inputs, options: MotionBlurOptions, progress: Progress) -> Result:
    """Run the operation `motion_blur`. If the depth is estimated, the result includes it as a layer."""
    picture = without_nan(inputs.picture)
    depth = chosen_depth(inputs, options, progress=part_of(progress, 0.0, 0.5))
    subject = kept_subject(inputs, depth.disparity, at=options.target, progress=part_of(progress, 0.5, 0.8))
    if not (subject.found and (subject.alpha > _SOLID).any()):
        raise DioptreError(
            "No subject was found that the camera could follow.",
            hint="Choose what stays sharp ({target}).",
            code="no-subject",
            target=OPERATION.mention("target"),
        )
    transparent = picture.shape[2] == 4 and options.length > 0
    made = motion_blur(
        np.concatenate([extend_colours(picture), picture[..., 3:]], axis=2) if transparent else picture,
        length_px=options.length / 100 * max(picture.shape[:2]),
        angle=options.angle,
        alpha=without_traces(subject.alpha),
        progress=part_of(progress, 0.8, 1.0),
    )
    if transparent:
        made = np.where(picture[..., 3:] > 0, made, picture)
    progress(1.0, "Done")
    return Result(
        layers=(Layer(name="Motion blur", role=Role.RESULT, pixels=made), *depth.layers),
        values=depth.values(),
        messages=(*depth.messages, *subject.messages),
        models={**depth.models, **subject.models},
    )
