"""Portrait blur in one step: estimate depth, find the subject, focus on it, and blur like a fast lens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import (
    EmbeddedDepth,
    Inputs,
    Layer,
    LayerOnDemand,
    Progress,
    Result,
    Rows,
    kept_for,
    no_progress,
    part_of,
)
from dioptre.features.background import clean_background
from dioptre.features.depth import Depth, kept_depth
from dioptre.features.subject import Choice, Subject, begin_looks, chosen_subject, known_subject
from dioptre.imaging.foreground import BothColours, both_colours_rows, with_own_colours
from dioptre.imaging.strokes import stroke_mask
from dioptre.imaging.threads import begun
from dioptre.models.loading import unload_after
from dioptre.optics.draft import Halves
from dioptre.runtime import is_large, release_after
from dioptre_link.catalogue.focus import USUAL_FOCUS_RANGE
from dioptre_link.catalogue.portrait import OPERATION, PortraitOptions
from dioptre_link.metres import Scale, focus_of, scale_of
from dioptre_link.operation import Role

from .chosen_focus import focused_at, known_distances
from .composition import soft_edges_of, sorted_behind
from .continuation import continued
from .depth_edge_snap import snap_to_matte
from .existing_blur import edges_of, existing_blur
from .from_depth import draft_of, kept_sharp_of, lens_blur, lens_options
from .real_lens import given_metres, lens_blur_of, within_infinity
from .strands import with_strands

# Fractions of the total time after which the depth and the subject are ready, measured at 12 megapixels.
_SHARES = 0.3, 0.5
# The same fractions of a preview's time; they are larger, because its networks also run on the full-size picture.
_SHARES_OF_PREVIEW = 0.5, 0.9
# Options by which a preview's depth and subject are found, and the name under which the last ones are kept.
_ANALYSIS = "depth_source", "depth_model", "refine", "equivalent_mm", "focus", "subject", "not_subject"
_ANALYSED = "options of the exact preview"
_SCENE_RANGE = 2 * USUAL_FOCUS_RANGE  # disparity range that stays sharp in a picture without a single subject


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A portrait blur and everything it was computed from.

    Attributes:
        image: like the input: sRGB-encoded, straight alpha.
        disparity: (H, W) in [0, 1], 1 = nearest, with its edges on the subject's outline.
        subject: the subject that is kept sharp.
        focal_disparity: the disparity in focus.
        focus_range: disparity on either side of the focus that stays sharp.
        max_radius: blur radius in pixels for a disparity difference of 1.
        depth_values: values that describe the source of the depth and the existing blur, as JSON types.
        models: SHA-256 of the cards of all networks that were used.
        messages: sentences for the user.
        plate: waits for the clean background and returns its rows; None if it was not begun.
        colours: returns the subject's colours and those beside it, which are kept if all layers are needed.
    """

    image: Float32[np.ndarray, "h w c"]
    disparity: Float32[np.ndarray, "h w"]
    subject: Subject
    focal_disparity: float
    focus_range: float
    max_radius: float
    depth_values: Mapping[str, Any]
    models: Mapping[str, str]
    messages: tuple[str, ...]
    plate: Callable[[], Rows] | None = field(default=None, repr=False)
    colours: Callable[[], BothColours] = field(repr=False)


def portrait(
    image: Float32[np.ndarray, "h w c"],
    *,
    disparity: Float32[np.ndarray, "h w"] | None = None,
    subject_alpha: Float32[np.ndarray, "h w"] | None = None,
    embedded: EmbeddedDepth | None = None,
    draft: bool | Halves = False,
    progress: Progress = no_progress,
    **options: Any,
) -> Portrait:
    """Blur everything except the subject, like a lens focused on it.

    A picture without a single subject is blurred by depth alone.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha.
        disparity: (H, W) in [0, 1], 1 = nearest: a depth map to use unchanged. Default: the camera's, or an
            estimate.
        subject_alpha: (H, W) in [0, 1]: coverage of a known subject. Default: the subject is detected.
        embedded: the camera's own depth, used unless the option `depth_source` is "estimate".
        draft: return an approximation in a third of the time; see `lens_blur`.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: options of the operation `portrait` in `dioptre_link.catalogue`, such as f_number=2.0 or
            focus=(x, y).

    Returns:
        Portrait: the blurred `image`, its `disparity` and the `subject`.

    Raises:
        UsageError: an option is unknown or out of range.
        DepthError: the depth of the picture cannot be estimated.
        WeightsError: the weights of a network are missing or damaged.
    """
    chosen = PortraitOptions(**OPERATION.check(options))
    inputs = Inputs(picture=image, disparity=disparity, subject=subject_alpha, embedded=embedded)
    return _portrait(inputs, chosen, draft=draft, progress=progress)


