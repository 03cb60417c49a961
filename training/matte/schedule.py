"""The learning-rate schedule of the coarse network."""

from __future__ import annotations

import optax

RATE, WARM_UP, LAST_RATE = 1.5e-3, 100, 1e-5


def rate_of(steps: int) -> optax.Schedule:
    """Return the learning rate by step; in a short trial the warm-up takes at most half of the steps."""
    return optax.warmup_cosine_decay_schedule(0, RATE, min(WARM_UP, steps // 2), steps, LAST_RATE)
