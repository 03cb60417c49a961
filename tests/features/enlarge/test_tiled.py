"""Tiles: the same result as for the whole picture, in fixed shapes, with progress, cancellation and safeguards."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

from dioptre import programs
from dioptre.features.enlarge import tiled
from dioptre.features.enlarge.tiled import UnusableResultError, enlarge_tiled
from dioptre.models import loaded
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find
from dioptre.models.rrdb import RrdbConfig
from dioptre.models.rrdb.module import Rrdb
from dioptre.models.span import SpanConfig
from dioptre.models.span.module import Span
from dioptre.models.srvgg import SrvggConfig
from dioptre.models.srvgg.module import Srvgg
from dioptre_link.errors import Cancelled

from ...golden import pattern


def picture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(height).random((height, width, 3)).astype(np.float32)
    return pattern(height, width) * 0.9 + noise * 0.1


@pytest.mark.parametrize("model", ["span-x2", "span-x4"])
@pytest.mark.parametrize("size", [(150, 90), (64, 131), (40, 200)])
def test_tiled_equals_whole(model: str, size: tuple[int, int]) -> None:
    network = load_model(model)
    whole = np.asarray(network(picture(*size)[None]))[0]
    np.testing.assert_allclose(enlarge_tiled(network, picture(*size), tile_px=64).pixels, whole, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "make", "config"),
    [("span-x4", Span, SpanConfig(scale=4)), ("realesr-animevideov3", Srvgg, SrvggConfig())],
    ids=["span", "srvgg"],
)
def test_a_tile_takes_no_more_memory_than_its_network_says(name: str, make: Any, config: Any) -> None:
    """Compare with XLA's own estimate, without running. RRDB is left out, because it takes too long to compile."""
    entry = find(name, kind=ModelKind.SUPER_RESOLUTION)
    network = Loaded.of(make(config, rngs=nnx.Rngs(0)), entry=entry, config=config)
    side = 256
    inputs = [jax.ShapeDtypeStruct((1, side, side, channels), np.float32) for channels in (3, 1)]
    used = network.program("__call__").lower(network.values, *inputs).compile().memory_analysis()  # type: ignore[attr-defined]
    taken = used.temp_size_in_bytes + used.output_size_in_bytes
    assert taken <= config.working_bytes_per_px * side**2


def test_memory_chooses_the_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_model("span-x2")
    monkeypatch.setattr(tiled.os, "cpu_count", lambda: 2)
    seen: list[int] = []
    monkeypatch.setattr(
        tiled, "_enlarge_tile", lambda network, tile, side: seen.append(side) or tile.repeat(2, 0).repeat(2, 1)
    )
    for free in (64 << 30, 1 << 30, 200 << 20, 0):
        monkeypatch.setattr(tiled, "free_bytes", lambda free=free: free)
        enlarge_tiled(network, np.zeros((900, 900, 3), np.float32))
        largest = max(tiled.TILES_PX[0], (free // 2 / network.config.working_bytes_per_px) ** 0.5)
        assert seen[-1] <= largest
    assert seen[0] == 512
    assert seen == sorted(seen, reverse=True)


def test_tiles_side_by_side_are_traced_once_and_make_the_same_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    traces: list[None] = []
    run = loaded._run
    monkeypatch.setattr(loaded, "_run", lambda *arguments: (traces.append(None), run(*arguments))[1])
    made = []
    for cores in (1, 4):
        monkeypatch.setattr(tiled.os, "cpu_count", lambda cores=cores: cores)
        monkeypatch.setattr(programs, "cache_dir", lambda cores=cores: tmp_path / str(cores))
        network = dataclasses.replace(load_model("span-x2"))  # A copy of the network has no compiled programs yet.
        traces.clear()
        made.append(enlarge_tiled(network, picture(150, 170), tile_px=64).pixels)
        assert len(traces) == 1
    np.testing.assert_array_equal(*made)


def test_new_sizes_compile_nothing() -> None:
    network = dataclasses.replace(load_model("span-x2"))

    def compiled() -> int:
        return sum(made._cache_size() for made in network.programs.values())  # type: ignore[attr-defined]

    for size in ((64, 64), (63, 64)):  # One size needs padding, the other does not.
        enlarge_tiled(network, picture(*size), tile_px=64)
    assert compiled() == 2
    for size in ((1, 1), (1, 200), (70, 90), (129, 30)):
        enlarge_tiled(network, picture(*size), tile_px=64)
    assert compiled() == 2


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
    broken = dataclasses.replace(network, checksums={})  # Without checksums, no stored program is used.
    broken.programs["__call__"] = lambda values, x, *more: np.full((1, 128, 128, 3), value, np.float32)
    with pytest.raises(UnusableResultError, match="invalid result"):
        enlarge_tiled(broken, picture(64, 64), tile_px=64)


def test_a_passing_fault_is_computed_again_with_full_precision() -> None:
    network = load_model("span-x2")
    seen: list[str | None] = []
    forward = network.program("__call__")

    def faulty(values: Any, *inputs: np.ndarray) -> Any:
        seen.append(jax.config.jax_default_matmul_precision)  # type: ignore[attr-defined]
        made = forward(values, *inputs)
        return made * np.nan if seen[-1] is None else made

    once = dataclasses.replace(network, checksums={})
    once.programs["__call__"] = faulty
    made = enlarge_tiled(once, picture(64, 64), tile_px=64)
    assert seen == [None, "float32"]
    np.testing.assert_allclose(made.pixels, np.asarray(network(picture(64, 64)[None]))[0], atol=1e-5)


def test_where_the_network_diverges_the_picture_is_interpolated() -> None:
    """Pure noise makes this network output values of several hundred."""
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
    # The safeguard is off, because random weights do not output anything like a picture.
    monkeypatch.setattr(tiled, "_UNSTEADY", np.inf)
    entry = find("realesrgan-x4plus", kind=ModelKind.SUPER_RESOLUTION)
    network = Loaded.of(make(config, rngs=nnx.Rngs(0)), entry=entry, config=config)
    x = picture(90, 70)
    whole = np.asarray(network(x[None]))[0]
    assert config.overlap_px == config.receptive_radius_px
    np.testing.assert_allclose(enlarge_tiled(network, x, tile_px=64).pixels, whole, atol=1e-5)


def test_where_memory_is_not_enough_tiles_become_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    network, sides, phases = load_model("span-x2"), [], []

    def enlarge(network: Loaded, tile: np.ndarray, side: int) -> np.ndarray:
        sides.append(side)
        if side > 128:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12345 bytes.")
        return tile.repeat(2, 0).repeat(2, 1)

    monkeypatch.setattr(tiled, "_enlarge_tile", enlarge)
    pixels = picture(300, 200)
    made = enlarge_tiled(network, pixels, tile_px=384, progress=lambda share, phase: phases.append(phase))
    np.testing.assert_array_equal(made.pixels, pixels.repeat(2, 0).repeat(2, 1))
    assert sides[:3] == [384, 256, 128]
    assert set(sides[2:]) == {128}
    assert any("to save memory" in phase for phase in phases)
