"""Find the object at a point or inside a box given by the user, at the resolution of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dioptre.imaging.closer_look import Window, window_at
from dioptre.imaging.resize import resize
from dioptre_link.catalogue.focus import USUAL_FOCUS_RANGE

from .components import label_regions
from .region import grown, important_parts, is_fitting
from .views import SIDE_PX, Views

LEAST_CONFIDENCE = 0.915
"""Smallest mean saliency inside the mask of a clicked object for it to be accepted."""

# The surroundings of a point are flat if this fraction of them lies within the usual focus range of its depth.
_FLAT_SHARE = 0.9
_FLAT_PART = 8  # the surroundings of a point extend by 1/8 of the network's square in each direction

CROPS = (0.7, 0.5, 0.35, 0.25)
"""Sizes of the crops around a point, as fractions of the picture's sides, from wide to close."""

_BOX_MARGIN = 0.15  # margin added around a box for the network's input, as a fraction of the box's sides
# Smallest mean saliency at which an object in a box is accepted. It is lower than for a point, because a user who
# draws a box knows that there is an object in it.
_BOX_CONFIDENCE = 0.7
LEAST_PX = 32
"""Shortest side of a crop on which the networks can recognise anything."""

Kind = Literal["subject", "point", "region"]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels of the picture."""


@dataclass(frozen=True, kw_only=True)
class Coarse:
    """A subject at the network's resolution (a square of SIDE_PX pixels), before its edges are refined.

    Attributes:
        probability: (s, s), probability that each pixel belongs to the subject.
        kind: as in `Subject`.
        confidence: mean saliency inside the subject, in [0, 1].
        chance: as in `Subject`.
        messages: sentences for the user.
        window: the crop of the picture that `probability` covers; None for the whole picture.
    """

    probability: np.ndarray
    kind: Kind
    confidence: float
    chance: float = 1.0
    messages: tuple[str, ...] = ()
    window: Window | None = None


def at_point(
    views: Views, near: np.ndarray | None, at: tuple[float, float], *, crops: tuple[float, ...] = CROPS
) -> Coarse:
    """Find the object at a point: a part of the picture's subject, else an object on a crop, else a uniform region.

    If everything around the point is about equally far away, as on a wall or in the sky, no object has to be found:
    focusing on that depth keeps the area sharp. The crops, which are the most expensive step, are then skipped.
    """
    (height, width), whole_picture = views.size, views.saliency()
    saliency, chance = whole_picture.coverage, whole_picture.chance
    row, column = (min(int(v / n * SIDE_PX), SIDE_PX - 1) for v, n in ((at[1], height), (at[0], width)))
    whole = _part_at(saliency, (row, column))
    if whole is not None and _believable(whole):
        return Coarse(probability=whole, kind="point", confidence=confidence_of(whole), chance=chance)
    for share in () if _is_flat(near, saliency, (row, column)) else crops:
        seen = closer_look(views, at, share)
        if seen is not None:
            return Coarse(probability=seen, kind="point", confidence=confidence_of(seen), chance=chance)
    return Coarse(probability=grown(views.square, near, (row, column)), kind="point", confidence=0.0, chance=chance)


def in_box(views: Views, near: np.ndarray | None, box: Box) -> Coarse:
    """Find the object in a box: the salient part of a crop, else a uniform region around the box's middle."""
    window = _window_of(box, views.size)
    if min(window.height, window.width) >= LEAST_PX:
        inside = _inside(box, window)
        seen = views.saliency(window).coverage * inside
        part = important_parts(seen) if (seen > 0.3).any() else seen
        if (part > 0.5).mean() >= _FLAT_PART**-2 and confidence_of(part) >= _BOX_CONFIDENCE:
            return Coarse(probability=part, kind="point", confidence=confidence_of(part), window=window)
    height, width = views.size
    whole = Window(top=0, left=0, height=height, width=width, size=views.size)
    place = whole.place(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), SIDE_PX)
    region = grown(views.square, near, place) * _inside(box, whole)
    return Coarse(probability=region, kind="point", confidence=0.0)


def _window_of(box: Box, size: tuple[int, int]) -> Window:
    """Return the window of a picture of `size` (height, width) that shows a box and a margin around it."""
    across, down = _BOX_MARGIN * (box[2] - box[0]), _BOX_MARGIN * (box[3] - box[1])
    left, top = max(0, round(box[0] - across)), max(0, round(box[1] - down))
    right, bottom = min(size[1], round(box[2] + across)), min(size[0], round(box[3] + down))
    return Window(top=top, left=left, height=bottom - top, width=right - left, size=size)


def _inside(box: Box, window: Window) -> np.ndarray:
    """Return a mask at the network's resolution: 1 inside a box given in pixels of the picture, 0 outside."""
    (top, left), (bottom, right) = (window.place(corner, SIDE_PX) for corner in (box[:2], box[2:]))
    inside = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    inside[top : bottom + 1, left : right + 1] = 1.0
    return inside


def _is_flat(near: np.ndarray | None, saliency: np.ndarray, place: tuple[int, int]) -> bool:
    """Return whether nearly everything around a place, except the subject, is about as far away as the place."""
    if near is None:
        return False
    reach = SIDE_PX // _FLAT_PART
    rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in place)
    beside = near[rows, columns][saliency[rows, columns] < 0.5]
    return beside.size > 0 and bool((np.abs(beside - near[place]) <= USUAL_FOCUS_RANGE).mean() >= _FLAT_SHARE)


def _part_at(saliency: np.ndarray, place: tuple[int, int]) -> np.ndarray | None:
    """Return the saliency of the connected part that contains the place; None if the place is not salient."""
    labels, _ = label_regions(saliency > 0.5)
    if labels[place] == 0:
        return None
    generous, _ = label_regions(saliency > 0.3)  # the lower threshold includes the soft rim
    part: np.ndarray = saliency * (generous == generous[place])
    return part


def _believable(part: np.ndarray) -> bool:
    """Return whether a part is plausible as an object, given its size and its confidence."""
    return is_fitting(part) and confidence_of(part) >= LEAST_CONFIDENCE


def confidence_of(probability: np.ndarray) -> float:
    """Return the mean probability inside the mask, in [0, 1]."""
    mask = probability > 0.5
    return float(probability[mask].mean()) if mask.any() else 0.0


def closer_look(views: Views, at: tuple[float, float], share: float, *, most_crossed: int = 1) -> np.ndarray | None:
    """Find the salient object at a point on a crop; return its probability for the whole picture.

    Return None if there is none, or if it crosses more than `most_crossed` sides of the crop, where it is cut off.
    """
    if share * min(views.size) < LEAST_PX:
        return None
    window = window_at(at, share, views.size)
    part = _part_at(views.saliency(window).coverage, window.place(at, SIDE_PX))
    if part is None or not _believable(part) or window.sides_crossed(part > 0.5) > most_crossed:
        return None
    return on_whole(window, part)


def on_whole(window: Window, part: np.ndarray) -> np.ndarray:
    """Return a map of the whole picture that contains the map of a window, and is 0 outside the window."""
    small = window.at((SIDE_PX, SIDE_PX))
    return small.put(resize(part, (small.height, small.width), method="area"))
