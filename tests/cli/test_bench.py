"""`dioptre bench` reports its measurements. The figures themselves are not tested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dioptre.cli import ceilings
from dioptre.files.metric_depth import write_metric_depth
from dioptre.pipelines.depth import Depth

Dioptre = Callable[..., tuple[int, str, str]]


def test_rows_and_file(dioptre: Dioptre, tmp_path: Path) -> None:
    written = tmp_path / "bench.json"
    arguments = ("--megapixels", "0.05", "--runs", "1", "--only", "white-balance", "--only", "lens-blur")
    code, out, _ = dioptre("bench", *arguments, "--json", "-o", str(written))
    machine, *rows = (json.loads(line) for line in out.splitlines())
    assert (code, machine["type"], machine["cores"] > 0) == (0, "machine", True)
    assert [row["name"] for row in rows] == ["white-balance", "lens-blur"]
    assert all(min(row["first_s"], row["wall_s"], row["cpu_s"], row["peak_gib"]) > 0 for row in rows)
    assert [row["name"] for row in json.loads(written.read_text())["rows"]] == ["white-balance", "lens-blur"]


def test_unknown_row_is_refused_with_the_known_ones(dioptre: Dioptre) -> None:
    code, _, err = dioptre("bench", "--only", "speed")
    assert code == 2
    assert "lens-blur-preview" in err


def test_networks_are_measured_on_a_folder_of_pictures(
    dioptre: Dioptre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate is replaced by the true depth in another scale."""
    rng = np.random.default_rng(1)
    inverse_m = np.repeat(np.repeat(rng.uniform(0.1, 1, (12, 16)), 4, 0), 4, 1).astype(np.float32)
    for name in ("hall", "room"):
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / f"{name}.png")
        write_metric_depth(inverse_m, tmp_path / f"{name}.depth.tif")
    asked: list[str] = []

    def estimate(pixels: np.ndarray, *, model: str, field_of_view: object) -> Depth:
        asked.append(model)
        scaled = (inverse_m - 0.1) / 0.9
        return Depth(disparity=scaled, model=model, range_per_m=(0.2, 1.1))

    monkeypatch.setattr("dioptre.pipelines.depth.estimate_depth", estimate)
    written = tmp_path / "scores.json"
    code, out, _ = dioptre("bench", "--depth", str(tmp_path), "-o", str(written))
    (row,) = json.loads(written.read_text())["rows"]
    assert (code, asked) == (0, ["dioptre-depth-small"] * 2)
    assert (row["pictures"], row["AbsRel"], row["delta1"]) == (2, 0.0, 1.0)
    assert set(row["scores"]) == {"hall", "room"}
    wrong_by = 0.1 / (inverse_m[8:-8, 8:-8] + 0.1)  # 1 - z / z*, as all inverse depths are 0.1 / m too large
    assert row["AbsRel in metres"] == pytest.approx(wrong_by.mean(), abs=1e-3)
    assert "dioptre-depth-small" in out
    code, _, err = dioptre("bench", "--depth", str(tmp_path), "--model", "nothing")
    assert (code, "no depth network named" in err) == (2, True)
    code, _, err = dioptre("bench", "--model", "best")
    assert (code, "--depth DATA" in err) == (2, True)


def test_ceilings_are_told_with_what_is_reached(dioptre: Dioptre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "_PRODUCT_SIDE", 256)
    monkeypatch.setattr(ceilings, "_PASS_BYTES", 1 << 20)
    monkeypatch.setattr(ceilings, "_TIMES", 1)
    monkeypatch.setattr(ceilings, "_NETWORKS", {"enlarging-network": ("super-resolution", (1, 32, 32, 3))})
    arguments = ("--megapixels", "0.02", "--runs", "1", "--only", "white-balance", "--ceilings", "--json")
    code, out, _ = dioptre("bench", *arguments)
    _, _, most, *shares = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert most["gflop_per_cpu_s"] > 0
    assert most["gb_per_cpu_s"] > 0
    assert [share["name"] for share in shares] == ["enlarging-network", "to-linear-light", "to-half-size"]
    assert all(share["share"] > 0 for share in shares)
    # GFLOP: about two operations per pixel (1024) and weight of SPAN (425 000).
    assert 0.5 < shares[0]["amount"] < 1.2


def test_products_are_counted_through_loops_and_calls() -> None:
    def work(x, kernel):
        product = jax.lax.scan(lambda carry, _: (jax.jit(jnp.matmul)(carry, carry), None), x, length=5)[0]
        return product, jax.lax.conv_general_dilated(
            kernel, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    jaxpr = jax.make_jaxpr(work)(jnp.ones((8, 8)), jnp.ones((3, 3, 4, 4))).jaxpr
    assert ceilings.product_flop(jaxpr) == 5 * 2 * 8**3 + 2 * (3 * 3 * 4 * 4) * (3 * 3 * 4)
