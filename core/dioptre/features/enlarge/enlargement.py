"""Enlarge pictures with more detail than interpolation, without contradicting the original.

Networks process sRGB-encoded colour tile by tile, as in their training. Alpha is enlarged the same way. Colours are
first extended under transparent pixels, so that edges stay clean on any background; grey pictures stay grey; values
above 1 are enlarged by interpolation and added back.

The faithful networks were trained on clean, sharp pictures and would sharpen noise and JPEG blocks like detail, so
these are measured and removed beforehand. Light grain is part of a photograph and is given back at the end. If
requested, blur is removed beforehand too, since the networks would keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Layer, Picture, Plane, Progress, Result, no_progress, part_of
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.pull_push import extend_colours
from dioptre.imaging.resize import resize
from dioptre.imaging.tiles import plan_windows
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find
from dioptre_link.catalogue.super_resolution import OPERATION, EnlargementOptions
from dioptre_link.operation import Role

from .back_projection import REACH_PX, back_projected
from .deconvolution import deconvolved
from .depth_enlargement import defocus_from_depth, enlarge_disparity
from .grain import add_grain, kept_level, removed_grain
from .noise_estimation import Degradation, measure_degradation, suitable_strength
from .noise_reduction import reduce_noise
from .tiled import enlarge_tiled

_FAITHFUL = {2: "span-x2", 4: "span-x4"}  # the networks that "default" selects, by scale
_GREY_TOLERANCE = 1e-4  # a picture is grey if its channels differ by at most this
_DEFOCUS_NOISE_REDUCTION = 0.35  # strength, 0 to 1, for areas out of focus, which have no detail to lose
_STRIP_PX = 256
_LAST_ROUNDS = 64  # maximum number of back-projections, which converge more slowly at small scales


def super_resolution(
    image: Picture,
    *,
    scale: float,
    defocus: Plane | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Float32[np.ndarray, "H W c"]:
    """Enlarge a picture.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha, nominally [0, 1]. NaN and infinite
            values count as 0; values above 1 are preserved.
        scale: 1 to 8.
        defocus: (H, W) in [0, 1]: where it is 1, the picture is enlarged smoothly, without new detail.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: `model`, `noise_reduction`, `grain`, `softness` and `fidelity`; see `EnlargementOptions`.

    Returns:
        The enlarged picture, (round(H · scale), round(W · scale), C) float32.

    Raises:
        UsageError: an option is unknown or out of range.
        WeightsError: the model's weights are not installed.
        UnusableResultError: the network returned an invalid result.
    """
    chosen = EnlargementOptions(**OPERATION.check({"scale": scale, **options}))
    return enlarge(without_nan(image), chosen, defocus, progress).pixels


def run(inputs: Inputs, options: EnlargementOptions, progress: Progress) -> Result:
    """Run the operation `super_resolution`, as described in `dioptre_link.catalogue`."""
    picture = without_nan(inputs.picture)
    messages = []
    if picture is not inputs.picture:
        messages.append("Some pixels were NaN or infinite and were replaced by 0.")
    defocus = None
    if inputs.disparity is not None:
        defocus = defocus_from_depth(within_unit(picture[..., :3]), inputs.disparity)
        if float(defocus.max()) == 0:
            defocus = None
    made = enlarge(picture, options, defocus, progress)
    if made.interpolated > 0:
        share = max(1, round(100 * made.interpolated))
        messages.append(f"About {share} % of the picture was too noisy for the network and was interpolated.")
    height, width = made.pixels.shape[:2]
    layers = [Layer(name="Super-resolution", role=Role.RESULT, pixels=made.pixels)]
    if inputs.disparity is not None:
        depth = enlarge_disparity(inputs.disparity, made.pixels[..., :3])
        layers.append(Layer(name="Depth", role=Role.DEPTH, pixels=depth, visible=False))
    return Result(
        layers=tuple(layers),
        values={
            "scale": float(options.scale),
            "width": width,
            "height": height,
            "noise_reduction": made.noise_reduction,
            "grain": made.grain,
        },
        messages=tuple(messages),
        models=made.models,
    )


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A picture prepared for the networks.

    Attributes:
        clean: (h, w, 3), the picture with its noise removed.
        sharp: (h, w, 3), the picture with its noise and its softness removed.
        grain: (h, w), standard deviation of the grain to give back; None for no grain.
        noise_reduction: strength of the noise reduction that was applied, 0 to 1.
    """

    clean: np.ndarray
    sharp: np.ndarray
    grain: np.ndarray | None
    noise_reduction: float


