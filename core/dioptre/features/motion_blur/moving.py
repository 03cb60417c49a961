"""Blur a photo as if the camera had moved during the exposure.

A camera that turns with its subject ("pan") gives everything else the same streaks. One that moves sideways while it
stays aimed at a target ("travel") gives streaks as long as the differences in inverse distance from the target's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from dioptre.contract import Inputs, Layer, Picture, Plane, Progress, Result, no_progress, part_of
from dioptre.features.film import thresholds
from dioptre.features.spatial import Scene, Surface, rim_px, scene_of
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.imaging.numbers import without_nan
from dioptre.imaging.pull_push import extend_colours, pull_push
from dioptre.imaging.resize import resize
from dioptre.imaging.shapes import map_chunks
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

from .options import MotionBlurOptions
from .streaks import CELL, Sheet, Sheets, streaked

_SOLID = 0.5  # coverage from which a place is on the subject


def motion_blur(
    picture: Picture,
    scene: Scene,
    *,
    length_px: float,
    angle: float = 0.0,
    travel: bool = False,
    still: bool = True,
    progress: Progress = no_progress,
) -> Picture:
    """Blur a picture as if the camera had moved.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        scene: its surfaces. With `travel`, the disparity of the screen stays sharp.
        length_px: length of the longest streaks.
        angle: their direction in degrees, counter-clockwise from the horizontal.
        travel: whether the camera moves sideways, so that streaks depend on the distance, instead of turning.
        still: whether all of the subject stays sharp.
        progress: called with the fraction done; raises Cancelled to stop.
    """
    screen = np.float32(scene.screen)
    per_disparity = np.float32(length_px / max(scene.screen, 1 - scene.screen))

    def lengths(near: Plane) -> Plane:
        return np.abs(near - screen) * per_disparity if travel else np.full_like(near, length_px)

    back, *front = scene.surfaces
    progress(0.0, "Filling in what is hidden")
    near = _picked(back.disparity)
    cuts = thresholds(near, 1) if travel else []
    label = np.searchsorted(np.asarray(cuts, np.float32), back.disparity).astype(np.uint8)
    if cuts:  # rims of nearer objects are mixed with them
        label = ndimage.maximum_filter(label, 2 * rim_px(label.shape) + 1)
    known = np.ones(label.shape, bool) if back.unknown is None else ~back.unknown
    alpha = front[-1].coverage if front else None
    if alpha is not None:
        known &= alpha < _SOLID
    return streaked(
        picture,
        Sheets(
            behind=back.colours,
            number=label,
            known=known,
            sheets=_sheets(back, label, known, lengths, length_px),
            alpha=alpha,
            length=np.zeros_like(near) if still or alpha is None else lengths(_picked(front[-1].disparity)),
        ),
        angle,
        lambda fraction: progress(0.2 + 0.8 * fraction, "Drawing the streaks"),
    )


def _picked(plane: np.ndarray) -> np.ndarray:
    """Return the value at the middle of each cell, for means over edges lie between."""
    rows, columns = (np.minimum(np.arange(0, side, CELL) + CELL // 2, side - 1) for side in plane.shape[:2])
    return plane[np.ix_(rows, columns)]


def _sheets(
    back: Surface,
    label: UInt8[np.ndarray, "h w"],
    known: Bool[np.ndarray, "h w"],
    lengths: Callable[[Plane], Plane],
    reach_px: float,
) -> list[Sheet]:
    """Describe the sheets of the rearmost surface by coarse planes."""
    near, owner, shown = _picked(back.disparity), _picked(label), _picked(known)
    light = map_chunks(srgb_to_linear, resize(back.colours, (near.shape[0], near.shape[1]), method="area"))
    reach = -(-round(reach_px + rim_px(label.shape)) // CELL)
    sheets = []
    for index in range(int(label.max()) + 1):
        here = owner == index
        if not here.any() and index:
            continue
        inner = ndimage.minimum_filter(here, 3) & shown
        inner = inner if inner.any() else here if here.any() else np.ones_like(here)
        weight = inner.astype(np.float32)
        hidden = ndimage.maximum_filter(here, 2 * reach + 1) & (owner > index)
        sheets.append(
            Sheet(
                index=index,
                length=lengths(pull_push(near, weight)),
                fill=pull_push(light, weight),
                hidden=hidden.astype(np.float32),
            )
        )
    return sheets


def run(inputs: Inputs, options: MotionBlurOptions, progress: Progress) -> Result:
    """Run the operation `motion_blur`. If the depth is estimated, the result includes it as a layer."""
    picture, travel = without_nan(inputs.picture), options.motion == "travel"
    opaque = extend_colours(picture) if picture.shape[2] == 4 else picture
    found = scene_of(
        replace(inputs, picture=opaque),
        options,
        at=options.target,
        follows=not travel,
        progress=part_of(progress, 0.0, 0.8),
    )
    alpha = found.scene.surfaces[-1].coverage
    if alpha is None and not travel:
        raise DioptreError(
            "No subject was found that the camera could follow.",
            hint="Click on what stays sharp, or choose that the camera travels.",
            code="no-subject",
        )
    still = options.target is None or not travel
    if not still and alpha is not None:
        height, width = alpha.shape
        x, y = options.target
        still = bool(alpha[min(int(y), height - 1), min(int(x), width - 1)] > _SOLID)
    made = motion_blur(
        picture,
        found.scene,
        length_px=options.length / 100 * max(picture.shape[:2]),
        angle=options.angle,
        travel=travel,
        still=still,
        progress=part_of(progress, 0.8, 1.0),
    )
    layers = [Layer(name="Motion blur", role=Role.RESULT, pixels=made)]
    if inputs.disparity is None:
        layers.append(Layer(name="Depth", role=Role.DEPTH, pixels=found.disparity, visible=False))
    progress(1.0, "Done")
    return Result(layers=tuple(layers), values=found.values, messages=found.messages, models=found.models)
