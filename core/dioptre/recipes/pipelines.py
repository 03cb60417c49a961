"""What runs each operation. Importing this module imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dioptre.imaging.layers import Inputs, Progress, Result
from dioptre.pipelines import depth, lens_blur, portrait, repair_depth, super_resolution, white_balance

Run = Callable[[Inputs, Mapping[str, Any], Progress], Result]
"""Options are complete and checked."""

PIPELINES: dict[str, Run] = {
    "portrait": portrait.run,
    "depth": depth.run,
    "repair_depth": repair_depth.run,
    "lens_blur": lens_blur.run,
    "white_balance": white_balance.run,
    "super_resolution": super_resolution.run,
}
"""By the operation's name."""
