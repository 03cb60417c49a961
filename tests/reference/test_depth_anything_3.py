"""Reference: the port of Depth Anything 3 matches the original code on random weights, for one view."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import fill
from dioptre.models.depth_anything_3.convert import from_safetensors
from dioptre.models.depth_anything_3.module import DepthAnything3
from dioptre.models.registry import ENTRIES, resolve

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

TOLERANCE = 1e-4  # Tolerance as a fraction of a map's range, for float32 sums in a different order.
SIZES = [(126, 126), (98, 154), (168, 112)]
NAMES = ("small", "base", "metric-large")
EXACT_BYTES = {"small": 137_248_940, "base": 541_518_028}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The original package, unpacked from its wheel: it lacks the __init__.py files that zip imports need."""
    pytest.importorskip("torch", reason="NOT CHECKED against the original: torch is not installed")
    packages = os.environ.get("DIOPTRE_TEST_PACKAGES", "")
    wheels = sorted(Path(packages).glob("depth_anything_3-*.whl")) if packages else []
    if not wheels:
        pytest.skip("NOT CHECKED against the original: no depth-anything-3 in DIOPTRE_TEST_PACKAGES")
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("depth_anything_3")
        with zipfile.ZipFile(wheels[-1]) as wheel:
            wheel.extractall(folder)
        patch.syspath_prepend(str(folder))
        yield importlib.import_module("depth_anything_3.model.da3")


def original(code: Any, name: str) -> Any:
    """Return the network as configured by its authors, with random parameters that all affect the output."""
    import torch

    parts = {
        part: importlib.import_module(f"depth_anything_3.model.{part}")
        for part in ("dinov2.dinov2", "dualdpt", "dpt", "cam_enc", "cam_dec")
    }
    torch.manual_seed(3)
    if name == "metric-large":
        net = parts["dinov2.dinov2"].DinoV2("vitl", [4, 11, 17, 23], cat_token=False)
        head = parts["dpt"].DPT(1024, output_dim=1, features=256, out_channels=[256, 512, 1024, 1024])
        model = code.DepthAnything3Net(net, head)
    else:
        letter, width, features = {"small": ("vits", 384, 64), "base": ("vitb", 768, 128)}[name]
        channels = [width // 8, width // 4, width // 2, width]
        starts = {"alt_start": 4, "qknorm_start": 4, "rope_start": 4}
        net = parts["dinov2.dinov2"].DinoV2(letter, [5, 7, 9, 11], cat_token=True, **starts)
        head = parts["dualdpt"].DualDPT(2 * width, output_dim=2, features=features, out_channels=channels)
        decoder, encoder = parts["cam_dec"].CameraDec(2 * width), parts["cam_enc"].CameraEnc(width)
        model = code.DepthAnything3Net(net, head, cam_dec=decoder, cam_enc=encoder)
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            spread = 0.2 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            centre = 0.3 if "gamma" in path else 1.0 if "norm" in path and path.endswith("weight") else 0.0
            parameter.copy_(centre + spread * torch.randn_like(parameter))
        if name != "metric-large":
            model.cam_dec.fc_fov[0].bias.fill_(1.0)  # Otherwise the last ReLU would hide this output.
        else:
            model.head.scratch.sky_output_conv2[-1].bias.fill_(0.5)
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
def test_output_equals_the_original(code: Any, tmp_path: Path, name: str) -> None:
    import torch
    from safetensors.torch import save_model

    model = original(code, name)
    file = tmp_path / "model.safetensors"
    whole = torch.nn.Module()  # The authors' class stores the network in this way.
    whole.model = model
    save_model(whole, str(file))  # Like the authors' library, this saves shared values only once.
    if name in EXACT_BYTES:
        # A file of this layout has the published size, so nothing is missing or added.
        assert abs(file.stat().st_size - EXACT_BYTES[name]) < 1000
    config = resolve(ENTRIES[f"depth-anything-3-{name}"].config)()
    network = fill(lambda rngs: DepthAnything3(config, rngs=rngs), from_safetensors(file), origin="test")
    file.unlink()
    # The parameters are passed as arguments, because constants would fill the memory.
    run = nnx.jit(DepthAnything3.__call__)
    for height, width in SIZES:
        picture = np.random.default_rng(height).normal(size=(1, height, width, 3)).astype(np.float32)
        views = torch.from_numpy(picture.transpose(0, 3, 1, 2)[:, None])
        with torch.no_grad():
            features, _ = model.backbone(views, cam_token=None, export_feat_layers=[])
            expected = dict(model.head(features, height, width, patch_start_idx=0))
            if model.cam_dec is not None:
                expected["field_of_view"] = model.cam_dec(features[-1][1])[..., -2:]
        found = run(network, picture)
        theirs_by_ours = {
            "depth": "depth",
            "confidence": "depth_conf",
            "sky": "sky",
            "field_of_view": "field_of_view",
        }
        compared = 0
        for ours, theirs in theirs_by_ours.items():
            value = getattr(found, ours)
            assert (value is None) == (theirs not in expected), ours
            if value is None:
                continue
            wanted = expected[theirs].numpy()[:, 0]
            assert value.shape == wanted.shape, ours
            scale = np.ptp(wanted) if wanted.size > 2 else float(np.abs(wanted).max())
            assert scale > 1e-2, ours
            assert np.abs(np.asarray(value) - wanted).max() <= TOLERANCE * scale, (ours, height, width)
            compared += 1
        assert compared == (2 if name == "metric-large" else 3)
