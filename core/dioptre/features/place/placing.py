"""Place a layer at a depth of a photo: what is nearer covers it, and it looks as if taken by the same camera.

A plane's inverse distances are an affine function of the place in the picture, so a plane fitted to disparity gives
the perspective of a layer that lies on a surface.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.contract import (
    Disparity,
    FieldOfView,
    Inputs,
    Layer,
    LayerOnDemand,
    Matte,
    Picture,
    Plane,
    Progress,
    Result,
    part_of,
)
from dioptre.features.blur import lens_blur
from dioptre.features.depth import USUAL_NEAREST, Depth, chosen_depth, disparity_around, range_of
from dioptre.features.haze import air_of, in_haze, measured_haze
from dioptre.features.subject import Subject, kept_subject, otsu
from dioptre.features.white_balance import lit_like
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.resize import fitted_size, resize
from dioptre.optics.certain_defocus import certain_defocus_px, find_edges
from dioptre.optics.defocus import Focus
from dioptre.optics.grain import add_grain, grain_std
from dioptre_link.catalogue.place import PlaceOptions
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .nearer import blended, nearer
from .painting import painted

RGBA = Float32[np.ndarray, "h w 4"]

_BEFORE = 0.02  # disparity by which a layer is nearer than the place where it stands, or farther than the subject
_BINS = 24  # parts of the range of disparities, in each of which the photo's blur is the same
_BESIDE = 0.02  # width of the edge around a layer that counts as beside it, as a fraction of the longer side
_CLEAR = 0.05  # coverage below which a pixel shows nothing of the subject
_FITTED = 0.08  # half-width of the part of a surface to which a plane is fitted, as a fraction of the longer side
_HIDDEN = 0.7  # fraction of a layer from which most of it counts as hidden
_USUAL_MM = 28.0  # focal length of a picture that does not tell its own, as the equivalent on full frame
_LEAN = math.tan(math.radians(25))  # ground that leans less to a side is taken as level: depth maps err as much
_BENT, _BENDING = 0.15, 0.0015  # disparity and its slope by which a surface may differ from the plane fitted to it
_BENT_PX = 512  # longer side of the picture in which that is measured
_SAMPLES, _FOOTPRINT_PX = 3, 2.0  # along each side of a pixel of a layer in perspective, as soft as a photo's
_ON_GROUND = 0.06  # disparity by which the ground may differ from the layer that stands or lies on it
_FOOT = 0.12  # part of a layer's height that is near the ground
_SHADOW = 0.12  # width of the shadow's edge, as a part of that height
_VISIBLE = 0.5 / 255  # opacity from which a shadow changes an 8-bit picture


def laid_out(
    layer: Float32[np.ndarray, "_ _ 4"],
    size: tuple[int, int],
    *,
    at: tuple[float, float] | None = None,
    width: int | None = None,
) -> RGBA:
    """Return a transparent picture of `size` (height, width) that shows a layer.

    Args:
        layer: sRGB-encoded, straight alpha.
        size: height and width of the photo.
        at: (x, y) of the layer's centre; None for the middle of the photo.
        width: width of the layer in pixels; None for its own, or that of the photo if it is wider.
    """
    height, own = layer.shape[:2]
    width = min(own, size[1], math.ceil(own * size[0] / height)) if width is None else width
    if width != own:
        shape = max(1, round(height * width / own)), width
        part = np.concatenate([layer[..., :3] * layer[..., 3:], layer[..., 3:]], axis=2)
        part = resize(part, shape, method="area" if width < own else "bicubic").clip(0, None)
        part[..., :3] /= np.maximum(part[..., 3:], np.float32(1e-6))
        part[..., 3] = part[..., 3].clip(0, 1)
        layer = part
    x, y = (size[1] / 2, size[0] / 2) if at is None else at
    top, left = round(y - layer.shape[0] / 2), round(x - layer.shape[1] / 2)
    canvas = np.zeros((*size, 4), np.float32)
    rows = slice(max(top, 0), max(min(top + layer.shape[0], size[0]), 0))
    columns = slice(max(left, 0), max(min(left + layer.shape[1], size[1]), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        canvas[rows, columns] = layer[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return canvas


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A layer in a photo, from the top.

    Attributes:
        layer: the layer, sRGB-encoded, straight alpha, as it looks without what is nearer.
        mask: how much of it is seen. Blended with it over the photo as encoded values, it gives the composite.
        shadow: black, with its opacity as alpha and covered by what is nearer; None if it cannot be seen.
    """

    layer: RGBA
    mask: Matte
    shadow: RGBA | None

    @property
    def cut(self) -> RGBA:
        """The layer with its mask as a part of its alpha."""
        return np.concatenate([self.layer[..., :3], (self.layer[..., 3] * self.mask)[..., None]], axis=2)

    def over(self, picture: Picture) -> Picture:
        """Return the composite; where the layer is transparent, it has the photo's pixels."""
        made = picture.copy()
        for layer in (self.shadow, self.cut):
            if layer is None:
                continue
            at = np.nonzero(layer[..., 3] > 0)
            below, above = made[at], layer[at]
            alpha = above[:, 3:]
            if picture.shape[2] == 3:
                made[at] = below + alpha * (above[:, :3] - below)
                continue
            there = below[:, 3:] * (1 - alpha)
            colour = (above[:, :3] * alpha + below[:, :3] * there) / (alpha + there)
            made[at] = np.concatenate([colour, alpha + there], axis=1)
        return made


