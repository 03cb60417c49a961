"""The optional runtime gives the same results as JAX, falls back to JAX if necessary, and makes no connections."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from dioptre.models import acceleration
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find
from dioptre.models.rrdb import RrdbConfig
from dioptre.models.rrdb.module import Rrdb
from dioptre.models.srvgg import SrvggConfig
from dioptre.models.srvgg.module import Srvgg

pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
pytestmark = pytest.mark.reference  # These tests compare JAX with another runtime, which must be installed.

NAMES = ["span-x4", "realesr-animevideov3", "realesrgan-x4plus"]
EXAMPLE = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def photo(height: int, width: int) -> np.ndarray:
    with Image.open(EXAMPLE) as image:
        return np.asarray(image.convert("RGB").crop((150, 60, 150 + width, 60 + height)), np.float32) / 255


def marked(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture padded to a larger array, and a mask of the picture in that array."""
    height, width = x.shape[:2]
    padding = ((0, 0), (0, size - height), (0, size - width), (0, 0))
    return np.pad(x[None], padding), np.pad(np.ones((1, height, width, 1), np.float32), padding)


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(acceleration.VARIABLE, "openvino-f32")
    monkeypatch.setenv("DIOPTRE_CACHE_DIR", str(tmp_path))


def small(make: Any, config: Any, entry: str) -> Loaded:
    found = find(entry, kind=ModelKind.SUPER_RESOLUTION)
    return Loaded.of(make(config, rngs=nnx.Rngs(0)), entry=found, config=config)


@pytest.mark.usefixtures("exactly")
def test_what_has_no_translation_is_left_to_jax(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = load_model("span-x4")
    run = acceleration.accelerated(network)
    assert run is not None

    def fail(*_: object) -> None:
        raise NotImplementedError("no translation for sort")

    monkeypatch.setattr(run, "_compile", fail)
    x = photo(32, 32)[None]
    np.testing.assert_array_equal(run(x), network.forward(network.state, x))
    assert "span-x4 stays in JAX" in caplog.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("exactly")
def test_the_same_picture_as_jax(name: str) -> None:
    network = {
        "realesr-animevideov3": lambda: small(Srvgg, SrvggConfig(channels=8, convolutions=2), name),
        "realesrgan-x4plus": lambda: small(Rrdb, RrdbConfig(channels=8, growth=4, blocks=1), name),
    }.get(name, lambda: load_model(name))()
    run = acceleration.accelerated(network)
    assert run is not None
    for inputs in ((photo(48, 48)[None],), marked(photo(30, 41), 48)):
        expected = np.asarray(network.forward(network.state, *inputs))
        inside = expected[:, : 30 * network.config.scale, : 41 * network.config.scale]
        made = run(*inputs)
        assert made.shape == expected.shape
        np.testing.assert_allclose(made[:, : inside.shape[1], : inside.shape[2]], inside, atol=5e-6)


def test_bfloat16_stays_within_a_few_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processors without bfloat16 use float32, which is even closer; the others round in different places."""
    monkeypatch.delenv(acceleration.VARIABLE)
    monkeypatch.setenv("DIOPTRE_CACHE_DIR", str(tmp_path))
    network = load_model("span-x4")
    run = acceleration.accelerated(network)
    assert run is not None
    difference = run(photo(64, 64)[None]) - np.asarray(network.forward(network.state, photo(64, 64)[None]))
    assert np.abs(difference).max() < 4 / 255  # Measured on two processors: 1.5 / 255 and 2.52 / 255.
    assert difference.std() < 0.6 / 255  # Measured: 0.43 / 255.


def test_compiled_networks_are_kept_up_to_a_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each picture shape needs a cache file as large as the weights, and cropped photos have hundreds of shapes."""
    monkeypatch.delenv(acceleration.VARIABLE)
    monkeypatch.setenv("DIOPTRE_CACHE_DIR", str(tmp_path))
    run = acceleration.accelerated(load_model("span-x4"))
    assert run is not None
    run(photo(32, 32)[None])
    (first,) = (tmp_path / "openvino").glob("*.blob")
    monkeypatch.setattr(acceleration, "_CACHE_BYTES", 2 * first.stat().st_size + 100_000)
    run(photo(32, 40)[None])
    assert first.exists()
    run(photo(40, 32)[None])
    assert not first.exists()
    assert len(list((tmp_path / "openvino").glob("*.blob"))) == 2


def test_full_precision_is_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_model("span-x4")
    loud = dataclasses.replace(network)
    loud.__dict__["accelerated"] = lambda x: "accelerated"
    x = photo(32, 32)[None]
    assert loud(x) == "accelerated"
    with jax.default_matmul_precision("float32"):
        np.testing.assert_array_equal(loud(x), network.forward(network.state, x))


def test_it_can_be_switched_off_and_is_only_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_model("span-x4")
    assert acceleration.accelerated(network) is None  # The tests' environment switches the accelerator off.
    monkeypatch.delenv(acceleration.VARIABLE)
    assert acceleration.accelerated(network) is not None
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert acceleration.accelerated(network) is None


def test_nobody_is_told() -> None:
    """By default, importing the package starts a process that reports the import over the network."""
    code = (
        "import os, socket, sys\n"
        "def stop(*_): raise SystemExit('something was started or connected')\n"
        "os.fork = socket.socket.connect = stop\n"
        "from dioptre.models import acceleration\n"
        "from dioptre.models.loading import load_model\n"
        "import numpy as np\n"
        "acceleration.accelerated(load_model('span-x4'))(np.zeros((1, 32, 32, 3), np.float32))\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "assert 'openvino' in sys.modules\n"
    )

    environment = {k: v for k, v in os.environ.items() if k != acceleration.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
