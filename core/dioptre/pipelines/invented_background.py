"""Fill in the background behind the subject with content that a network invents.

The network works on a reduced copy of the surroundings. Where the picture is finer, detail is copied from parts of
the background that look like what the network has invented.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.imaging.exemplar import FINEST_PIXELS, Matches, match_texture
from dioptre.imaging.layers import Progress, Rows, no_progress
from dioptre.imaging.patch_match import RADIUS
from dioptre.imaging.pull_push import pull_push, pull_push_rows
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find
from dioptre_link.catalogue.portrait import AUTOMATIC_FILL

from .patchwork import (
    GUARD_CELLS,
    Patchwork,
    beside_alpha,
    cells_of,
    filled_rows,
    narrowed,
    usable_cells,
    widened,
)

_VISIBLE = 0.02  # coverage from which a pixel counts as the subject's
_OPAQUE = 0.99
_MARGIN = 0.5  # the network sees this fraction of the hole's larger side beyond it, on all sides
_FINER = 1.2  # pixels per cell from which detail is copied
_POOR = 0.05, 0.09  # root mean square error of matches from which detail fades, and at which it is gone
_QUALITY_STD = 3.0  # smoothing of the matches' error, in cells


def inpainting_network(choice: str) -> Loaded | None:
    """Return the network that the option `background_fill` names; None for the automatic filling.

    Raises:
        UsageError: there is no such network.
        NetworkMissingError: it is not installed.
        WeightsError: its weights are damaged.
    """
    return None if choice == AUTOMATIC_FILL else load_model(find(choice, kind=ModelKind.INPAINTING).id)


def invented_background(
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    network: Loaded,
    progress: Progress = no_progress,
) -> Rows:
    """Return a function that computes rows of the picture without its subject.

    If no background is visible, the picture is filled smoothly.

    Args:
        image: (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha.
        alpha: coverage of the subject, in [0, 1].
        disparity: of the picture, in [0, 1], 1 = nearest; detail comes from surfaces like those around the subject,
            and not from nearer ones.
        network: an inpainting network.
        progress: called with the fraction done; raises Cancelled to stop.

    Returns:
        A function that maps a slice of rows to the pixels, with as many channels as `image`.
    """
    hole = alpha >= _VISIBLE
    patchwork = (
        _patchwork(image, alpha, hole, disparity, network=network, progress=progress) if hole.any() else None
    )
    if patchwork is None:
        return beside_alpha(image, pull_push_rows(image[..., :3], ~hole))
    return beside_alpha(image, partial(filled_rows, image, patchwork))


def _patchwork(
    image: np.ndarray,
    alpha: np.ndarray,
    hole: np.ndarray,
    disparity: np.ndarray,
    *,
    network: Loaded,
    progress: Progress,
) -> Patchwork | None:
    side = network.config.resolution
    rows, columns = _square(hole, least=side)
    size = rows.stop - rows.start, columns.stop - columns.start
    cells = cells_of(hole[rows, columns], most=min(side**2 * min(size) // max(size), FINEST_PIXELS))

    def reduced(plane: np.ndarray) -> np.ndarray:
        return resize(plane[rows, columns].astype(np.float32, copy=False), cells, method="area")

    inner = reduced(hole) > 0
    wide = widened(inner, GUARD_CELLS)
    opaque = reduced(image[..., 3]) > _OPAQUE if image.shape[2] == 4 else np.ones_like(wide)
    known = ~wide & opaque
    if not known.any():
        return None
    picture, near = reduced(image[..., :3]), reduced(disparity)
    progress(0.0, "Inventing the background")
    filled = _continued(picture, wide, known, _invented(image[rows, columns, :3], ~known, network))
    usable = usable_cells(near, reduced(alpha), wide) & opaque
    matches = None
    if size[0] * size[1] > _FINER**2 * cells[0] * cells[1] and narrowed(usable, RADIUS).any():
        progress(0.5, "Inventing the background")
        behind = pull_push(near, known.astype(np.float32))
        matches = match_texture(filled, wide, usable, disparity=near, behind=behind)
    scale = np.array(size, np.float32) / np.array(cells, np.float32)
    moves = np.zeros((*cells, 2), np.int32) if matches is None else matches.moves
    return Patchwork(
        top=rows.start,
        left=columns.start,
        size=size,
        moves=np.round(moves * scale).astype(np.int32),
        residual=filled - _copied(picture, moves),
        smooth=filled,
        texture=np.zeros(cells, np.float32) if matches is None else _detail(matches),
        cover=np.maximum(ndimage.uniform_filter(wide.astype(np.float32), 3), widened(inner, 1)),
    )


def _square(hole: Bool[np.ndarray, "h w"], *, least: int) -> tuple[slice, slice]:
    """Return the rows and columns that the network sees: a square around the hole, cut off where the picture ends.

    Args:
        hole: the pixels to fill.
        least: smallest side of the square.
    """
    spans = [np.flatnonzero(hole.any(axis=1 - axis)) for axis in (0, 1)]
    largest = max(int(span[-1]) + 1 - int(span[0]) for span in spans)
    side = max(least, int((1 + 2 * _MARGIN) * largest))
    rows, columns = (
        slice(
            first := min(max((int(span[0]) + int(span[-1]) + 1 - side) // 2, 0), max(length - side, 0)),
            min(first + side, length),
        )
        for span, length in zip(spans, hole.shape, strict=True)
    )
    return rows, columns


def _invented(view: np.ndarray, hole: np.ndarray, network: Loaded) -> Float32[np.ndarray, "h w 3"]:
    """Return the network's picture, in the size of `hole`, which is a mask of cells over the whole view.

    A view that is not square, because the picture ends, is continued by its mirror image, so that the network sees
    everything in its true proportions.
    """
    side = network.config.resolution
    scale = side / max(hole.shape)
    inner = max(round(scale * hole.shape[0]), 1), max(round(scale * hole.shape[1]), 1)
    before = [(side - length) // 2 for length in inner]
    beside = [(first, side - length - first) for first, length in zip(before, inner, strict=True)]
    known = (resize(hole.astype(np.float32), inner, method="bilinear") <= 0)[..., None].astype(np.float32)
    colours = 2 * np.clip(resize(view, inner, method="bilinear"), 0, 1) - 1
    given = np.pad(
        np.concatenate([known - np.float32(0.5), colours * known], axis=-1), (*beside, (0, 0)), "symmetric"
    )
    output = np.asarray(network(given[None]))[0][before[0] :, before[1] :][: inner[0], : inner[1]]
    return resize(np.clip(output / 2 + np.float32(0.5), 0, 1), (hole.shape[0], hole.shape[1]), method="bilinear")


def _continued(
    picture: np.ndarray, hole: np.ndarray, known: np.ndarray, invented: np.ndarray
) -> Float32[np.ndarray, "h w 3"]:
    """Put the network's content into the hole, corrected by the smooth continuation of its error around the hole.

    P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH 2003, with `pull_push` as the membrane.
    """
    shifted = invented + pull_push(picture - invented, known.astype(np.float32))
    return np.where(hole[..., None], np.maximum(shifted, 0), picture).astype(np.float32)


def _copied(picture: np.ndarray, moves: np.ndarray) -> np.ndarray:
    height, width = moves.shape[:2]
    rows = np.clip(np.arange(height)[:, None] + moves[..., 0], 0, height - 1)
    columns = np.clip(np.arange(width) + moves[..., 1], 0, width - 1)
    copied: np.ndarray = picture[rows, columns]
    return copied


def _detail(matches: Matches) -> Float32[np.ndarray, "h w"]:
    """Return how much detail to copy: less where matches are poor."""
    error = ndimage.gaussian_filter(np.sqrt(matches.distance), _QUALITY_STD)
    share = ndimage.gaussian_filter(matches.near.astype(np.float32), _QUALITY_STD)
    detail: np.ndarray = np.interp(error / np.maximum(share, 1e-3), _POOR, (1, 0))
    return detail.astype(np.float32)
