"""Read the labelled set of NYU Depth v2 (1,449 Kinect frames of 464 rooms) from two public repositories.

`FRAMES` contains NNNNN.jpg (640 x 480) and NNNNN.png, the depth in 8 bits relative to the frame's largest depth.
`DEPTHS` contains N.png, mirrored left to right, the depth as floor(25.5 x metres). Together they give metres in
steps of z_max / 255. Numbers start at 0. Source: N. Silberman, D. Hoiem, P. Kohli, R. Fergus, ECCV 2012 (research
use).
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
"""Rows and columns inside the white frame that the registration leaves around each picture."""

SCORED = (slice(45, 471), slice(41, 601))
"""Window in which papers score (Eigen et al. 2014)."""

SEEN_IN_EVALUATION = frozenset([*range(486, 494), *range(1336, 1345), *range(1446, 1449)])
"""Frames of rooms that also appear in evaluation pictures; they are used neither for training nor for choices."""

KEPT_OUT = frozenset([*range(300, 340), *range(700, 730), *range(1000, 1040), *range(1250, 1280)])
"""Ranges whose training frames are held out to watch the training; neighbouring frames share rooms."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame.

    Attributes:
        number: Number of the frame, from 0.
        srgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, metres along the optical axis, 0 where unknown.
    """

    number: int
    srgb: np.ndarray
    depth_m: np.ndarray


def read(folder: Path, number: int, *, window: tuple[slice, slice] = INNER) -> Frame:
    """Read a frame, cropped to `window`."""
    srgb = np.asarray(Image.open(folder / FRAMES / f"{number:05d}.jpg").convert("RGB"))
    share = np.asarray(Image.open(folder / FRAMES / f"{number:05d}.png").convert("L"), np.float32) / 255
    coarse = np.asarray(Image.open(folder / DEPTHS / f"{number}.png").convert("L"))
    depth_m = share * (float(coarse.max()) + 0.5) / 25.5
    return Frame(number=number, srgb=srgb[window], depth_m=depth_m[window])


def official_split(folder: Path) -> tuple[list[int], list[int]]:
    """Return the numbers of the 795 training frames and the 654 test frames, starting at 0.

    Raises:
        ValueError: The file is not the official split.
    """
    table = loadmat(folder / SPLIT)
    train, test = (sorted(int(n) - 1 for n in table[key].ravel()) for key in ("trainNdxs", "testNdxs"))
    if (len(train), len(test)) != (795, 654) or set(train) & set(test):
        raise ValueError(f"{folder / SPLIT} is not the official split")
    return train, test


def training_numbers(folder: Path) -> list[int]:
    """Return the official training frames without those held out."""
    return [n for n in official_split(folder)[0] if n not in SEEN_IN_EVALUATION and n not in KEPT_OUT]


def watched_numbers(folder: Path) -> list[int]:
    """Return the official training frames that are held out for choosing between runs."""
    return [n for n in official_split(folder)[0] if n in KEPT_OUT and n not in SEEN_IN_EVALUATION]


def test_numbers(folder: Path) -> list[int]:
    """Return the official test frames, which are neither trained on nor used to choose between runs."""
    return official_split(folder)[1]