@dataclass(frozen=True, kw_only=True)
class EnlargedPicture:
    """An enlarged picture.

    Attributes:
        pixels: (H, W, 3 or 4), the enlarged picture.
        interpolated: fraction of the picture where the network's output was unusable and was interpolated instead.
        noise_reduction: the strength of the noise reduction that was used, 0 to 1.
        grain: fraction of the picture's own grain that was given back; 0 if it has none.
        models: SHA-256 of the networks' cards.
    """

    pixels: np.ndarray
    interpolated: float
    noise_reduction: float
    grain: float
    models: Mapping[str, str] = field(default_factory=dict)


def _network(model_id: str) -> Loaded:
    return load_model(find(model_id, kind=ModelKind.SUPER_RESOLUTION).id)


def _stages(options: EnlargementOptions) -> tuple[Loaded, ...]:
    """Return the networks that enlarge by at least the scale when they run one after another."""
    if options.model == "default":
        if options.scale <= 2:
            return (_network(_FAITHFUL[2]),)
        last = (_network(_FAITHFUL[4]),)
        return last if options.scale <= 4 else (_network(_FAITHFUL[2]), *last)
    chosen = _network(options.model)
    return (chosen,) if options.scale <= chosen.config.scale else (chosen, _network(_FAITHFUL[2]))


def _kept_grain(options: EnlargementOptions) -> float:
    """Return the fraction of the picture's grain to give back."""
    if options.grain is not None:
        return options.grain
    return 1.0 if options.noise_reduction is None else 0.0


def _fidelity(options: EnlargementOptions, network: Loaded) -> float:
    """Return the requested fidelity, or the default for this network."""
    if options.fidelity is not None:
        return options.fidelity
    return 1.0 if network.entry.id in _FAITHFUL.values() else 0.0


def _prepared(
    picture: np.ndarray, options: EnlargementOptions, where: np.ndarray | None, progress: Progress
) -> _Prepared:
    """Prepare an opaque picture in [0, 1] for the networks.

    Args:
        picture: (h, w, 3), the picture.
        options: how to enlarge it.
        where: (h, w), mask of the visible pixels, used to measure degradation; None if all are visible.
        progress: called with (fraction, phase) between steps.
    """
    strength = 0.0 if options.noise_reduction is None and options.model != "default" else options.noise_reduction
    degradation = Degradation(noise=0.0, quantization=0.0)
    if strength is None or options.softness > 0 or (strength > 0 and _kept_grain(options) > 0):
        degradation = measure_degradation(picture, where)
    if strength is None:
        strength = suitable_strength(degradation)
    clean = reduce_noise(picture, strength=strength, progress=part_of(progress, 0.0, 0.6))
    sharp = deconvolved(
        clean, softness=options.softness, degradation=degradation, progress=part_of(progress, 0.6, 1.0)
    )
    level = _kept_grain(options) * kept_level(degradation.grain)
    return _Prepared(
        clean=clean,
        sharp=sharp,
        grain=removed_grain(picture, clean, level=level) if level > 0 and strength > 0 else None,
        noise_reduction=strength,
    )


def enlarge(
    picture: np.ndarray, options: EnlargementOptions, defocus: np.ndarray | None, progress: Progress
) -> EnlargedPicture:
    """Enlarge a picture.

    Args:
        picture: (h, w, 3 or 4), sRGB-encoded, straight alpha, without NaN.
        options: how to enlarge it.
        defocus: (h, w), where it is 1 the picture is enlarged smoothly; None for nowhere.
        progress: called with (fraction, phase) between steps.
    """
    if picture.shape[2] == 3:
        return _enlarge_colour(picture, options, None, defocus, progress)
    alpha = np.clip(picture[..., 3:], 0, 1)
    if float(np.ptp(alpha)) == 0:
        colour = _enlarge_colour(picture[..., :3], options, None, defocus, progress)
        opacity = np.full((*colour.pixels.shape[:2], 1), alpha.flat[0], np.float32)
    else:
        opaque = alpha[..., 0] > 0
        colour = _enlarge_colour(extend_colours(picture), options, opaque, defocus, part_of(progress, 0.0, 0.5))
        plain = replace(options, model="default", fidelity=1.0, noise_reduction=0.0, softness=0.0, grain=0.0)
        made = _enlarge_colour(np.repeat(alpha, 3, axis=2), plain, None, None, part_of(progress, 0.5, 1.0))
        opacity = made.pixels[..., :1]
    return replace(colour, pixels=np.concatenate([colour.pixels, opacity], axis=-1))


