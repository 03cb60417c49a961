"""Reference: the port of MI-GAN matches a PyTorch transcription of the original on random weights.

The original is in no package. The transcription follows its inference code operation by operation, on the names of
its `state_dict`. docs/dev/notes/clean-background.md states how it was compared with the original code itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import fill
from dioptre.models.migan.config import published
from dioptre.models.migan.convert import from_torch_file, stated_config
from dioptre.models.migan.module import Migan

from ..models.migan_file import arrays

pytestmark = pytest.mark.reference

TOLERANCE = 1e-4  # Tolerance as a fraction of the result's range, for float32 sums in a different order.


def _generator(state: Mapping[str, Any], x: Any, resolution: int) -> Any:
    """Return the original's result for a batch (n, 4, h, w)."""
    import torch
    from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

    def active(x: Any) -> Any:
        return (leaky_relu(x, 0.2) * 2**0.5).clamp(-256, 256)

    def up(x: Any, name: str) -> Any:
        # The filter is symmetric, so a transposed convolution inserts zeros and correlates as the original does.
        return conv_transpose2d(x, state[f"{name}.filter.weight"], stride=2, padding=1, groups=x.shape[1])

    def separable(x: Any, name: str) -> Any:
        x = active(
            conv2d(x, state[f"{name}.conv1.weight"], state[f"{name}.conv1.bias"], padding=1, groups=x.shape[1])
        )
        down = state.get(f"{name}.downsample.filter.weight")
        x = x if down is None else conv2d(x, down, stride=2, padding=1, groups=x.shape[1])
        x = conv2d(x, state[f"{name}.conv2.weight"])
        x = up(x, f"{name}.upsample") if f"{name}.upsample.filter.weight" in state else x
        noise = state.get(f"{name}.noise_const")
        return active(x if noise is None else x + noise * state[f"{name}.noise_strength"])

    sides = [4 << level for level in range((resolution // 4).bit_length())]
    with torch.no_grad():
        first = f"encoder.b{resolution}.fromrgb"
        x, kept, picture = active(conv2d(x, state[f"{first}.weight"], state[f"{first}.bias"])), {}, None
        for side in reversed(sides):
            kept[side] = separable(x, f"encoder.b{side}.conv1")
            x = separable(kept[side], f"encoder.b{side}.conv2")
        for side in sides:
            name = f"synthesis.b{side}"
            x = separable(separable(x, f"{name}.conv1") + kept[side], f"{name}.conv2")
            colours = conv2d(x, state[f"{name}.torgb.weight"], state[f"{name}.torgb.bias"])
            picture = colours if picture is None else up(picture, f"{name}.upsample") + colours
    return picture


@pytest.mark.parametrize("resolution", [256, 512])
def test_the_picture_equals_the_original(resolution: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="NOT CHECKED against the original: torch is not installed")
    state = {name: torch.from_numpy(values) for name, values in arrays(resolution).items()}
    file = tmp_path / "migan.pt"
    torch.save(state, file)
    config = published(stated_config(file))
    assert config.resolution == resolution
    network = fill(lambda rngs: Migan(config, rngs=rngs), from_torch_file(file), origin="test")
    rng = np.random.default_rng(resolution)
    known = np.ones((1, resolution, resolution, 1), np.float32)
    known[:, resolution // 4 : resolution // 2, resolution // 3 : resolution // 2] = 0
    colours = rng.uniform(-1, 1, (1, resolution, resolution, 3)).astype(np.float32)
    x = np.concatenate([known - 0.5, colours * known], axis=-1)
    theirs = _generator(state, torch.from_numpy(x.transpose(0, 3, 1, 2)), resolution).numpy().transpose(0, 2, 3, 1)
    ours = np.asarray(nnx.jit(Migan.__call__)(network, x))
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.1
    assert np.abs(ours - theirs).max() <= TOLERANCE * np.ptp(theirs)
