"""Divide a photo into what stands in front and what is behind it, each with its own depth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import (
    Disparity,
    Inputs,
    Matte,
    Progress,
    all_rows,
    inverse_distance,
    no_progress,
    part_of,
)
from dioptre.features.background import clean_background
from dioptre.features.depth import Depth, chosen_depth, range_of
from dioptre.features.subject import kept_subject
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.language import Message

_VISIBLE, _SOLID = 0.02, 0.95  # coverage from which a pixel belongs to the subject; and only to it
_STEP = 0.03  # difference in disparity up to which the subject and what is beside it are one thing
_INVENTED = 0.03  # difference from the photo from which the background is invented; sRGB-encoded
_STEPS = 3  # rims beside a subject at which its own ends; depth goes from one side to the other across it
_REACH = 5  # rims beside what is only the subject's in which it is as near as that; twice as far, as depth says
_RIM = 0.002  # as a fraction of the diagonal


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A part of a scene.

    Attributes:
        colours: sRGB-encoded, premultiplied by the coverage.
        disparity: its disparity, also where it is hidden.
        coverage: its coverage; None where it covers everything.
        unknown: where the photo does not show it; None for nowhere.
    """

    colours: Float32[np.ndarray, "h w 3"]
    disparity: Disparity
    coverage: Matte | None = None
    unknown: Bool[np.ndarray, "h w"] | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The surfaces of a photo, from back to front, and the disparity that appears in the plane of the screen."""

    surfaces: tuple[Surface, ...]
    screen: float

    def resized(self, size: tuple[int, int]) -> Scene:
        """Return the scene at another size (height, width), with picked disparities, for means lie between."""
        height, width = self.surfaces[0].disparity.shape
        row, column = (
            ((np.arange(new) + 0.5) * (old / new)).astype(int)
            for new, old in zip(size, (height, width), strict=True)
        )
        return replace(
            self,
            surfaces=tuple(
                Surface(
                    colours=resize(one.colours, size, method="area"),
                    disparity=one.disparity[np.ix_(row, column)],
                    coverage=None if one.coverage is None else resize(one.coverage, size, method="area"),
                    unknown=None if one.unknown is None else one.unknown[np.ix_(row, column)],
                )
                for one in self.surfaces
            ),
        )

    @staticmethod
    def of(
        picture: Float32[np.ndarray, "h w 3"],
        disparity: Disparity,
        *,
        alpha: Matte | None = None,
        plate: Float32[np.ndarray, "h w 3"] | None = None,
        screen: float = 0.5,
    ) -> Scene:
        """Divide a photo with its depth.

        Args:
            picture: sRGB-encoded.
            disparity: 1 = nearest.
            alpha: coverage of the subject; None for none.
            plate: the picture without its subject and a rim around it; needed with `alpha`.
            screen: the disparity in the plane of the screen.
        """
        if alpha is None or plate is None or not (alpha > _SOLID).any():
            return Scene(surfaces=(Surface(colours=picture, disparity=disparity),), screen=screen)
        rim = rim_px(alpha.shape)
        beyond = np.asarray(ndimage.distance_transform_edt(alpha < _VISIBLE), np.float32) / rim
        step = beyond <= _STEPS
        solid = ndimage.minimum_filter(alpha, 2 * rim + 1) > _SOLID
        solid = solid if solid.any() else alpha > _SOLID
        near = pull_push(disparity, solid.astype(np.float32))
        away = np.asarray(ndimage.distance_transform_edt(~solid), np.float32) / (_REACH * rim)
        near = disparity + (near - disparity) * np.clip(2 - away, 0, 1)
        nearest = ndimage.distance_transform_edt(step, return_distances=False, return_indices=True)
        # Where the matte ends on a thing that goes on at the same distance, the photo is behind itself.
        steps = (near - disparity[tuple(nearest)]) / _STEP
        apart = np.clip(steps - 1, 0, 1)
        behind = np.minimum(pull_push(disparity, (~step).astype(np.float32)), disparity)
        far = disparity + np.where(step, apart, 0) * (behind - disparity)
        # A rim of the photo goes with the subject and fades out: it holds what the matte misses, and no filling
        # touches the outline. It covers all that is filled in, so the photo's own camera sees the photo.
        cover = np.maximum(alpha, np.minimum(apart, np.clip(_STEPS - beyond, 0, 1)))
        hides = np.minimum(np.clip(steps - 2, 0, 1), np.clip(_STEPS - 1 - beyond, 0, 1))
        there = picture + hides[..., None] * (plate - picture)
        unknown = (hides > 0.5) & ((alpha > 0.5) | (np.abs(there - picture).max(axis=2) > _INVENTED))
        return Scene(
            surfaces=(
                Surface(colours=there, disparity=far, unknown=unknown),
                Surface(colours=picture * cover[..., None], disparity=near, coverage=cover),
            ),
            screen=screen,
        )


def rim_px(shape: tuple[int, ...]) -> int:
    """Return the width of the rim of a subject in pixels, where a matte and depth miss some of it."""
    return max(1, round(_RIM * math.hypot(*shape)))


def without_traces(alpha: Matte) -> Matte:
    """Return a matte without faint parts that touch none of the subject: they would move, or stay, on their own."""
    part, _ = ndimage.label(alpha >= _VISIBLE, np.ones((3, 3)))
    return np.asarray(alpha * np.isin(part, np.unique(part[alpha > 0.5])))


@dataclass(frozen=True, kw_only=True)
class Found:
    """The scene of a photo and what it was made of.

    Attributes:
        scene: the scene.
        picture: the photo, opaque.
        disparity: from 0, its farthest point, to 1, its nearest.
        depth: the depth from which that was computed.
        range_per_m: inverse distances in 1/m at the disparities 0 and 1; None if they are not known.
        models: SHA-256 of the cards of all networks that were used.
        messages: sentences for the user.
    """

    scene: Scene
    picture: Float32[np.ndarray, "h w 3"]
    disparity: Disparity
    depth: Depth
    range_per_m: tuple[float, float] | None
    models: Mapping[str, str]
    messages: tuple[str, ...]


def scene_of(
    inputs: Inputs,
    options: DepthOptions,
    *,
    at: tuple[float, float] | None,
    divided: bool = True,
    progress: Progress = no_progress,
) -> Found:
    """Estimate the depth, the subject and the background behind it, and divide a photo by them.

    Args:
        inputs: the picture, and its depth if it is known.
        options: where the depth comes from.
        at: (x, y) of the point in the plane of the screen; None for the subject.
        divided: whether to find the subject and its background; if not, the scene is a single surface.
        progress: called with the fraction done and the phase; raises Cancelled to stop.

    Raises:
        DepthError: the depth of the picture cannot be estimated.
        DioptreError: the depth is the same everywhere.
        WeightsError: the weights of a network are missing or damaged.
    """
    picture = inputs.picture
    messages: tuple[str, ...] = ()
    if picture.shape[2] == 4:
        picture = picture[..., :3] * picture[..., 3:] + (1 - picture[..., 3:])
        messages = (Message("Transparent areas are white."),)
    depth = chosen_depth(inputs, options, progress=part_of(progress, 0.0, 0.5))
    low, high = range_of(depth.disparity)
    disparity = (depth.disparity - np.float32(low)) / np.float32(high - low)
    limits = None
    if depth.range_per_m is not None:
        ends = inverse_distance(np.array([low, high], np.float32), depth.range_per_m)
        limits = float(ends[0]), float(ends[1])
    alpha, plate, at_screen = None, None, 0.5
    models, messages = {**depth.models}, (*messages, *depth.messages)
    if divided:
        subject = kept_subject(inputs, depth.disparity, at=None, progress=part_of(progress, 0.5, 0.7))
        models |= subject.models
        at_screen = float(np.median(disparity))
        if subject.found:
            alpha = without_traces(subject.alpha)
            messages += subject.messages  # of a picture without a subject, they tell of a blur
            if subject.focal_disparity is not None:
                at_screen = (subject.focal_disparity - low) / (high - low)
            progress(0.7, "Filling in the background")
            grown = ndimage.maximum_filter(alpha, 2 * rim_px(alpha.shape) + 1)
            plate = all_rows(picture.shape, clean_background(picture, grown, depth.disparity))
        if at is not None:
            height, width = disparity.shape
            at_screen = float(disparity[min(int(at[1]), height - 1), min(int(at[0]), width - 1)])
    return Found(
        scene=Scene.of(picture, disparity, alpha=alpha, plate=plate, screen=at_screen),
        picture=picture,
        disparity=disparity,
        depth=depth,
        range_per_m=limits,
        models=models,
        messages=messages,
    )
