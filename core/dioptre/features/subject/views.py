"""Inputs and outputs of the subject networks for a whole picture and for crops; each is computed once.

The inputs are resized from the full-size picture and the outputs are cached (`contract`): previews of any
size, the final result and a second pass on the same crop share them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Float32

from dioptre.contract import NO_STEP_CACHE, StepCache
from dioptre.imaging.closer_look import Window
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.registry import ENTRIES, Entry, ModelKind, Preprocessing, analysis_checksums, find, is_installed

from .soft_matte import soft_matte

SIDE_PX = 672
"""Side, in pixels, of the square on which the object is found."""

FACE_PX = 320
"""Side, in pixels, of the square on which faces are found."""

Squeezed = Callable[[int], Float32[np.ndarray, "s s 3"]]
"""Returns a picture, sRGB-encoded, in [0, 1], squeezed to a square of this side in pixels."""

_FINEST = "is-net"  # adds to the bundled network's map if it is installed
_SUREST = 0.99  # upper limit of probabilities before maps are joined; the lower limit is 1 minus this
_LEAST_CONTRAST = 0.02  # a picture is blank if the range of values of every channel is at most this
# Names under which results are cached.
_SQUARE_STEP, _SALIENCY_STEP, _MATTE_STEP = "square", "saliency", "soft matte"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Saliency:
    """The salient object in a picture, on the square of SIDE_PX pixels.

    Attributes:
        coverage: (s, s) in [0, 1], coverage of each pixel by the object.
        chance: probability that the picture shows a single subject rather than a scene.
        face: (f, f) in [0, 1], probability that a pixel shows a face; None for a blank picture.
        head: the same for heads, seen from any side.
    """

    coverage: Float32[np.ndarray, "s s"]
    chance: float
    face: Float32[np.ndarray, "f f"] | None = None
    head: Float32[np.ndarray, "f f"] | None = None


class Views:
    """Network inputs and outputs for a picture and for windows of it; the window None is the whole picture.

    Attributes:
        image: the picture, as in `find_subject`.
        check: called before each network runs; it may raise Cancelled.
    """

    def __init__(
        self,
        image: Float32[np.ndarray, "h w c"],
        *,
        cache: StepCache = NO_STEP_CACHE,
    ) -> None:
        """Prepare views of a picture without running any network.

        Args:
            image: as in `find_subject`.
            cache: stores the networks' outputs.
        """
        self.image = image
        self.check: Callable[[], None] = lambda: None
        self._cache = cache
        self._made: dict[tuple[object, ...], Any] = {}

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def picture(self) -> Float32[np.ndarray, "h w 3"]:
        """The picture in [0, 1], composited on grey where it is transparent."""
        return opaque(self.image)

    @cached_property
    def square(self) -> Float32[np.ndarray, "s s 3"]:
        """The whole picture, squeezed to the square on which objects are found."""
        return self._seen(self._cache.plane, _SQUARE_STEP, None, lambda: self._squeezed(None, SIDE_PX))

    def saliency(self, window: Window | None = None) -> Saliency:
        """Return the result of `saliency_of` for the window."""
        kept = partial(self._cache.made, Saliency)
        return self._seen(kept, _SALIENCY_STEP, window, lambda: self._saliency(window))

    def soft_matte(self, window: Window | None = None) -> Float32[np.ndarray, "t t"]:
        """Return the result of `soft_matte` for the window."""
        return self._seen(self._cache.plane, _MATTE_STEP, window, lambda: soft_matte(self.part(window)))

    def part(self, window: Window | None) -> Float32[np.ndarray, "i j 3"]:
        """Return the part of the picture inside the window."""
        return self.picture if window is None else window.of(self.picture)

    def _squeezed(self, window: Window | None, side: int) -> Float32[np.ndarray, "s s 3"]:
        return resize(self.part(window), (side, side), method="bilinear")

    def _saliency(self, window: Window | None) -> Saliency:
        def squeezed(side: int) -> Float32[np.ndarray, "s s 3"]:
            return self.square if window is None and side == SIDE_PX else self._squeezed(window, side)

        return saliency_of(squeezed)

    def _seen(self, kept: Callable[..., T], step: str, window: Window | None, look: Callable[[], T]) -> T:
        part = None if window is None else (window.top, window.left, window.height, window.width)
        if (step, part) in self._made:
            return cast("T", self._made[step, part])
        given = {"picture": self.image, "part": part, "networks": analysis_checksums()}

        def compute() -> T:
            self.check()
            return look()

        return self._made.setdefault((step, part), kept(step, given, compute))


def opaque(image: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w 3"]:
    """Clip a picture to [0, 1] and composite it on grey where it is transparent."""
    clean = within_unit(without_nan(image, infinite=1.0))
    if clean.shape[2] == 3:
        return clean
    mixed: np.ndarray = clean[..., :3] * clean[..., 3:]
    mixed += np.float32(0.5) * (1 - clean[..., 3:])
    return mixed


def saliency_of(squeezed: Squeezed) -> Saliency:
    """Run the subject network on a picture squeezed to its square, and IS-Net, too, if it is installed.

    Pictures are squeezed, not padded, because the networks were trained this way. For a blank picture the result is
    empty: networks give arbitrary output there.

    Args:
        squeezed: the picture.

    Raises:
        WeightsError: a network's weights are missing or damaged.
    """
    if np.ptp(squeezed(SIDE_PX), axis=(0, 1)).max() < _LEAST_CONTRAST:
        return Saliency(coverage=np.zeros((SIDE_PX, SIDE_PX), np.float32), chance=0.0)
    (coverage, chance, face, head), *finer = (_outputs(entry, squeezed) for entry in networks())
    if finer:
        coverage = _joined(coverage, resize(finer[0][0], coverage.shape, method="area"))
    small = FACE_PX, FACE_PX
    face, head = (resize(plane, small, method="bilinear") for plane in (face, head))
    return Saliency(coverage=coverage, chance=float(chance.flat[0]), face=face, head=head)


def networks() -> tuple[Entry, ...]:
    """Return the networks that look for the subject: the bundled one, and IS-Net if it is installed."""
    finest = ENTRIES[_FINEST]
    return (find("default", kind=ModelKind.SUBJECT), *([finest] if is_installed(finest) else []))


def _outputs(entry: Entry, squeezed: Squeezed) -> list[Float32[np.ndarray, "s s"]]:
    """Return the planes that a network computes from the picture squeezed to its own square."""
    x = network_input(squeezed(entry.preprocessing.short_side_px), entry.preprocessing)
    planes = np.moveaxis(np.asarray(load_model(entry.id)(x[None]))[0], -1, 0)
    return [np.ascontiguousarray(plane) for plane in planes]


def _joined(one: Float32[np.ndarray, "s s"], other: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Add the log odds of maps of networks that know different things; each may be wrong where it is sure."""
    a, b = (np.clip(each, 1 - _SUREST, _SUREST) for each in (one, other))
    joint: np.ndarray = a * b / (a * b + (1 - a) * (1 - b))
    return joint


def network_input(small: Float32[np.ndarray, "s s 3"], prepared: Preprocessing) -> Float32[np.ndarray, "s s 3"]:
    """Scale the picture's brightest value to 1, then normalise it as the original networks do."""
    bright = small / max(float(small.max()), 1e-3)
    return (bright - np.array(prepared.mean, np.float32)) / np.array(prepared.deviation, np.float32)
