"""The options of the operation `film`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre_link.catalogue.depth import DepthOptions

Move = Literal["push-in", "dolly-zoom", "orbit", "focus-pull"]


@dataclass(frozen=True, kw_only=True)
class FilmOptions(DepthOptions):
    """The options of `film`.

    Attributes:
        move: what moves.
        seconds: length of the film.
        fps: frames per second.
        size: longer side of the frames in pixels, at most that of the picture.
        strength: how far the camera moves, or how strong the blur is, in per cent of a usual move.
        target: (x, y) of the point that the camera moves to or around, or that becomes sharp; None for the subject.
        position: the frame that stands for the film, in per cent of the film.
        masks: whether a film of masks is written, too.
    """

    operation = "film"

    move: Move = "push-in"
    seconds: float = 4.0
    fps: int = 30
    size: int = 1920
    strength: float = 100.0
    target: tuple[float, float] | None = None
    position: float = 100.0
    masks: bool = False
