"""Adjusting the range of depth that an effect is limited to, on the depth histogram or by a key."""

from __future__ import annotations

from ..catalogue.limit import FARTHEST, NEAREST
from .focus_range import KEY_STEP, Grip, Options, Range, RangeDrag


def range_of(options: Options) -> Range | None:
    """Return the range, (far end, near end); None if the operation has none."""
    return (options[FARTHEST], options[NEAREST]) if FARTHEST in options else None


class LimitDrag(RangeDrag):
    """Turns presses, drags and keys on a histogram into a range, each end of which moves by itself."""

    def pressed(self, at: float) -> None:
        self._moves_far = self.sharp is not None and abs(at - self.sharp[0]) < abs(at - self.sharp[1])
        super().pressed(at)

    def _dragged(self, sharp: Range, grip: Grip, at: float) -> Options:
        if grip is Grip.MIDDLE:
            return _moved(sharp, at - sum(sharp) / 2)
        far, near = sharp
        return _ends(min(at, near), near) if self._moves_far else _ends(far, max(at, far))

    def _nudged(self, sharp: Range, key: str) -> Options:
        far, near = sharp
        if key in ("left", "right"):
            return _moved(sharp, KEY_STEP if key == "right" else -KEY_STEP)
        wider = KEY_STEP / 2 if key == "up" else -min(KEY_STEP / 2, (near - far) / 2)
        return _ends(far - wider, near + wider)


def _moved(sharp: Range, by: float) -> Options:
    by = min(max(by, -sharp[0]), 1 - sharp[1])
    return _ends(sharp[0] + by, sharp[1] + by)


def _ends(far: float, near: float) -> Options:
    return {FARTHEST: round(max(far, 0.0), 4), NEAREST: round(min(near, 1.0), 4)}
