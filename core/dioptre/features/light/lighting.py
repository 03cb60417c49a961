"""Light a photo again: lamps are placed in its depth, and each pixel is multiplied by the light that they add.

Only ratios of light are multiplied, in linear light, so nothing is made up: the photo's own light counts as 1, a
part of it stays, and lamps add to it by the surface's slope, its distance and soft shadows (see `transport`). That
is computed in a small picture and enlarged along the edges of the depth and of the subject's hair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32
from scipy import ndimage

from dioptre.colour.adaptation import xy_to_linear_rgb
from dioptre.colour.white_point import WhitePoint
from dioptre.contract import (
    Disparity,
    Inputs,
    Layer,
    Matte,
    Picture,
    Plane,
    Progress,
    Result,
    kept_for,
    no_progress,
    part_of,
    row_slices,
)
from dioptre.features.depth import USUAL_NEAREST, chosen_depth, disparity_around, range_of
from dioptre.features.subject import kept_subject
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.guided_filter import guided_coefficients
from dioptre.imaging.numbers import LUMA, LUMINANCE, without_nan
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import fitted_size, resize, resized_rows
from dioptre.imaging.shapes import map_pixels
from dioptre.programs import kept
from dioptre_link.catalogue.light import OPERATION, LightKind, LightOptions
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .outline import HALF, Outline
from .transport import Source, Surface, alike, incident, smoothed

_SMALL_PX, _DRAFT_PX = 512, 240  # longer side of the picture in which light is computed
_RAYS, _DRAFT_RAYS = (6, 14), (4, 10)  # to each light, and places along each of them
_USUAL_VIEW = 0.9  # focal length divided by the diagonal, where it is unknown: 39 mm on full frame
_LEAST, _MOST = 0.1, 4.0  # least ratio of light; largest light of a lamp, relative to that on its target
_REACH, _EPSILON = 0.008, 1e-4  # of the alignment with edges: radius as a fraction of the longer side, and contrast
_PICTURE = 0.5  # weight of the picture in that, beside its depth and its subject
_HUE = 0.4  # how far highlights keep their hue instead of turning white
_CEILING = (0.92, 0.99)  # most linear light that a lamp makes of what was black and of what was white
_SHINING, _SHINES, _SKY = 0.5, 0.8, 0.12  # linear light from which, and disparity up to which, things shine
_BEHIND = 0.1  # relative distance behind the subject from which a lamp only lights its rim
_BESIDE = 1.1  # distance of a light beside the subject from its middle, as a fraction of the subject's size
_WHITE_K = 6504.0  # colour temperature of the photo's white
_SEEN = 1e-3  # least change of the light that counts

_MOST_LIGHTS = 4
_UNSEEN = 0.1  # light that nobody sees, relative to a light's strength; reflections alone are less
_NOTHING_LIT = Message("The lights reach nothing that the photo shows, so the photo stays as it is.")

Colour = Float32[np.ndarray, "3"]


@dataclass(frozen=True, kw_only=True)
class Light:
    """A light in the photo.

    Attributes:
        at: (x, y) in pixels of the photo; may lie outside it.
        distance: its distance from the camera, as a multiple of the nearest point's.
        kind: "point" shines all around and "area" towards the target; of a "directional" one, only the direction
            from the target counts.
        size: its diameter, as a fraction of its distance from the target.
        warmth: colour temperature in kelvin; 6504 K is the photo's white.
        strength: its light on a surface at the target that faces it, relative to the photo's own.
    """

    at: tuple[float, float]
    distance: float
    kind: LightKind = "area"
    size: float = 0.5
    warmth: float = _WHITE_K
    strength: float = 1.0

    @property
    def colour(self) -> Colour:
        """Its linear colour, of luminance 1, relative to the photo's white."""
        light = np.asarray(xy_to_linear_rgb(jnp.asarray(WhitePoint(cct_kelvin=self.warmth).xy)), np.float32)
        white = np.asarray(xy_to_linear_rgb(jnp.asarray(WhitePoint(cct_kelvin=_WHITE_K).xy)), np.float32)
        colour = np.maximum(light / white, 0)
        return np.asarray(colour / (colour @ LUMINANCE), np.float32)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the lights are aimed at.

    Attributes:
        at: (x, y) in pixels of the photo.
        disparity: its disparity.
        size_px: size of the subject.
    """

    at: tuple[float, float]
    disparity: float
    size_px: float

    @staticmethod
    def of(disparity: Disparity, alpha: Matte | None) -> Target:
        """Return the middle of the subject, or that of the picture if there is none."""
        height, width = disparity.shape
        rows, columns = np.nonzero(np.zeros((0, 0)) if alpha is None else alpha > HALF)
        if not rows.size:
            level = float(np.median(disparity))
            return Target(at=(width / 2, height / 2), disparity=level, size_px=0.5 * min(height, width))
        at = int(np.median(columns)), int(np.median(rows))
        size = math.sqrt((np.ptp(rows) + 1.0) * (np.ptp(columns) + 1.0))
        return Target(at=at, disparity=float(np.median(disparity[rows, columns])), size_px=size)


def relight(
    picture: Picture,
    disparity: Disparity,
    *,
    lights: Sequence[Light],
    ambient: float = 0.5,
    alpha: Matte | None = None,
    nearest: float = USUAL_NEAREST,
    focal_diagonals: float = _USUAL_VIEW,
    draft: bool = False,
    progress: Progress = no_progress,
) -> Picture:
    """Light a picture again.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        disparity: 1 = nearest.
        lights: the lights.
        ambient: fraction of the photo's own light that stays.
        alpha: coverage of the subject, which lights are aimed at; None for none.
        nearest: distance of the nearest point divided by that of the farthest.
        focal_diagonals: focal length of the photo divided by its diagonal.
        draft: compute fewer rays in a smaller picture.
        progress: called with the fraction done; raises Cancelled to stop.
    """
    scene = Scene.of(picture, disparity, alpha, nearest=nearest, focal_diagonals=focal_diagonals, draft=draft)
    return _lit(picture, scene, lights, ambient=ambient, draft=draft, progress=progress)[0]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What lights of a photo have in common.

    Attributes:
        guide: the planes whose edges the light has: disparity of what is behind the subject and, if there is one,
            its own, the subject's share of the light, and the picture.
        small: the same in the small picture in which light is computed.
        target: what the lights are aimed at.
        surface: the surface in the small picture.
        cover: coverage of the subject there; None for none.
        scale: the small picture's size divided by the photo's.
        nearest: distance of the nearest point divided by that of the farthest.
    """

    guide: Float32[np.ndarray, "h w g"]
    small: Float32[np.ndarray, "sh sw g"]
    target: Target
    surface: Surface
    cover: Float32[np.ndarray, "sh sw"] | None
    scale: float
    nearest: float

    @staticmethod
    def of(
        picture: Picture,
        disparity: Disparity,
        alpha: Matte | None,
        *,
        nearest: float,
        focal_diagonals: float,
        draft: bool,
    ) -> Scene:
        """Return the scene of a photo; arguments as in `relight`."""
        size = fitted_size(disparity.shape, longest_px=_DRAFT_PX if draft else _SMALL_PX)
        scale, target = size[0] / disparity.shape[0], Target.of(disparity, alpha)
        outline = None if alpha is None else Outline.of(picture, disparity, alpha, size)
        guide = _guide(picture, disparity, outline)
        small = resize(guide, size, method="area")
        cover = None if outline is None else outline.cover
        inverse = _inverse(small[..., 0] if outline is None else outline.level, nearest)
        focal_px, subject_px = focal_diagonals * math.hypot(*size), target.size_px * scale
        surface = Surface.of(inverse, cover, focal_px=focal_px, subject_px=subject_px)
        return Scene(
            guide=guide, small=small, target=target, surface=surface, cover=cover, scale=scale, nearest=nearest
        )

    def arriving(self, light: Light, *, draft: bool) -> Float32[np.ndarray, "sh sw s"]:
        """Return the light that arrives in the small picture behind the subject and, if there is one, on it.

        It is relative to the light's strength.
        """
        rays, steps = _DRAFT_RAYS if draft else _RAYS
        source = _source(light, self.target, self.surface, self.scale, self.nearest)
        direct, bounced, seen = incident(self.surface, source, rays=rays, steps=steps)
        seen = smoothed(seen[..., None], alike(self.surface.inverse, self.cover), passes=2)[..., 0]
        if self.cover is None:
            return (_limited(direct, _MOST) * seen + bounced)[..., None]
        beyond = light.distance * _inverse(self.target.disparity, self.nearest) - 1
        before = 1.0 if light.kind == "directional" else float(np.clip(1 - beyond / _BEHIND, 0, 1))
        rim = before + (1 - before) * self.surface.rim
        arriving = _limited(direct, 1 + (_MOST - 1) * before) * seen * rim + bounced * before
        sides = [_continued(arriving, side) for side in (self.cover <= HALF, self.cover > HALF)]
        return np.stack([sides[0] * before, sides[1]], axis=2)


