"""The subject head's loss against outlines."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN
from dioptre.models.subject.head import SubjectHead

DROPPED = 0.2

Batch = dict[str, Any]


def loss_of(head: SubjectHead, batch: Batch, key: Array | None) -> Array:
    """Return cross entropy plus a soft intersection-over-union loss, both weighted per pixel.

    Args:
        head: The subject head.
        batch: features (n, k, t, c); and picture (n, s, s, 3), target (n, s, s) and weight (n, s, s), all 0 to 255.
        key: Random key that chooses the dropped channels of each tap; None drops none.
    """
    n, taps, tokens, width = batch["features"].shape
    grid = round(tokens**0.5)
    features = jnp.moveaxis(batch["features"].astype(jnp.float32), 1, 0).reshape(taps, n, grid, grid, width)
    if key is not None:
        features *= jax.random.bernoulli(key, 1 - DROPPED, (taps, n, 1, 1, width)) / (1 - DROPPED)
    picture, target, weight = (batch[name].astype(jnp.float32) / 255 for name in ("picture", "target", "weight"))
    normalised = (picture - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)
    logits = head(features, normalised)
    entropy = jnp.mean(weight * (jnp.logaddexp(0, logits) - target * logits))
    inside = jax.nn.sigmoid(logits)
    both = jnp.sum(weight * inside * target, (1, 2))
    either = jnp.sum(weight * (inside + target - inside * target), (1, 2))
    return entropy + 0.5 * jnp.mean(1 - (both + 1) / (either + 1))
