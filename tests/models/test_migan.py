"""MI-GAN: its resampling, its published files, and files that are not."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import ndimage

from dioptre.checkpoints.blueprint import fill
from dioptre.checkpoints.card import Card, WeightsError
from dioptre.cli.main import group
from dioptre.models.adding import add_weights
from dioptre.models.loading import load_model
from dioptre.models.migan.config import MiganConfig, published
from dioptre.models.migan.convert import from_torch_file, stated_config
from dioptre.models.migan.module import Migan, doubled, halved
from dioptre.models.missing import NetworkMissingError
from dioptre.models.registry import ENTRIES, is_installed
from dioptre_link.errors import UsageError

from .migan_file import TAPS, arrays, write

ENTRY = ENTRIES["migan"]


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    return arrays(256)


@pytest.fixture(scope="module")
def file(values: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("migan") / "migan_256_places2.pt", values)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_resampling_is_that_of_the_original() -> None:
    """The original inserts zeros, or drops every second value, and convolves with four taps."""
    x = jnp.asarray(np.random.default_rng(1).normal(size=(1, 6, 8, 2)), jnp.float32)
    for channel in range(2):
        plane = x[0, ..., channel]
        spread = np.zeros((12, 16), np.float32)
        spread[::2, ::2] = plane
        enlarged = ndimage.correlate(spread, TAPS / 16, mode="constant")
        np.testing.assert_allclose(doubled(x)[0, ..., channel], enlarged, atol=1e-6)
        reduced = ndimage.correlate(plane, TAPS / 64, mode="constant")[1::2, 1::2]
        np.testing.assert_allclose(halved(x)[0, ..., channel], reduced, atol=1e-6)


def test_sizes_of_the_published_networks() -> None:
    assert published().sides == (512, 256, 128, 64, 32, 16, 8, 4)
    assert [published().channels(side) for side in (512, 128, 64, 4)] == [64, 256, 512, 512]
    with pytest.raises(WeightsError, match="no MI-GAN of 1024 pixels"):
        published({"resolution": 1024})


def test_a_picture_of_another_size_is_refused() -> None:
    config = MiganConfig(resolution=16, total=64, most=8)
    network = fill(lambda rngs: Migan(config, rngs=rngs), _random(config), origin="test")
    assert network(jnp.zeros((1, 16, 16, 4))).shape == (1, 16, 16, 3)
    with pytest.raises(ValueError, match="takes 16x16 pixels, not 16x32"):
        network(jnp.zeros((1, 16, 32, 4)))


def test_a_published_file_is_added_and_loads(file: Path, home: Path) -> None:
    with pytest.raises(NetworkMissingError) as missing:
        load_model("migan")
    assert "migan_512_places2.pt" in missing.value.hint
    assert not missing.value.can_be_fetched
    by_name = CliRunner().invoke(group, ["models", "add", "migan"])
    assert isinstance(by_name.exception, UsageError)
    assert by_name.exception.hint == missing.value.hint
    done = CliRunner().invoke(group, ["models", "add", str(file)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    card = Card.read(home / "data" / "weights" / "migan")
    assert (card.licence, card.config, card.sources[0].file) == ("MIT", {"resolution": 256}, file.name)
    network = load_model("migan")
    assert network.config.resolution == 256
    x = np.random.default_rng(2).uniform(-1, 1, (1, 256, 256, 4)).astype(np.float32)
    first, second = np.asarray(network(x)), np.asarray(network(x))
    assert first.shape == (1, 256, 256, 3)
    np.testing.assert_array_equal(first, second)


def test_noise_is_multiplied_by_its_strength(file: Path, values: dict[str, np.ndarray]) -> None:
    ours, name = from_torch_file(file), "synthesis.b8.conv1"
    expected = values[f"{name}.noise_const"] * values[f"{name}.noise_strength"]
    np.testing.assert_array_equal(ours["decoder.1.first.noise"], expected)


def _lacks_a_layer(values: dict[str, np.ndarray]) -> None:
    del values["encoder.b8.conv1.conv2.weight"]


def _has_another_shape(values: dict[str, np.ndarray]) -> None:
    values["synthesis.b4.torgb.weight"] = np.zeros((3, 5, 1, 1), np.float32)


def _has_an_unknown_layer(values: dict[str, np.ndarray]) -> None:
    values["mapping.fc0.weight"] = np.zeros((4, 4), np.float32)


def _has_another_filter(values: dict[str, np.ndarray]) -> None:
    values["synthesis.b8.upsample.filter.weight"] = np.ones((3, 1, 4, 4), np.float32)


def _lacks_the_strength_of_noise(values: dict[str, np.ndarray]) -> None:
    del values["synthesis.b8.conv2.noise_strength"]


def _is_of_another_size(values: dict[str, np.ndarray]) -> None:
    values["encoder.b1024.fromrgb.weight"] = values.pop("encoder.b256.fromrgb.weight")


def _has_a_value_that_is_no_number(values: dict[str, np.ndarray]) -> None:
    values["synthesis.b4.torgb.bias"] = np.full(3, np.nan, np.float32)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_lacks_a_layer, r"encoder\.5\.first\.pointwise\.kernel"),
        (_has_another_shape, r"decoder\.0\.colour\.kernel"),
        (_has_an_unknown_layer, r"mapping\.fc0\.weight"),
        (_has_another_filter, r"b8\.upsample\.filter\.weight is not the filter"),
        (_lacks_the_strength_of_noise, r"incomplete noise in synthesis\.b8\.conv2"),
        (_is_of_another_size, "its first layer is missing"),
        (_has_a_value_that_is_no_number, r"not finite in synthesis\.b4\.torgb\.bias"),
    ],
)
def test_other_files_are_refused_with_the_reason(
    spoil: object, reason: str, values: dict[str, np.ndarray], home: Path, tmp_path: Path
) -> None:
    spoilt = dict(values)
    spoil(spoilt)  # type: ignore[operator]
    with pytest.raises(WeightsError, match=reason) as refused:
        add_weights(ENTRY, write(tmp_path / "other.pt", spoilt))
    assert refused.value.hint
    assert not is_installed(ENTRY)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "migan_512_places2.pt"
    text.write_text("not a checkpoint", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"cannot read migan_512_places2\.pt"):
        stated_config(text)


def _random(config: MiganConfig) -> dict[str, np.ndarray]:
    from dioptre.checkpoints.blueprint import blueprint

    types = blueprint(lambda rngs: Migan(config, rngs=rngs)).types
    rng = np.random.default_rng(4)
    return {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, (shape, _) in types.items()}
