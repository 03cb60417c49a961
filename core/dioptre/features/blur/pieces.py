"""A lens blur as separate layers that continue with texture behind nearer ones.

The renderer continues surfaces smoothly. A nearer layer covers this continuation, but if someone hides that layer,
it is visible as a plain shape. Therefore the nearer surfaces are removed from the sharp picture, as in
`clean_background`, and the remaining picture is blurred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import Progress, all_rows, part_of
from dioptre.features.background import textured_background
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre.optics.aperture import Aperture
from dioptre.optics.defocus import circle_of_confusion_px
from dioptre.optics.lens_blur import BlurredLayers, blur_in_layers
from dioptre.optics.scene import Scene

SUBJECT_PX = 3.0  # largest blur radius of the subject
_EDGE_PX = 2  # pixels next to nearer surfaces contain some of their colour
_JUMP_PX = 2.0  # a surface ends where the blur radius changes by more than this over the edge's pixels
_STEP_PX = 4  # distances from outlines are computed on a grid of this step
_FROM_GROUND = 0.02  # distance to the ground over which texture is faded in, as a fraction of the longer side
_AROUND_PX = 24  # the textured layer is used this far around such ends, besides the blur
_BAND = 256  # rows that are mixed at a time
_HIDDEN = 0.95, 1.0  # coverage by nearer layers from which it is used elsewhere, and from which it is used alone


def add_texture(layers: BlurredLayers, scene: Scene, *, aperture: Aperture, progress: Progress) -> None:
    """Continue the subject and the background with texture behind nearer layers, where it fits, in place.

    Along the outlines of nearer layers, the layers then differ a little from the picture that they showed together:
    there, pixels of mixed colour give way to the background.

    Args:
        layers: the result of `blur_in_layers` for the scene.
        scene: the sRGB-encoded picture with its depth and focus.
        aperture: shape of the aperture.
        progress: called between tiles.
    """
    radius = _signed_radius_px(scene)
    for index, least in enumerate((SUBJECT_PX, -SUBJECT_PX)):
        begin, middle, end = (0.5 * index + each for each in (0.0, 0.2, 0.5))
        nearer = radius > least
        ends, ground = _outlines(nearer, radius)
        behind = _without(scene, nearer, part_of(progress, begin, middle)) if ends.any() else None
        if behind is None:
            continue
        farther = blur_in_layers(
            behind, subject_px=SUBJECT_PX, aperture=aperture, progress=part_of(progress, middle, end)
        )
        upper = [layers.foreground] if least > 0 else [layers.subject, layers.foreground]
        share = _share(ends, ground, radius, upper)
        _mix_in(farther.background, share, to=layers.background)
        if least > 0:
            _mix_in(farther.subject, share, to=layers.subject)


def _signed_radius_px(scene: Scene) -> Float32[np.ndarray, "h w"]:
    """Return the radius of each pixel's added blur, negative behind the focus."""
    radius = circle_of_confusion_px(scene.disparity, focus=scene.focus)
    if scene.existing_defocus_px is None:
        return radius
    added: np.ndarray = np.sign(radius) * np.sqrt(np.maximum(radius**2 - scene.existing_defocus_px**2, 0))
    return added


def _outlines(
    nearer: Bool[np.ndarray, "h w"], radius: Float32[np.ndarray, "h w"]
) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Return where nearer surfaces end at a jump in depth, and where a ground goes on into them."""
    width = 2 * _EDGE_PX + 3
    highest, lowest = (each(radius, width) for each in (ndimage.maximum_filter, ndimage.minimum_filter))
    outline = ndimage.maximum_filter(nearer, 3) & ~nearer
    jump = highest - lowest > _JUMP_PX
    return outline & jump, outline & ~jump


def _without(scene: Scene, nearer: Bool[np.ndarray, "h w"], progress: Progress) -> Scene | None:
    """Return the scene without its nearer surfaces; None if nothing is left, or no texture fits behind them."""
    hole: np.ndarray = ndimage.maximum_filter(nearer, 2 * _EDGE_PX + 1)
    if hole.all():
        return None
    lowest, highest = float(scene.disparity.min()), float(scene.disparity.max())
    relative = (scene.disparity - np.float32(lowest)) / np.float32(max(highest - lowest, 1e-9))
    plate = textured_background(scene.image, hole.astype(np.float32), relative, progress=progress)
    if plate is None:
        return None
    known = (~hole).astype(np.float32)
    existing = scene.existing_defocus_px
    return replace(
        scene,
        image=all_rows(scene.image.shape, plate),
        disparity=pull_push(scene.disparity, known),
        existing_defocus_px=None if existing is None else pull_push(existing, known),
    )


def _share(
    ends: Bool[np.ndarray, "h w"],
    ground: Bool[np.ndarray, "h w"],
    radius: Float32[np.ndarray, "h w"],
    upper: Sequence[Float32[np.ndarray, "h w 4"]],
) -> Float32[np.ndarray, "h w"]:
    """Return how much of the textured layer to use: all of it where nearer layers end or hide it.

    A ground that goes on into a nearer layer is visible where they meet, and needs its own pixels there.

    Args:
        ends: where nearer surfaces end.
        ground: where they go on.
        radius: signed radius of each pixel's blur.
        upper: the nearer layers.
    """
    beside = ndimage.maximum_filter(radius, 2 * _EDGE_PX + 3)[ends]
    reach = _AROUND_PX + int(np.ceil(max(float(beside.max()), 0.0)))
    around = ndimage.uniform_filter(ndimage.maximum_filter(ends, 2 * reach + 1).astype(np.float32), _AROUND_PX)
    hidden = 1 - np.prod([1 - layer[..., 3] for layer in upper], axis=0)
    share = np.maximum(around, np.clip((hidden - _HIDDEN[0]) / (_HIDDEN[1] - _HIDDEN[0]), 0, 1))
    made: np.ndarray = (share * _away_from(ground, ends) if ground.any() else share).astype(np.float32)
    return made


def _away_from(ground: Bool[np.ndarray, "h w"], ends: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Return 0 near the ground's outline and where it is the closest outline, and 1 elsewhere."""
    small = tuple(-(-length // _STEP_PX) for length in ground.shape)
    apart = []
    for outline in (ground, ends):
        cells = np.zeros(small, np.bool_)
        down, across = np.nonzero(outline)
        cells[down // _STEP_PX, across // _STEP_PX] = True
        apart.append(ndimage.distance_transform_edt(~cells).astype(np.float32))
    of_ground, of_ends = apart
    closer = np.clip((of_ground / np.maximum(of_ground + of_ends, 1) - 0.5) / 0.2, 0, 1)
    nearest = _FROM_GROUND * max(small)
    away = closer * np.clip((of_ground - nearest) / nearest, 0, 1)
    return resize(away, (ground.shape[0], ground.shape[1]), method="bilinear")


def _mix_in(
    textured: Float32[np.ndarray, "h w c"], share: Float32[np.ndarray, "h w"], *, to: Float32[np.ndarray, "h w c"]
) -> None:
    """Mix a layer into another one in place; their colours count by their alpha."""
    for top in range(0, len(to), _BAND):
        rows = slice(top, top + _BAND)
        weight, own, other = share[rows][..., None], to[rows], textured[rows]
        if to.shape[2] == 3:
            own += weight * (other - own)
            continue
        mine, theirs = (1 - weight) * own[..., 3:], weight * other[..., 3:]
        alpha = mine + theirs
        own[..., :3] = (mine * own[..., :3] + theirs * other[..., :3]) / np.maximum(alpha, 1e-6)
        own[..., 3:] = alpha
