"""Photographs with masks: PASCAL VOC's animals, street fashion, walkers and horses, and what they are of.

VOC's pictures are among those of public sets for measuring (ECSSD): what is in `kept_out.txt` is not learned from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

from dioptre.imaging.regions import label_regions
from training.lists import listed

KEPT_OUT = Path(__file__).with_name("kept_out.txt")
ALIVE = frozenset({3, 8, 10, 12, 13, 15, 17})  # VOC's bird, cat, cow, dog, horse, person, sheep
BEHIND = frozenset({9, 11, 18})  # its chair, dining table, sofa
UNSAID = 255
_SMALLEST = 0.004  # share of the picture


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A photograph and what it shows.

    masks: (k, h, w), a thing each, True inside. alive, behind: (k,), see `outlines.subject`.
    unsaid: (h, w), where the masks say nothing.
    """

    file: Path
    masks: np.ndarray
    alive: np.ndarray
    behind: np.ndarray
    unsaid: np.ndarray


def voc(pictures: Path, masks: Path) -> Iterator[Masked]:
    """NAME.jpg of one folder with NAME.png of another, in which values are VOC's classes."""
    out = listed(KEPT_OUT)
    for file in sorted(pictures.glob("*.jp*g")):
        mask = masks / f"{file.stem}.png"
        if file.stem in out or not mask.exists():
            continue
        classes = _read(mask)
        parts = [(c, part) for c in np.unique(classes) if c not in (0, UNSAID) for part in _connected(classes == c)]
        if parts:
            yield Masked(
                file=file,
                masks=np.stack([part for _, part in parts]),
                alive=np.array([c in ALIVE for c, _ in parts]),
                behind=np.array([c in BEHIND for c, _ in parts]),
                unsaid=classes == UNSAID,
            )


def fashion(folder: Path) -> Iterator[Masked]:
    """Clothing Co-Parsing: all that is labelled is the one person, with what she wears and carries."""
    for labels in sorted((folder / "annotations" / "pixel-level").glob("*.mat")):
        yield _of_one(folder / "photos" / f"{labels.stem}.jpg", loadmat(labels)["groundtruth"] > 0)


def walkers(folder: Path) -> Iterator[Masked]:
    """Penn-Fudan: people on streets, a number each."""
    for file in sorted((folder / "PNGImages").glob("*.png")):
        numbers = _read(folder / "PedMasks" / f"{file.stem}_mask.png")
        people = np.stack([numbers == n for n in np.unique(numbers) if n])
        yield Masked(
            file=file,
            masks=people,
            alive=np.ones(len(people), bool),
            behind=np.zeros(len(people), bool),
            unsaid=np.zeros(numbers.shape, bool),
        )


def horses(folder: Path) -> Iterator[Masked]:
    """Weizmann's horses, one in each picture."""
    for file in sorted((folder / "rgb").glob("*.jpg")):
        yield _of_one(file, _read(folder / "figure_ground" / file.name) > 127)


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image if image.mode in ("P", "L") else image.convert("L"))


def _of_one(file: Path, mask: np.ndarray) -> Masked:
    one = np.ones(1, bool)
    return Masked(file=file, masks=mask[None], alive=one, behind=~one, unsaid=np.zeros(mask.shape, bool))


def _connected(mask: np.ndarray) -> list[np.ndarray]:
    labels, count = label_regions(mask)
    parts = [labels == number for number in range(1, count + 1)]
    return [part for part in parts if part.mean() > _SMALLEST]