def place(
    picture: Picture,
    disparity: Disparity,
    layer: RGBA,
    *,
    level: float | Plane,
    alpha: Matte | None = None,
    blur_px: float | Plane = 0.0,
    grain: float = 0.0,
    shadow: float = 0.0,
) -> Placed:
    """Place a layer in a photo.

    Args:
        picture: the photo, sRGB-encoded.
        disparity: its disparity, 1 = nearest.
        layer: the layer at the photo's size (see `laid_out`, `on_surface`), sRGB-encoded, straight alpha.
        level: the layer's disparity; if it is a plane, the layer is paint on the surface there.
        alpha: coverage of the photo's subject; None for none.
        blur_px: radius of the disc by which the layer is blurred.
        grain: how much of the photo's grain, or of the surface's texture and light, the layer gets, from 0 to 1.
        shadow: darkness of the shadow where the layer stands on something, from 0 to 1.
    """
    none = np.zeros_like(disparity)
    cover = nearer(picture, disparity, none if alpha is None else alpha, level)
    shade = _contact_shadow(layer, disparity, level, shadow) * (1 - cover) if shadow else none
    looking = layer.copy()
    if (most := float(np.max(blur_px))) > 0 and layer[..., 3].any():
        radii = np.broadcast_to(np.float32(1 / most) * blur_px, disparity.shape).astype(np.float32)
        part = _around(layer, math.ceil(most) + 1)
        looking[part] = lens_blur(
            np.ascontiguousarray(layer[part]),
            np.ascontiguousarray(radii[part]),
            focus=Focus(focal_disparity=0.0, max_radius_px=most),
        ).image
    if grain and not isinstance(level, float):
        looking = _painted(looking, picture, disparity, level, grain)
    elif grain:
        add_grain(looking, np.full_like(disparity, 1e3), grain_std(picture), strength=grain)
        looking[..., :3] = looking[..., :3].clip(0, None)
    made, mask = blended(picture, cover, looking)
    made[made[..., 3] == 0] = 0
    black = np.dstack([none, none, none, shade]) if shade.max() >= _VISIBLE else None
    return Placed(layer=made, mask=mask, shadow=black)


def _painted(layer: RGBA, picture: Picture, disparity: Disparity, level: Plane, strength: float) -> RGBA:
    """Paint a layer on the surface at its disparity, which is measured within the layer's height around it."""
    if not (layer[..., 3] > 0.5).any():
        return layer
    rows, _ = _around(layer, 0)
    part = _around(layer, rows.stop - rows.start)
    surface = (np.abs(disparity[part] - level[part]) < _ON_GROUND) | (layer[(*part, 3)] > 0.5)
    made, longer = layer.copy(), max(disparity.shape)
    made[part] = painted(layer[part], picture[part], surface, longer_px=longer, strength=strength)
    return made


