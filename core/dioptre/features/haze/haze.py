"""Haze by Koschmieder's law: a fraction of the light arrives, and the air's own light takes the place of the rest.

The light of a point is J t + A (1 - t): J without haze, t the transmission, A the light of the air. To add haze, t
falls exponentially with the distance, which is the inverse of the disparity. To remove it, t comes from the
picture: at every distance something is nearly black in one channel, where only the light of the air is left (the
dark channel of K. He et al., CVPR 2009, by distance as in D. Akkaynak and T. Treibitz, "Sea-thru", CVPR 2019). The
depth map says what lies at which distance, so bright near things are not taken for haze.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32
from scipy import ndimage

from dioptre.contract import Disparity, Inputs, Layer, Picture, Plane, Progress, Result, part_of, row_slices
from dioptre.features.depth import USUAL_NEAREST, chosen_depth, range_of
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.numbers import LUMINANCE, without_nan
from dioptre.imaging.resize import fitted_size, resize
from dioptre.imaging.shapes import map_chunks, map_pixels
from dioptre.programs import kept
from dioptre_link.catalogue.haze import HazeOptions
from dioptre_link.language import Message
from dioptre_link.operation import Role

_SMALL_PX = 640  # longer side of the picture in which haze is measured
_SHALLOW = 0.5  # nearest distance divided by the farthest, above which haze would look flat
_FARTHEST = 0.02  # fraction of the pixels whose bright half has the colour of the air
_PALE = np.array([0.62, 0.66, 0.70], np.float32)  # air of a picture without a bright distance, in linear light
_DARK, _DIM, _BRIGHT = 0.15, 0.4, 0.95  # least luminance of the air, also relative to that quantile of the picture
_WARMEST = 0.5  # least blue of the air, relative to its red; wood is not haze
_DENSEST = 0.98  # fraction of the light that is lost at amount 1
_BINS, _LOWEST, _PATCH_PX = 48, 0.03, 9  # distances; fraction of dark pixels that are noise; side of a dark patch
_KEPT = 0.05  # fraction of the haze that stays at amount -1, because distance without any looks wrong
_LEAST = 0.2  # least transmission that is undone
_DETAIL_GAIN = 1.6  # largest amplification of the finest detail, which in the distance is mostly noise
_REACH, _PASSES = 0.005, 2  # radius of the alignment with edges, as a fraction of the longer side
_USUAL_VIEW = 0.65  # focal length divided by the diagonal, where it is unknown: 28 mm on full frame
_LAYER = 0.12  # height in which ground mist thins out, as a fraction of the scene's

Air = Float32[np.ndarray, "3"]


@dataclass(frozen=True, kw_only=True)
class Haze:
    """The haze in a picture.

    Attributes:
        air: light of the air, linear.
        places: disparities, rising.
        veil: at these, the fraction of the air's light that has taken the place of the scene's.
    """

    air: Air
    places: Float32[np.ndarray, " n"]
    veil: Float32[np.ndarray, " n"]


def air_of(picture: Picture, disparity: Disparity, at: tuple[float, float] | None = None) -> tuple[Air, bool]:
    """Return the light of the air, linear, and whether the picture shows it.

    Args:
        picture: sRGB-encoded.
        disparity: 1 = nearest.
        at: (x, y) of a place that has its colour; None for the brighter half of the farthest area.
    """
    if at is not None:
        row, column = (min(int(place), side - 1) for place, side in zip(at[::-1], disparity.shape, strict=True))
        around = picture[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3, :3]
        return _linear(np.median(around, axis=(0, 1)).astype(np.float32)), True
    far = _linear(picture[disparity <= np.quantile(disparity, _FARTHEST)][:, :3])
    luminance = far @ LUMINANCE
    air = np.asarray(far[luminance >= np.median(luminance)].mean(axis=0), np.float32)
    bright = float(np.quantile(_linear(_opaque(picture[::4, ::4])) @ LUMINANCE, _BRIGHT))
    shown = float(air @ LUMINANCE) >= max(_DARK, _DIM * bright) and air[2] >= _WARMEST * air[0]
    return (air, True) if shown else (_PALE, False)


def measured_haze(picture: Picture, disparity: Disparity, *, air: Air) -> Haze:
    """Measure the haze in a picture by its depth.

    Args:
        picture: sRGB-encoded.
        disparity: 1 = nearest.
        air: light of the air, linear.
    """
    dark = _dark_channel(picture, air)
    near = resize(disparity, dark.shape, method="area")
    order = np.argsort(near, axis=None)
    groups = np.array_split(order, min(_BINS, order.size))
    places = np.array([near.ravel()[group].mean() for group in groups], np.float32)
    lowest = np.array([np.quantile(dark.ravel()[group], _LOWEST) for group in groups], np.float32)
    # Haze never thins out with the distance, so what is dark far away limits it at every nearer place.
    veil = np.minimum.accumulate(lowest).clip(0, 1)
    return Haze(air=air, places=places, veil=ndimage.gaussian_filter1d(veil, 1.5, mode="nearest"))


def _dark_channel(picture: Picture, air: Air) -> Plane:
    """Return the least light around each place in any channel, relative to the air's, in a small picture."""
    size = fitted_size(picture.shape[:2], longest_px=_SMALL_PX)
    light = _linear(resize(_opaque(picture), size, method="area"))
    return np.asarray(ndimage.minimum_filter((light / np.maximum(air, 1e-3)).min(axis=2), _PATCH_PX))


