"""The labelled set of NYU Depth v2 (1,449 Kinect frames of 464 rooms) as two public repositories hold it.

`FRAMES` holds NNNNN.jpg (640 x 480) and NNNNN.png, depth as 8 bits of the largest depth in the frame; `DEPTHS`
holds N.png, mirrored left to right, depth as floor(25.5 x metres). Together: metres in steps of z_max / 255.
Numbers count from 0. Source: N. Silberman, D. Hoiem, P. Kohli, R. Fergus, ECCV 2012 (research use).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

COUNT = 1449
FRAMES = "nyu_datasets"
DEPTHS = "nyu_depths"
SPLIT = "splits.mat"

INNER = (slice(6, 474), slice(7, 632))
"""Rows and columns inside the white frame that the registration leaves round each picture."""

SCORED = (slice(45, 471), slice(41, 601))
"""The window that papers score (Eigen et al. 2014)."""

SEEN_IN_EVALUATION = frozenset([*range(486, 494), *range(1336, 1345), *range(1446, 1449)])
"""Frames of the rooms that pictures of the development split show: neither trained on nor used to choose."""

KEPT_OUT = frozenset([*range(300, 340), *range(700, 730), *range(1000, 1040), *range(1250, 1280)])
"""Ranges (neighbouring numbers share rooms) of which the training frames are kept out, to watch the training."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame: `srgb` (H, W, 3) uint8; `depth_m` (H, W) float32, metres along the optical axis, 0 unknown."""

    number: int
    srgb: np.ndarray
    depth_m: np.ndarray


def read(folder: Path, number: int, *, window: tuple[slice, slice] = INNER) -> Frame:
    """Frame `number`, cut to `window`."""
    srgb = np.asarray(Image.open(folder / FRAMES / f"{number:05d}.jpg").convert("RGB"))
    share = np.asarray(Image.open(folder / FRAMES / f"{number:05d}.png").convert("L"), np.float32) / 255
    coarse = np.asarray(Image.open(folder / DEPTHS / f"{number}.png").convert("L"))
    depth_m = share * (float(coarse.max()) + 0.5) / 25.5
    return Frame(number=number, srgb=srgb[window], depth_m=depth_m[window])


def official_split(folder: Path) -> tuple[list[int], list[int]]:
    """Numbers of the 795 training and the 654 test frames, counting from 0."""
    table = loadmat(folder / SPLIT)
    train, test = (sorted(int(n) - 1 for n in table[key].ravel()) for key in ("trainNdxs", "testNdxs"))
    if (len(train), len(test)) != (795, 654) or set(train) & set(test):
        raise ValueError(f"{folder / SPLIT} is not the official split")
    return train, test


def training_numbers(folder: Path) -> list[int]:
    """The official training frames without those kept out."""
    return [n for n in official_split(folder)[0] if n not in SEEN_IN_EVALUATION and n not in KEPT_OUT]


def watched_numbers(folder: Path) -> list[int]:
    """Training frames that are kept out of the training, to choose between runs."""
    return [n for n in official_split(folder)[0] if n in KEPT_OUT and n not in SEEN_IN_EVALUATION]


def test_numbers(folder: Path) -> list[int]:
    """The official test frames: measured, never trained on and never used to choose."""
    return official_split(folder)[1]
