"""Reference: the port of MoGe-2 matches the original code on random weights read from a file in its layout."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import fill
from dioptre.models.moge2 import as_trained, configuration
from dioptre.models.moge2.module import Moge2, from_torch_file, stated_config
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default::DeprecationWarning")]

TOLERANCE = 1e-4  # Tolerance as a fraction of a map's range, for float32 sums in a different order.


@pytest.fixture(scope="module", params=["dinov2_vits14", "dinov2_vitb14"])
def original(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    """The original network with parameters that all affect the output, and its configuration."""
    torch = pytest.importorskip("torch", reason="NOT CHECKED against the original: torch is not installed")
    folder = os.environ.get("DIOPTRE_TEST_PACKAGES", "")
    wheels = sorted(Path(folder).glob("dlr_moge-*.whl")) if folder else []
    if not wheels:
        pytest.skip("NOT CHECKED against the original: no dlr-moge in DIOPTRE_TEST_PACKAGES")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(wheels[-1]))
        for name in ("utils3d", "cv2"):  # Only functions that this test does not use need this.
            patch.setitem(sys.modules, name, ModuleType(name))
        v2 = importlib.import_module("moge.model.v2")
    torch.manual_seed(1)
    config = as_trained(request.param)
    model = v2.MoGeModel(**config).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.02 if parameter.ndim > 1 else 0.1
            noise = torch.randn(parameter.shape, generator=generator) * spread
            parameter.copy_(noise + (1.0 if name.endswith(("gamma", "norm.weight", "norm1.weight")) else 0.0))
    return model, config


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (14, 22), (25, 18)])
def test_geometry_equals_the_original(original: Any, tmp_path: Path, rows: int, columns: int) -> None:
    import torch

    model, published = original
    torch.save({"model_config": published, "model": model.state_dict()}, tmp_path / "model.pt")
    file = tmp_path / "model.pt"
    config, arrays = configuration("", stated_config(file)), from_torch_file(file)
    file.unlink()
    network = fill(lambda rngs: Moge2(config, rngs=rngs), arrays, origin="test")
    picture = np.random.default_rng(rows).random((1, 14 * rows, 14 * columns, 3), np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(picture.transpose(0, 3, 1, 2)), num_tokens=rows * columns)
    x = (picture - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_DEVIATION, np.float32)
    found = nnx.jit(Moge2.__call__)(network, x)
    normals = nnx.jit(Moge2.normals)(network, x)
    for name, value in {**found._asdict(), "normal": normals}.items():
        theirs, ours = expected[name].numpy(), np.asarray(value)
        assert ours.shape == theirs.shape, name
        assert np.ptp(theirs) > 1e-3 or name == "metric_scale", name
        scale = np.ptp(theirs) if theirs.size > 1 else float(theirs[0])
        assert np.abs(ours - theirs).max() <= TOLERANCE * scale, name
