"""Numbers on a slider: its range, linear or by ratio, the digits shown, and the blur amount's reversed f-number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..operation import Kind, Parameter

RATIO_FROM = 10.0
"""A range whose ends differ by this factor moves by ratio: equal steps of the slider look equally large."""

_DIGITS = ((0.5, 3), (10.0, 2), (1000.0, 1))  # behind the point, for spans up to so much


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A number's slider and the range that can be typed.

    minimum, maximum: the slider's ends. least, most: what can be typed; a value beyond the slider shows at its end.
    ratio: equal distances on the slider are equal ratios. digits: behind the point. step: of a key or a wheel.
    backwards: the slider's left end is the maximum.
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
        """Where `value` lies on the slider, 0 (left) to 1 (right)."""
        value = min(max(value, self.minimum), self.maximum)
        if self.ratio:
            share = math.log(value / self.minimum) / math.log(self.maximum / self.minimum)
        else:
            share = (value - self.minimum) / ((self.maximum - self.minimum) or 1.0)
        return 1.0 - share if self.backwards else share

    def value(self, position: float) -> float:
        """The value at a position on the slider, 0 to 1."""
        share = min(max(position, 0.0), 1.0)
        share = 1.0 - share if self.backwards else share
        if self.ratio:
            return self.minimum * math.pow(self.maximum / self.minimum, share)
        return self.minimum + (self.maximum - self.minimum) * share

    def typed(self, value: float) -> float:
        """The nearest value that is allowed."""
        return min(max(value, self.least), self.most)


def scale_of(parameter: Parameter) -> Scale:
    """The scale of a FLOAT or INTEGER parameter; a missing end of its range is 0 or 1."""
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
    """The f-number as an amount of blur: the smallest f-number, which blurs most, is at the right end."""
    return replace(scale_of(f_number), backwards=True)
