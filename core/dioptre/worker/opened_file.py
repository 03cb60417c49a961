"""Read the camera's depth and lens from the file that the user opened in the editor."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np

from dioptre import photo
from dioptre.contract import EmbeddedDepth, FieldOfView
from dioptre.imaging.numbers import LUMA
from dioptre.imaging.resize import resize
from dioptre.photo import apart
from dioptre.photo.metadata import field_of_view as described_field_of_view
from dioptre_link.errors import Cancelled, DioptreError

_COMPARED_PX = (48, 48)
# Smallest correlation between thumbnails of the file and of the editor's picture at which they count as the same
# picture; colour edits preserve the correlation, crops and rotations do not.
_ALIKE = 0.9

_log = logging.getLogger(__name__)


def embedded_depth(path: str, picture: np.ndarray, *, check: apart.Check = apart.no_check) -> EmbeddedDepth | None:
    """Read the depth map from the file at `path` if the file still matches the picture.

    The editor's picture may have been cropped, rotated or changed beyond recognition since it was opened; the
    file's depth does not apply to it then. A missing or damaged file has no depth.

    Args:
        path: path of the opened file.
        picture: (H, W, 3 or 4), sRGB-encoded.
        check: called while the file is read; may raise Cancelled.
    """
    reader = apart.reader()
    try:
        embedded = reader.read_embedded_depth(Path(path), check=check)
        if embedded is None:
            return None
        opened = photo.load(Path(path), decoding=partial(reader.decoding, check=check)).pixels
    except Cancelled:
        raise
    except DioptreError as error:
        _log.info("no depth from the opened file: %s", error)
        return None
    if not _alike(opened, picture):
        _log.info("the opened file no longer shows the picture")
        return None
    return embedded


def field_of_view(path: str, shape: tuple[int, ...], *, check: apart.Check = apart.no_check) -> FieldOfView | None:
    """Return the angle of view of a picture of `shape` that was opened from `path`; None if unknown.

    It is unknown if the picture is a crop of the file, or if the file is missing or damaged.
    """
    try:
        source = apart.reader().describe(Path(path), check=check)
    except Cancelled:
        raise
    except DioptreError as error:
        _log.info("no lens from the opened file: %s", error)
        return None
    return described_field_of_view(source.exif, shape)


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    if abs(np.log(first.shape[0] * second.shape[1] / (first.shape[1] * second.shape[0]))) > 0.02:
        return False
    a, b = (resize(image[..., :3] @ LUMA, _COMPARED_PX, method="area").ravel() for image in (first, second))
    if min(a.std(), b.std()) < 1e-4:
        return False
    return float(np.corrcoef(a, b)[0, 1]) > _ALIKE
