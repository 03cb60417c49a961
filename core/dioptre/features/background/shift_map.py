"""Continue a picture into a hole by large shifted copies of it, with seams where the copies agree.

The shifts and the seams are chosen on a coarse grid. Then each shift is refined on the fine grid. Where nothing
fits, a cell keeps the smooth filling, which costs more the more the surroundings vary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy import ndimage

from dioptre.contract import Disparity, Plane, Progress, no_progress
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize

from .label_moves import FORBIDDEN, Cells, Choices, Picture, expand
from .shift_offsets import ROW_WEIGHT, Shift, dominant_shifts, shifted

_COARSE_CELLS = 1 << 14
_PICTURE_LENGTH = 1 << 14
_CELL_LENGTHS = 1 << 12, 3 << 11, 1 << 13, 3 << 12, 1 << 14  # array lengths, of the cells that are labelled
_MOST_SHIFTS = 191
_SWEEPS = 2
_OVERLAP = 2  # cells around the hole that are labelled, too, to compare copies with the picture
_SLOPE_WEIGHT = 1.0  # weight of slopes beside that of colours
_DEPTH_WEIGHT = 2.5  # cost of a difference of depth, per squared disparity
_SEARCH_DEPTH = 1.0  # weight of the disparity beside colours in the search for shifts
_COLOUR_WEIGHT = 0.1  # cost where the surroundings of source and cell differ in colour
_ROW_COST = 0.5 * ROW_WEIGHT
_SMOOTH_COST = 3.0  # cost of a smooth filling, per variance of the surroundings
_NEW_LABEL = 0.02  # by how much a new shift must lower the energy, per size of the hole
_AROUND = 1 / 43  # standard deviation of the surroundings of a cell, as a fraction of the grid's size
_VARIANCE_AROUND = 0.3  # the same for the variance, as a fraction of the hole's size
# The surroundings are plain if more than this fraction of the cells has a variance of colours around it below this.
_PLAIN_SHARE, _PLAIN = 0.75, 0.0015
_PLAIN_STD = 2.0  # standard deviation of these surroundings, in cells
_PLAIN_AROUND = 0.5  # distance from the hole to which cells count, as a fraction of its size
_BLEND = ((0.6, 1.0), (4.0, 1e-2), (20.0, 1e-4))  # smoothing of labels on the fine grid, and weights of its steps
_REFINED = 12, 1500  # depth in cells of the rim at which shifts are refined, and most cells of it
_REFINED_KNOWN = 0.7  # fraction of these cells that must have a source


@dataclass(frozen=True, kw_only=True)
class ShiftMap:
    """Where each cell of a hole is copied from.

    Attributes:
        moves: rows and columns from each cell to its source; 0 where it keeps the smooth filling.
        copied: the cells of the hole that are copied.
        energy: of all copies and seams, relative to that of a smooth filling.
    """

    moves: Int32[np.ndarray, "h w 2"]
    copied: Bool[np.ndarray, "h w"]
    energy: float


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """A picture with a hole.

    Attributes:
        picture: any values in the hole.
        hole: the cells to fill.
        known: cells that show the surface which continues in the hole.
        source: cells to copy from.
        disparity: in [0, 1], 1 = nearest.
        behind: disparity of the surface that continues in the hole.
    """

    picture: Float32[np.ndarray, "h w 3"]
    hole: Bool[np.ndarray, "h w"]
    known: Bool[np.ndarray, "h w"]
    source: Bool[np.ndarray, "h w"]
    disparity: Disparity
    behind: Plane

    @property
    def size(self) -> tuple[int, int]:
        return self.hole.shape[0], self.hole.shape[1]


def continue_by_shifts(around: Surroundings, *, progress: Progress = no_progress) -> ShiftMap | None:
    """Find the source of each cell of a hole.

    The same arguments give the same result.

    Args:
        around: the picture with its hole.
        progress: called with the fraction done; raises Cancelled to stop.

    Returns:
        The sources; None if there are none, or if the surroundings are plain: then a smooth filling fits better
        than copies, which repeat the few things that lie there.
    """
    progress(0.0, "Continuing the background")
    coarse = _reduced(around)
    if not coarse.hole.any() or _is_plain(coarse):
        return None
    depth = np.float32(_SEARCH_DEPTH) * coarse.disparity[..., None]
    features = np.concatenate([coarse.picture, depth], axis=-1)
    found = dominant_shifts(features, coarse.hole, coarse.known, coarse.source)[:_MOST_SHIFTS]
    if not found:
        return None
    progress(0.2, "Continuing the background")
    shifts = [Shift(rows=0, columns=0), *found]
    labels, energy = _labelled(coarse, shifts, progress)
    progress(0.8, "Continuing the background")
    return replace(_on_the_fine_grid(around, coarse, shifts, labels), energy=energy)


def _reduced(around: Surroundings) -> Surroundings:
    """Return the surroundings on the coarse grid."""
    height, width = around.size
    scale = min(1.0, (_COARSE_CELLS / (height * width)) ** 0.5)
    size = max(1, int(height * scale)), max(1, int(width * scale))

    def reduced(plane: np.ndarray) -> np.ndarray:
        return resize(plane.astype(np.float32, copy=False), size, method="area")

    visible = (~around.hole).astype(np.float32)
    share = np.maximum(reduced(visible), 0.05)[..., None]
    hole = reduced(around.hole) > 0
    known = (reduced(around.known) > 0.5) & ~hole
    picture = reduced(around.picture * visible[..., None]) / share
    return Surroundings(
        picture=np.where(hole[..., None], pull_push(picture, known.astype(np.float32)), picture),
        hole=hole,
        known=known,
        source=reduced(around.source) > 0.99,
        disparity=reduced(around.disparity),
        behind=reduced(around.behind),
    )


def _labelled(
    coarse: Surroundings, shifts: Sequence[Shift], progress: Progress
) -> tuple[Int32[np.ndarray, "h w"], float]:
    """Return the position in `shifts` of each cell's shift, -1 outside the hole, and the relative energy."""
    area = coarse.hole | (coarse.known & ndimage.maximum_filter(coarse.hole, 2 * _OVERLAP + 1))
    part = ndimage.find_objects(ndimage.maximum_filter(area, 3).astype(np.int8))[0]
    cells = _cells(area, part)
    count, length = area[part].size, len(cells.fixed)
    costs = np.zeros((_MOST_SHIFTS + 1, length), np.float32)
    costs[: len(shifts), :count] = _costs(coarse, shifts)[(slice(None), *part)].reshape(len(shifts), -1)
    moves = np.zeros((_MOST_SHIFTS + 1, 2), np.int32)
    moves[: len(shifts)] = [(shift.rows, shift.columns) for shift in shifts]
    features = np.zeros((5, _PICTURE_LENGTH), np.float32)
    features[:, : coarse.hole.size] = _with_slopes(coarse.picture).reshape(-1, 5).T
    picture = Picture(*jax.device_put((features, np.asarray(coarse.size, np.int32))))
    label = np.zeros(length, np.int32)
    usual = float(costs[0, ~np.asarray(cells.fixed)].sum())
    energy, random = usual, np.random.default_rng(0)
    new_label = _NEW_LABEL * float(np.sqrt(coarse.hole.sum()))
    tried = np.arange(1, len(shifts))
    choices = Choices(*jax.device_put((costs, moves)))
    for sweep in range(_SWEEPS):
        order = np.zeros(_MOST_SHIFTS + 1, np.int32)
        order[: len(tried)] = random.permutation(tried)
        label, change = expand(
            picture,
            cells,
            choices,
            label,
            order=order,
            count=np.int32(len(tried)),
            new_label=np.float32(new_label),
        )
        energy += float(change)
        tried = np.setdiff1d(label, [0])  # a shift that no cell has after the first sweep would hardly gain any
        progress(0.2 + 0.6 * (sweep + 1) / _SWEEPS, "Continuing the background")
    labels = np.full(coarse.size, -1, np.int32)
    labels[part] = np.asarray(label)[:count].reshape(area[part].shape)
    labels[~area] = -1
    return labels, energy / max(usual, 1e-6)