def _enlarge_colour(
    picture: np.ndarray,
    options: EnlargementOptions,
    where: np.ndarray | None,
    defocus: np.ndarray | None,
    progress: Progress,
) -> EnlargedPicture:
    target = (max(1, round(picture.shape[0] * options.scale)), max(1, round(picture.shape[1] * options.scale)))
    nominal = within_unit(picture)
    prepared = _prepared(nominal, options, where, part_of(progress, 0.0, 0.05))
    networks = _stages(options)
    grey = float(np.ptp(picture, axis=2).max()) < _GREY_TOLERANCE
    enlarged, interpolated, done = prepared.sharp, 0.0, 0
    for network in networks:
        native = done * network.config.scale if done else network.config.scale
        last = network is networks[-1]
        rest = options.scale / max(done, 1)
        factor = round(rest) if last and rest == round(rest) else network.config.scale
        part = part_of(progress, 0.05 if not done else 0.3, 0.98 if last else 0.3)
        made = enlarge_tiled(
            network,
            enlarged,
            factor=factor,
            finish=_finish(_fidelity(options, network), grey=grey),
            finish_reach_px=REACH_PX,
            progress=part,
        )
        enlarged, interpolated, done = made.pixels, max(interpolated, made.interpolated), native
    resized = (enlarged.shape[0], enlarged.shape[1]) != target
    if resized:
        enlarged = resize(enlarged, target, method="bicubic")
    if resized or len(networks) > 1:  # otherwise, each tile is already back-projected
        last_fidelity = _fidelity(options, networks[-1])
        enlarged = back_projected(enlarged, prepared.sharp, fidelity=last_fidelity, rounds=_LAST_ROUNDS)
    if defocus is not None:
        defocus = resize(defocus, prepared.clean.shape[:2], method="area")
        _smooth_where(defocus, enlarged, reduce_noise(prepared.clean, strength=_DEFOCUS_NOISE_REDUCTION))
    if prepared.grain is not None:
        add_grain(enlarged, prepared.grain)
    if picture.max() > 1 or picture.min() < 0:
        enlarged += resize(picture - nominal, target, method="bilinear")
    progress(1.0, "Enlarging")
    return EnlargedPicture(
        pixels=enlarged,
        interpolated=interpolated,
        noise_reduction=prepared.noise_reduction,
        grain=_kept_grain(options) if prepared.grain is not None else 0.0,
        models={name: checksum for network in networks for name, checksum in network.checksums.items()},
    )


def _finish(fidelity: float, *, grey: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function that post-processes an enlarged tile, given the original one.

    Args:
        fidelity: as in `back_projected`.
        grey: whether the picture is grey.
    """

    def finish(made: np.ndarray, tile: np.ndarray) -> np.ndarray:
        if grey:
            made = np.repeat(made.mean(axis=2, keepdims=True), 3, axis=2)
        return back_projected(made, tile, fidelity=fidelity)

    return finish


def _smooth_where(defocus: np.ndarray, enlarged: np.ndarray, picture: np.ndarray) -> None:
    """Blend the interpolated `picture` into `enlarged`, in place, weighted by `defocus`."""
    height, width = enlarged.shape[:2]
    scale = height // picture.shape[0]
    # Strips save memory, but only with an integer scale do they start on whole pixels of both pictures.
    strip_px = _STRIP_PX if picture.shape[0] * scale == height else picture.shape[0]
    for row in plan_windows(picture.shape[0], window_px=strip_px, overlap_px=4):
        rows = slice(row.start, row.start + row.length)
        size = (height if strip_px == picture.shape[0] else row.length * scale, width)
        weight = np.clip(resize(defocus[rows], size, method="bilinear"), 0, 1)[..., None]
        if weight.max() == 0:
            continue
        smooth = np.clip(resize(picture[rows], size, method="bicubic"), 0, 1)
        if strip_px == picture.shape[0]:
            enlarged += weight * (smooth - enlarged)
            continue
        kept = slice((row.first - row.start) * scale, (row.last - row.start) * scale)
        place = enlarged[row.first * scale : row.last * scale]
        place += weight[kept] * (smooth[kept] - place)
