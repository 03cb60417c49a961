"""Find, for each depth in a photo, the defocus that the photo certainly has already.

A lens blurs everything at the same distance equally. A depth therefore counts as out of focus only if few of its
edges are sharp, if everything farther from the plane of focus on the same side is out of focus too, and if another
depth is in focus. A photo that is soft everywhere, or sharp everywhere, has no certain defocus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.contract import Disparity, Picture, Plane
from dioptre.imaging.resize import fitted_size, resize

from .depth_bins import DepthBins
from .edge_widths import EdgeWidths, away_from_steps, edge_widths, radius_px

_WORKING_PIXELS = 1_000_000
_LEVELS = 4  # number of sizes, each half the previous one; wide edges are measured where they span a few pixels
_BINS = 16  # number of equal intervals of disparity
# Tolerance of `away_from_steps` at each level: exceeded at the steps around objects, but not on sloping ground.
_STEPS = (0.03, 0.06, 0.12, 0.12)
_LEAST_EDGES = 60  # minimum number of edge pixels in a bin, converted to the first level, for any conclusion
_NARROW_PX = 1.2  # standard deviation in pixels below which an edge at the first level counts as sharp
_MIXED = 0.25  # fraction of sharp edges up to which a depth is out of focus; a sharp subject's outline adds some
_IN_FOCUS = 0.4  # fraction of sharp edges above which a depth is in focus
_MEASURABLE_PX = 1.6  # standard deviation up to which a level measures well; the next level measures wider edges
_LEAST_RADIUS_PX = 2.5  # at the working size; if the largest radius is smaller, the defocus is ignored
_AROUND_PX = 13  # half-width of the triangle filter that measures the density of edges around each pixel
_FEW = 0.01  # edge density below which sharp edges count as noise; a line through the filter's centre has 0.08


@dataclass(frozen=True, kw_only=True)
class PictureEdges:
    """The edges of a picture, measured at several sizes without regard to its depth.

    Attributes:
        levels: the edges at the working size, followed by those at half the previous size each time.
    """

    levels: tuple[EdgeWidths, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first level."""
        height, width = self.levels[0].where.shape
        return height, width


def find_edges(srgb_encoded: Picture) -> PictureEdges:
    """Measure the edges of a picture, reduced to at most a megapixel.

    Edges in or near pixels that are not opaque are left out.
    """
    size = fitted_size((srgb_encoded.shape[0], srgb_encoded.shape[1]), pixels=_WORKING_PIXELS)
    plane = resize(srgb_encoded[..., :3], size, method="area").mean(axis=-1, dtype=np.float32)
    alpha = resize(srgb_encoded[..., 3], size, method="area") if srgb_encoded.shape[2] == 4 else None
    levels = []
    for _ in range(_LEVELS):
        found = edge_widths(plane)
        if alpha is not None:
            solid = ndimage.minimum_filter(alpha, 9) > 0.99
            found = EdgeWidths(where=found.where & solid, std_px=found.std_px[solid[found.where]])
            alpha = _halved(alpha)
        levels.append(found)
        plane = _halved(plane)
    return PictureEdges(levels=tuple(levels))


def certain_defocus_px(edges: PictureEdges, disparity: Disparity) -> Plane | None:
    """Return the radius of the disc by which each pixel of a picture is certainly blurred already.

    Args:
        edges: the picture's edges.
        disparity: disparity map of the same picture, at any size and in any unit.

    Returns:
        The radius in pixels of `disparity`; None if the picture has no certain defocus. Around details that are
        sharp although their depth is out of focus, the radius falls to 0.
    """
    depth = resize(disparity, edges.size, method="area")
    bins = DepthBins.of(depth, _BINS)
    radius = None if bins is None else _radius_by_depth(edges, depth, bins)
    if bins is None or radius is None:
        return None
    there = np.interp(depth, bins.centres, radius).astype(np.float32)
    there *= _without_sharp_details(edges.levels[0])
    there *= np.float32(disparity.shape[0] / edges.size[0])
    return resize(there, (disparity.shape[0], disparity.shape[1]), method="bilinear")


