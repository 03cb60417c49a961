"""Fill in the background behind the subject: with texture from elsewhere in it, or else smoothly.

Sources are searched on a reduced copy of the surroundings, and the pixels are copied from the full-size picture.
"""

from __future__ import annotations

from dataclasses import fields
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import (
    NO_STEP_CACHE,
    Disparity,
    Matte,
    Picture,
    Progress,
    Rows,
    StepCache,
    StepResult,
    no_progress,
)
from dioptre.imaging.pull_push import pull_push, pull_push_rows
from dioptre.imaging.resize import resize

from .grain import grain_beside
from .patchwork import (
    Patchwork,
    beside_alpha,
    cells_of,
    disparity_behind,
    filled_rows,
    narrowed,
    surroundings,
    usable_cells,
    widened,
    with_tails,
)
from .seams import seam_correction
from .shift_map import ShiftMap, Surroundings, continue_by_shifts

_SHIFTS_STEP = "shifts of the background"  # name under which they are cached
_VISIBLE = 0.02  # coverage from which a pixel counts as the subject's
_OPAQUE = 0.99
_EDGE_CELLS = 3  # cells at the edge of a surface whose depth is mixed
_BESIDE_NEARER = 2  # cells this close to nearer surfaces are not copied, because they show some of them
_LEAST_KNOWN = 0.3  # fraction of the rim at which the copies must fit; if less of it counts, all of it does
_MOST_ENERGY = 0.4  # energy of copies and seams relative to a smooth filling's from which copies do not fit
_STIFF = 1e-4  # how much the shading of a smooth filling avoids bending
_CALM_STD = 2.5  # cells over which the rim of a smooth filling is averaged
_LEAST_TEXTURE = 0.6  # fraction of the hole that is copied below which the whole hole is filled smoothly


def clean_background(
    image: Picture,
    alpha: Matte,
    disparity: Disparity,
    *,
    cache: StepCache = NO_STEP_CACHE,
    progress: Progress = no_progress,
) -> Rows:
    """Return a function that computes rows of the picture without its subject.

    Args:
        image: (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha.
        alpha: coverage of the subject, in [0, 1].
        disparity: of the picture, in [0, 1], 1 = nearest; the texture comes from surfaces like those around the
            subject, and not from nearer ones.
        cache: stores where the texture comes from.
        progress: called with the fraction done; raises Cancelled to stop.

    Returns:
        A function that maps a slice of rows to the pixels, with as many channels as `image`.
    """
    patchwork = _patchwork(image, alpha, disparity, progress, cache)
    if patchwork is None:
        return beside_alpha(image, pull_push_rows(image[..., :3], alpha < _VISIBLE))
    return beside_alpha(image, partial(filled_rows, image, patchwork))


def textured_background(
    image: Picture,
    alpha: Matte,
    disparity: Disparity,
    *,
    progress: Progress = no_progress,
) -> Rows | None:
    """Return the function of `clean_background` if texture fits behind the subject, and else None."""
    patchwork = _patchwork(image, alpha, disparity, progress)
    if patchwork is None or not patchwork.texture.any():
        return None
    return beside_alpha(image, partial(filled_rows, image, patchwork))