def _cells(area: Bool[np.ndarray, "h w"], part: tuple[slice, slice]) -> Cells:
    """Return the cells of a part of a grid, those outside `area` as fixed ones."""
    free = area[part]
    length = next(each for each in _CELL_LENGTHS if each >= free.size)

    def padded(plane: np.ndarray, beyond: int) -> np.ndarray:
        return np.pad(plane.reshape(-1), (0, length - free.size), constant_values=beyond)

    places: np.ndarray = np.indices(area.shape, np.int32)
    pairs = np.zeros((2, *free.shape), np.bool_)
    pairs[0, :, :-1] = free[:, :-1] | free[:, 1:]
    pairs[1, :-1] = free[:-1] | free[1:]
    cells = {
        "rows": padded(places[0][part], 0),
        "columns": padded(places[1][part], 0),
        "fixed": padded(~free, 1),
        "pairs": np.stack([padded(each, 0) for each in pairs]),
        "width": np.int32(free.shape[1]),
    }
    return Cells(**jax.device_put(cells))


def _with_slopes(picture: np.ndarray) -> Float32[np.ndarray, "h w 5"]:
    luma = picture.mean(axis=2)
    slopes = [np.diff(luma, axis=axis, append=luma.take([-1], axis=axis)) for axis in (0, 1)]
    return np.concatenate([picture, np.float32(_SLOPE_WEIGHT) * np.stack(slopes, axis=-1)], axis=-1)


