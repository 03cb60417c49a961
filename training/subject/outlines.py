"""Read COCO's outlined photographs (Lin et al. 2014), and decide which instances are the subject."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# COCO's ids for the licences CC BY, CC BY-SA, no known restrictions and US government works.
FREE_LICENCES = frozenset({4, 5, 7, 8})
# Furniture and fixtures on which other objects lie, or in front of which they stand.
BEHIND = frozenset({"bed", "bench", "chair", "couch", "dining table", "oven", "refrigerator", "sink", "toilet"})
BEHIND |= {"traffic light", "tv"}
CROWD = 0.05  # A picture is not used if an unseparated crowd covers more than this fraction of it.
# Weights, relative to the largest, from which an instance is the subject (MAIN) or may be part of it (OF_WEIGHT).
MAIN, OF_WEIGHT = 0.3, 0.05
FAINTEST = 0.01
Instance = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outlined:
    """A photograph and its instances, as COCO describes them."""

    name: str
    size: tuple[int, int]
    licence: int
    instances: list[Instance] = field(repr=False)
    categories: Mapping[int, tuple[str, bool]] = field(repr=False)

    @property
    def outlined(self) -> list[Instance]:
        """The instances with individual outlines; crowds have none."""
        return [i for i in self.instances if isinstance(i["segmentation"], list)]

    @property
    def is_crowded(self) -> bool:
        """Whether a crowd covers more than the fraction `CROWD` of the picture."""
        width, height = self.size
        return any(i.get("iscrowd") and i["area"] > CROWD * width * height for i in self.instances)

    def is_alive(self, instance: Instance) -> bool:
        """Return whether an instance is a person or an animal."""
        return self.categories[instance["category_id"]][1]

    def is_behind(self, instance: Instance) -> bool:
        """Return whether other objects usually stand in front of an instance."""
        return self.categories[instance["category_id"]][0] in BEHIND

    def mask(self, instances: Iterable[Instance]) -> np.ndarray:
        """Return the union of some instances as a mask (h, w), True inside."""
        image = Image.new("L", self.size)
        draw = ImageDraw.Draw(image)
        for instance in instances:
            for polygon in instance["segmentation"]:
                if len(polygon) >= 6:
                    draw.polygon(polygon, fill=255)
        return np.asarray(image) > 0

    def in_front(self) -> list[Instance]:
        """Return the few large instances that anyone would call the subject; an empty list when that is not clear.

        Benchmarks use this rule.
        """
        whole = self.size[0] * self.size[1]
        if self.is_crowded:
            return []
        alive = [i for i in self.outlined if self.is_alive(i)]
        candidates = alive or [i for i in self.outlined if not self.is_behind(i)]
        largest = max((i["area"] for i in candidates), default=0)
        main = [i for i in candidates if i["area"] > 0.35 * largest]
        if not 0.06 * whole <= largest <= (0.8 if alive else 0.6) * whole or len(main) > (3 if alive else 2):
            return []
        others = (i["area"] for i in self.outlined if not self.is_alive(i))
        return main if not alive or max(others, default=0) <= 1.5 * largest else []


def read(files: Iterable[Path]) -> dict[str, Outlined]:
    """Read all photographs of some instances_*.json files, by their names."""
    found: dict[str, dict[str, Any]] = {}
    categories: dict[int, tuple[str, bool]] = {}
    for file in files:
        about = json.loads(file.read_text())
        categories |= {
            c["id"]: (c["name"], c["supercategory"] in ("person", "animal")) for c in about["categories"]
        }
        pictures = {image["id"]: image for image in about["images"]}
        for instance in about["annotations"]:
            if (picture := pictures.get(instance["image_id"])) is not None:
                row = found.setdefault(picture["file_name"], {"picture": picture, "instances": {}})
                row["instances"][instance["id"]] = instance
    return {
        name: Outlined(
            name=name,
            size=(row["picture"]["width"], row["picture"]["height"]),
            licence=row["picture"].get("license", 0),
            instances=list(row["instances"].values()),
            categories=categories,
        )
        for name, row in found.items()
    }


def subject(
    masks: np.ndarray, *, alive: np.ndarray, behind: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Find the subject of a picture or crop.

    The subject is the set of instances with the largest weights: those that are large, central and alive. Instances
    that touch it (a bicycle, an umbrella) or weigh a little less may or may not belong to it.

    Args:
        masks: (k, h, w) of the instances, True inside.
        alive: (k,) whether each instance is a person or an animal.
        behind: (k,) whether other objects usually stand in front of it.

    Returns:
        The mask of the subject, the mask of doubtful regions, and whether the subject is alive; None without a
        subject.
    """
    _, height, width = masks.shape
    share = masks.mean((1, 2))
    peopled = bool((share[alive] > 0.02).any())
    kind = np.where(alive, 1.0, np.where(behind, 0.1, 0.35 if peopled else 1.0))
    weights = kind * share * [_centred(mask) for mask in masks]
    if weights.max(initial=0) < FAINTEST:
        return None
    weights /= weights.max()
    main = masks[weights >= MAIN].any(0)
    quarter = Image.fromarray(main).convert("L").resize((max(1, width // 4), max(1, height // 4)))
    near = np.asarray(quarter.filter(ImageFilter.MaxFilter(5)).resize((width, height))) > 0
    unknown = np.zeros_like(main)
    for number in np.flatnonzero(weights < MAIN):
        if weights[number] >= OF_WEIGHT or (not behind[number] and bool((masks[number] & near).any())):
            unknown |= masks[number]
    return main, unknown & ~main, bool(alive[weights.argmax()])


def _centred(mask: np.ndarray) -> float:
    """Return a weight for the position of a mask: 1 in the centre of the picture, 0.25 in a corner."""
    if not mask.any():
        return 0.0
    offsets = ((np.flatnonzero(mask.any(axis))[[0, -1]].sum() + 1) / mask.shape[1 - axis] - 1 for axis in (0, 1))
    return float(np.exp(-0.7 * sum(offset**2 for offset in offsets)))
