"""`dioptre bench`: that it measures what it says. The figures themselves are never tested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

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