def _continued(arriving: Plane, side: Bool[np.ndarray, "h w"]) -> Plane:
    """Continue light beyond the side of the outline on which it arrives."""
    inner = ndimage.minimum_filter(side, 3)  # pixels at the outline are a mixture
    return pull_push(arriving, (inner if inner.any() else side).astype(np.float32))


def _lit(
    picture: Picture, scene: Scene, lights: Sequence[Light], *, ambient: float, draft: bool, progress: Progress
) -> tuple[Picture, float]:
    """Return the picture in new light, and the most of it that arrives anywhere, relative to a light's strength."""
    lights = [each for each in lights if each.strength > 0]
    if not lights and ambient == 1:
        return picture.copy(), 0.0
    most, by_warmth = 0.0, dict[float, Float32[np.ndarray, "sh sw s"]]()
    for number, light in enumerate(lights):
        progress(number / (len(lights) + 1), "Following the light")
        arriving = scene.arriving(light, draft=draft)
        most = max(most, float(arriving.max()))
        by_warmth[light.warmth] = arriving * np.float32(light.strength) + by_warmth.get(light.warmth, np.float32(0))
    progress(len(lights) / (len(lights) + 1), "Lighting the picture")
    colours = {light.warmth: light.colour for light in lights}  # in the order of `by_warmth`
    table = np.array([*colours.values()], np.float32).reshape(-1, 3)
    return _multiplied(picture, scene, list(by_warmth.values()), table, ambient), most