def _radius_by_depth(edges: PictureEdges, depth: Plane, bins: DepthBins) -> np.ndarray | None:
    """Return the radius in pixels at the working size for each bin of disparity; None without certain defocus."""
    by_level = []
    for level, tolerance in zip(edges.levels, _STEPS, strict=True):
        counted = away_from_steps(depth, tolerance=tolerance)[level.where]
        numbers = bins.index(depth[level.where])
        by_level.append([level.std_px[counted & (numbers == number)] for number in range(_BINS)])
        depth = _halved(depth)
    judged = [_judged([of[number] for of in by_level]) for number in range(_BINS)]
    in_focus = [number for number, (_, sharp) in enumerate(judged) if sharp]
    if not in_focus:
        return None
    measured = np.array([std for std, _ in judged])
    radius = np.where(np.isnan(measured), np.nan, radius_px(np.nan_to_num(measured)))
    result = np.zeros(_BINS)
    result[in_focus[-1] + 1 :] = _outwards(radius[in_focus[-1] + 1 :])
    result[: in_focus[0]] = _outwards(radius[: in_focus[0]][::-1])[::-1]
    return result if result.max() >= _LEAST_RADIUS_PX else None


def _judged(levels: list[np.ndarray]) -> tuple[float, bool]:
    """Judge one depth by the standard deviations of its edges at each level.

    Returns:
        The width of its edges, as a standard deviation in pixels of the first level, and whether the depth is in
        focus. The width is 0 if too many edges are sharp, and NaN if there are too few edges.
    """
    # At half the size, a line has half as many pixels.
    counts = [len(std) << level for level, std in enumerate(levels)]
    sharp = int((levels[0] < _NARROW_PX).sum())
    if max(counts) < _LEAST_EDGES:
        return float("nan"), False
    if sharp > _MIXED * max(counts):
        return 0.0, sharp >= _LEAST_EDGES and sharp > _IN_FOCUS * len(levels[0])
    width = float("nan")
    for level, (std, count) in enumerate(zip(levels, counts, strict=True)):
        blurred = std[std >= _NARROW_PX] if level == 0 else std
        if count < _LEAST_EDGES or not blurred.size:
            continue
        width = float(np.median(blurred)) * 2**level
        if width < _MEASURABLE_PX * 2**level:
            break
    return width, False


def _outwards(radius: np.ndarray) -> np.ndarray:
    """Return the radii, lowered so that they never decrease from the focus outwards.

    No radius exceeds the one measured at any depth farther out. A depth without a measurement (NaN) gets the radius
    of its neighbour towards the focus.
    """
    known = ~np.isnan(radius)
    least = np.minimum.accumulate(np.where(known, radius, np.inf)[::-1])[::-1]
    return np.maximum.accumulate(np.where(known, least, 0.0)) if radius.size else radius


def _without_sharp_details(level: EdgeWidths) -> Plane:
    """Return a factor for the radius: 1, falling to 0 where most edges nearby are sharp, whatever their depth."""
    every = level.where.astype(np.float32)
    sharp = np.zeros_like(every)
    sharp[level.where] = level.std_px < _NARROW_PX
    share = _around(sharp) / (_around(every) + np.float32(_FEW))
    return np.clip(2 - 3 * share, 0, 1)


def _around(plane: Plane) -> Plane:
    """Smooth a plane with a triangle filter along both axes."""
    smooth: np.ndarray = ndimage.uniform_filter(ndimage.uniform_filter(plane, _AROUND_PX), _AROUND_PX)
    return smooth


def _halved(plane: Plane) -> Float32[np.ndarray, "i j"]:
    return resize(plane, (max(plane.shape[0] // 2, 1), max(plane.shape[1] // 2, 1)), method="area")
