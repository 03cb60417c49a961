"""Estimate the blur that a picture already has, as a function of depth or for given regions.

The blur follows from the widths of the edges. Soft shadows look like blurred edges, so the sharper edges determine
the result for each depth and each region.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from dioptre.contract import Disparity, Picture, Plane
from dioptre.imaging.resize import fitted_size, resize

from .depth_bins import DepthBins
from .edge_widths import away_from_steps, edge_widths, radius_px

_BINS = 24
_LEAST_EDGES = 60  # minimum number of edges in a depth bin or region for a reliable estimate
_SHARPER = 25.0  # percentile of the edge widths that represents a bin or region
_WORKING_PIXELS = 2_000_000


def existing_defocus_px(srgb_encoded: Picture, disparity: Disparity) -> Plane:
    """Estimate the radius in pixels of the disc by which each pixel is already blurred, 0 where it is sharp.

    A picture without enough edges counts as sharp. Known limitation: blur that does not follow depth is not
    detected.

    Args:
        srgb_encoded: the picture.
        disparity: its disparity map, in any unit.
    """
    full = disparity.shape[0], disparity.shape[1]
    peak, std, depth = _edges(srgb_encoded, disparity)
    bins = DepthBins.of(depth, _BINS)
    if std.size < _LEAST_EDGES or bins is None:
        return np.zeros(full, np.float32)
    numbers = bins.index(depth[peak])
    centres, widths = [], []
    for number, centre in enumerate(bins.centres):
        found = std[numbers == number]
        if found.size >= _LEAST_EDGES:
            centres.append(float(centre))
            widths.append(float(np.percentile(found, _SHARPER)))
    if not centres:
        return np.zeros(full, np.float32)
    smooth = ndimage.median_filter(np.array(widths), 3, mode="nearest")
    radius = radius_px(smooth) * full[0] / depth.shape[0]
    return np.interp(disparity, centres, radius).astype(np.float32)


def parts_defocus_px(
    srgb_encoded: Picture,
    disparity: Disparity,
    parts: Int[np.ndarray, "s t"],
    count: int,
) -> list[float | None]:
    """Estimate the radius in pixels of the disc by which each region of a picture is already blurred.

    Args:
        srgb_encoded: the picture.
        disparity: its disparity map, in any unit.
        parts: each cell's region, numbered from 1 to `count`, or 0 for none, on a grid that covers the picture.
        count: number of regions.

    Returns:
        One radius per region, None for a region with too few edges.
    """
    peak, std, depth = _edges(srgb_encoded, disparity)
    rows, columns = np.nonzero(peak)
    grid = parts.shape[0] / depth.shape[0], parts.shape[1] / depth.shape[1]
    where = parts[((rows + 0.5) * grid[0]).astype(int), ((columns + 0.5) * grid[1]).astype(int)]
    found = [std[where == number] for number in range(1, count + 1)]
    scale = disparity.shape[0] / depth.shape[0]
    return [
        None if of.size < _LEAST_EDGES else float(radius_px(np.percentile(of, _SHARPER)) * scale) for of in found
    ]


def _edges(
    srgb_encoded: Picture, disparity: Disparity
) -> tuple[Bool[np.ndarray, "s t"], Float32[np.ndarray, " n"], Float32[np.ndarray, "s t"]]:
    """Find the edges of a reduced version of the picture and estimate their blur.

    Returns:
        A mask of the edge pixels, the standard deviation of the blur at each of them in pixels of the reduced
        picture, and the reduced disparity.
    """
    size = fitted_size((disparity.shape[0], disparity.shape[1]), pixels=_WORKING_PIXELS)
    luma = np.ascontiguousarray(srgb_encoded[..., :3].mean(axis=-1, dtype=np.float32))
    small, depth = resize(luma, size, method="area"), resize(disparity, size, method="area")
    edges = edge_widths(small)
    counted = away_from_steps(depth)
    return edges.where & counted, edges.std_px[counted[edges.where]], depth
