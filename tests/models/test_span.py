"""SPAN ×4 with its published values agrees with the original runtime; the bundled values were trained further."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.checkpoints.blueprint import fill
from dioptre.models.span import SpanConfig
from dioptre.models.span.module import Span
from training.span.convert import convert, package

from ..golden import assert_golden, pattern


@pytest.mark.reference
@pytest.mark.parametrize("channels", [48, 52])
def test_agrees_with_the_original(published, channels: int) -> None:
    wheel: Path = published(package(scale=4, channels=channels).name)
    config = SpanConfig(scale=4, channels=channels)
    values = convert(wheel, scale=4, channels=channels)
    network = fill(lambda rngs: Span(config, rngs=rngs), values, origin="the wheel")
    made = np.asarray(network(jnp.asarray(pattern(32, 48)[None])))[0]
    assert_golden(f"span-x4-ch{channels}", made, tolerance=1e-5)
