"""A network's content fills the hole alone, without a seam, and with detail where the picture is finer."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import ndimage

from dioptre.imaging.layers import Inputs, all_rows
from dioptre.models.adding import add_weights
from dioptre.models.loaded import Loaded
from dioptre.models.migan.config import MiganConfig
from dioptre.models.migan.module import Migan
from dioptre.models.missing import NetworkMissingError
from dioptre.models.registry import ENTRIES
from dioptre.pipelines.invented_background import invented_background
from dioptre.pipelines.portrait import run
from dioptre_link.catalogue import operation
from dioptre_link.errors import Cancelled, UsageError
from dioptre_link.operation import Role

from ..models.migan_file import arrays, write
from .test_clean_background import SIZE, disc, energy, stripes

ENTRY = ENTRIES["migan"]


class Grey(nnx.Module):
    """A network that returns one grey everywhere, and keeps its input."""

    def __init__(self, resolution: int = 64, value: float = 0.0) -> None:
        self.config = MiganConfig(resolution=resolution)
        self.value = value

    def __call__(self, x: jnp.ndarray) -> jnp.ndarray:
        return jnp.full((*x.shape[:3], 3), self.value)


class Seen(Grey):
    """A network that returns the colours that it is given, in the hole too."""

    def __call__(self, x: jnp.ndarray) -> jnp.ndarray:
        return x[..., 1:]


def loaded(network: Grey) -> Loaded:
    return Loaded.of(network, entry=ENTRY, config=network.config)


@pytest.fixture(scope="module")
def network() -> Loaded:
    """MI-GAN with random weights, at 64 pixels."""
    config = MiganConfig(resolution=64, total=512, most=16)
    module = Migan(config, rngs=nnx.Rngs(1))
    return Loaded.of(module, entry=ENTRY, config=config)


def filled(
    picture: np.ndarray, alpha: np.ndarray, network: Loaded, disparity: np.ndarray | None = None
) -> np.ndarray:
    near = alpha * np.float32(0.8) if disparity is None else disparity
    return all_rows(picture.shape, invented_background(picture, alpha, near, network=network))


def test_only_the_hole_changes_and_the_same_way_each_time(network: Loaded) -> None:
    picture, alpha = stripes(), disc()
    plate = filled(picture, alpha, network)
    far = disc(radius=26) == 0
    np.testing.assert_array_equal(plate[far], picture[far])
    assert np.abs(plate - picture)[alpha > 0].mean() > 0.02
    np.testing.assert_array_equal(filled(picture, alpha, network), plate)


def test_rows_do_not_depend_on_how_they_are_asked_for(network: Loaded) -> None:
    picture, alpha = stripes(), disc()
    read = invented_background(picture, alpha, alpha, network=network)
    parts = np.concatenate([read(slice(0, 33)), read(slice(33, 34)), read(slice(34, 120))])
    np.testing.assert_array_equal(parts, filled(picture, alpha, network, alpha))


def test_the_network_never_sees_the_subject() -> None:
    """The subject's red must not come through a network that returns what it sees."""
    picture, alpha = stripes(), disc()
    picture[disc(radius=19) > 0] = (0.9, 0.1, 0.1)
    plate = filled(picture, alpha, loaded(Seen()))
    assert (plate[alpha > 0][:, 0] < plate[alpha > 0][:, 1] + 0.1).all()


@pytest.mark.parametrize("size", [(40, 180), (180, 40), (48, 64), (120, 120)])
def test_the_network_sees_the_true_proportions(size: tuple[int, int]) -> None:
    """Beyond the ends of the picture it sees the mirror image, where the subject is hidden too."""
    down, across = np.mgrid[: size[0], : size[1]].astype(np.float32)
    picture = 0.2 + 0.6 * np.stack([down, across, 0 * down], axis=-1) / max(size)
    alpha = disc(size, min(size) / 4, (size[0] / 2, size[1] / 2))
    inputs: list[np.ndarray] = []

    class Recorded(Seen):
        def __call__(self, x: jnp.ndarray) -> jnp.ndarray:
            jax.debug.callback(lambda values: inputs.append(np.asarray(values)[0]), x)
            return super().__call__(x)

    filled(picture, alpha, loaded(Recorded()))
    jax.effects_barrier()
    known, colours = inputs[0][..., 0] + 0.5, inputs[0][..., 1:]
    slopes = [np.abs(np.diff(colours[..., channel], axis=channel)) for channel in (0, 1)]
    inside = [known[1:] * known[:-1] > 0, known[:, 1:] * known[:, :-1] > 0]
    steepest = [
        float(np.median(slope[where & (slope > 1e-3)])) for slope, where in zip(slopes, inside, strict=True)
    ]
    assert steepest[0] == pytest.approx(steepest[1], rel=0.05)
    parts, _ = ndimage.label(known == 0)
    extent = [int((parts == parts[32, 32]).any(axis=axis).sum()) for axis in (0, 1)]
    assert abs(extent[0] - extent[1]) <= 2, "a round subject stays round"