def remove_haze(picture: Picture, disparity: Disparity, haze: Haze, *, amount: float = 1.0) -> Picture:
    """Remove haze from a picture.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        disparity: 1 = nearest.
        haze: the haze in it.
        amount: fraction to remove, in [0, 1]; a twentieth stays in any case.
    """
    if amount == 0:
        return picture.copy()
    veil = np.interp(disparity.ravel(), haze.places, haze.veil).reshape(disparity.shape).astype(np.float32)
    # What is darker than the haze at its depth is nearer than the depth map says.
    veil = np.minimum(veil, resize(_dark_channel(picture, haze.air), veil.shape, method="bilinear"))
    share = np.float32(amount * (1 - _KEPT))
    arriving = _on_edges(picture, np.maximum(1 - share * veil, _LEAST))
    return _by_pixel(_cleared, picture, arriving, _base(picture), air=haze.air)


def in_haze(layer: Picture, level: float | Plane, haze: Haze, *, strength: float) -> Picture:
    """Return a layer as the haze of a picture shows it at a depth.

    Args:
        layer: sRGB-encoded, straight alpha; alpha is preserved.
        level: its disparity, 1 = nearest.
        haze: the haze in the picture.
        strength: fraction of the haze that the layer gets, in [0, 1].
    """
    veil = np.interp(np.broadcast_to(level, layer.shape[:2]), haze.places, haze.veil)
    arriving = (1 - np.float32(strength) * veil).astype(np.float32)
    return _by_pixel(_veiled, layer, arriving, air=haze.air)


def add_haze(
    picture: Picture,
    disparity: Disparity,
    *,
    amount: float,
    air: Air,
    mist: float = 0.0,
    nearest: float = USUAL_NEAREST,
    focal_diagonals: float = _USUAL_VIEW,
) -> Picture:
    """Add haze to a picture.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        disparity: 1 = nearest.
        amount: fraction of the light of the farthest point that is lost, in [0, 1].
        air: light of the air, linear.
        mist: fraction of the haze that lies near the ground.
        nearest: distance of the nearest point divided by that of the farthest.
        focal_diagonals: focal length of the photo divided by its diagonal.
    """
    if amount == 0:
        return picture.copy()
    distance = 1 / (disparity * np.float32(1 - nearest) + np.float32(nearest))  # 1 = nearest
    loss = (distance - 1) * np.float32(-math.log(1 - _DENSEST * amount) * nearest / (1 - nearest))
    if mist:
        loss *= (1 - np.float32(mist)) + np.float32(mist) * _near_ground(distance, focal_diagonals)
    arriving = _on_edges(picture, np.exp(-loss))
    arriving[arriving > 1 - 1e-3] = 1
    return _by_pixel(_veiled, picture, arriving, air=air)


def _near_ground(distance: Plane, focal_diagonals: float) -> Plane:
    """Return the mean density of mist on the way to each point; it is 1 along the ground."""
    height, width = distance.shape
    up = (height / 2 - np.arange(height, dtype=np.float32))[:, None] / np.float32(
        focal_diagonals * math.hypot(height, width)
    )
    level = up * distance  # height above the camera, in units of the nearest distance
    ground, top = (float(value) for value in np.quantile(level[::8, ::8], (0.01, 0.99)))
    ground = min(ground, 0.0)
    thinning = np.float32(1 / max(_LAYER * (top - ground), 1e-6))
    above = np.maximum(level - np.float32(ground), 0) * thinning
    camera = np.float32(-ground) * thinning
    span = above - camera
    level_way = np.abs(span) < 1e-3
    mean = (np.exp(-camera) - np.exp(-above)) / np.where(level_way, 1, span)
    return np.where(level_way, np.exp(-camera), mean).astype(np.float32)