def _around(layer: RGBA, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns in which a layer can be seen, with a margin."""
    rows, columns = (np.flatnonzero(layer[..., 3].any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def centre_of(layer: RGBA) -> tuple[float, float]:
    """Return the centre (x, y) of what a layer shows, or of the layer if it is transparent everywhere."""
    if not layer[..., 3].any():
        return layer.shape[1] / 2, layer.shape[0] / 2
    rows, columns = _around(layer, 0)
    return (columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2


def _contact_shadow(layer: RGBA, disparity: Disparity, level: float | Plane, strength: float) -> Matte:
    """Return the opacity of the shadow below what is near the ground of a layer that faces the camera."""
    if not (layer[..., 3] > 0.5).any():
        return np.zeros_like(disparity)
    rows = np.flatnonzero((layer[..., 3] > 0.5).any(axis=1))
    ground, tall = int(rows[-1]) + 1, int(rows[-1] - rows[0]) + 1
    feet = layer[max(ground - max(1, round(_FOOT * tall)), 0) : ground, :, 3].max(axis=0)
    soft = max(1.0, _SHADOW * tall)
    along = ndimage.gaussian_filter1d(feet, soft)
    down = np.exp(-0.5 * ((np.arange(disparity.shape[0]) - ground) / soft) ** 2)
    on_it = np.exp(-(((disparity - level) / np.float32(_ON_GROUND)) ** 2))
    return np.asarray(strength * down[:, None] * along[None, :] * on_it, np.float32)


def plane_at(disparity: Disparity, point: tuple[float, float]) -> tuple[float, float, float]:
    """Fit a plane to the surface at a point; return its disparity at the picture's centre and its slopes per pixel.

    Args:
        disparity: 1 = nearest.
        point: (x, y) in pixels.
    """
    height, width = disparity.shape
    reach = max(2, round(_FITTED * max(disparity.shape)))
    x, y = (min(max(int(place), 0), side - 1) for place, side in zip(point, (width, height), strict=True))
    rows, beside = (slice(max(at - reach, 0), min(at + reach + 1, side)) for at, side in ((y, height), (x, width)))
    part = rows, beside
    near = disparity[part].astype(np.float64)
    down, across = np.mgrid[part].astype(np.float64)
    columns = np.stack([np.ones(near.size), (across - width / 2).ravel(), (down - height / 2).ravel()], axis=1)
    error = near.ravel() - disparity_around(disparity, point)
    fit = np.zeros(3)
    for scale in (0.06, 0.04, 0.02, 0.01, 0.01):  # other things beside the surface weigh less and less
        weight = np.exp(-0.5 * (error / scale) ** 2)[:, None]
        fit = np.linalg.lstsq(columns * weight, near.ravel() * weight[:, 0], rcond=None)[0]
        error = near.ravel() - columns @ fit
    return float(fit[0]), float(fit[1]), float(fit[2])


def on_surface(
    layer: RGBA, plane: tuple[float, float, float], *, focal_px: float, nearest: float = USUAL_NEAREST
) -> tuple[RGBA, Plane]:
    """Lay a layer on a plane, about its centre, where its width stays; return it in perspective, and its disparity.

    On ground and ceilings the layer is upright: its width stays parallel to the picture's lower edge.

    Args:
        layer: at the photo's size, sRGB-encoded, straight alpha.
        plane: result of `plane_at`.
        focal_px: focal length of the photo in pixels.
        nearest: distance of the nearest point of the photo divided by that of the farthest.
    """
    height, width = layer.shape[:2]
    level = np.float32(plane[0]) + np.float32(plane[1]) * (np.arange(width, dtype=np.float32) - width / 2)
    level = level[None, :] + np.float32(plane[2]) * (np.arange(height, dtype=np.float32) - height / 2)[:, None]
    if not layer[..., 3].any():
        return layer, level
    low, span = nearest, 1 - nearest
    # Points on the plane satisfy normal · point = 1, and their inverse distance is normal · ray.
    normal = np.array([span * plane[1] * focal_px, span * plane[2] * focal_px, low + span * plane[0]])
    rows, columns = _around(layer, 0)
    anchor = np.array(centre_of(layer))
    ray = np.array([*(anchor - (width / 2, height / 2)) / focal_px, 1.0])
    inverse = max(float(normal @ ray), 1e-3)
    if abs(normal[0]) < _LEAN * abs(normal[1]):
        normal = np.array([0.0, normal[1], normal[2] + normal[0] * ray[0]])
    right = np.array([1.0, 0, 0]) - normal * normal[0] / (normal @ normal)
    right /= np.linalg.norm(right)
    down = np.cross(normal, right) / np.linalg.norm(normal)
    down *= 1 if down[1] >= ray[1] * down[2] else -1  # its foot is below its head in the picture

    def source(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the row and column of the layer that are seen at a place; far outside beyond the horizon."""
        rays = np.stack([(x - width / 2) / focal_px, (y - height / 2) / focal_px, np.ones_like(x)], axis=-1)
        seen = rays @ normal
        away = rays / np.maximum(seen, 1e-6)[..., None] - ray / inverse
        u, v = (focal_px * inverse * (away @ axis) for axis in (right, down))
        place = np.stack([anchor[1] + v, anchor[0] + u])
        return np.where(seen > 1e-6, place, -1e6)

    y, x = np.mgrid[:height, :width].astype(np.float64)
    row, column = source(x, y)
    inside = (np.abs(row - anchor[1]) <= (rows.stop - rows.start) / 2 + 1) & (
        np.abs(column - anchor[0]) <= (columns.stop - columns.start) / 2 + 1
    )
    made = np.zeros_like(layer)
    if not inside.any():
        return made, level
    flat = np.concatenate([layer[..., :3] * layer[..., 3:], layer[..., 3:]], axis=2)
    top, bottom = np.flatnonzero(inside.any(axis=1))[[0, -1]]
    left, end = np.flatnonzero(inside.any(axis=0))[[0, -1]]
    steps = _FOOTPRINT_PX * ((np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5)
    for first in range(int(top), int(bottom) + 1, 64):
        last = min(first + 64, int(bottom) + 1)
        down_at = (np.arange(first, last)[:, None] + steps).ravel()
        along = (np.arange(left, end + 1)[:, None] + steps).ravel()
        place_at = source(*np.broadcast_arrays(along[None, :], down_at[:, None]))
        bands = [
            ndimage.map_coordinates(flat[..., band], place_at, order=1, mode="constant")
            .reshape(last - first, _SAMPLES, end + 1 - left, _SAMPLES)
            .mean(axis=(1, 3))
            for band in range(4)
        ]
        part = np.stack(bands, axis=-1)
        part[..., :3] /= np.maximum(part[..., 3:], 1e-6)
        made[first:last, left : end + 1] = part
    return made, level


def above_surface(disparity: Disparity, level: Plane, at: tuple[float, float]) -> Plane:
    """Raise a plane above the surface to which it is fitted, so that this never covers it where it bends.

    The surface reaches from the point as far as it stays near the plane and parallel to it. What stands on ground
    rises from it.

    Args:
        disparity: 1 = nearest.
        level: disparity of the plane.
        at: (x, y) on the surface, in pixels.
    """
    size = fitted_size(disparity.shape, longest_px=_BENT_PX)
    plane = resize(level, size, method="area")
    apart = ndimage.gaussian_filter(resize(disparity, size, method="area") - plane, 1)
    rising, sloping = (np.hypot(*np.gradient(each)) if min(size) > 1 else np.zeros(size) for each in (apart, plane))
    areas, _ = ndimage.label((np.abs(apart) < _BENT) & (rising < np.maximum(sloping / 2, _BENDING)))
    scale = size[0] / disparity.shape[0]
    column, row = (min(max(int(place * scale), 0), side - 1) for place, side in zip(at, size[::-1], strict=True))
    if not areas[row, column]:
        return level
    same = resize((areas == areas[row, column]).astype(np.float32), disparity.shape, method="bilinear")
    return np.asarray(level + same * np.maximum(disparity + np.float32(_BEFORE) - level, 0))


def _level(disparity: Disparity, options: PlaceOptions, subject: Subject) -> tuple[float, tuple[str, ...]]:
    """Return the disparity of a layer that faces the camera, and messages."""
    if options.layer_depth is not None:
        return options.layer_depth, ()
    if options.stands_at is not None:
        return disparity_around(disparity, options.stands_at) + _BEFORE, ()
    if subject.found and subject.disparity_range is not None:
        return subject.disparity_range[0] - _BEFORE, ()
    words = Message("There is no single subject, so the layer is between what is near and what is far.")
    return otsu(resize(disparity, (320, 320), method="area")), (words,)


def blur_beside(radius: Plane, disparity: Disparity, layer: RGBA, *, level: float, alpha: Matte) -> float:
    """Return the radius of the photo's own blur around a layer that stands behind the subject.

    Of what is behind the layer, the quarter that is nearest to it counts; 0 if there is nothing.

    Args:
        radius: radius in pixels of the blur that the photo has at each pixel.
        disparity: 1 = nearest.
        layer: at the photo's size, not transparent everywhere.
        level: its disparity.
        alpha: coverage of the subject.
    """
    part = _around(layer, round(_BESIDE * max(disparity.shape)))
    behind = (disparity[part] <= level) & (alpha[part] < _CLEAR)
    if not behind.any():
        return 0.0
    near = disparity[part][behind]
    return float(np.median(radius[part][behind][near >= np.quantile(near, 0.75)]))


def readable_px(layer: RGBA) -> float:
    """Return the largest radius of a blur that leaves a layer readable: a quarter of a long stroke's width."""
    if not (layer[..., 3] > 0.5).any():
        return 0.0
    solid = np.pad(layer[(*_around(layer, 0), 3)] > 0.5, 1)
    return float(ndimage.distance_transform_edt(solid)[solid].mean()) - 0.5


def _readable(blur: float | Plane, layer: RGBA) -> tuple[float | Plane, tuple[str, ...]]:
    """Limit the photo's own blur so that the layer stays readable, and return messages."""
    full = float(np.max(np.where(layer[..., 3] > 0.5, blur, 0)))
    if full == 0 or full <= (most := readable_px(layer)):
        return blur, ()
    words = Message("The photo's blur there would make the layer unreadable, so it has less.")
    return (min(blur, most) if isinstance(blur, float) else np.minimum(blur, np.float32(most))), (words,)


def _own_blur(
    inputs: Inputs, disparity: Disparity, layer: RGBA, level: float | Plane, subject: Subject
) -> float | Plane:
    """Return the radius in pixels of the blur that the photo has at a disparity.

    Behind the subject, it is that of what is beside the layer: between both, the photo shows only parts of the
    subject, which may have been kept sharp.
    """
    if "edges" not in inputs.kept:
        inputs.kept["edges"] = find_edges(inputs.full_picture)
    radius = certain_defocus_px(inputs.kept["edges"], disparity)
    if radius is None:
        return 0.0
    ends = subject.disparity_range if subject.found and layer[..., 3].any() else None
    if isinstance(level, float) and ends is not None and level < ends[0]:
        return blur_beside(radius, disparity, layer, level=level, alpha=subject.alpha)
    near, radius = disparity[::4, ::4].ravel(), radius[::4, ::4].ravel()
    number = np.minimum((near * _BINS).astype(int), _BINS - 1)
    known = [each for each in range(_BINS) if (number == each).any()]
    medians = [float(np.median(radius[number == each])) for each in known]
    at = np.interp(level, (np.array(known) + 0.5) / _BINS, medians)
    return float(at) if at.ndim == 0 else np.asarray(at, np.float32)


def run(inputs: Inputs, options: PlaceOptions, progress: Progress) -> Result:
    """Run the operation `place`. If the depth is estimated, the result includes it as a layer."""
    picture, layer = without_nan(inputs.picture), inputs.layer
    if layer is None:
        raise UsageError("Place at depth needs a layer to place.", hint="Use 'dioptre place PHOTO LAYER'.")
    if layer.shape != (*picture.shape[:2], 4):
        raise UsageError(
            "The layer and the photo differ in size.", hint="Lay the layer out at the photo's size first."
        )
    layer = within_unit(without_nan(layer, infinite=1.0))
    depth = chosen_depth(inputs, options, progress=part_of(progress, 0.0, 0.6))
    disparity = depth.disparity
    range_of(disparity)
    subject = kept_subject(inputs, disparity, at=None, quick=inputs.draft, progress=part_of(progress, 0.6, 0.8))
    progress(0.8, "Placing the layer")
    messages: tuple[str, ...] = ()
    level: float | Plane
    if options.stance == "surface":
        view = inputs.chosen_field_of_view(options.equivalent_mm) or depth.field_of_view
        view = view or FieldOfView.of_equivalent(_USUAL_MM, source="")
        plane = plane_at(disparity, options.stands_at or centre_of(layer))
        focal = view.focal_px((disparity.shape[0], disparity.shape[1]))
        layer, level = on_surface(layer, plane, focal_px=focal, nearest=depth.nearest)
        level = level + np.float32(_BEFORE)
        values = {"layer_depth": round(plane[0], 4)}
    else:
        level, messages = _level(disparity, options, subject)
        values = {"layer_depth": round(level, 4)}
    models = {**depth.models, **subject.models}
    if options.light and layer[..., 3].any():
        layer, estimate = lit_like(layer, inputs.full_picture, strength=options.light)
        models |= estimate.models
    if options.haze:
        air, _ = air_of(picture, disparity)
        haze = measured_haze(picture, disparity, air=air)
        layer = in_haze(layer, level, haze, strength=options.haze)
    own: float | Plane | None = options.blur_radius
    if own is None:
        own, words = _readable(_own_blur(inputs, disparity, layer, level, subject), layer)
        messages += words
    if not isinstance(level, float):
        level = above_surface(disparity, level, options.stands_at or centre_of(layer))
    shadow = options.shadow if options.stance == "facing" else 0.0
    placed = place(
        picture,
        disparity,
        layer,
        level=level,
        alpha=subject.alpha if subject.found else None,
        blur_px=own,
        grain=options.grain,
        shadow=shadow,
    )
    values |= {
        "blur_radius": round(float(np.max(own)), 1),
        **depth.values(),
    }
    whole, seen = (float(plane.sum()) for plane in (placed.layer[..., 3], placed.layer[..., 3] * placed.mask))
    if not seen:
        messages = (*messages, Message("The layer is hidden. Click something nearer, or move the layer."))
    elif seen < (1 - _HIDDEN) * whole:
        messages = (*messages, Message("Most of the layer is hidden. Click something nearer, or move the layer."))
    elif shadow and placed.shadow is None:
        messages = (*messages, Message("Nothing below the layer is at its depth, so it throws no shadow."))
    progress(1.0, "Done")
    return Result(
        layers=tuple(_layers(placed, picture, depth)),
        values=values,
        messages=(*depth.messages, *messages),
        models=models,
    )


def _layers(placed: Placed, picture: Picture, depth: Depth) -> Iterator[Layer]:
    """Yield the layers of a result from the top: as they are seen, then the hidden parts of which they are made."""
    yield LayerOnDemand(
        name="Placed layer, cut out",
        role=Role.FOREGROUND,
        shape=placed.layer.shape,
        begin=lambda: placed.cut.__getitem__,
        made_of=(placed.layer, placed.mask),
    )
    yield Layer(name="Placed layer", role=Role.PLACED, pixels=placed.layer, visible=False)
    yield Layer(name="Mask", role=Role.MASK, pixels=placed.mask, visible=False)
    if placed.shadow is not None:
        yield Layer(name="Contact shadow", role=Role.SHADOW, pixels=placed.shadow)
    yield Layer(name="Photo with the layer", role=Role.RESULT, pixels=placed.over(picture), visible=False)
    yield from depth.layers
