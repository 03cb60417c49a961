"""Measure GIMP's *Foreground Select* in a real GIMP, on pictures with true mattes and regions painted by a rule.

    PYTHONPATH=DATA python -m benchmarks.foreground_select DATA EDITOR-TREE [--every N] [--json FILE]

DATA is the folder of `benchmarks/select_clicks.py`, whose set `matte` is used; EDITOR-TREE is built by
tests/editors/tree. The tool needs a rough outline and strokes on the foreground, and decides between both. The rule
makes them from the truth: the outline lies `rough` or `close` outside the subject, the strokes reach as near to
its edge from inside, and everything between is left to GIMP (`gimp-drawable-foreground-extract`, the tool's
engine). The closer the regions are, the longer a person paints; the rule makes no mistakes. The overlap and the
error in the band are those of `benchmarks/select_clicks.py`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.matte import items
from benchmarks.select_clicks import agreement
from tests.editors.host import CHECKOUT, Tree

APART = {"rough": 0.05, "close": 0.0125}  # distance of the painted regions from the edge, of the shorter side
LEAST = 0.2  # part of the subject's largest thickness that the strokes cover at least
LIMIT_S = 3600
CODE = "exec(compile(open('/inside/inside_gimp_foreground.py').read(), 'inside', 'exec'), {'__name__': 'inside'})"


def trimap(truth: np.ndarray, apart: float) -> np.ndarray:
    """Return the painted regions: 255 on the foreground, 0 outside the outline, 128 between.

    Args:
        truth: (h, w) alpha.
        apart: distance of the regions from the edge, as a fraction of the shorter side.
    """
    distance = apart * min(truth.shape)
    inside = ndimage.distance_transform_edt(truth > 0.98)
    outside = ndimage.distance_transform_edt(truth < 0.02)
    foreground = inside > min(distance, (1 - LEAST) * float(inside.max()))
    between: np.ndarray = np.where(outside > distance, 0, 128)
    return np.where(foreground, 255, between).astype(np.uint8)


def extract(tree: Tree, shared: Path) -> None:
    """Run GIMP on all pictures in a folder.

    Raises:
        SystemExit: GIMP did not finish; the message is the end of its output.
    """
    series = ".".join(tree.package_version("gimp").split(".")[:2])
    done = tree.run(
        [
            *(f"gimp-console-{series}", "-i", "-d", "-f", "--batch-interpreter", "python-fu-eval"),
            *("-b", CODE, "--quit"),
        ],
        binds={CHECKOUT / "benchmarks": "/inside"},
        writable={shared: "/shared"},
        limit_s=LIMIT_S,
    )
    if not (shared / "seconds.json").exists():
        raise SystemExit(done.stdout[-4000:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    truths: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="foreground-") as folder:
        shared = Path(folder) / "shared"
        shared.mkdir()
        for name, _, _, picture, truth in list(items(chosen.data, "matte"))[:: chosen.every]:
            truths[name] = truth
            Image.fromarray((picture * 255 + 0.5).astype(np.uint8)).save(shared / f"{name}.png")
            for rule, apart in APART.items():
                Image.fromarray(trimap(truth, apart)).save(shared / f"{name}.{rule}.png")
        extract(Tree(chosen.tree.resolve(), Path(folder) / "home"), shared)
        seconds = json.loads((shared / "seconds.json").read_text(encoding="utf-8"))
        for name, truth in truths.items():
            for rule in APART:
                mask = np.fromfile(shared / f"{name}.{rule}.mask", np.float32).reshape(truth.shape)
                overlap, band = agreement(mask, truth)
                taken = seconds[f"{name}.{rule}"]
                rows.append({"name": name, "rule": rule, "overlap": overlap, "band": band, "seconds": taken})
                print(f"{name:40} {rule:6} overlap {overlap:.3f}  band {band:.3f}  s {taken:.1f}", flush=True)
    for rule in APART:
        of_rule = [row for row in rows if row["rule"] == rule]
        means = (float(np.mean([row[key] for row in of_rule])) for key in ("overlap", "band", "seconds"))
        print(f"{rule} ({len(of_rule)})", *(f"{mean:.3f}" for mean in means))
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
