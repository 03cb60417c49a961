"""Outlined photographs: COCO's instances (Lin and others 2014), and which of them a picture is of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FREE_LICENCES = frozenset({4, 5, 7, 8})  # CC BY, CC BY-SA, no known restrictions, United States government
# What other things lie on or stand before.
BEHIND = frozenset({"bed", "bench", "chair", "couch", "dining table", "oven", "refrigerator", "sink", "toilet"})
BEHIND |= {"traffic light", "tv"}
CROWD = 0.05  # share of a picture above which a crowd, outlined as a whole, spoils it
MAIN, OF_WEIGHT = 0.3, 0.05  # of the weightiest instance's weight
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
        """The instances with outlines of their own: crowds have none."""
        return [i for i in self.instances if isinstance(i["segmentation"], list)]

    @property
    def is_crowded(self) -> bool:
        width, height = self.size
        return any(i.get("iscrowd") and i["area"] > CROWD * width * height for i in self.instances)

    def is_alive(self, instance: Instance) -> bool:
        """A person or an animal."""
        return self.categories[instance["category_id"]][1]

    def is_behind(self, instance: Instance) -> bool:
        return self.categories[instance["category_id"]][0] in BEHIND

    def mask(self, instances: Iterable[Instance]) -> np.ndarray:
        """(h, w), True inside."""
        image = Image.new("L", self.size)
        draw = ImageDraw.Draw(image)
        for instance in instances:
            for polygon in instance["segmentation"]:
                if len(polygon) >= 6:
                    draw.polygon(polygon, fill=255)
        return np.asarray(image) > 0

    def in_front(self) -> list[Instance]:
        """What anyone would call the subject, for measuring: large and few; empty where that is not clear."""
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
    """All photographs of some instances_*.json, by their names."""
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
    """Where the subject is, where nobody can say, both (h, w), and whether it is alive; None without a subject.

    masks: (k, h, w) of a picture's or crop's instances. The subject are those that weigh most: large, in the
    middle, alive. What touches them (a bicycle, an umbrella) and what weighs a little less may belong to it or not.
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
    """1 for what lies in the middle, 0.25 in a corner."""
    if not mask.any():
        return 0.0
    offsets = ((np.flatnonzero(mask.any(axis))[[0, -1]].sum() + 1) / mask.shape[1 - axis] - 1 for axis in (0, 1))
    return float(np.exp(-0.7 * sum(offset**2 for offset in offsets)))
