"""Repair the depth inside a selection: re-estimate, smooth, fill, match a value, or shift.

A hole is filled with a membrane, the smoothest surface that meets the values around it. The surface solves
Laplace's equation with the known values as boundary and zero flux through the picture's edges, by conjugate
gradients that start from pull-push. P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH 2003.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from dioptre.contract import Disparity, Inputs, Layer, Picture, Plane, Progress, Result, no_progress, part_of
from dioptre.imaging.box_mean import box_mean
from dioptre.imaging.numbers import is_finite
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import fitted_size, resize
from dioptre.programs import kept
from dioptre_link.catalogue.repair_depth import OPERATION, RepairOptions
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .coarse import DepthError
from .estimation import estimate_depth

_GRID = (256, 256)  # fixed, so the solver compiles once; coarse, because membranes are smooth
_STEPS = 96
_MARGIN = 0.15  # margin of the crop on each side, as a fraction of the size of the selection's bounding box
_CONTEXT = 0.5  # the same margin for re-estimation; larger, because networks need an object's surroundings
_LEAST_CONTEXT = 0.2  # smallest margin for re-estimation, as a fraction of the picture's short side
_EDGE_PX = 2  # width, in pixels, of the ramp along the selection's border that hides any remaining step
_FEATHER = 0.02  # default feather, as a fraction of the picture's short side
_SMOOTHING = 0.12  # radius of the smoothing, as a fraction of the short side of the selection's bounding box
_SMOOTHED_PX = 512  # longest side, in pixels, of the reduced map that is smoothed
_PICK_PX = 2  # half-width, in pixels, of the square around a picked point whose median is used
# If a smaller fraction of the crop than this lies outside the selection, the whole crop is used to fit the depths.
_LEAST_SHARE = 0.02


def membrane(values: Plane, inside: Bool[np.ndarray, "h w"]) -> Plane:
    """Replace the values in a hole with a membrane.

    The membrane is solved on a grid of 256 x 256 cells. Along the border of a large hole, the result is smooth and
    may not match every surrounding value exactly.

    Args:
        values: the map.
        inside: true in the hole.

    Returns:
        The map with its hole filled; all zeros if the hole covers the whole map.
    """
    if inside.all():
        return np.zeros_like(values)
    size = values.shape[0], values.shape[1]
    known = resize((~inside).astype(np.float32), _GRID, method="area")
    weighted = resize(np.where(inside, 0, values).astype(np.float32), _GRID, method="area")
    means = np.where(known > 0, weighted / np.maximum(known, 1e-6), 0).astype(np.float32)
    hole = known < 0.5
    guess = pull_push(means, (~hole).astype(np.float32))
    scale = (size[0] / _GRID[0], size[1] / _GRID[1])
    solved = np.asarray(_solve(guess, hole, np.asarray(scale, np.float32)))
    smooth = resize(solved, size, method="bilinear")
    return np.where(inside, smooth, values)


@kept
def _solve(guess: Float[Array, "h w"], hole: Bool[Array, "h w"], scale: Float[Array, "2"]) -> Float[Array, "h w"]:
    """Solve Laplace's equation inside `hole` by conjugate gradients; `scale` is the height and width of a cell."""
    down, across = 1 / scale[0] ** 2, 1 / scale[1] ** 2
    strength = jnp.maximum(down, across)
    down, across = down / strength, across / strength

    def laplacian(x: Array) -> Array:
        padded = jnp.pad(x, 1, mode="edge")
        rows = padded[2:, 1:-1] + padded[:-2, 1:-1] - 2 * x
        columns = padded[1:-1, 2:] + padded[1:-1, :-2] - 2 * x
        return jnp.where(hole, -(down * rows + across * columns), 0)

    # Solving for the correction, which is 0 outside the hole, makes the operator symmetric and positive.
    missing, _ = jax.scipy.sparse.linalg.cg(laplacian, -laplacian(guess), maxiter=_STEPS, tol=0.0)
    return guess + missing


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A repaired depth map.

    Attributes:
        disparity: (H, W) in [0, 1]; unchanged outside the selection.
        values: parameters that were chosen automatically, as JSON types.
        models: as in `Depth`.
    """

    disparity: Disparity
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


def repair_depth(
    image: Picture,
    disparity: Float32[np.ndarray, "_ _"],
    *,
    selection: Float32[np.ndarray, "_ _"] | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Repaired:
    """Change the depth inside a selection, without a step at its border.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded.
        disparity: (H, W) in [0, 1], 1 = nearest.
        selection: (H, W) in [0, 1]; values between 0 and 1 apply the change in part. None selects everything.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: options of the operation `repair_depth` in `dioptre_link.catalogue`:
            mode: "estimate" re-estimates on a crop and fits the result to the surroundings; "smooth" removes
                bumps; "fill" interpolates from the surroundings; "match" uses the depth at the point `at`, or
                `value`; "shift" moves nearer by `amount`, or farther if it is negative.
            feather: width in pixels of the soft edge inside the selection.
            depth_model: the network that "estimate" runs.

    Returns:
        Repaired: the new `disparity` (H, W).

    Raises:
        UsageError: the selection is empty or has another size, or an option is out of range.
        DepthError: an input contains NaN or infinite values.
    """
    chosen = RepairOptions(**OPERATION.check(options))
    return _repaired(image, disparity, selection, chosen, progress)


def _repaired(
    image: Picture,
    disparity: Float32[np.ndarray, "_ _"],
    selection: Float32[np.ndarray, "_ _"] | None,
    options: RepairOptions,
    progress: Progress,
) -> Repaired:
    selected = np.ones_like(disparity) if selection is None else selection
    _check(image, disparity, selected)
    if options.mode == "match" and options.at is None and options.value is None:
        raise UsageError("No depth to match was chosen.", hint="Pick a point in the picture, or enter a value.")
    progress(0.0, "Analysing the selection")
    context = _CONTEXT if options.mode == "estimate" else _MARGIN
    box = _box(selected, share=context, least=_LEAST_CONTEXT if options.mode == "estimate" else 0.0)
    old, part = disparity[box], selected[box]
    inside = part > 0
    models: Mapping[str, str] = {}
    values: dict[str, Any] = {}
    match options.mode:
        case "estimate":
            new, models, values = _estimated(
                image[box], old, inside, model=options.depth_model, progress=part_of(progress, 0.0, 0.8)
            )
        case "smooth":
            new = _smoothed(old, inside)
        case "fill":
            new = membrane(old, inside) if not inside.all() else np.full_like(old, np.median(old))
        case "match":
            depth = options.value
            if depth is None:
                assert options.at is not None  # checked above
                depth = _picked(disparity, options.at)
            values = {"value": round(float(depth), 4)}
            new = np.full_like(old, depth)
        case _:
            new = old + np.float32(options.amount)
    progress(0.85, "Blending with the surroundings")
    feather_px = options.feather
    if feather_px is None:
        ramped = options.mode in ("match", "shift")
        feather_px = _FEATHER * min(disparity.shape) if ramped else np.inf
    joined = _joined(old, new.astype(np.float32), inside, part, feather_px=float(feather_px))
    repaired = disparity.copy()
    repaired[box] = np.clip(joined, 0, 1)
    progress(1.0, "Done")
    return Repaired(disparity=repaired, values=values, models=models)


def run(inputs: Inputs, options: RepairOptions, progress: Progress) -> Result:
    """Run the operation `repair_depth`."""
    assert inputs.disparity is not None  # the operation requires depth
    made = _repaired(inputs.picture, inputs.disparity, inputs.selection, options, progress)
    return Result(
        layers=(Layer(name="Depth", role=Role.DEPTH, pixels=made.disparity),),
        values=made.values,
        models=made.models,
    )


def _check(image: np.ndarray, disparity: np.ndarray, selected: np.ndarray) -> None:
    for plane, called in ((disparity, "depth layer"), (selected, "selection")):
        if plane.shape != image.shape[:2]:
            raise UsageError(
                "The {called} has {width} x {height} pixels, the picture {full_width} x {full_height}.",
                hint="Both must be the same size.",
                called=Message(called),
                width=plane.shape[1],
                height=plane.shape[0],
                full_width=image.shape[1],
                full_height=image.shape[0],
            )
        if not is_finite(plane):
            raise DepthError(
                "The {called} contains values that are NaN or infinite.",
                hint="Create it again.",
                called=Message(called),
            )
    if not (selected > 0).any():
        raise UsageError("Nothing is selected.", hint="Select the area to repair.")


def _box(selected: np.ndarray, *, share: float, least: float) -> tuple[slice, slice]:
    """Return the selection's bounding box with a margin, clipped to the picture."""
    sides = []
    shortest = least * min(selected.shape)
    for axis in (0, 1):
        held = np.flatnonzero(selected.max(axis=1 - axis) > 0)
        first, last = int(held[0]), int(held[-1]) + 1
        margin = int(max(share * (last - first), shortest, 2 * _EDGE_PX)) + 1
        sides.append(slice(max(0, first - margin), min(selected.shape[axis], last + margin)))
    return sides[0], sides[1]


