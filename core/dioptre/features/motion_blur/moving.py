"""Blur a photo as if the camera had moved during the exposure.

A camera that turns with its subject ("pan") gives everything else the same streaks. One that moves sideways while
it stays aimed at a target ("travel") gives streaks as long as the difference in inverse distance from the target's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from dioptre.contract import Disparity, Inputs, Layer, Matte, Picture, Plane, Progress, Result, no_progress, part_of
from dioptre.features.depth import chosen_depth, range_of
from dioptre.features.film import thresholds
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
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .streaks import CELL, Sheet, streaked

_FLAT = 1 / 255  # least range of disparities; smaller ones are rounding
_MIDDLE = Message(
    "No single subject was found, so what is at a middle distance stays sharp. To change this, choose a {target}.",
    target=OPERATION.mention("target"),
)
_USUAL, _LONGER, _LONGEST = 0.9, 3.0, 20.0  # part with at most the length; times, and % that the rest may have
_SOLID = 0.5  # coverage from which a place is on the subject


def motion_blur(
    picture: Picture,
    disparity: Disparity,
    *,
    length_px: float,
    angle: float = 0.0,
    aim: tuple[float, float] | None = None,
    alpha: Matte | None = None,
    still: bool = True,
    progress: Progress = no_progress,
) -> Picture:
    """Blur a picture as if its camera had moved.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        disparity: 1 = nearest.
        length_px: length of the longest streaks.
        angle: their direction in degrees, counter-clockwise from the horizontal.
        aim: the range of disparities that stays sharp while the camera moves sideways; None if the camera turns
            with the subject, which gives all streaks the same length.
        alpha: coverage of the subject; None for none.
        still: whether all of the subject stays sharp.
        progress: called with the fraction done; raises Cancelled to stop.
    """
    if length_px == 0:
        return picture.copy()
    progress(0.0, "Filling in what is hidden")
    most = 1.0 if aim is None else max(float(_apart(disparity, aim).max()), _FLAT)

    def lengths(near: Plane) -> Plane:
        return np.full_like(near, length_px) if aim is None else _apart(near, aim) * np.float32(length_px / most)

    rim = rim_px(disparity.shape)
    near, visible = _picked(disparity), np.ones(disparity.shape, bool)
    own_length = np.zeros_like(near)
    behind = disparity
    if alpha is not None:
        visible = alpha < OUTSIDE
        solid = (_picked(alpha) > _SOLID).astype(np.float32)
        if not still and solid.any():
            own_length = lengths(pull_push(near, solid))
        visible = ndimage.minimum_filter(visible, 2 * rim + 1)
        seen = _picked(visible).astype(np.float32)
        if aim is not None and seen.any():
            near = np.where(seen > 0, near, np.minimum(near, pull_push(near, seen)))
            behind = np.where(visible, disparity, resize(near, disparity.shape, method="bilinear"))
    cuts = [] if aim is None else thresholds(near, 0)
    number = np.searchsorted(np.asarray(cuts, np.float32), behind).astype(np.uint8)
    if cuts:  # rims of nearer objects are mixed with them
        number = ndimage.maximum_filter(number, 2 * rim + 1)
    return streaked(
        picture,
        number,
        visible,
        _sheets(picture, near, number, visible, lengths=lengths, reach_px=length_px, upright=abs(angle) > 45),
        alpha=alpha,
        own_length=own_length,
        angle=angle,
        watch=lambda fraction: progress(0.3 + 0.7 * fraction, "Drawing the streaks"),
    )


def _apart(disparity: Plane, aim: tuple[float, float]) -> Plane:
    """Return how far disparities are from a range of them."""
    return np.asarray(np.abs(disparity - np.clip(disparity, np.float32(aim[0]), np.float32(aim[1]))))


def _picked(plane: np.ndarray) -> np.ndarray:
    """Return the value at the middle of each cell, for means over edges lie between."""
    rows, columns = (np.minimum(np.arange(0, side, CELL) + CELL // 2, side - 1) for side in plane.shape[:2])
    return plane[np.ix_(rows, columns)]


def _sheets(
    picture: Picture,
    near: Float32[np.ndarray, "h8 w8"],
    number: UInt8[np.ndarray, "h w"],
    visible: Bool[np.ndarray, "h w"],
    *,
    lengths: Callable[[Plane], Plane],
    reach_px: float,
    upright: bool,
) -> list[Sheet]:
    """Describe the sheets by coarse planes."""
    owner, shown = _picked(number), _picked(visible)
    small = resize(np.ascontiguousarray(picture[..., :3]), (near.shape[0], near.shape[1]), method="area")
    light = map_chunks(srgb_to_linear, small)
    reach = -(-round(reach_px + rim_px(number.shape)) // CELL)
    sheets = []
    for index in range(int(number.max()) + 1):
        here = owner == index
        if index and not here.any():
            continue
        inner = ndimage.minimum_filter(here & shown, 3)
        for weight in (inner, here & shown, here, np.ones_like(here)):
            if weight.any():
                break
        known = weight.astype(np.float32)
        hidden = ndimage.maximum_filter(here, 2 * reach + 1) & (owner > index)
        length = lengths(pull_push(near, known))
        window = max(1, round(float(np.median(length[weight])) / CELL))
        fill = _continued(light, weight, window, 0 if upright else 1)
        sheets.append(Sheet(index=index, length=length, fill=fill, hidden=hidden.astype(np.float32)))
    return sheets


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
    picture, travels = without_nan(inputs.picture), options.motion == "travel"
    depth = chosen_depth(inputs, options, progress=part_of(progress, 0.0, 0.5))
    disparity = depth.disparity
    if travels:
        range_of(disparity)  # refuses depth that is the same everywhere
    at = None if travels else options.target
    subject = kept_subject(inputs, disparity, at=at, progress=part_of(progress, 0.5, 0.8))
    alpha = without_traces(subject.alpha) if subject.found and (subject.alpha > _SOLID).any() else None
    aim, still = None, True
    if travels:
        if options.target is not None:
            row, column = (
                min(int(v), side - 1) for v, side in zip(options.target[::-1], disparity.shape, strict=True)
            )
            still = alpha is not None and bool(alpha[row, column] > _SOLID)
            aim = (float(disparity[row, column]),) * 2
        if still:
            aim = subject.disparity_range if alpha is not None else None
            aim = aim or (float(np.median(disparity)),) * 2
    elif alpha is None:
        raise DioptreError(
            "No subject was found that the camera could follow.",
            hint="Choose what stays sharp ({target}), or let the camera travel ({travel}).",
            code="no-subject",
            target=OPERATION.mention("target"),
            travel=OPERATION.mention("motion", "travel"),
        )
    length = options.length
    if aim is not None and (moving := (apart := _apart(disparity, aim))[apart > 0]).size:
        length = min(length * min(float(apart.max() / np.quantile(moving, _USUAL)), _LONGER), _LONGEST)
    words = subject.messages if alpha is not None else (_MIDDLE,) if options.target is None else ()
    transparent = picture.shape[2] == 4 and options.length > 0
    made = motion_blur(
        np.concatenate([extend_colours(picture), picture[..., 3:]], axis=2) if transparent else picture,
        disparity,
        length_px=length / 100 * max(picture.shape[:2]),
        angle=options.angle,
        aim=aim,
        alpha=alpha,
        still=still,
        progress=part_of(progress, 0.8, 1.0),
    )
    if transparent:
        made = np.where(picture[..., 3:] > 0, made, picture)
    progress(1.0, "Done")
    return Result(
        layers=(Layer(name="Motion blur", role=Role.RESULT, pixels=made), *depth.layers),
        values=depth.values(),
        messages=(*depth.messages, *words),
        models={**depth.models, **subject.models},
    )
