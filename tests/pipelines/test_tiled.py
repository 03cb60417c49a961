"""Tiles: the same as the whole picture at once, in fixed shapes, with progress, cancel and guards."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from flax import nnx

from dioptre.models.loaded import Loaded
from dioptre.models.registry import ModelKind, find, load_model
from dioptre.models.rrdb import Rrdb, RrdbConfig
from dioptre.models.srvgg import Srvgg, SrvggConfig
from dioptre.pipelines import tiled
from dioptre.pipelines.tiled import UnusableResultError, enlarge_tiled
from dioptre_link.errors import Cancelled

from ..golden import pattern


def picture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(height).random((height, width, 3)).astype(np.float32)
    return pattern(height, width) * 0.9 + noise * 0.1


@pytest.mark.parametrize("model", ["span-x2", "span-x4"])
@pytest.mark.parametrize("size", [(150, 90), (64, 131), (40, 200)])
def test_tiled_equals_whole(model: str, size: tuple[int, int]) -> None:
    network = load_model(model)
    whole = np.asarray(network(picture(*size)[None]))[0]
    np.testing.assert_allclose(enlarge_tiled(network, picture(*size), tile_px=64).pixels, whole, atol=1e-5)


def test_new_sizes_compile_nothing() -> None:
    network = load_model("span-x2")
    for size in ((64, 64), (63, 64)):  # with and without padding
        enlarge_tiled(network, picture(*size), tile_px=64)
    before = network.forward._cache_size()  # type: ignore[attr-defined]
    for size in ((1, 1), (1, 200), (70, 90), (129, 30)):
        enlarge_tiled(network, picture(*size), tile_px=64)
    assert network.forward._cache_size() == before  # type: ignore[attr-defined]


def test_progress_rises_and_cancel_stops_between_tiles() -> None:
    network = load_model("span-x2")
    seen: list[float] = []
    enlarge_tiled(network, picture(100, 100), tile_px=64, progress=lambda fraction, phase: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == 1
    assert len(seen) > 4

    def cancel(fraction: float, phase: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        enlarge_tiled(network, picture(100, 100), tile_px=64, progress=cancel)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_broken_network_is_an_error_and_never_a_black_picture(value: float) -> None:
    network = load_model("span-x2")
    broken = dataclasses.replace(network)
    broken.__dict__["forward"] = lambda state, x, *more: np.full((1, 128, 128, 3), value, np.float32)
    with pytest.raises(UnusableResultError, match="unusable result"):
        enlarge_tiled(broken, picture(64, 64), tile_px=64)


def test_where_the_network_diverges_the_picture_is_interpolated() -> None:
    """Pure noise makes this network produce values of hundreds."""
    network = load_model("span-x2")
    noisy = picture(100, 120)
    noisy[30:60, 30:60] = np.random.default_rng(0).random((30, 30, 3))
    assert np.abs(np.asarray(network(noisy[None]))).max() > 5
    made = enlarge_tiled(network, noisy)
    assert np.abs(made.pixels).max() < 2.5
    assert 0 < made.interpolated < 0.5
    np.testing.assert_allclose(made.pixels[:, 180:], np.asarray(network(noisy[None]))[0][:, 180:], atol=1e-5)


@pytest.mark.parametrize(
    ("make", "config"),
    [(Rrdb, RrdbConfig(channels=6, growth=4, blocks=1)), (Srvgg, SrvggConfig(channels=6))],
    ids=["rrdb", "srvgg"],
)
def test_other_networks_are_exact_where_tiles_overlap_by_all_of_their_reach(
    make: type[Rrdb] | type[Srvgg], config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled, "_UNSTEADY", np.inf)  # random weights give anything but a picture
    graph, state = nnx.split(make(config, rngs=nnx.Rngs(0)))
    entry = find("realesrgan-x4plus", kind=ModelKind.SUPER_RESOLUTION)
    network = Loaded(entry=entry, config=config, graph=graph, state=state, checksums={})
    x = picture(90, 70)
    whole = np.asarray(network(x[None]))[0]
    assert config.overlap_px == config.receptive_radius_px
    np.testing.assert_allclose(enlarge_tiled(network, x, tile_px=64).pixels, whole, atol=1e-5)