def _costs(coarse: Surroundings, shifts: Sequence[Shift]) -> Float32[np.ndarray, "l h w"]:
    """Return the cost of each shift at each cell; the first one is the smooth filling."""
    height, width = coarse.size
    std = _AROUND * float(np.sqrt(height * width))
    source, known = coarse.source.astype(np.float32), coarse.known.astype(np.float32)
    colours = _mean_around(coarse.picture, source, std)
    expected = ndimage.gaussian_filter(pull_push(coarse.picture, known), (std, std, 0))
    variance = _variance(coarse, _VARIANCE_AROUND * float(np.sqrt(coarse.hole.sum())))
    costs = [np.where(coarse.hole, _SMOOTH_COST * variance, 0)]
    down, across = np.indices(coarse.size)
    for shift in shifts[1:]:
        rows = np.clip(down + shift.rows, 0, height - 1)
        columns = np.clip(across + shift.columns, 0, width - 1)
        cost = _DEPTH_WEIGHT * (coarse.disparity[rows, columns] - coarse.behind) ** 2
        cost += _COLOUR_WEIGHT * ((colours[rows, columns] - expected) ** 2).sum(axis=2)
        cost += _ROW_COST * (shift.rows / height) ** 2
        differs = ((coarse.picture[rows, columns] - coarse.picture) ** 2).sum(axis=2)
        cost += np.where(coarse.known, differs, 0)
        costs.append(np.where(shifted(coarse.source, shift.rows, shift.columns), cost, FORBIDDEN))
    return np.stack(costs).astype(np.float32)


def _mean_around(planes: np.ndarray, weight: np.ndarray, std: float) -> Float32[np.ndarray, "h w c"]:
    share = np.maximum(ndimage.gaussian_filter(weight, std), 1e-3)[..., None]
    mean: np.ndarray = ndimage.gaussian_filter(planes * weight[..., None], (std, std, 0)) / share
    return mean


def _is_plain(coarse: Surroundings) -> bool:
    """Return whether nearly all of the surroundings of the hole have no texture."""
    outwards = ndimage.distance_transform_edt(~coarse.hole)
    near = coarse.known & (outwards > 1) & (outwards < _PLAIN_AROUND * np.sqrt(coarse.hole.sum()))
    return not near.any() or bool((_variance(coarse, _PLAIN_STD)[near] < _PLAIN).mean() > _PLAIN_SHARE)


def _variance(coarse: Surroundings, std: float) -> Plane:
    """Return the variance of the known colours around each cell."""
    known = coarse.known.astype(np.float32)
    mean, squares = (_mean_around(each, known, std) for each in (coarse.picture, coarse.picture**2))
    variance: np.ndarray = np.maximum(squares - mean**2, 0).sum(axis=2)
    return variance


def _on_the_fine_grid(
    around: Surroundings, coarse: Surroundings, shifts: Sequence[Shift], labels: np.ndarray
) -> ShiftMap:
    """Transfer the shifts to the fine grid; a cell whose source is not allowed there takes a shift used nearby."""
    size, scale = around.size, np.array(around.size) / np.array(coarse.size)
    best, moves = np.full(size, -1.0, np.float32), np.zeros((*size, 2), np.int32)
    copied = np.zeros(size, np.bool_)
    outwards = ndimage.distance_transform_edt(~around.hole)
    for label in np.unique(labels[labels >= 0]):
        cells = (labels == label).astype(np.float32)
        near = sum(np.float32(weight) * ndimage.gaussian_filter(cells, std) for std, weight in _BLEND)
        weight = resize(np.asarray(near), size, method="bilinear")
        move = _refined(around, outwards, shifts[label], scale) if label else (0, 0)
        weight = np.where(shifted(around.source, *move) if label else True, weight, 1e-6 * weight)
        better = around.hole & (weight > best)
        best[better], moves[better], copied[better] = weight[better], move, label > 0
    return ShiftMap(moves=moves, copied=copied, energy=1.0)


def _refined(around: Surroundings, outwards: np.ndarray, shift: Shift, scale: np.ndarray) -> tuple[int, int]:
    """Return a shift of the coarse grid on the fine one: the one nearby by which its part of the rim fits best."""
    (rows, columns), reach = np.round(scale * (shift.rows, shift.columns)).astype(int), int(np.ceil(scale.max()))
    if shift.middle is None:
        return int(rows), int(columns)
    middle = scale * shift.middle
    radius = min(shift.radius * float(scale.mean()), 0.5 * float(np.sqrt(around.hole.sum())))
    down, across = np.nonzero(around.known & (outwards <= _REFINED[0]))
    near = (np.abs(down - middle[0]) <= radius) & (np.abs(across - middle[1]) <= radius)
    down, across = down[near], across[near]
    kept = np.linspace(0, len(down) - 1, min(_REFINED[1], len(down))).astype(int)
    down, across, (height, width) = down[kept], across[kept], around.size
    best, result = np.inf, (int(rows), int(columns))
    for row in range(rows - reach, rows + reach + 1):
        for column in range(columns - reach, columns + reach + 1):
            there = down + row, across + column
            seen = (there[0] >= 0) & (there[0] < height) & (there[1] >= 0) & (there[1] < width)
            to = there[0][seen], there[1][seen]
            usable = around.source[to]
            if usable.sum() <= _REFINED_KNOWN * len(down):
                continue
            at = down[seen][usable], across[seen][usable]
            difference = around.picture[to[0][usable], to[1][usable]] - around.picture[at]
            if (error := float((difference**2).sum(axis=1).mean())) < best:
                best, result = error, (row, column)
    return result