def _linear(encoded: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    return map_chunks(srgb_to_linear, np.ascontiguousarray(encoded))


def _opaque(picture: Picture) -> Float32[np.ndarray, "h w 3"]:
    return np.ascontiguousarray(picture[..., :3])


def _on_edges(picture: Picture, arriving: Plane) -> Plane:
    """Align a transmission with the edges of the picture."""
    guide, radius = _opaque(picture).clip(0, 1), max(4.0, _REACH * max(arriving.shape))
    least, most = arriving.min(), arriving.max()
    for _ in range(_PASSES):
        arriving = guided_filter(guide, arriving, radius_px=radius, epsilon=1e-5).clip(least, most)
    return arriving


def _base(picture: Picture) -> Float32[np.ndarray, "h w 3"]:
    """Return the encoded colours without their finest texture."""
    colour = _opaque(picture)
    return guided_filter(colour, colour, radius_px=2.0, epsilon=4e-4)


@kept
def _veiled(
    colour: Float[Array, "n 3"], arriving: Float[Array, " n"], air: Float[Array, "3"]
) -> Float[Array, "n 3"]:
    light = srgb_to_linear(colour) * arriving[:, None] + (1 - arriving)[:, None] * air
    return jnp.where(arriving[:, None] < 1, linear_to_srgb(light), colour)


@kept
def _cleared(
    colour: Float[Array, "n 3"], arriving: Float[Array, " n"], base: Float[Array, "n 3"], air: Float[Array, "3"]
) -> Float[Array, "n 3"]:
    gain = 1 / arriving[:, None]
    cleared = linear_to_srgb(jnp.maximum(air + (srgb_to_linear(base) - air) * gain, 0))
    cleared += (colour - base) * jnp.minimum(gain, _DETAIL_GAIN)
    return jnp.clip(cleared, 0, jnp.maximum(colour.max(axis=1, keepdims=True), 1))


def _by_pixel(function: Callable[..., Array], picture: Picture, *planes: np.ndarray, air: Air) -> Picture:
    """Return the picture with its colours computed by a jitted function of pixels."""
    made = picture.copy()
    for rows in row_slices(picture.shape[0]):
        parts = [each[rows].reshape(-1, *each.shape[2:]) for each in (picture[..., :3], *planes)]
        colour = map_pixels(lambda *values: function(*values, air), *parts)
        made[rows, :, :3] = colour.reshape(made[rows, :, :3].shape)
    return made


def run(inputs: Inputs, options: HazeOptions, progress: Progress) -> Result:
    """Run the operation `haze`. If the depth is estimated, the result includes it as a layer."""
    depth = chosen_depth(inputs, options, progress=part_of(progress, 0.0, 0.8))
    disparity, picture = depth.disparity, without_nan(inputs.picture)
    range_of(disparity)
    progress(0.8, "Measuring the haze")
    air, shown = air_of(picture, disparity, options.air)
    messages: list[str] = [*depth.messages]
    values = depth.values()
    if options.density < 0:
        haze = measured_haze(picture, disparity, air=air)
        values["veil"] = round(float(haze.veil[0]) * shown, 3)
        if not shown:
            messages.append(Message("The distance has no haze."))
        progress(0.9, "Removing the haze")
        made = remove_haze(picture, disparity, haze, amount=-options.density * shown)
    else:
        progress(0.9, "Adding the haze")
        view = inputs.chosen_field_of_view(options.equivalent_mm) or depth.field_of_view
        made = add_haze(
            picture,
            disparity,
            amount=options.density,
            air=air,
            mist=options.mist,
            nearest=min(depth.nearest, _SHALLOW),
            focal_diagonals=_USUAL_VIEW if view is None else view.focal_diagonals,
        )
    values["air"] = [round(float(value), 4) for value in air]
    layers = (Layer(name="Haze", role=Role.RESULT, pixels=made), *depth.layers)
    progress(1.0, "Done")
    return Result(layers=layers, values=values, messages=tuple(messages), models=depth.models)
