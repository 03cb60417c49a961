"""Measure jobs in a real Krita: seconds from the click to the layers, stalls of the interface, and memory.

    python -m benchmarks.krita EDITOR-TREE [--sizes 2,12,24] [--spaces 12] [--previews 2,12] [--json FILE]

EDITOR-TREE is built by tests/editors/tree; the package under test is the one in this environment. Each row is one
job on a photograph of the stated size, after a small job that compiled and started everything. "longest stall" is
the longest time between two turns of Krita's event loop (a timer that fires every 4 ms). "own CPU" is the most CPU
time that the interface's thread used in one such gap; the rest of a stall is waiting for Krita's own threads or for
other programs. The machine's load, which affects the times, is printed with them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.plugin.krita.conftest import install

COLUMNS = {
    "mp": "MP",
    "job": "job",
    "seconds": "s",
    "stall_ms": "longest stall, ms",
    "stall_cpu_ms": "own CPU, ms",
    "krita_before_mib": "Krita before, MiB",
    "krita_peak_mib": "Krita's peak, MiB",
    "worker_peak_mib": "worker's peak, MiB",
    "load": "load",
}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = (row.get(name, "") for name in COLUMNS)
        words = (f"{one:.1f}" if isinstance(one, float) else str(one) for one in cells)
        lines.append(f"| {' | '.join(words)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, help="an editor tree with Krita")
    parser.add_argument("--sizes", default="2,12,24", help="megapixels: 2, 12, 24")
    parser.add_argument("--spaces", default="12", help="megapixels of the jobs in CMYK and Lab")
    parser.add_argument("--previews", default="2,12", help="megapixels of the photos in the docker")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    chosen = parser.parse_args()
    os.environ["DIOPTRE_TEST_KRITA"] = str(chosen.tree.resolve())
    with tempfile.TemporaryDirectory(prefix="krita-") as folder:
        krita = install(Path(folder).resolve() / "out", limit_s=3600)
        checks = krita.checks("measure.py", SIZES=chosen.sizes, SPACES=chosen.spaces, PREVIEWS=chosen.previews)
        if any(checks.values()):
            raise SystemExit("\n".join(checks.values()))
        rows = json.loads((krita.out / "measured.json").read_text(encoding="utf-8"))
    print(f"Krita {krita.version}\n\n{table(rows)}")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"krita": krita.version, "rows": rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
