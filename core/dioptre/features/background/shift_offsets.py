"""Find the shifts by which a picture continues best into a hole.

Natural pictures repeat at few dominant offsets (K. He, J. Sun, "Statistics of Patch Offsets for Image Completion",
ECCV 2012). Here, each part of the hole's rim is compared with the picture at all offsets at once, by its Fourier
transform. The part then continues into the hole as it continues at the best offsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

_PARTS = 24  # parts of the rim
_RADII = 0.18, 0.45  # radii of a part, as fractions of the hole's size
_LEAST_RADII = 5.0, 8.0  # the same in cells, for small holes
_DEPTH = 0.2, 4.0  # depth of the rim, as a fraction of the hole's size, and at least, in cells
_PER_PART = 3  # shifts kept of each part
_LEAST_CELLS = 12  # smaller parts say little
_LEAST_KNOWN = 0.9  # fraction of a part that must be visible at the offset
_SHORTEST = 1 / 12  # shortest shift, as a fraction of the longer side; shorter ones repeat the rim visibly
ROW_WEIGHT = 4.0  # penalty of vertical shifts: the square of their fraction of the height, times this
_APART = 3  # distance of the shifts of a part, in cells
_COVERING = 16  # most shifts that are added to cover cells which no other shift covers
_COVERED = 0.1  # vertical shifts of more than this fraction of the height cover no cell
_LEFT = 0.002  # fraction of the hole that may stay without cover


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A shift from the cells of a hole to their sources.

    Attributes:
        rows: cells down.
        columns: cells to the right.
        middle: row and column of the part of the rim that it continues; None if it continues none.
        radius: of this part, in cells.
    """

    rows: int
    columns: int
    middle: tuple[int, int] | None = None
    radius: float = 0.0


