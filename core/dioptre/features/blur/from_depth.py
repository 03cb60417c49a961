"""Lens blur from depth: blur a picture by its disparity, as one image or as separate layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Layer, Progress, Result, no_progress, part_of
from dioptre.features.depth import Depth, kept_depth
from dioptre.imaging.encoding import linear_to_srgb
from dioptre.imaging.numbers import is_finite
from dioptre.imaging.shapes import map_chunks
from dioptre.imaging.strokes import stroke_mask
from dioptre.models.loading import unload_after
from dioptre.optics.aperture import Aperture
from dioptre.optics.certain_defocus import certain_defocus_px, find_edges
from dioptre.optics.compositing import for_encoded_blending, over
from dioptre.optics.defocus import Focus, circle_of_confusion_px
from dioptre.optics.draft import Halves, blur_draft
from dioptre.optics.existing_defocus import existing_defocus_px
from dioptre.optics.grain import add_grain, grain_std
from dioptre.optics.highlights import Highlights
from dioptre.optics.kept_sharp import disparity_in_focus, put_back
from dioptre.optics.lens_blur import blur, blur_in_layers
from dioptre.optics.scene import Scene
from dioptre.optics.soft_edges import SoftEdges
from dioptre.runtime import release_after
from dioptre_link.catalogue.blur import BlurOptions
from dioptre_link.catalogue.focus import USUAL_FOCUS_RANGE
from dioptre_link.catalogue.lens_blur import LensBlurOptions
from dioptre_link.errors import UsageError
from dioptre_link.metres import scale_of
from dioptre_link.operation import Role

from .chosen_focus import chosen_focus, focused_at, known_distances
from .existing_blur import ExistingBlur, edges_of, existing_blur
from .pieces import SUBJECT_PX, add_texture
from .real_lens import given_metres, lens_blur_of, within_infinity

_SHARE_DEPTH = 0.4  # fraction of the total time that depth estimation takes, for the progress bar
_SHARE_LAYERS = 0.4  # the same for the layers of a blur, before they get texture

Encoding = Literal["srgb", "linear"]


@dataclass(frozen=True, kw_only=True)
class Blurred:
    """A blurred picture in the shape and encoding of the original, and its layers if requested.

    The layers, composited from `background` to `foreground` in linear light (in encoded values for
    `layers="encoded"`), reproduce the image. Where texture continues behind nearer layers, they differ from it a
    little along the outlines of these.

    Attributes:
        image: (H, W, 3 or 4), straight alpha.
        background: like `image`: everything behind the subject, continued with texture where the subject covers it,
            or smoothly where none fits.
        subject: (H, W, 4), straight alpha.
        foreground: (H, W, 4), straight alpha.
    """

    image: np.ndarray
    background: np.ndarray | None = None
    subject: np.ndarray | None = None
    foreground: np.ndarray | None = None


def lens_blur(
    image: Float32[np.ndarray, "h w c"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    focus: Focus,
    aperture: Aperture | None = None,
    highlights: Highlights | None = None,
    encoding: Encoding = "srgb",
    existing_defocus: Float32[np.ndarray, "h w"] | Literal["auto", "measure"] | None = None,
    grain: float = 0.0,
    kept_sharp: Float32[np.ndarray, "h w"] | None = None,
    soft_edges: SoftEdges | None = None,
    layers: bool | Literal["encoded"] = False,
    draft: bool | Halves = False,
    progress: Progress = no_progress,
) -> Blurred:
    """Blur a picture by its depth, like a lens focused at one distance.

    Args:
        image: (H, W, 3) or (H, W, 4) float32 with straight alpha; sRGB-encoded, or linear light with
            `encoding="linear"`. Values above 1 are preserved and spread as bright lights.
        disparity: (H, W), relative ([0, 1], 1 = nearest) or in 1/m.
        focus: the disparity in focus, in the unit of `disparity`, and the radius in pixels of the blur disc for a
            difference of 1 from it. No disc has a radius of more than 320 pixels. If `disparity` is in 1/m, a focal
            disparity of 1/z_focus and a radius of aperture_radius_m * sensor_distance_px give exactly the blur of a
            thin lens.
        aperture: shape of the lens opening. Default: a circle.
        highlights: how much clipped highlights are brightened before blurring. Default: not at all.
        encoding: "srgb" or "linear", of `image` and of the result.
        existing_defocus: (H, W) radius in pixels of the blur that the picture already has; "measure" estimates it,
            "auto" does so only where the picture is certainly out of focus.
        grain: how much grain of the sharp areas is added to the blurred areas, 0 to 1.
        kept_sharp: (H, W) in [0, 1]: fraction of each pixel's blur that is omitted. Where it is 1, `image` has the
            original's pixels; with `layers`, however, `image` is a composite of layers.
        soft_edges: the pixels that two surfaces share according to a matte. Others are found by depth alone.
        layers: also return separate layers, for blending in linear light; "encoded" for blending encoded values.
        draft: return an approximation in a third of the time, without layers; see `optics.draft`. Reusing one
            `Halves` for drafts of the same picture saves another tenth.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.

    Returns:
        Blurred: the blurred `image`, and with `layers` the `background`, `subject` and `foreground`.

    Raises:
        UsageError: shapes do not match, or a number is out of range.
    """
    _check_pixels(image, disparity)
    if isinstance(existing_defocus, str):
        progress(0.0, "Measuring existing blur")
        encoded = image if encoding == "srgb" else map_chunks(linear_to_srgb, image[..., :3])
        if existing_defocus == "auto":
            existing_defocus = certain_defocus_px(find_edges(encoded), disparity)
        else:
            existing_defocus = existing_defocus_px(encoded, disparity)
    if kept_sharp is not None:
        disparity = disparity_in_focus(disparity, kept_sharp, focus=focus)
        soft_edges = None if soft_edges is None else soft_edges.in_focus(kept_sharp, focus=focus)
    scene = Scene(
        image=image,
        disparity=disparity,
        focus=focus,
        encoded=encoding == "srgb",
        highlights=highlights or Highlights(),
        existing_defocus_px=existing_defocus,
        soft_edges=soft_edges,
    )
    if draft is not False:
        halves = None if draft is True else draft
        made = Blurred(image=blur_draft(scene, aperture=aperture, halves=halves, progress=progress))
    elif layers:
        made = _in_layers(scene, aperture, encoded_blending=layers == "encoded", progress=progress)
    else:
        made = Blurred(image=blur(scene, aperture=aperture, progress=progress))
    if grain > 0 and encoding == "srgb":
        _add_grain(made, scene, strength=grain)
    if kept_sharp is not None and not layers:
        put_back(image, kept_sharp, onto=made.image)
    return made


def _add_grain(made: Blurred, scene: Scene, *, strength: float) -> None:
    radius = circle_of_confusion_px(scene.disparity, focus=scene.focus)
    std = grain_std(scene.image)
    for pixels in (made.image, made.background):
        if pixels is not None:
            add_grain(pixels, radius, std, strength=strength)


def _in_layers(scene: Scene, aperture: Aperture | None, *, encoded_blending: bool, progress: Progress) -> Blurred:
    opening = aperture or Aperture()
    layers = blur_in_layers(
        scene, subject_px=SUBJECT_PX, aperture=opening, progress=part_of(progress, 0.0, _SHARE_LAYERS)
    )
    if scene.channels == 4:  # layers cannot be composited without an opaque background
        image = blur(scene, aperture=opening, progress=lambda _, phase: progress(_SHARE_LAYERS, phase))
    else:
        image = over(layers.background, [layers.subject, layers.foreground], linear=scene.encoded)
    if scene.encoded:
        add_texture(layers, scene, aperture=opening, progress=part_of(progress, _SHARE_LAYERS, 1.0))
    upper = [layers.subject, layers.foreground]
    if encoded_blending and scene.encoded and scene.channels == 3:
        upper = for_encoded_blending(layers.background, upper)
    return Blurred(image=image, background=layers.background, subject=upper[0], foreground=upper[1])


def _check_pixels(image: np.ndarray, disparity: np.ndarray) -> None:
    """Raise UsageError unless the depth layer has the picture's size and both are finite."""
    check_sizes(image, disparity)
    for name, values in (("picture", image), ("depth layer", disparity)):
        if not is_finite(values):
            raise UsageError(
                "The {name} contains values that are NaN or infinite.", hint="Replace NaN and infinity.", name=name
            )


