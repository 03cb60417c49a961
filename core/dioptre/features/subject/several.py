"""Subjects made up of several objects: the object found first, with others that the user adds or removes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Progress, no_progress
from dioptre.imaging.numbers import without_nan
from dioptre.imaging.resize import resize
from dioptre_link.strokes import Strokes

from .faces import Faces
from .finding import Subject, kept_subject
from .focus import focus_of
from .hints import UNDER, Point, Sight, level_at, object_under, painted, points_of, with_piece, without
from .places import Box
from .views import SIDE_PX, Views


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The user's choice of a subject; all points are (x, y) in pixels of the picture.

    Attributes:
        at: point on the object that is the subject; None to find it automatically.
        box: (left, top, right, bottom) around the subject, instead of a point.
        added: points on further objects that belong to the subject.
        removed: points on objects that do not belong to it.
        strokes: strokes of the subject brush, as in `dioptre_link.strokes`; they count after all points.
    """

    at: Point | None = None
    box: Box | None = None
    added: tuple[Point, ...] = ()
    removed: tuple[Point, ...] = ()
    strokes: Strokes = ()

    @property
    def adds(self) -> bool:
        """Whether the user added an object."""
        return bool(self.added) or any(stroke["keep"] for stroke in self.strokes)


def chosen_subject(
    inputs: Inputs,
    disparity: Float32[np.ndarray, "h w"],
    choice: Choice,
    *,
    quick: bool = False,
    progress: Progress = no_progress,
) -> Subject:
    """Find the subject of a picture as chosen by the user.

    Each object comes from the step cache if it was found before.

    Args:
        inputs: inputs of the operation.
        disparity: (H, W) in [0, 1], 1 = nearest, at the size of `inputs.picture`.
        choice: the user's choice.
        quick: as in `kept_subject`.
        progress: as in `kept_subject`.

    Returns:
        Subject: the subject; if everything was removed, its `alpha` is 0 and `found` is False.

    Raises:
        UsageError: a point lies outside the picture.
        WeightsError: the networks' weights are missing.
    """
    main = kept_subject(inputs, disparity, at=choice.at, box=choice.box, quick=quick, progress=progress)
    if not (choice.added or choice.removed or choice.strokes):
        return main
    parts = [main] if main.found or not choice.adds else []
    alpha = main.alpha.copy() if parts else np.zeros_like(main.alpha)
    seen = inputs.picture if quick or inputs.whole is None else inputs.whole
    near = resize(without_nan(disparity), (SIDE_PX, SIDE_PX), method="area")
    sight = Sight(views=Views(seen, cache=inputs.cache), inputs=inputs, near=near, quick=quick)
    for point in choice.added:
        if level_at(alpha, point) >= 0.5:
            continue
        alpha = with_piece(sight, alpha, point, choice.removed, adds=True)
        if level_at(alpha, point) < 0.5:
            part = kept_subject(inputs, disparity, at=point, quick=quick, progress=progress)
            np.maximum(alpha, part.alpha, out=alpha)
            parts.append(part)
            if level_at(alpha, point) < 0.5:  # the matte left the place out
                np.maximum(alpha, _region(sight, (point,), choice.removed), out=alpha)
    alpha = _corrected(sight, alpha, choice, disparity)
    found = bool((alpha > 0.5).any())
    messages = () if found else ("No subject is left. Choose one.",)
    if any(level_at(alpha, point) >= 0.5 for point in choice.removed):
        messages = ("A place that you removed cannot be told apart from the subject. Paint over it.",)
    faces = None if choice.at is not None else Faces.of(sight.views)
    focal, extent, focus_at = focus_of(seen, alpha, disparity, at=choice.at, faces=faces)
    return replace(
        main,
        alpha=alpha,
        focal_disparity=focal,
        disparity_range=extent,
        focus_at=focus_at,
        kind=("subject" if all(part.is_sure for part in parts) else "point") if found else "region",
        found=found,
        confidence=min((part.confidence for part in parts), default=0.0),
        chance=1.0,
        messages=messages,
    )


def _corrected(
    sight: Sight, alpha: Float32[np.ndarray, "h w"], choice: Choice, disparity: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Apply to the coverage the points on objects that the user excluded, and then the strokes."""
    along = [(stroke, points_of(stroke, sight.size)) for stroke in choice.strokes]
    clicked = (*choice.added, *(() if choice.at is None else (choice.at,)))
    kept = [*clicked, *(point for stroke, points in along if stroke["keep"] for point in points)]
    removed = [*choice.removed, *(point for stroke, points in along if not stroke["keep"] for point in points)]
    for point in choice.removed:
        alpha = without(sight, alpha, (point,), kept)
    for stroke, points in along:
        if not stroke["keep"]:
            alpha = without(sight, alpha, points, kept)
        elif missing := [point for point in points if level_at(alpha, point) < 0.5]:
            alpha = np.maximum(alpha, _object_at(sight, missing, removed, disparity))
    return painted(sight, alpha, choice.strokes, disparity) if choice.strokes else alpha


def _object_at(
    sight: Sight, points: Sequence[Point], others: Sequence[Point], disparity: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Return the coverage of the object under a stroke: found by the networks, or else a uniform region."""
    point = object_under(sight, points, others)
    if point is not None:
        alpha = kept_subject(sight.inputs, disparity, at=point, quick=sight.quick).alpha
        if np.mean([level_at(alpha, each) >= 0.5 for each in points]) >= UNDER:
            return alpha
    return _region(sight, points, others)


def _region(sight: Sight, points: Sequence[Point], others: Sequence[Point]) -> Float32[np.ndarray, "h w"]:
    """Return the coverage of the uniform region around some points, aligned with the picture's edges."""
    places, rest = ([sight.place(point) for point in each] for each in (points, others))
    region = sight.region(places, rest)
    alpha = sight.spread(region)
    if level_at(alpha, points[len(points) // 2]) < 0.5:
        alpha = np.maximum(alpha, sight.spread_quickly(region))
    return sight.visible(alpha)
