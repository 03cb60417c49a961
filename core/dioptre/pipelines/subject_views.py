"""Inputs and outputs of the subject networks for a whole picture and for crops; each is computed once.

The inputs are resized from the full-size picture and the outputs are cached (`imaging.step_cache`): previews of any
size, the final result and a second pass on the same crop share them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.resize import resize
from dioptre.imaging.step_cache import NO_STEP_CACHE, StepCache, StepResult
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, Preprocessing, analysis_checksums, find

from .soft_matte import soft_matte
from .window import Window

SIDE_PX = 320
"""Of the network's square input; all decisions are made at this size."""

_LEAST_CONTRAST = 0.02  # of any channel, for there to be something to see
_SALIENCY_STEP, _MATTE_STEP = "saliency", "soft matte"  # of the cache


@dataclass(frozen=True, kw_only=True)
class Saliency:
    """What stands out in a square.

    coverage: of each pixel by it, in [0, 1].
    chance: that the square shows one subject and not a scene; 1 where the network does not say.
    """

    coverage: Float32[np.ndarray, "s s"]
    chance: float = 1.0


class Views:
    """A picture as networks see it. A window is a part of it; None is all."""

    def __init__(
        self,
        image: Float32[np.ndarray, "h w c"],
        *,
        model: str = "default",
        cache: StepCache = NO_STEP_CACHE,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """image: as in `find_subject`. check: called before each network runs; it may raise Cancelled."""
        self.image = image
        self.model = model
        self._cache = cache
        self._check = check

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def picture(self) -> Float32[np.ndarray, "h w 3"]:
        """The picture in [0, 1], before grey where it is transparent."""
        return opaque(self.image)

    @cached_property
    def square(self) -> Float32[np.ndarray, "s s 3"]:
        """All of it, squeezed to the network's square."""
        return self._squeezed(None)

    def saliency(self, window: Window | None = None) -> Saliency:
        """What `saliency_of` gives for the square."""
        return self._seen(_SALIENCY_STEP, window, lambda: StepResult.of(self._saliency(window))).to(Saliency)

    def soft_matte(self, window: Window | None = None) -> Float32[np.ndarray, "t t"]:
        """What `soft_matte` gives for the part."""
        seen = self._seen(_MATTE_STEP, window, lambda: StepResult(planes={"soft": soft_matte(self.part(window))}))
        return seen.planes["soft"]

    def part(self, window: Window | None) -> Float32[np.ndarray, "i j 3"]:
        return self.picture if window is None else window.of(self.picture)

    def _squeezed(self, window: Window | None) -> Float32[np.ndarray, "s s 3"]:
        return resize(self.part(window), (SIDE_PX, SIDE_PX), method="bilinear")

    def _saliency(self, window: Window | None) -> Saliency:
        return saliency_of(self.square if window is None else self._squeezed(window), model=self.model)

    def _seen(self, step: str, window: Window | None, look: Callable[[], StepResult]) -> StepResult:
        part = None if window is None else (window.top, window.left, window.height, window.width)
        given = {"picture": self.image, "part": part, "model": self.model, "networks": analysis_checksums()}

        def compute() -> StepResult:
            self._check()
            return look()

        return self._cache.result(step, given, compute)


def opaque(image: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w 3"]:
    """The picture in [0, 1], before grey where it is transparent."""
    clean = within_unit(without_nan(image, infinite=1.0))
    if clean.shape[2] == 3:
        return clean
    mixed: np.ndarray = clean[..., :3] * clean[..., 3:]
    mixed += np.float32(0.5) * (1 - clean[..., 3:])
    return mixed


def saliency_of(small: Float32[np.ndarray, "s s 3"], *, model: str = "default") -> Saliency:
    """What the networks see in a picture squeezed to their square (not padded: so they were trained).

    Nothing in a picture of one colour: it shows nothing, and networks answer anything.
    """
    if np.ptp(small, axis=(0, 1)).max() < _LEAST_CONTRAST:
        return Saliency(coverage=np.zeros(small.shape[:2], np.float32), chance=0.0)
    network = load_model(find(model, kind=ModelKind.SUBJECT).id)
    output = np.asarray(network(network_input(small, network.entry.preprocessing)[None]))
    coverage, *chance = np.moveaxis(output[0], -1, 0)
    return Saliency(coverage=np.ascontiguousarray(coverage), chance=float(chance[0].flat[0]) if chance else 1.0)


def network_input(small: Float32[np.ndarray, "s s 3"], prepared: Preprocessing) -> Float32[np.ndarray, "s s 3"]:
    """The square normalised for a subject network, its brightest value 1, as upstream."""
    bright = small / max(float(small.max()), 1e-3)
    return (bright - np.array(prepared.mean, np.float32)) / np.array(prepared.deviation, np.float32)