def check_sizes(image: np.ndarray, disparity: np.ndarray) -> None:
    """Raise UsageError unless the picture has 3 or 4 channels and the depth layer has the picture's size."""
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise UsageError(
            "The picture has the shape {shape}.",
            hint="The shape must be (height, width, 3 or 4).",
            shape=image.shape,
        )
    if disparity.shape != image.shape[:2]:
        raise UsageError(
            "The depth layer is {width} x {height} pixels, the picture {full_width} x {full_height}.",
            hint="Resize the depth layer to the size of the picture.",
            width=disparity.shape[1],
            height=disparity.shape[0],
            full_width=image.shape[1],
            full_height=image.shape[0],
        )


def lens_options(options: BlurOptions, *, existing: ExistingBlur) -> dict[str, Any]:
    """Return the arguments of `lens_blur` that come from an operation's lens options."""
    return {
        "aperture": Aperture(
            blades=options.blades,
            curvature=options.blade_curvature,
            rotation_deg=options.blade_rotation,
            anamorphic=options.anamorphic,
            cats_eye=options.cats_eye,
        ),
        "highlights": Highlights(strength=options.highlight_boost),
        "existing_defocus": "measure" if options.existing_defocus == "measure" else existing.radius_px,
        "grain": options.grain,
    }


