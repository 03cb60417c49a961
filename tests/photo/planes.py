"""Files with depth, for tests of what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dioptre.photo.depth_files import encoded_depth, encoded_metres


def write_depth(disparity: np.ndarray, path: Path) -> None:
    path.write_bytes(encoded_depth(disparity, path.suffix))


def write_metres(inverse_m: np.ndarray, path: Path) -> None:
    path.write_bytes(encoded_metres(inverse_m, path.suffix))