def _portrait(inputs: Inputs, options: PortraitOptions, *, draft: bool | Halves, progress: Progress) -> Portrait:
    """Estimate the depth, find the subject, bring it into focus, and blur the rest."""
    analysed = tuple(getattr(options, name) for name in _ANALYSIS)
    if inputs.draft and inputs.kept.get(_ANALYSED) == analysed:
        inputs = replace(inputs, draft=False)  # only the blur is a draft: the rest is there since the exact preview
    of_depth, of_subject = _SHARES if inputs.whole is None else _SHARES_OF_PREVIEW
    if inputs.disparity is None and options.focus is None and not _is_known(inputs) and not _is_large(inputs):
        begin_looks(inputs)
    depth = _depth(inputs, options, part_of(progress, 0.0, of_depth))
    progress(of_depth, "Finding the subject")
    subject = _subject(inputs, depth, options, part_of(progress, of_depth, of_subject))
    standing = _standing(inputs, depth, options, subject)
    estimated = inputs.disparity is None
    range_per_m = depth.range_per_m if estimated else inputs.range_per_m
    scale = scale_of(options, range_per_m, known_distances(depth.disparity, options))
    near = depth.disparity
    if estimated and options.refine:
        near = _stepping(inputs, near, subject, standing)
        depth = replace(depth, disparity=near)  # the other one would take memory
    alpha = subject.alpha if subject.found else np.zeros_like(subject.alpha)
    plate = _begun_plate(inputs, alpha, near)
    edges = edges_of(inputs, options, part_of(progress, of_subject, of_subject))
    focal_disparity, focus_range = _focus(options, subject, scale)
    drawn, kept_sharp = _drawn_into_focus(near, subject, focal_disparity, options, scale)
    lens = lens_blur_of(
        options,
        near.shape,
        focal_disparity=focal_disparity,
        focus_range=focus_range,
        scale=scale,
        field_of_view=depth.field_of_view if estimated else inputs.chosen_field_of_view(options.equivalent_mm),
    )
    existing = existing_blur(edges, drawn, kept=None if inputs.whole is None else inputs.kept)
    if subject.found and options.keep_subject == 1:
        drawn = sorted_behind(drawn, near, alpha, focus=lens.focus)
    colours: Callable[[], BothColours] = partial(both_colours_rows, inputs.picture, alpha)
    if _keeps_layers(inputs):
        colours = cache(colours)
    edge = alpha if standing is None else standing
    soft_edges = soft_edges_of(
        inputs.picture,
        edge,
        drawn,
        colours=colours if edge is alpha else partial(both_colours_rows, inputs.picture, edge),
        focal_disparity=focal_disparity,
    )
    unload_after(drawn.shape)
    release_after(drawn.shape)
    blurred = lens_blur(
        inputs.picture,
        drawn,
        focus=lens.focus,
        kept_sharp=kept_sharp,
        soft_edges=soft_edges,
        draft=draft,
        progress=part_of(progress, of_subject, 0.97),
        **lens_options(options, existing=existing),
    )
    release_after(drawn.shape)
    if inputs.whole is not None and not inputs.draft:
        inputs.kept[_ANALYSED] = analysed
    return Portrait(
        image=blurred.image,
        disparity=near,
        subject=replace(subject, alpha=alpha),
        focal_disparity=focal_disparity,
        focus_range=focus_range,
        max_radius=lens.focus.max_radius_px,
        depth_values={**(depth.values() if estimated else given_metres(inputs)), **lens.values, **existing.values},
        models={**depth.models, **subject.models},
        messages=(*depth.messages, *subject.messages, *lens.messages, *existing.messages),
        plate=plate,
        colours=colours,
    )