def _limited(arriving: Plane, most: float) -> Plane:
    """Keep the light beside a lamp from burning out; a photographer would move the lamp away."""
    return arriving / (1 + (arriving / np.float32(most)) ** 4) ** np.float32(0.25)


def _guide(picture: Picture, disparity: Disparity, outline: Outline | None) -> Float32[np.ndarray, "h w g"]:
    """Return the planes whose edges the light has (see `Scene`)."""
    guide = np.zeros((*disparity.shape, 3 if outline is None else 4), np.float32)
    if outline is None:
        guide[..., 0] = disparity
    else:
        guide[..., :2], guide[..., 2] = outline.planes()
    for rows in row_slices(disparity.shape[0]):
        guide[rows, :, -1] = picture[rows, :, :3].clip(0, 1) @ (LUMA * np.float32(_PICTURE))
    return guide


def _inverse(disparity: Plane | float, nearest: float) -> Any:
    return disparity * np.float32(1 - nearest) + np.float32(nearest)


def _source(light: Light, target: Target, surface: Surface, scale: float, nearest: float) -> Source:
    """Return a light as `incident` takes it."""
    height, width = surface.inverse.shape

    def point(at: tuple[float, float], distance: float) -> np.ndarray:
        x, y = (at[0] + 0.5) * scale - width / 2, (at[1] + 0.5) * scale - height / 2
        return np.array([x / surface.focal_px, y / surface.focal_px, 1.0]) * distance

    lit = point(target.at, 1 / float(_inverse(target.disparity, nearest)))
    position = point(light.at, light.distance)
    way = lit - position
    reach = max(float(np.linalg.norm(way)), 1e-3)
    aim = way / reach
    directional = light.kind == "directional"
    return Source(
        position=np.asarray(-aim if directional else position, np.float32),
        radius=light.size / 2 * (1 if directional else reach),
        aim=np.asarray(aim, np.float32),
        reach=reach,
        directional=float(directional),
        aimed=float(light.kind == "area"),
    )


