"""RRDBNet agrees with plain NumPy and, if the package is available, with the original runtime."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from dioptre.checkpoints.blueprint import fill
from dioptre.models.rrdb import PACKAGE, RrdbConfig
from dioptre.models.rrdb.module import RULES, Rrdb, convert

from ..golden import assert_golden, pattern
from .plain import convolve, leaky, repeat

SMALL = RrdbConfig(channels=6, growth=4, blocks=1)


def test_equals_plain_layers(randomised) -> None:
    network, w = randomised(lambda rngs: Rrdb(SMALL, rngs=rngs))

    def conv(name: str, x: np.ndarray) -> np.ndarray:
        return convolve(x, w[f"{name}.kernel"], w[f"{name}.bias"])

    x = pattern(8, 10)
    entered = features = conv("enter", x)
    for dense in range(3):
        seen = [features]
        for i in range(4):
            seen.append(leaky(conv(f"blocks.0.dense.{dense}.convs.{i}", np.concatenate(seen, axis=-1)), 0.2))
        features = features + 0.2 * conv(f"blocks.0.dense.{dense}.convs.4", np.concatenate(seen, axis=-1))
    features = entered + conv("leave", entered + 0.2 * features)
    for i in range(2):
        features = leaky(conv(f"enlarge.{i}", repeat(features, 2)), 0.2)
    expected = conv("last", leaky(conv("refine", features), 0.2))
    np.testing.assert_allclose(np.asarray(nnx.jit(network)(jnp.asarray(x[None])))[0], expected, atol=1e-5)


def test_reach_is_as_stated(randomised) -> None:
    network, _ = randomised(lambda rngs: Rrdb(SMALL, rngs=rngs))
    picture = np.tile(pattern(1, 48), (5, 1, 1))
    changed = picture.copy()
    # This change is large, so that its effect is far above rounding differences between processors.
    changed[:, 0] += 1000
    before, after = (np.asarray(nnx.jit(network)(jnp.asarray(p[None])))[0] for p in (picture, changed))
    reach = np.abs(before - after).max(axis=(0, 2))
    assert reach[4 * (SMALL.receptive_radius_px + 1) :].max() == 0
    # The stated radius is not much larger than necessary.
    assert reach[4 * (SMALL.receptive_radius_px - 4) :].max() > 0


def test_key_map_fits_the_network() -> None:
    """Only one block is checked, because all 23 are equal and building them takes a long time."""
    state = nnx.state(nnx.eval_shape(lambda: Rrdb(SMALL, rngs=nnx.Rngs(0))))
    paths = {".".join(map(str, path)) for path, _ in nnx.to_flat_state(state)}
    targets = [rule.target for rule in RULES]
    assert {
        target for target in targets if not target.startswith("blocks.") or target.startswith("blocks.0.")
    } == paths
    assert len(targets) == len(set(targets)) == 2 * (RrdbConfig().blocks * 15 + 6)


@pytest.mark.reference
def test_a_photograph_shows_no_farther_than_tiles_overlap(published) -> None:
    """Cutting the photo changes pixels beyond the stated distance by less than 1e-5, and closer ones by more."""
    network = fill(lambda rngs: Rrdb(RrdbConfig(), rngs=rngs), convert(published(PACKAGE.name)), origin="the wheel")
    with Image.open(Path(__file__).parents[2] / "examples" / "coffee.jpg") as image:
        photo = np.asarray(image.convert("RGB"), np.float32)[None, 180:212, 100:420] / 255
    forward = nnx.jit(network)
    whole, part = np.asarray(forward(photo))[:, :, 4 * 160 :], np.asarray(forward(photo[:, :, 160:]))
    change = np.abs(whole - part)[0].max(axis=(0, 2))
    assert change[4 * RrdbConfig().overlap_px :].max() < 1e-5
    assert change[4 * 48 :].max() > 1e-4


@pytest.mark.reference
def test_agrees_with_the_original(published) -> None:
    wheel: Path = published(PACKAGE.name)
    network = fill(lambda rngs: Rrdb(RrdbConfig(), rngs=rngs), convert(wheel), origin="the wheel")
    made = np.asarray(network(jnp.asarray(pattern(32, 48)[None])))[0]
    assert_golden("realesrgan-x4plus", made, tolerance=1e-4)  # 351 convolutions; measured: 8e-6.