def _keeps_layers(inputs: Inputs) -> bool:
    """Return whether all layers will be needed, and what they share fits into memory beside the blur."""
    return inputs.all_layers and not _is_large(inputs)


def _is_large(inputs: Inputs) -> bool:
    """Return whether the picture is so large that work beside other work would take too much memory."""
    return is_large(inputs.full_picture.shape[:2])


def _begun_plate(
    inputs: Inputs, alpha: Float32[np.ndarray, "h w"], disparity: Float32[np.ndarray, "h w"]
) -> Callable[[], Rows] | None:
    """Begin to fill the place of the subject, if that will be needed, so that a core does it beside the blur."""
    if not _keeps_layers(inputs):
        return None
    return begun(partial(clean_background, inputs.picture, alpha, disparity, cache=inputs.cache))


def run(inputs: Inputs, options: PortraitOptions, progress: Progress) -> Result:
    """Run the operation `portrait`."""
    made = _portrait(inputs, options, draft=draft_of(inputs), progress=progress)
    progress(0.97, "Creating the layers")
    picture, alpha = inputs.picture, made.subject.alpha
    height, width = alpha.shape
    disparity = made.disparity

    @cache
    def plate() -> Rows:
        def at_the_end(fraction: float, phase: str) -> None:
            progress(1.0, phase)

        return clean_background(picture, alpha, disparity, cache=inputs.cache, progress=at_the_end)

    layers = (
        Layer(name="Portrait blur", role=Role.RESULT, pixels=made.image),
        LayerOnDemand(
            name="Subject",
            role=Role.SUBJECT,
            shape=(height, width, 4),
            begin=lambda: with_own_colours(picture, alpha, colours=made.colours()),
            made_of=(picture, alpha),
            visible=False,
        ),
        LayerOnDemand(
            name="Clean background",
            role=Role.BACKGROUND,
            shape=picture.shape,
            begin=made.plate or plate,
            made_of=(picture, alpha),
            visible=False,
        ),
        Layer(name="Depth", role=Role.DEPTH, pixels=disparity, visible=False),
    )
    values = {
        "focal_disparity": round(made.focal_disparity, 4),
        **focused_at(made.subject.focus_at if made.focal_disparity == made.subject.focal_disparity else None),
        "focus_range": round(made.focus_range, 4),
        "max_radius": round(made.max_radius, 2),
        "subject": made.subject.kind,
        "subject_chance": round(made.subject.chance, 2),
        **made.depth_values,
    }
    progress(1.0, "Done")
    return Result(layers=layers, values=values, messages=made.messages, models=made.models)


