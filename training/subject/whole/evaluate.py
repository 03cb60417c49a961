"""Measure maps of the subject on the held-out photographs and composites of packs, or on a folder with masks.

    python -m training.subject.whole.evaluate NAME=VALUES.safetensors … --pack PACK.npz [--first N]
    python -m training.subject.whole.evaluate NAME=VALUES.safetensors … --folder DATA

DATA has NAME.jpg, NAME_mask.png and labels.tsv with the columns name and category. NAME is any word; "bundled"
without values is the network of the product. The maps are compared with masks at the photograph's size, or at least
640 pixels on its longer side, as `measures` describes.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from dioptre import runtime

runtime.prepare_if_needed()

import io

import numpy as np
import torch
from PIL import Image

from dioptre.features.subject.views import network_input
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model

from . import pack
from .measures import scores
from .network import SIDE_PX, Network, stored
from .views import Views

_LONGEST_PX = 640
Map = Callable[[np.ndarray], np.ndarray]
"""Returns the coverage (s, t) of a picture (h, w, 3) uint8, in [0, 1]; s and t may have any size."""


def trained(values: Path) -> Map:
    """Return the map of values that training has written."""
    network = Network()
    network.load(stored(values))

    def look(picture: np.ndarray) -> np.ndarray:
        square = resize(picture.astype(np.float32) / 255, (SIDE_PX, SIDE_PX), method="bilinear")
        with torch.no_grad():
            logits, _ = network(torch.from_numpy(np.ascontiguousarray(square)).permute(2, 0, 1)[None])
        return torch.sigmoid(logits)[0].numpy()

    return look


def bundled(picture: np.ndarray) -> np.ndarray:
    """Return the map of the product's network."""
    loaded = load_model("dioptre-subject")
    prepared = loaded.entry.preprocessing
    square = resize(picture.astype(np.float32) / 255, (prepared.short_side_px,) * 2, method="bilinear")
    covered: np.ndarray = np.asarray(loaded(network_input(square, prepared)[None]))[0, ..., 0]
    return covered


Item = tuple[str, np.ndarray, np.ndarray, np.ndarray, bool]
"""Group, picture (h, w, 3) uint8, its mask and where it is known (h, w, bool), and whether it is exact."""


def held_out(files: list[Path], *, first: int, composites: int) -> Iterator[Item]:
    """Yield the first held-out photographs of each source of packs, and composites of held-out cut-outs."""
    rows = [row for file in files for row in pack.unpacked(file)]
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.held_out and row.mask and counts[row.source] < first:
            counts[row.source] += 1
            with Image.open(io.BytesIO(row.picture)) as image, Image.open(io.BytesIO(row.mask)) as stored_mask:
                factor = max(1.0, _LONGEST_PX / max(image.size))
                size = round(image.width * factor), round(image.height * factor)
                picture = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
                label = np.asarray(stored_mask)
            planes = (
                np.asarray(
                    Image.fromarray((label == value) * np.uint8(255)).resize(size, Image.Resampling.BILINEAR)
                )
                > 127
                for value in (pack.INSIDE, pack.UNKNOWN)
            )
            mask, unknown = planes
            yield row.source, picture, mask, ~unknown, row.source in ("ecssd", "davis")
    views = Views(rows, side=_LONGEST_PX, held_out=True)
    for number in range(composites):
        view = views.composite(np.random.default_rng((7, number)))
        yield "composite", view.picture, view.mask > 127, view.weight > 127, True


def folder(data: Path) -> Iterator[Item]:
    """Yield the photographs of a folder; categories other than "object", "plant" and "vehicle" count as alive."""
    with (data / "labels.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        with Image.open(data / f"{row['name']}.jpg") as image, Image.open(data / f"{row['name']}_mask.png") as mask:
            group = "things" if row["category"] in ("object", "plant", "vehicle") else "alive"
            inside = np.asarray(mask.convert("L")) > 127
            yield group, np.asarray(image.convert("RGB")), inside, np.ones_like(inside), True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="+", metavar="NAME=VALUES")
    parser.add_argument("--pack", type=Path, nargs="+", default=[])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--first", type=int, default=30, help="photographs of each source")
    parser.add_argument("--composites", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    maps = {}
    for given in options.maps:
        name, _, file = given.partition("=")
        maps[name] = trained(Path(file)) if file else bundled
    items = (
        folder(options.folder)
        if options.folder
        else held_out(options.pack, first=options.first, composites=options.composites)
    )
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for group, picture, mask, known, exact in items:
        for name, look in maps.items():
            coverage = resize(look(picture), mask.shape, method="bilinear")
            found[group, name].append(scores(coverage, mask, known, exact=exact))
    for name in maps if not options.folder else ():
        found["photographs", name] = [
            s for (g, n), some in found.items() if n == name and g != "composite" for s in some
        ]
    table = {}
    for (group, name), some in found.items():
        iou = np.sort([s["iou"] for s in some])
        row = {"n": len(some), "iou": iou.mean(), "worst": iou[: max(1, len(iou) // 4)].mean()}
        for key in ("hole", "boundary", "thin", "gap", "sure"):
            values = np.array([s[key] for s in some])
            row[key] = np.nanmean(values) if np.isfinite(values).any() else np.nan
        table[f"{group}, {name}"] = {key: round(float(value), 3) for key, value in row.items()}
        print(
            f"{group:12} {name:10}",
            "  ".join(f"{key} {value:.3f}" if key != "n" else f"{value:4}" for key, value in row.items()),
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