def _estimated(
    image: np.ndarray, old: np.ndarray, inside: np.ndarray, *, model: str, progress: Progress
) -> tuple[np.ndarray, Mapping[str, str], dict[str, Any]]:
    """Estimate the depth of the crop alone, then scale and shift it to fit the depth around the selection."""
    depth = estimate_depth(np.ascontiguousarray(image), model=model, progress=progress)
    around = ~inside if (~inside).mean() > _LEAST_SHARE else np.ones_like(inside)
    scale, shift = _fit(depth.disparity[around], old[around])
    values = {"scale": round(scale, 4), "shift": round(shift, 4), "depth_model": depth.model}
    return scale * depth.disparity + shift, depth.models, values


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the scale (at least 0.1) and the shift that map `x` to `y`, fitted by robust regression."""
    step = max(1, x.size // 50_000)
    a, b = x[::step].astype(np.float64), y[::step].astype(np.float64)
    weight = np.ones_like(a)
    scale, shift = 1.0, 0.0
    for _ in range(8):
        mean_a, mean_b = np.average(a, weights=weight), np.average(b, weights=weight)
        spread = np.average((a - mean_a) ** 2, weights=weight)
        together = np.average((a - mean_a) * (b - mean_b), weights=weight)
        scale = max(0.1, together / spread) if spread > 1e-8 else 1.0
        shift = mean_b - scale * mean_a
        miss = np.abs(scale * a + shift - b)
        weight = 1 / np.maximum(miss, 0.02)
    return float(scale), float(shift)


def _smoothed(old: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Smooth the selected values with three passes of a box filter that ignores all other values."""
    size = fitted_size((old.shape[0], old.shape[1]), longest_px=_SMOOTHED_PX)
    values, weight = resize(old, size, method="area"), resize(inside.astype(np.float32), size, method="area")
    radius = max(1, round(_SMOOTHING * min(size)))
    mean, share = values * weight, weight
    for _ in range(3):
        mean, share = box_mean(mean, radius), box_mean(share, radius)
    smooth = np.where(share > 1e-4, mean / np.maximum(share, 1e-4), values).astype(np.float32)
    return resize(smooth, (old.shape[0], old.shape[1]), method="bilinear")