def _drawn_into_focus(
    near: Float32[np.ndarray, "h w"],
    subject: Subject,
    focal_disparity: float,
    options: PortraitOptions,
    scale: Scale,
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"] | None]:
    """Pull the subject's disparity to the focus.

    Returns:
        The disparity to blur by, and the mask that strokes keep sharp; None if they keep nothing sharp.
    """
    drawn = np.float32(focal_disparity) - near
    drawn *= subject.alpha > 0.5  # softer pixels are divided between two disparities
    drawn *= np.float32(options.keep_subject if subject.found else 0.0)
    kept_sharp = None
    if options.strokes:
        painted = stroke_mask(options.strokes, near)
        drawn *= 1 + np.minimum(painted, 0)  # areas painted with “Allow blur” are not pulled into focus
        kept_sharp = kept_sharp_of(painted)
    drawn += near
    return within_infinity(drawn, options, scale), kept_sharp


def _standing(
    inputs: Inputs, depth: Depth, options: PortraitOptions, subject: Subject
) -> Float32[np.ndarray, "h w"] | None:
    """Return the coverage of the picture's most prominent subject if the user chose something else; else None."""
    if options.focus is None:
        return None
    main = kept_for(
        inputs.kept,
        f"main subject, draft: {inputs.draft}",
        depth.disparity,
        compute=lambda: _found(inputs, depth, options, Choice(), no_progress),
    )
    mask = main.alpha > 0.5
    chosen = subject.found and mask.any() and (subject.alpha[mask] > 0.5).mean() > 0.5
    return None if chosen or main.kind != "subject" else main.alpha


def _stepping(
    inputs: Inputs, near: Float32[np.ndarray, "h w"], subject: Subject, standing: Float32[np.ndarray, "h w"] | None
) -> Float32[np.ndarray, "h w"]:
    """Snap the disparity to the outlines of the subject in focus and of the picture's most prominent subject."""
    for outline in (standing, subject.alpha if subject.is_sure else None):
        if outline is not None:
            snapped = partial(snap_to_matte, near, outline)
            near = _kept_plane(inputs, "steps of the depth", {"disparity": near, "outline": outline}, snapped)
    return near


def _depth(inputs: Inputs, options: PortraitOptions, progress: Progress) -> Depth:
    """Return the given depth, or else the camera's or an estimate."""
    if inputs.disparity is not None:
        return Depth(disparity=inputs.disparity, model="")
    view = inputs.chosen_field_of_view(options.equivalent_mm)
    depth = kept_depth(inputs, options, field_of_view=view, progress=progress)
    release_after(depth.disparity.shape)
    return depth


def _is_known(inputs: Inputs) -> bool:
    """Return whether a subject is given; an empty layer, which represents a scene without one, does not count."""
    return inputs.subject is not None and bool(inputs.subject.any())


def _subject(inputs: Inputs, depth: Depth, options: PortraitOptions, progress: Progress) -> Subject:
    """Return the given subject, or else find one; a draft uses the quick method."""
    if inputs.subject is not None and _is_known(inputs):
        return known_subject(inputs, inputs.subject, disparity=depth.disparity, at=options.focus)
    choice = Choice(at=options.focus, added=options.subject, removed=options.not_subject)
    return _found(inputs, depth, options, choice, progress)


def _found(inputs: Inputs, depth: Depth, options: PortraitOptions, choice: Choice, progress: Progress) -> Subject:
    subject = chosen_subject(inputs, depth.disparity, choice, quick=inputs.draft, progress=progress)
    estimated = inputs.disparity is None and options.refine
    if not estimated or not subject.is_sure or choice.removed:  # what the user removed must not come back
        return subject

    def whole() -> Float32[np.ndarray, "h w"]:
        alpha = continued(subject.alpha, depth.disparity)
        return alpha if inputs.draft else with_strands(inputs.picture, alpha, depth.disparity)

    given = {"picture": inputs.picture, "alpha": subject.alpha, "disparity": depth.disparity, "draft": inputs.draft}
    return replace(subject, alpha=_kept_plane(inputs, "whole subject", given, whole))


def _kept_plane(
    inputs: Inputs, step: str, given: Mapping[str, Any], compute: Callable[[], Float32[np.ndarray, "h w"]]
) -> Float32[np.ndarray, "h w"]:
    """Return a plane that a preview needs again when a slider moves; a whole picture's would take much memory."""
    return compute() if inputs.whole is None else inputs.cache.plane(step, given, compute)


def _focus(options: PortraitOptions, subject: Subject, scale: Scale) -> tuple[float, float]:
    """Return the focal disparity and the focus range: as set by the options, or else those of the subject.

    A real lens adds no focus range unless one is set.
    """
    assert subject.focal_disparity is not None  # every subject has a focal disparity if depth is given
    focal = subject.focal_disparity
    usual = USUAL_FOCUS_RANGE if subject.found else _SCENE_RANGE
    if options.focal_disparity is not None:
        focal = options.focal_disparity
    if options.selects_lens:
        in_metres, usual = focus_of(options, scale), 0.0
        focal = scale.limited(focal if in_metres is None else in_metres)
    return focal, usual if options.focus_range is None else options.focus_range