def _patchwork(
    image: np.ndarray,
    alpha: np.ndarray,
    disparity: np.ndarray,
    progress: Progress,
    cache: StepCache = NO_STEP_CACHE,
) -> Patchwork | None:
    """Return how to fill the place of the subject; None if there is none, or nothing else."""
    hole = alpha >= _VISIBLE
    if not hole.any() or hole.all():
        return None
    rows, columns = surroundings(hole)
    size = rows.stop - rows.start, columns.stop - columns.start
    cells = cells_of(hole[rows, columns])

    def reduced(plane: np.ndarray) -> np.ndarray:
        return resize(plane[rows, columns].astype(np.float32, copy=False), cells, method="area")

    picture, near, own = reduced(image[..., :3]), reduced(disparity), reduced(alpha)
    covered = reduced(hole) > 0
    wide = with_tails(covered, own)
    if wide.all():
        return None
    usable, known = usable_cells(near, own, wide), usable_cells(near, own, wide, band=0)
    if image.shape[2] == 4:
        usable &= reduced(image[..., 3]) > _OPAQUE
    whole = narrowed(usable, _EDGE_CELLS)
    visible = (~wide).astype(np.float32)
    picture = np.where(wide[..., None], pull_push(picture, visible), picture)
    found = None
    if whole.any():
        usable &= ~widened(~known & ~wide, _BESIDE_NEARER)
        if known[widened(wide, 1) & ~wide].mean() < _LEAST_KNOWN:
            known = ~wide
        around = Surroundings(
            picture=picture,
            hole=wide,
            known=known,
            source=usable,
            disparity=near,
            behind=disparity_behind(near, whole),
        )
        found = _kept_shifts(around, cache, progress)
    if found is None or found.energy > _MOST_ENERGY or found.copied.sum() < _LEAST_TEXTURE * wide.sum():
        found = ShiftMap(moves=np.zeros((*cells, 2), np.int32), copied=np.zeros(cells, np.bool_), energy=1.0)
    flat = wide & ~found.copied
    filling = _trend(picture, ~wide)
    picture[flat] = filling[flat]
    rim = widened(flat, 1) & ~wide
    picture[rim] = _calm(picture, ~wide)[rim]
    residual = seam_correction(picture, wide, found.moves, flat=flat, filling=filling)
    scale = np.array(size, np.float32) / np.array(cells, np.float32)
    return Patchwork(
        top=rows.start,
        left=columns.start,
        size=size,
        moves=np.round(found.moves * scale).astype(np.int32),
        residual=residual,
        smooth=picture + residual,
        texture=found.copied.astype(np.float32),
        cover=np.maximum(ndimage.uniform_filter(wide.astype(np.float32), 3), widened(covered, 1)),
        grain=grain_beside(image[rows, columns], picture + residual, wide),
    )


def _kept_shifts(around: Surroundings, cache: StepCache, progress: Progress) -> ShiftMap | None:
    """Return the result of `continue_by_shifts`, from the step cache if it was computed before."""

    def compute() -> StepResult:
        found = continue_by_shifts(around, progress=progress)
        if found is None:
            return StepResult(facts={"energy": None})
        down, across = np.moveaxis(found.moves.astype(np.float32), -1, 0)
        planes = {"down": down, "across": across, "copied": found.copied.astype(np.float32)}
        return StepResult(planes=planes, facts={"energy": found.energy})

    kept = cache.result(_SHIFTS_STEP, {each.name: getattr(around, each.name) for each in fields(around)}, compute)
    if kept.facts["energy"] is None:
        return None
    moves = np.stack([kept.planes["down"], kept.planes["across"]], axis=-1).astype(np.int32)
    return ShiftMap(moves=moves, copied=kept.planes["copied"] > 0, energy=kept.facts["energy"])


def _trend(picture: Float32[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 3"]:
    """Return the polynomial of second degree that is nearest to the known cells: the shading of a sky or a wall."""
    y, x = (each.astype(np.float32) / max(known.shape) for each in np.indices(known.shape))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    rows = terms[known]
    bent = np.diag([0, 0, 0, 1, 1, 1]) * (_STIFF * len(rows))
    found = np.linalg.solve(rows.T @ rows + bent + 1e-6 * np.eye(6), rows.T @ picture[known])
    return np.clip(terms @ found, picture[known].min(axis=0), picture[known].max(axis=0)).astype(np.float32)


def _calm(picture: Float32[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 3"]:
    """Return the known cells without their grain, which a filling would draw into streaks."""
    share = ndimage.gaussian_filter(known.astype(np.float32), _CALM_STD)[..., None]
    weighted = ndimage.gaussian_filter(picture * known[..., None], (_CALM_STD, _CALM_STD, 0))
    calm: np.ndarray = weighted / np.maximum(share, 1e-3)
    return calm