def dominant_shifts(
    features: Float32[np.ndarray, "h w c"],
    hole: Bool[np.ndarray, "h w"],
    known: Bool[np.ndarray, "h w"],
    source: Bool[np.ndarray, "h w"],
) -> list[Shift]:
    """Return shifts that continue the parts of the rim, and shifts that cover the rest of the hole.

    Args:
        features: what is compared: the colours, and other planes of similar range.
        hole: the cells to fill.
        known: the cells around the hole that show the surface which continues in it.
        source: the cells to copy from.
    """
    if not source.any() or not (known & ~hole).any():
        return []
    spectra = _Spectra.of(features - features[source].mean(axis=0), source)
    size, found = float(np.sqrt(hole.sum())), dict[tuple[int, int], Shift]()
    outwards = ndimage.distance_transform_edt(~hole)
    down, across = np.indices(hole.shape)
    middles = _spread(np.argwhere(known & (outwards <= 1.5)))
    whole = (hole.shape[0] // 2, hole.shape[1] // 2), float("inf")
    parts = [
        (middle, max(least, radius * size))
        for middle in middles
        for radius, least in zip(_RADII, _LEAST_RADII, strict=True)
    ]
    for middle, radius in [*parts, whole]:
        depth = max(_DEPTH[1], min(radius, _DEPTH[0] * size))
        near = (down - middle[0]) ** 2 + (across - middle[1]) ** 2 <= radius**2
        part = known & ~hole & (outwards <= depth) & near
        if part.sum() >= _LEAST_CELLS:
            for rows, columns in spectra.best(part):
                found.setdefault((rows, columns), Shift(rows=rows, columns=columns, middle=middle, radius=radius))
    return [*found.values(), *_covering(list(found.values()), hole, source, spectra)]


def _spread(points: np.ndarray) -> list[tuple[int, int]]:
    """Return points that are far from each other."""
    if not len(points):
        return []
    chosen, apart = [len(points) // 2], np.full(len(points), np.inf)
    while len(chosen) < _PARTS:
        apart = np.minimum(apart, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        if apart.max() < _APART**2:
            break
        chosen.append(int(apart.argmax()))
    return [(int(points[index][0]), int(points[index][1])) for index in chosen]


def _covering(shifts: list[Shift], hole: np.ndarray, source: np.ndarray, spectra: _Spectra) -> list[Shift]:
    """Return shifts, mostly horizontal ones, to the cells that the given ones leave without a source."""
    left, added = hole.copy(), list[Shift]()
    for shift in shifts:
        if abs(shift.rows) < _COVERED * hole.shape[0]:
            left &= ~shifted(source, shift.rows, shift.columns)
    while left.sum() > _LEFT * hole.sum() and len(added) < _COVERING:
        rows, columns = spectra.most_sources(left)
        covered = shifted(source, rows, columns) & left
        if not covered.any():
            break
        added.append(Shift(rows=rows, columns=columns))
        left &= ~covered
    return added


def shifted(plane: Bool[np.ndarray, "h w"], rows: int, columns: int) -> Bool[np.ndarray, "h w"]:
    """Return the values of a mask at the sources of all cells; false outside the picture."""
    (height, width), result = plane.shape, np.zeros_like(plane)
    if abs(rows) < height and abs(columns) < width:
        result[max(-rows, 0) : height - max(rows, 0), max(-columns, 0) : width - max(columns, 0)] = plane[
            max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)
        ]
    return result


@dataclass(frozen=True)
class _Spectra:
    """Fourier transforms of a picture, to compare parts of it with all of it.

    Attributes:
        features: the picture.
        size: rows and columns of the transforms.
        source: transform of the cells to copy from.
        planes: transforms of the features of these cells.
        squares: transform of their squared length.
    """

    features: np.ndarray
    size: tuple[int, int]
    source: np.ndarray
    planes: list[np.ndarray]
    squares: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, source: np.ndarray) -> _Spectra:
        height, width = source.shape
        size = _fast_length(2 * height), _fast_length(2 * width)
        masked = features * source[..., None]
        planes = [_transform(masked[..., index], size) for index in range(features.shape[2])]
        squares = _transform((masked**2).sum(axis=2), size)
        return cls(features, size, _transform(source, size), planes, squares)

    def best(self, part: np.ndarray) -> list[tuple[int, int]]:
        """Return the shifts to the cells that look most like a part of the picture, the best first."""
        own = np.conj(_transform(part, self.size))
        masked = self.features * part[..., None]
        cross = np.conj(_transform((masked**2).sum(axis=2), self.size)) * self.source + own * self.squares
        for index, plane in enumerate(self.planes):
            cross -= 2 * np.conj(_transform(masked[..., index], self.size)) * plane
        count = self._back(own * self.source)
        mean = self._back(cross) / np.maximum(count, 1)
        mean[count < _LEAST_KNOWN * part.sum()] = np.inf
        height, width = part.shape
        middle = self.size[0] // 2, self.size[1] // 2
        mean += ROW_WEIGHT * ((np.arange(self.size[0]) - middle[0]) / height)[:, None] ** 2
        _around(mean, middle, max(1, int(_SHORTEST * max(height, width))))[:] = np.inf
        shifts = []
        for _ in range(_PER_PART):
            place = np.unravel_index(int(mean.argmin()), mean.shape)
            if not np.isfinite(mean[place]):
                break
            shifts.append((int(place[0]) - middle[0], int(place[1]) - middle[1]))
            _around(mean, (int(place[0]), int(place[1])), _APART)[:] = np.inf
        return shifts

    def most_sources(self, cells: np.ndarray) -> tuple[int, int]:
        """Return the shift by which most cells have a source; the longer it is vertically, the more it needs."""
        count = self._back(np.conj(_transform(cells, self.size)) * self.source)
        middle = self.size[0] // 2, self.size[1] // 2
        vertical = np.abs(np.arange(self.size[0]) - middle[0])[:, None] / cells.shape[0]
        place = np.unravel_index(int((count * np.maximum(1 - 4 * vertical, 1e-3)).argmax()), count.shape)
        return int(place[0]) - middle[0], int(place[1]) - middle[1]

    def _back(self, spectrum: np.ndarray) -> np.ndarray:
        plane: np.ndarray = np.fft.fftshift(np.fft.irfft2(spectrum, self.size))
        return plane


def _fast_length(length: int) -> int:
    """Return the next length for a fast transform: a product of 2, 3 and 5."""
    doubled = range(length.bit_length() + 1)
    return min(
        odd << twice
        for twice in doubled
        for odd in (3**b * 5**c for b in range(9) for c in range(6))
        if odd << twice >= length
    )


def _transform(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    spectrum: np.ndarray = np.fft.rfft2(plane.astype(np.float32), size)
    return spectrum


def _around(plane: np.ndarray, place: tuple[int, int], cells: int) -> np.ndarray:
    """Return the part of a plane around a place, to change it."""
    part: np.ndarray = plane[
        max(place[0] - cells, 0) : place[0] + cells + 1, max(place[1] - cells, 0) : place[1] + cells + 1
    ]
    return part
