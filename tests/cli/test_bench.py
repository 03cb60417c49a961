"""`dioptre bench` reports its measurements. The figures themselves are not tested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from dioptre.cli import ceilings

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