def kept_sharp_of(mask: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"] | None:
    """Return the argument `kept_sharp` of `lens_blur` for a mask of strokes; None if they keep nothing sharp."""
    kept = np.maximum(mask, 0)
    return kept if kept.any() else None


def draft_of(inputs: Inputs) -> bool | Halves:
    """Return the argument `draft` of `lens_blur`, with the half-size picture cached for earlier drafts."""
    return inputs.draft and cast("Halves", inputs.kept.setdefault("halves", Halves()))


def _with_depth(inputs: Inputs, options: LensBlurOptions, progress: Progress) -> tuple[Depth, Inputs]:
    """Return the picture's depth, and the inputs with it."""
    depth = kept_depth(
        inputs,
        options,
        field_of_view=inputs.chosen_field_of_view(options.equivalent_mm),
        progress=progress,
    )
    unload_after(depth.disparity.shape)
    release_after(depth.disparity.shape)
    given = replace(
        inputs, disparity=depth.disparity, range_per_m=depth.range_per_m, field_of_view=depth.field_of_view
    )
    return depth, given


def run(inputs: Inputs, options: LensBlurOptions, progress: Progress) -> Result:
    """Run the operation `lens_blur`. If the depth is estimated, the result includes it as a layer."""
    depth: Depth | None = None
    if inputs.disparity is None:
        depth, inputs = _with_depth(inputs, options, part_of(progress, 0.0, _SHARE_DEPTH))
        progress = part_of(progress, _SHARE_DEPTH, 1.0)
    disparity = inputs.disparity
    assert disparity is not None
    check_sizes(inputs.picture, disparity)
    scale = scale_of(options, inputs.range_per_m, known_distances(disparity, options))
    focus = chosen_focus(inputs, disparity, options, scale)
    usual_range = 0.0 if options.selects_lens else USUAL_FOCUS_RANGE
    focus_range = usual_range if options.focus_range is None else options.focus_range
    lens = lens_blur_of(
        options,
        disparity.shape,
        focal_disparity=focus.disparity,
        focus_range=focus_range,
        scale=scale,
        field_of_view=inputs.chosen_field_of_view(options.equivalent_mm),
    )
    edges = edges_of(inputs, options, progress)
    existing = existing_blur(edges, disparity, kept=inputs.kept if inputs.draft else None)
    strokes = options.strokes
    pieces: bool | Literal["encoded"] = "encoded" if options.pieces == "encoded" else options.pieces != "none"
    made = lens_blur(
        inputs.picture,
        within_infinity(disparity, options, scale),
        focus=lens.focus,
        kept_sharp=kept_sharp_of(stroke_mask(strokes, disparity)) if strokes else None,
        layers=pieces,
        draft=draft_of(inputs),
        progress=progress,
        **lens_options(options, existing=existing),
    )
    return Result(
        layers=tuple(_layers(made, depth)),
        values={
            "focal_disparity": focus.disparity,
            **focused_at(focus.at),
            "max_radius": lens.focus.max_radius_px,
            **(given_metres(inputs) if depth is None else depth.values()),
            **lens.values,
            **existing.values,
        },
        messages=(
            *(() if depth is None else depth.messages),
            *focus.messages,
            *lens.messages,
            *existing.messages,
        ),
        models={**({} if depth is None else depth.models), **focus.models},
    )


def _layers(blurred: Blurred, depth: Depth | None) -> Iterator[Layer]:
    """Yield the result's layers from the top: the blurred picture, its pieces and the depth if it was estimated."""
    yield Layer(name="Lens blur", role=Role.RESULT, pixels=blurred.image)
    for name, role, pixels in (
        ("Foreground", Role.FOREGROUND, blurred.foreground),
        ("Subject", Role.SUBJECT, blurred.subject),
        ("Background", Role.BACKGROUND, blurred.background),
    ):
        if pixels is not None:
            yield Layer(name=name, role=role, pixels=pixels, visible=False)
    if depth is not None:
        yield Layer(name="Depth", role=Role.DEPTH, pixels=depth.disparity, visible=False)
