"""A third pass of depth estimation, on crops around single small objects.

In the map of the whole picture, the top of a small object often comes out too far: the head of a person in a street
lies behind the body. Crops at fixed places do not change that, because their borders cut people apart. A crop
around a whole object shows it larger and complete, with something of what surrounds it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.imaging.closer_look import Window
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded

from .detail import BATCH, SMALLEST_PX, crop_shape, estimates, fitted_detail, ramped
from .edges import network_input

_SEARCH_PX = 64  # short side of the map on which objects are searched
_WIDEST = 0.3  # objects are narrower than this fraction of the picture's width
_NEARER = 0.08  # disparity, as a fraction of the map's range, by which an object exceeds what is beside it
_LEAST_AREA_PX = 12  # smaller parts of the searched map are ignored
_MARGIN = 1.4  # side of a window, divided by the object's longer side; both are fractions of the picture's sides
_SHARES = 0.25, 0.5  # smallest and largest side of a window, as a fraction of the picture's
_CUT = 1.1  # objects that would need a window larger than the largest by this factor get none
_MOST = 4  # largest number of windows
_FEATHER = 0.2  # width of the ramp of a window's weight at its borders, as a fraction of its side
_SIGMA = 0.15  # detail is what a Gaussian of this sigma removes, as a fraction of the window's short side
_PERCENTILES = (1.0, 99.0)  # of the map; their difference is its range


def with_objects(
    picture: Float32[np.ndarray, "h w 3"], coarse: Float32[np.ndarray, "a b"], network: Loaded
) -> Float32[np.ndarray, "a b"]:
    """Add the finer detail that the network finds in crops around small objects.

    Args:
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        coarse: (a, b), the network's disparity for the whole picture, with the detail of the second pass.
        network: a depth network.

    Returns:
        A map of the same size; `coarse` itself if the picture is small, if it shows no small object, or if the
        network makes no further passes.
    """
    traits = network.entry.depth
    assert traits is not None  # every depth network has depth traits
    if not traits.crop_short_side_px or min(picture.shape[:2]) < SMALLEST_PX:
        return coarse
    windows = windows_round_objects(coarse)
    prepared, shape = network.entry.preprocessing, crop_shape(picture.shape, network)
    detail, weights = np.zeros_like(coarse), np.zeros_like(coarse)
    for first in range(0, len(windows), BATCH):
        batch = windows[first : first + BATCH]
        crops = [network_input(each.at(picture.shape[:2]).of(picture), shape, prepared) for each in batch]
        crops += [crops[-1]] * (BATCH - len(crops))  # the network is compiled for whole batches only
        for window, estimate in zip(batch, estimates(np.stack(crops), network), strict=False):
            base = window.of(coarse)
            fine = resize(estimate, (window.height, window.width), method="area")
            weight = _weight(window)
            window.of(detail)[:] += weight * fitted_detail(fine, base, sigma_px=_SIGMA * min(base.shape))
            window.of(weights)[:] += weight
    return coarse + detail / np.maximum(weights, 1) if windows else coarse


def windows_round_objects(coarse: Float32[np.ndarray, "a b"]) -> list[Window]:
    """Return windows of a map's proportions around small objects that are nearer than what is beside them.

    Args:
        coarse: (a, b), disparity, 1 = nearest, of any range.

    Returns:
        At most four windows in the map's pixels, those of the most conspicuous objects first. An object inside an
        earlier window gets no window of its own.
    """
    windows: list[Window] = []
    for top, bottom, left, right in _objects(coarse):
        share = _MARGIN * max(bottom - top, right - left)
        if share > _CUT * _SHARES[1] or any(_holds(each, top, bottom, left, right) for each in windows):
            continue
        windows.append(_window((top + bottom) / 2, (left + right) / 2, share, coarse.shape))
        if len(windows) == _MOST:
            break
    return windows


def _objects(coarse: Float32[np.ndarray, "a b"]) -> list[tuple[float, float, float, float]]:
    """Return top, bottom, left and right of objects as fractions of the map's sides, most conspicuous first.

    A horizontal white top-hat shows by how much each place is nearer than places on its left and right.
    """
    low, high = np.percentile(coarse, _PERCENTILES)
    if high <= low:
        return []
    scale = _SEARCH_PX / min(coarse.shape)
    size = round(coarse.shape[0] * scale), round(coarse.shape[1] * scale)
    small = np.clip((resize(coarse, size, method="area") - low) / (high - low), 0, 1)
    beside = ndimage.grey_opening(small, (1, max(round(_WIDEST * size[1]), 1)), mode="nearest")
    labels, count = ndimage.label(small - beside > _NEARER)
    order = np.argsort(-ndimage.sum_labels(small - beside, labels, np.arange(1, count + 1)), kind="stable")
    areas, places = np.bincount(labels.ravel(), minlength=count + 1)[1:], ndimage.find_objects(labels)
    return [
        (rows.start / size[0], rows.stop / size[0], columns.start / size[1], columns.stop / size[1])
        for rows, columns in (places[each] for each in order if areas[each] >= _LEAST_AREA_PX)
    ]


def _window(row: float, column: float, share: float, size: tuple[int, ...]) -> Window:
    """Return a window with a given centre and side, as fractions of the map's sides, inside the map."""
    share = min(max(share, _SHARES[0]), _SHARES[1])
    height, width = round(share * size[0]), round(share * size[1])
    top, left = (
        min(max(round(centre * of - side / 2), 0), of - side)
        for centre, side, of in ((row, height, size[0]), (column, width, size[1]))
    )
    return Window(top=top, left=left, height=height, width=width, size=(size[0], size[1]))


def _holds(window: Window, top: float, bottom: float, left: float, right: float) -> bool:
    height, width = window.size
    rows = window.top <= top * height and bottom * height <= window.top + window.height
    return rows and window.left <= left * width and right * width <= window.left + window.width


def _weight(window: Window) -> Float32[np.ndarray, "c d"]:
    """Return a window's weights: 1, falling smoothly to 0 towards its borders inside the map."""
    rows = ramped(window.top, window.height, window.size[0], feather=_FEATHER)
    columns = ramped(window.left, window.width, window.size[1], feather=_FEATHER)
    return rows[:, None] * columns[None]
