"""Scales of sliders: their range, linear or logarithmic, the digits shown, and the reversed f-number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..operation import Kind, Parameter

RATIO_FROM = 10.0
"""If the ends of a range differ by this factor, the slider is logarithmic: equal steps look equally large."""

_DIGITS = ((0.5, 3), (10.0, 2), (1000.0, 1))  # (span, number of decimals shown for ranges up to this span)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The slider for a number, and the range that can be typed.

    Attributes:
        minimum: lower end of the slider's range.
        maximum: upper end of the slider's range.
        least: smallest value that can be typed; a value outside the slider's range is shown at the nearest end.
        most: largest value that can be typed.
        ratio: whether the slider is logarithmic.
        digits: number of decimals.
        step: change of the value by one key press or one notch of the mouse wheel.
        backwards: whether the maximum is at the left end.
    """

    minimum: float
    maximum: float
    least: float
    most: float
    ratio: bool = False
    digits: int = 2
    step: float = 0.01
    backwards: bool = False

    def position(self, value: float) -> float:
        """Return the position of `value` on the slider, 0 (left) to 1 (right)."""
        value = min(max(value, self.minimum), self.maximum)
        if self.ratio:
            share = math.log(value / self.minimum) / math.log(self.maximum / self.minimum)
        else:
            share = (value - self.minimum) / ((self.maximum - self.minimum) or 1.0)
        return 1.0 - share if self.backwards else share

    def value(self, position: float) -> float:
        """Return the value at a position on the slider, 0 to 1."""
        share = min(max(position, 0.0), 1.0)
        share = 1.0 - share if self.backwards else share
        if self.ratio:
            return self.minimum * math.pow(self.maximum / self.minimum, share)
        return self.minimum + (self.maximum - self.minimum) * share

    def typed(self, value: float) -> float:
        """Return the nearest value that can be typed."""
        return min(max(value, self.least), self.most)


def scale_of(parameter: Parameter) -> Scale:
    """Return the scale of a FLOAT or INTEGER parameter; a missing minimum counts as 0, a missing maximum as 1."""
    least = parameter.minimum if parameter.minimum is not None else 0.0
    most = parameter.maximum if parameter.maximum is not None else 1.0
    low, high = (least, most) if parameter.slider is None else parameter.slider
    whole = parameter.kind is Kind.INTEGER
    return Scale(
        minimum=low,
        maximum=high,
        least=least,
        most=most,
        ratio=least > 0 and most / least >= RATIO_FROM,
        digits=0 if whole else next((digits for limit, digits in _DIGITS if high - low <= limit), 0),
        step=1.0 if whole else max(0.01, (high - low) / 100),
    )


def blur_amount(f_number: Parameter) -> Scale:
    """Return a reversed scale for the f-number: the smallest value, the strongest blur, is at the right end."""
    return replace(scale_of(f_number), backwards=True)
