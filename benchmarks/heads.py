"""Measure by how much farther than the chest the estimated depth puts the heads of small people.

    python -m benchmarks.heads PICTURES KEYPOINTS … [--every N] [--json FILE]

PICTURES contains photographs of COCO; KEYPOINTS are its files of people's key points (`person_keypoints_….json`).
Measured are people with a visible head, shoulders and hips who are upright and 60 to 300 pixels high, one for each
photograph. A lag is the disparity at the chest minus that at the head, as a fraction of the map's range; in truth,
it is about 0. Each photograph is measured without and with the pass on crops around small objects.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import numpy as np
from jaxtyping import Float32
from PIL import Image

from dioptre.models.loading import load_model
from dioptre.models.registry import chosen_depth_network
from dioptre.pipelines.depth_coarse import look_at
from dioptre.pipelines.depth_detail import with_detail
from dioptre.pipelines.depth_edges import range_of, sharpened
from dioptre.pipelines.depth_objects import with_objects

HEIGHT_PX = 60, 300
HEAD, SHOULDERS, HIPS = slice(0, 5), slice(5, 7), slice(11, 13)
VISIBLE = 2
CHEST = 0.3  # from the shoulders to the hips
REACH = 0.1  # radius of the measured discs, as a fraction of the distance from the shoulders to the hips
LAGS = 0.04, 0.08, 0.12


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person in a photograph: the middles (x, y) of head and chest, and the radius of the discs, in pixels."""

    picture: Path
    head: np.ndarray
    chest: np.ndarray
    radius: float


def people(pictures: Path, files: list[Path]) -> Iterator[Person]:
    """Yield one suitable person for each photograph, in order of the photographs' numbers."""
    entries = [entry for file in files for entry in json.loads(file.read_text(encoding="utf-8"))["annotations"]]
    seen: set[int] = set()
    for entry in sorted(entries, key=lambda each: (each["image_id"], each["id"])):
        picture = pictures / f"{entry['image_id']:012d}.jpg"
        points = np.array(entry["keypoints"], float).reshape(17, 3)
        visible = points[:, 2] == VISIBLE
        if entry["image_id"] in seen or not HEIGHT_PX[0] <= entry["bbox"][3] <= HEIGHT_PX[1]:
            continue
        if visible[HEAD].sum() < 3 or not (visible[SHOULDERS].all() and visible[HIPS].all() and picture.exists()):
            continue
        head = points[HEAD][visible[HEAD], :2].mean(axis=0)
        shoulders, hips = points[SHOULDERS, :2].mean(axis=0), points[HIPS, :2].mean(axis=0)
        trunk = hips - shoulders
        if trunk[1] >= 0 and head[1] <= shoulders[1] - 0.15 * trunk[1]:
            seen.add(entry["image_id"])
            radius = max(2.0, REACH * float(np.hypot(*trunk)))
            yield Person(picture=picture, head=head, chest=shoulders + CHEST * trunk, radius=radius)


def lag(disparity: Float32[np.ndarray, "a b"], size: tuple[int, int], person: Person) -> float:
    """Return the disparity at the chest minus that at the head, as a fraction of the map's range.

    Args:
        disparity: a map of the photograph, of any size.
        size: height and width of the photograph in pixels.
        person: the person.
    """
    rows, columns = ((np.arange(side) + 0.5) * of / side for side, of in zip(disparity.shape, size, strict=True))
    low, high = range_of(disparity, np.ones_like(disparity))

    def at(place: np.ndarray) -> float:
        squared = (columns[None] - place[0]) ** 2 + (rows[:, None] - place[1]) ** 2
        return float(np.median(disparity[squared <= max(person.radius**2, squared.min())]))

    return (at(person.chest) - at(person.head)) / (high - low)


def measured(person: Person) -> dict[str, float]:
    """Return the lag in the finished map, without and with the pass on crops around objects."""
    network = load_model(chosen_depth_network("default").id)
    picture = np.asarray(Image.open(person.picture).convert("RGB"), np.float32) / 255
    look = look_at(picture, np.ones(picture.shape[:2], np.float32), network)
    detailed = with_detail(picture, look.disparity, network)
    maps = {"without": detailed, "with": with_objects(picture, detailed, network)}
    size = picture.shape[0], picture.shape[1]
    return {name: lag(sharpened(each, picture), size, person) for name, each in maps.items()}


def summary(lags: list[float]) -> dict[str, float]:
    """Return the mean lag, the median, and the fraction of lags above each level."""
    values = np.array(lags)
    above = {f"above {level:g}": float((values > level).mean()) for level in LAGS}
    return {"mean": float(values.mean()), "median": float(np.median(values)), **above}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("keypoints", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=1, help="measure every Nth person")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for person in list(people(options.pictures, options.keypoints))[:: options.every]:
        rows[person.picture.name] = row = measured(person)
        print(person.picture.name, *(f"{name} {value:+.3f}" for name, value in row.items()), flush=True)
    results: dict[str, Any] = {"people": len(rows)}
    results |= {name: summary([row[name] for row in rows.values()]) for name in ("without", "with")}
    print(json.dumps(results, indent=2))
    if options.json:
        options.json.write_text(json.dumps({**results, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