def test_a_constant_error_of_the_network_leaves_no_seam() -> None:
    truth = np.full((*SIZE, 3), 0.3, np.float32)
    alpha = disc()
    picture = np.where(alpha[..., None] > 0, np.float32(0.9), truth)
    plate = filled(picture, alpha, loaded(Grey(value=0.5)))  # The network's grey is 0.75.
    np.testing.assert_allclose(plate, truth, atol=5e-3)


def test_detail_comes_from_the_background_where_the_picture_is_finer() -> None:
    """The picture is ten times as fine as the network's. Mixing four sources halves the energy of such noise."""
    size = 768, 768
    noise = np.random.default_rng(5).normal(0, 0.06, size).astype(np.float32)
    truth = np.repeat((0.5 + noise)[..., None], 3, axis=2)
    alpha = disc(size, 150, (380, 390))
    picture = np.where(alpha[..., None] > 0, np.float32([0.9, 0.1, 0.1]), truth)
    plate = filled(picture, alpha, loaded(Grey()))
    inside = disc(size, 120, (380, 390)) > 0
    assert 0.4 < energy(plate, inside) / energy(truth, inside) < 1.2
    invented = filled(picture[::10, ::10], alpha[::10, ::10], loaded(Grey()))
    assert energy(invented, inside[::10, ::10]) < 0.01 * energy(truth, inside), "the network's content is smooth"
    assert abs(float(plate[inside].mean()) - 0.5) < 0.03


def test_alpha_is_kept_and_transparent_pixels_are_not_seen() -> None:
    alpha, opacity = disc(), np.ones(SIZE, np.float32)
    opacity[:, 90:] = 0
    picture = np.concatenate([stripes(), opacity[..., None]], axis=-1)
    picture[:, 90:, :3] = (1, 0, 1)
    plate = filled(picture, alpha, loaded(Seen()))
    np.testing.assert_array_equal(plate[..., 3], opacity)
    np.testing.assert_array_equal(plate[:, 95:], picture[:, 95:])
    assert (plate[alpha > 0][:, 0] < plate[alpha > 0][:, 1] + 0.1).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (90, 5), (20, 24), (60, 400), (300, 310)])
def test_any_size_works(size: tuple[int, int], network: Loaded) -> None:
    picture = stripes(size)
    alpha = disc(size, radius=max(1.0, min(size) / 3), centre=(size[0] / 2, size[1] / 2))
    plate = filled(picture, alpha, network)
    assert np.isfinite(plate).all()
    assert plate.min() >= 0


def test_no_subject_and_nothing_but_the_subject(network: Loaded) -> None:
    picture = stripes()
    np.testing.assert_array_equal(filled(picture, np.zeros(SIZE, np.float32), network), picture)
    assert np.isfinite(filled(picture, np.ones(SIZE, np.float32), network)).all()


TOUCHING = {
    "a corner": (slice(None, 20), slice(None, 20)),
    "the bottom": (slice(-30, None), slice(10, 30)),
    "both sides": (slice(10, 25), slice(None)),
    "all but one column": (slice(None), slice(None, -1)),
    "the last pixel": (slice(-1, None), slice(-1, None)),
}


@pytest.mark.parametrize("size", [SIZE, (40, 300), (300, 40)])
@pytest.mark.parametrize("name", TOUCHING)
def test_a_subject_may_touch_the_ends_of_the_picture(name: str, size: tuple[int, int]) -> None:
    alpha = np.zeros(size, np.float32)
    alpha[TOUCHING[name]] = 1
    picture = stripes(size)
    picture[alpha > 0] = (0.9, 0.1, 0.1)
    plate = filled(picture, alpha, loaded(Seen()))
    hole = alpha > 0
    assert (plate[hole][:, 0] < plate[hole][:, 1] + 0.1).all()
    far = ndimage.distance_transform_edt(~hole) > 5 * max(size) / 64  # five cells of the largest view
    np.testing.assert_array_equal(plate[far], picture[far])


def test_cancel_stops(network: Loaded) -> None:
    def cancel(fraction: float, phase: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        invented_background(stripes(), disc(), disc(), network=network, progress=cancel)


def _portrait(choice: str) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """Return the picture, the plate, and the recorded networks, with given depth and subject."""
    picture, alpha = stripes(), disc()
    inputs = Inputs(picture=picture, disparity=alpha * np.float32(0.8), subject=alpha)
    options = operation("portrait").check({"background_fill": choice})
    result = run(inputs, options, lambda fraction, phase: None)
    plate = next(layer for layer in result.layers if layer.role is Role.BACKGROUND)
    return picture, np.asarray(plate.pixels), dict(result.models)


def test_the_option_uses_the_added_network_and_records_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    with pytest.raises(NetworkMissingError, match="MI-GAN"):
        _portrait("migan")
    add_weights(ENTRY, write(tmp_path / "migan_256_places2.pt", arrays(256)))
    picture, plate, models = _portrait("migan")
    _, usual, others = _portrait("auto")
    assert models.keys() - others.keys() == {"migan"}
    assert np.abs(plate - usual)[disc() > 0].mean() > 0.01
    far = disc(radius=26) == 0
    np.testing.assert_array_equal(plate[far], picture[far])


def test_another_choice_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown"):
        operation("portrait").check({"background_fill": "unknown"})