def _multiplied(
    picture: Picture,
    scene: Scene,
    arriving: Sequence[Float32[np.ndarray, "sh sw s"]],
    colours: Float32[np.ndarray, "k 3"],
    ambient: float,
) -> Picture:
    """Return the picture in its own and new light, which a small picture gives, along the edges of the guide."""
    guide, small = scene.guide, scene.small
    full, size = guide.shape[:2], small.shape[:2]
    fitted = np.zeros((*size, 0), np.float32)
    if arriving:
        light, reach = np.stack(arriving, axis=3), max(2.0, _REACH * max(size))
        fits = [
            guided_coefficients(small[..., [side, -2, -1]], light[..., side, :], radius_px=reach, epsilon=_EPSILON)
            for side in range(light.shape[2])
        ]
        fitted = np.concatenate(fits, axis=2)
    made = picture.copy()
    for rows in row_slices(full[0]):
        parts = resized_rows(fitted, full, rows), guide[rows], picture[rows, :, :3]
        flat = [each.reshape(-1, each.shape[2]) for each in parts]
        lit = map_pixels(lambda *values: _in_new_light(*values, colours, np.float32(ambient)), *flat)
        made[rows, :, :3] = lit.reshape(parts[2].shape)
    return made


@kept
def _in_new_light(
    fitted: Float[Array, "n sk4"],
    guide: Float[Array, "n g"],
    colour: Float[Array, "n 3"],
    colours: Float[Array, "k 3"],
    ambient: Float[Array, ""],
) -> Float[Array, "n 3"]:
    """Return colours in the new light, whose highlights bend towards white instead of being cut off."""
    sides = guide.shape[1] - 2
    fitted = fitted.reshape(guide.shape[0], sides, -1, 4)
    arriving = [
        jnp.maximum((fitted[:, k, :, :3] * guide[:, None, [k, -2, -1]]).sum(axis=2) + fitted[:, k, :, 3], 0)
        for k in range(sides)
    ]
    front = guide[:, 2:3] if sides > 1 else 0.0
    mixed = arriving[0] + front * (arriving[-1] - arriving[0])
    light = srgb_to_linear(colour)
    shines = jnp.clip((light @ LUMINANCE - _SHINING) / (_SHINES - _SHINING), 0, 1)[:, None] * (1 - front)
    shines *= jnp.clip(2 - guide[:, :1] * (2 / _SKY), 0, 1)
    ratio = shines + (1 - shines) * jnp.maximum(ambient + mixed @ colours, _LEAST)
    lit = light * ratio
    highest = [jnp.broadcast_to(each.max(axis=1, keepdims=True), each.shape) for each in (light, lit)]
    bent = (1 - _HUE) * _bend(light, lit) + _HUE * _bend(*highest)
    made = lit * bent
    return jnp.where(jnp.abs(ratio - 1) < _SEEN, colour, linear_to_srgb(made))


