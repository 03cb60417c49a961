"""SRVGGNetCompact agrees with plain NumPy and, if the package is available, with the original runtime."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import fill
from dioptre.models.srvgg import PACKAGE, SrvggConfig
from dioptre.models.srvgg.module import RULES, Srvgg, convert

from ..golden import assert_golden, pattern
from .plain import convolve, leaky, repeat, shuffle

SMALL = SrvggConfig(scale=3, channels=8, convolutions=2)


def test_equals_plain_layers(randomised) -> None:
    network, w = randomised(lambda rngs: Srvgg(SMALL, rngs=rngs))
    x = pattern(9, 11)
    features = x
    for i in range(3):
        features = leaky(
            convolve(features, w[f"convs.{i}.kernel"], w[f"convs.{i}.bias"]), w[f"activations.{i}.slope"]
        )
    expected = shuffle(convolve(features, w["convs.3.kernel"], w["convs.3.bias"]), 3) + repeat(x, 3)
    np.testing.assert_allclose(np.asarray(network(jnp.asarray(x[None])))[0], expected, atol=1e-5)


def test_key_map_fits_the_network() -> None:
    state = nnx.state(nnx.eval_shape(lambda: Srvgg(SrvggConfig(), rngs=nnx.Rngs(0))))
    paths = {".".join(map(str, path)) for path, _ in nnx.to_flat_state(state)}
    assert {rule.target for rule in RULES} == paths


@pytest.mark.reference
def test_agrees_with_the_original(published) -> None:
    wheel: Path = published(PACKAGE.name)
    network = fill(lambda rngs: Srvgg(SrvggConfig(), rngs=rngs), convert(wheel), origin="the wheel")
    made = np.asarray(network(jnp.asarray(pattern(32, 48)[None])))[0]
    assert_golden("realesr-animevideov3", made, tolerance=2e-5)  # Measured: 2e-6.
