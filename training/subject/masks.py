"""Read photographs with masks: PASCAL VOC's animals, people and horses.

Some of VOC's pictures belong to the public test set ECSSD; those in `kept_out.txt` are not used for training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dioptre.features.subject.components import label_regions
from training.lists import listed

KEPT_OUT = Path(__file__).with_name("kept_out.txt")
ALIVE = frozenset({3, 8, 10, 12, 13, 15, 17})  # VOC's classes bird, cat, cow, dog, horse, person, sheep.
BEHIND = frozenset({9, 11, 18})  # VOC's classes chair, dining table, sofa.
UNSAID = 255
_SMALLEST = 0.004  # Connected regions smaller than this fraction of the picture are ignored.


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A photograph and the masks of its objects.

    The masks may be smaller than the photograph, with the same aspect ratio.

    Attributes:
        file: The photograph.
        masks: (k, h, w), one object each, True inside.
        alive: (k,) whether the object is alive; see `outlines.subject`.
        behind: (k,) whether other objects usually stand in front of it; see `outlines.subject`.
        unsaid: (h, w), True where the masks are undefined.
        classes: the classes of VOC in the picture, objects too small to count included.
    """

    file: Path
    masks: np.ndarray
    alive: np.ndarray
    behind: np.ndarray
    unsaid: np.ndarray
    classes: frozenset[int] = frozenset()


Named = tuple[str, Callable[[], Masked]]
"""Name of a photograph, and a function that reads it with its masks."""


def voc(pictures: Path, masks: Path) -> Iterator[Named]:
    """Yield the photographs NAME.jpg of one folder with the masks NAME.png of another.

    The values of a mask are VOC's classes.
    """
    out = listed(KEPT_OUT)
    for file in sorted(pictures.glob("*.jp*g")):
        mask = masks / f"{file.stem}.png"
        if file.stem not in out and mask.exists():
            yield file.stem, partial(_of_classes, file, mask)


def people(folder: Path) -> Iterator[Named]:
    """Yield the Human Segmentation Dataset's photographs of one or a few people, all of them white in the mask."""
    for file in sorted((folder / "Training_Images").glob("*.jpg")):
        yield file.stem, partial(_of_file, file, folder / "Ground_Truth" / f"{file.stem}.png")


def horses(folder: Path) -> Iterator[Named]:
    """Yield the pictures of the Weizmann Horse data set, one horse in each."""
    for file in sorted((folder / "rgb").glob("*.jpg")):
        yield file.stem, partial(_of_file, file, folder / "figure_ground" / file.name)


def _of_classes(file: Path, mask: Path) -> Masked:
    classes = _read(mask)
    parts = [(c, part) for c in np.unique(classes) if c not in (0, UNSAID) for part in _connected(classes == c)]
    return Masked(
        file=file,
        masks=np.array([part for _, part in parts]).reshape(-1, *classes.shape),
        alive=np.array([c in ALIVE for c, _ in parts], bool),
        behind=np.array([c in BEHIND for c, _ in parts], bool),
        unsaid=classes == UNSAID,
        classes=frozenset(np.unique(classes).tolist()),
    )


def _of_file(file: Path, mask: Path) -> Masked:
    return _of_one(file, _read(mask) > 127)


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