def _picked(disparity: np.ndarray, at: tuple[float, float]) -> float:
    """Return the median depth around a point, which may lie anywhere in the picture."""
    x, y = (int(np.clip(c, 0, n - 1)) for c, n in zip(at, disparity.shape[::-1], strict=True))
    rows, columns = (slice(max(0, c - _PICK_PX), c + _PICK_PX + 1) for c in (y, x))
    return float(np.median(disparity[rows, columns]))


def _joined(
    old: np.ndarray, new: np.ndarray, inside: np.ndarray, part: np.ndarray, *, feather_px: float
) -> np.ndarray:
    """Blend `new` into the selection without a step at its border.

    The differences at the border are interpolated smoothly across the selection and subtracted, fading out over the
    feather.
    """
    change = new - old
    if inside.all():
        return old + part * change
    missed = membrane(change, inside)
    deep = _depth_inside(inside, round(min(feather_px, max(inside.shape)))) if np.isfinite(feather_px) else 0.0
    within = _depth_inside(inside, int(min(feather_px, _EDGE_PX)))
    return old + part * within * (change - (1 - deep) * missed)


def _depth_inside(inside: np.ndarray, reach_px: int) -> np.ndarray:
    """Return a ramp from 0 at the selection's border to 1 at `reach_px` inside, except at picture edges."""
    if reach_px < 1:
        return inside.astype(np.float32)
    mean = box_mean(inside.astype(np.float32), reach_px)
    return np.clip(2 * mean - 1, 0, 1) * inside
