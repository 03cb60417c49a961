"""Reference: the port matches the original in `transformers` on random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import fill
from dioptre.features.depth.estimation import estimate_depth
from dioptre.models.adding import add_weights
from dioptre.models.depth_anything_v2 import DepthAnythingConfig
from dioptre.models.depth_anything_v2.convert import convert, from_safetensors, upstream_names
from dioptre.models.depth_anything_v2.module import DepthAnything
from dioptre.models.registry import ENTRIES, is_installed

from .original_depth_anything import random_depth_anything

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default::DeprecationWarning")]

# Tolerance as a fraction of the output's range. Measured: 4e-6, because 12 blocks sum float32 in another order.
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def original() -> Any:
    """The original network, with random parameters that all affect the output."""
    pytest.importorskip("torch", reason="NOT CHECKED against the original: torch is not installed")
    pytest.importorskip("transformers", reason="NOT CHECKED against the original: transformers is not installed")
    return random_depth_anything()


def arrays_of(model: Any) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(("height", "width"), [(224, 224), (280, 378), (518, 294)])
def test_output_equals_the_original(original: Any, height: int, width: int) -> None:
    import torch

    picture = np.random.default_rng(height).normal(size=(1, height, width, 3)).astype(np.float32)
    with torch.no_grad():
        expected = original(torch.from_numpy(picture.transpose(0, 3, 1, 2))).predicted_depth.numpy()
    config = DepthAnythingConfig()
    network = fill(lambda rngs: DepthAnything(config, rngs=rngs), convert(arrays_of(original)), origin="test")
    found = np.asarray(nnx.jit(network)(picture))
    assert found.shape == expected.shape
    assert np.ptp(expected) > 0.1
    assert np.abs(found - expected).max() <= TOLERANCE * np.ptp(expected)


def test_both_published_namings_give_the_same_network(original: Any) -> None:
    theirs = arrays_of(original)
    upstream = upstream_names(theirs)
    assert "pretrained.blocks.11.attn.qkv.weight" in upstream
    assert "depth_head.scratch.refinenet1.resConfUnit2.conv1.weight" in upstream
    converted = convert(theirs)
    for name, value in convert(upstream).items():
        np.testing.assert_array_equal(converted.pop(name), value, err_msg=name)
    assert not converted


def test_added_weights_estimate_depth(original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    original.save_pretrained(tmp_path)
    entry = ENTRIES["depth-anything-v2-small"]
    assert not is_installed(entry)
    add_weights(entry, tmp_path / "model.safetensors")
    assert is_installed(entry)
    picture = np.random.default_rng(0).random((60, 80, 3)).astype(np.float32)
    depth = estimate_depth(picture, model=entry.id, refine=False)
    assert depth.model == entry.id
    assert np.ptp(depth.disparity) == 1


def test_saved_by_transformers_loads_from_disk(original: Any, tmp_path: Path) -> None:
    original.save_pretrained(tmp_path)
    from_disk = from_safetensors(tmp_path / "model.safetensors")
    in_memory = convert(arrays_of(original))
    assert from_disk.keys() == in_memory.keys()
    for name, value in in_memory.items():
        np.testing.assert_array_equal(from_disk[name], value, err_msg=name)