def _bend(before: Float[Array, "n 3"], after: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Return the factor that keeps values from rising above a ceiling below white."""
    ceiling = _CEILING[0] + (_CEILING[1] - _CEILING[0]) * before  # so that white fur keeps its shades
    more, room = jnp.maximum(after - before, 0), jnp.maximum(ceiling - before, 1e-6)
    held = before + more * jax.lax.rsqrt(jnp.sqrt(1 + (more / room) ** 4))
    return jnp.where(more > 0, held / jnp.maximum(after, 1e-6), 1)


def placed_lights(
    options: LightOptions, disparity: Disparity, alpha: Matte | None, *, nearest: float = USUAL_NEAREST
) -> list[Light]:
    """Return the lights that the options describe.

    Args:
        options: the options.
        disparity: 1 = nearest.
        alpha: coverage of the subject, beside which a light without a place stands.
        nearest: distance of the nearest point divided by that of the farthest.
    """
    target = Target.of(disparity, alpha)
    turn, away = math.radians(options.light_angle), _BESIDE * target.size_px
    beside = target.at[0] + away * math.cos(turn), target.at[1] - away * math.sin(turn)
    levels = [(beside, target.disparity)] if options.light_at is None else []
    levels += [
        (at, disparity_around(disparity, at)) for at in (options.light_at, *options.more_lights) if at is not None
    ]
    lit = float(_inverse(target.disparity, nearest))

    def distance(level: float) -> float:
        here = float(_inverse(level, nearest))
        subject = here if alpha is None else lit
        if options.light_depth >= 0:  # never inside of what the photo shows there
            return (1 - min(options.light_depth, 0.9)) / max(here, subject)
        return 1 / (subject + options.light_depth * (subject - min(here, subject / 2)))

    return [
        Light(
            at=at,
            distance=distance(max(level, disparity_around(disparity, at))),
            kind=options.kind,
            size=options.light_size,
            warmth=options.warmth,
            strength=options.strength,
        )
        for at, level in levels
    ]


def run(inputs: Inputs, options: LightOptions, progress: Progress) -> Result:
    """Run the operation `light`. If the depth is estimated, the result includes it as a layer."""
    if len(options.more_lights) > _MOST_LIGHTS - 1:
        raise UsageError(
            "There may be at most four lights.",
            hint="Choose at most three places for {more}.",
            more=OPERATION.mention("more_lights"),
        )
    picture = without_nan(inputs.picture)
    depth = chosen_depth(inputs, options, progress=part_of(progress, 0.0, 0.5))
    range_of(depth.disparity)  # refuses depth that is the same everywhere
    subject = kept_subject(
        inputs, depth.disparity, at=None, quick=inputs.draft, progress=part_of(progress, 0.5, 0.8)
    )
    alpha = subject.alpha if subject.found else None
    view = inputs.chosen_field_of_view(options.equivalent_mm) or depth.field_of_view
    focal = _USUAL_VIEW if view is None else view.focal_diagonals
    given: dict[str, Any] = {"nearest": depth.nearest, "focal_diagonals": focal, "draft": inputs.draft}
    compute = partial(Scene.of, picture, depth.disparity, alpha, **given)
    name = f"lit scene, {focal}"
    made, most = _lit(
        picture,
        kept_for(inputs.kept, name, depth.disparity, compute=compute) if inputs.draft else compute(),
        placed_lights(options, depth.disparity, alpha, nearest=depth.nearest),
        ambient=options.ambient,
        draft=inputs.draft,
        progress=part_of(progress, 0.8, 1.0),
    )
    unseen = () if most > _UNSEEN or not options.strength else (_NOTHING_LIT,)
    progress(1.0, "Done")
    return Result(
        layers=(Layer(name="Light", role=Role.RESULT, pixels=picture if unseen else made), *depth.layers),
        values=depth.values(),
        messages=(*depth.messages, *(subject.messages if alpha is not None else ()), *unseen),
        models={**depth.models, **subject.models},
    )
