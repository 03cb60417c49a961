"""White balance: estimate the illuminant and render the picture as if taken in daylight.

A small network estimates the illuminant and a smooth residual correction from a thumbnail. Every pixel then goes
through that single mapping (`dioptre.colour.correction`), so detail, grain and bright values survive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from dioptre.colour import TINT_PER_DUV, WhitePoint, between, linear_rgb_to_xy
from dioptre.colour.adaptation import xy_to_linear_rgb
from dioptre.contract import Disparity, Inputs, Layer, Picture, Progress, Result, no_progress
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.numbers import is_finite, without_nan
from dioptre.imaging.shapes import map_chunks
from dioptre_link.catalogue.white_balance import SET_LIGHT, SET_WARMTH, WhiteBalanceOptions
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Role

from .correction import NEUTRAL, apply_correction, apply_field
from .illuminant import Estimate, chroma_of, estimate_light, xy_of
from .mixed_light import light_field
from .series import mean_light

LARGEST_TINT = 300  # limit of the option `tint` in either direction, in 1/3000 Duv
_LIKELY = 0.6  # minimum confidence for reporting a picture without a cast as neutral
_NEARLY_ALL = 0.95
_WARM_KELVIN = 3500  # light below this colour temperature may be intended, as from candles or a sunset
_USUAL_KELVIN = (2000, 20000)  # from candles to shade under a blue sky; a neutral area beyond it is coloured
_USUAL_TINT = 70  # that of a green fluorescent lamp, in either direction
# Largest error in (ln r/g, ln b/g) with which temperature and tint still describe an illuminant well enough.
_TOLD = 2e-3
FADE_MIRED, FADE_DUV = 60.0, 0.02
"""Distance of a manually set light from the estimate at which the residual correction has faded out."""


@dataclass(frozen=True, kw_only=True)
class Balanced:
    """A balanced picture and the light that was estimated.

    Attributes:
        image: like the input: sRGB-encoded, straight alpha.
        light: colour of the light for which full strength corrects; about 6,500 K if there is no cast. The mean
            over the picture if there are several lights.
        confidence: probability that the estimate is right, 0 to 1.
        estimated: whether the light was estimated from the picture.
        coloured: False if the picture is entirely grey.
        tinted: whether the picture's mean colour was far from grey.
        applied: fraction of the cast that was removed, 0 to 1: the strength, or all but what seems to belong to the
            scene.
        lights: number of light sources found.
        models: SHA-256 of the networks' cards.
    """

    image: Picture
    light: WhitePoint
    confidence: float
    estimated: bool = False
    coloured: bool = True
    tinted: bool = False
    applied: float = 0.0
    lights: int = 1
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def cct(self) -> float:
        """Correlated colour temperature in kelvin."""
        return self.light.cct_kelvin

    @property
    def duv(self) -> float:
        """Distance from the Planckian locus in CIE 1960 (u, v), positive towards green."""
        return self.light.duv


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """The illuminant to remove and its residual, before `strength` is applied.

    Attributes:
        light: the illuminant.
        xy: exact chromaticity of `light`.
        residual: (9, 3), coefficients of `dioptre.colour.correction`.
        estimate: the estimate that this is based on.
    """

    light: WhitePoint
    xy: tuple[float, float]
    residual: Float32[np.ndarray, "9 3"]
    estimate: Estimate


def white_balance(
    image: Picture,
    *,
    disparity: Disparity | None = None,
    references: Sequence[np.ndarray] = (),
    whole: Float32[np.ndarray, "H W c"] | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Balanced:
    """Remove the colour cast of a picture.

    Works in linear light (CAT16) and preserves the luminance of greys. Alpha and values outside [0, 1] are
    preserved, and nothing below white is pushed above it.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha. NaN and infinite values count as 0.
        disparity: (H, W) in [0, 1]; helps the option `mixed` to separate near from far.
        references: pictures of the same series, of any size. Their common light is used instead of this picture's
            own, and `neutral` is a point in the first of them.
        whole: the picture at full size if `image` is a preview. The light is estimated from the full-size picture,
            because the estimate can depend on the size.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: such as `strength`, `temperature` and `neutral`; see `WhiteBalanceOptions`.

    Returns:
        Balanced: the `image`, the light's temperature and tint, and the confidence of the estimate.

    Raises:
        UsageError: the neutral point is outside the picture or too dark.
    """
    chosen = WhiteBalanceOptions(**options)
    inputs = Inputs(picture=image, disparity=disparity, references=tuple(references), whole=whole)
    return _balanced(inputs, chosen, progress)


def lit_like(layer: Picture, picture: Float32[np.ndarray, "H W C"], *, strength: float) -> tuple[Picture, Estimate]:
    """Return a layer whose colours are those of daylight as it looks in the light of a picture.

    White becomes the light's own colour, so nothing gets brighter.

    Args:
        layer: sRGB-encoded, straight alpha; alpha is preserved.
        picture: sRGB-encoded, straight alpha.
        strength: fraction of the cast that the layer gets, in [0, 1].

    Returns:
        The layer, and the estimate of the picture's light.
    """
    estimate = estimate_light(picture, whole=True)  # also what belongs to the scene
    light = np.maximum(xy_to_linear_rgb(jnp.asarray(between(NEUTRAL, estimate.light, strength).xy)), 0)
    white = xy_to_linear_rgb(jnp.asarray(NEUTRAL.xy))
    colour = np.asarray(light / white, np.float32)
    lit = layer.copy()
    linear = map_chunks(srgb_to_linear, np.ascontiguousarray(layer[..., :3]))
    lit[..., :3] = map_chunks(linear_to_srgb, linear * (colour / colour.max()))
    return lit, estimate


def _balanced(inputs: Inputs, options: WhiteBalanceOptions, progress: Progress) -> Balanced:
    image, references = inputs.picture, inputs.references
    strength = 1.0 if options.strength is None else options.strength
    if strength == 0:
        return Balanced(image=image.copy(), light=NEUTRAL, confidence=1.0)
    picture = without_nan(image)
    progress(0.0, "Estimating the light")
    by_hand = options.temperature is not None or options.tint is not None
    own = picture if inputs.whole is None or options.neutral is not None else without_nan(inputs.whole)
    choice = _choice(references or (own,), options)
    several = options.mixed and not references and options.neutral is None and not by_hand
    lights = light_field(picture, disparity=inputs.disparity) if several else None
    progress(0.4, "Applying the white balance")
    removed = between(NEUTRAL, choice.light, strength)
    warm = choice.light.mired > NEUTRAL.mired
    kept = options.keep_warmth if warm else 0.0
    bend = choice.residual * np.float32(strength * (1 - kept))
    estimate = choice.estimate
    light, applied = choice.light, 1.0 if by_hand else estimate.share
    if lights is None or lights.count < 2:
        target = between(NEUTRAL, removed, kept)
        source_xy = _part_of(choice, removed, strength)
        balanced = apply_correction(picture, source=removed, source_xy=source_xy, target=target, residual=bend)
        count = 1
    else:
        balanced = apply_field(picture, lights, share=strength, kept=kept)
        count, applied = lights.count, 1.0
        light = WhitePoint.from_xy(xy_of(lights.chroma.mean(axis=(0, 1))))
    return Balanced(
        image=balanced,
        light=light,
        confidence=estimate.confidence,
        estimated=bool(estimate.models) and not by_hand,
        coloured=by_hand or estimate.coloured,
        tinted=estimate.tinted,
        applied=strength * applied,
        lights=count,
        models=estimate.models,
    )


def run(inputs: Inputs, options: WhiteBalanceOptions, progress: Progress) -> Result:
    """Run the operation `white_balance`, as described in `dioptre_link.catalogue`."""
    balanced = _balanced(inputs, options, progress)
    strength = 1.0 if options.strength is None else options.strength
    messages = list(sentences(balanced, strength=strength))
    low, high = _USUAL_KELVIN
    is_usual = low <= balanced.cct <= high and abs(balanced.light.tint) <= _USUAL_TINT
    by_hand = options.temperature is not None or options.tint is not None
    if options.neutral is not None and not by_hand and not is_usual:
        messages.append("The neutral area is far from grey: hardly any light has its colour. Choose a grey one.")
    # If less was removed than requested, the message above already explains how to remove more.
    all_of_it = balanced.applied >= strength * _NEARLY_ALL
    warm = balanced.estimated and balanced.applied > 0 and all_of_it and balanced.cct < _WARM_KELVIN
    if warm and not options.keep_warmth:
        messages.append(SET_WARMTH)
    if not is_finite(inputs.picture):
        messages.append("Some pixels were NaN or infinite and were replaced by 0.")
    if options.mixed and inputs.references:
        messages.append("The light of the series is used; this picture was not checked for mixed lighting.")
    elif options.mixed and balanced.lights == 1 and balanced.coloured:
        messages.append("Only one light source was found; the whole picture was balanced for it.")
    layer = Layer(name="White balance", role=Role.RESULT, pixels=balanced.image)
    return Result(layers=(layer,), values=values_of(balanced), messages=tuple(messages), models=balanced.models)


def values_of(balanced: Balanced) -> dict[str, Any]:
    """Return the estimate and the correction as JSON types.

    `temperature`, `tint` and `strength` have the same names as the options, because dialogs show the values there.
    The values of the light are None if the picture is entirely grey and has no illuminant to estimate.
    """
    light = balanced.light
    values = {
        "temperature": round(light.cct_kelvin),
        "tint": max(-LARGEST_TINT, min(round(light.tint), LARGEST_TINT)),
        "cct_kelvin": round(light.cct_kelvin),
        "duv": round(light.duv, 4),
        "illuminant_xy": [round(value, 5) for value in light.xy],
        "confidence": round(balanced.confidence, 2),
    }
    decided = {"strength": round(balanced.applied, 2), "lights": balanced.lights}
    return {**(values if balanced.coloured else dict.fromkeys(values)), **decided}


def sentences(balanced: Balanced, *, strength: float) -> tuple[str, ...]:
    """Describe the correction in a sentence for the user, and say in another how to change it if it is doubtful."""
    light = balanced.light
    kelvin, tint = f"{light.cct_kelvin:,.0f}", f"{light.tint:+.0f}"
    confidence, share = f"{balanced.confidence:.0%}", f"{balanced.applied:.0%}"
    if not balanced.coloured:
        return (Message("Colours unchanged: the picture is grey and has no colour to balance."),)
    if strength == 0:
        return (Message("Colours unchanged: the strength is 0."),)
    if not balanced.estimated:
        return (Message("Light: {kelvin} K, tint {tint}.", kelvin=kelvin, tint=tint),)
    if balanced.lights > 1:
        return (
            Message(
                "Mixed lighting, {kelvin} K and tint {tint} on average: {share} of each cast is removed.",
                kelvin=kelvin,
                tint=tint,
                share=share,
            ),
        )
    if balanced.applied == 0:
        if balanced.confidence < _LIKELY:
            return Message("Colours unchanged: the colour of the light is uncertain."), SET_LIGHT
        if balanced.tinted:
            return Message("Colours unchanged: the colours seem to be the scene's own."), SET_LIGHT
        return (Message("Colours unchanged: the picture is already neutral."),)
    if balanced.applied >= strength * _NEARLY_ALL:
        return (
            Message(
                "Light: {kelvin} K, tint {tint}, confidence {confidence}.",
                kelvin=kelvin,
                tint=tint,
                confidence=confidence,
            ),
        )
    rest = Message(
        "Light: {kelvin} K, tint {tint}. {share} of the cast is removed; the rest may belong to the scene.",
        kelvin=kelvin,
        tint=tint,
        share=share,
    )
    return rest, SET_LIGHT


def _choice(pictures: Sequence[np.ndarray], options: WhiteBalanceOptions) -> _Choice:
    """Choose the illuminant: estimated, picked at a neutral point, or set manually."""
    temperature, duv = options.temperature, None if options.tint is None else options.tint / TINT_PER_DUV
    if options.neutral is not None:
        picked = _picked(pictures[0], options.neutral, options.neutral_radius)
        found = Estimate(light=WhitePoint.from_xy(picked), xy=picked, expected_de=0.0)
    elif temperature is not None and duv is not None:
        found = Estimate(light=WhitePoint(cct_kelvin=temperature, duv=duv), expected_de=0.0)
    else:
        found = mean_light([estimate_light(seen, whole=options.strength is not None) for seen in pictures])
    residual, chosen, xy = found.residual, found.light, found.xy or found.light.xy
    if temperature is not None or duv is not None:
        chosen = replace(
            chosen,
            cct_kelvin=chosen.cct_kelvin if temperature is None else temperature,
            duv=chosen.duv if duv is None else duv,
        )
        distance = abs(chosen.mired - found.light.mired) / FADE_MIRED + abs(chosen.duv - found.light.duv) / FADE_DUV
        residual, xy = residual * np.float32(max(0.0, 1.0 - distance)), chosen.xy
    return _Choice(
        light=chosen,
        xy=xy,
        residual=residual,
        estimate=found,
    )


def _part_of(choice: _Choice, removed: WhitePoint, strength: float) -> tuple[float, float]:
    """Return the chromaticity of `removed`, including the part that temperature and tint cannot express."""
    beyond = chroma_of(choice.xy) - chroma_of(choice.light.xy)
    if np.abs(beyond).max() < _TOLD:
        return removed.xy
    return xy_of(chroma_of(removed.xy) + np.float32(strength) * beyond)


def _picked(image: np.ndarray, point: tuple[float, float], radius_px: int) -> tuple[float, float]:
    """Return the chromaticity of the illuminant from a patch that should be grey."""
    height, width = image.shape[:2]
    column, row = map(int, point)
    if not (0 <= point[0] < width and 0 <= point[1] < height):
        raise UsageError(
            "The neutral point {column},{row} is outside the picture.",
            hint="Use x from 0 to {width} and y from 0 to {height}.",
            column=column,
            row=row,
            width=width - 1,
            height=height - 1,
        )
    rows = slice(max(0, row - radius_px), row + radius_px + 1)
    patch = image[rows, max(0, column - radius_px) : column + radius_px + 1]
    linear = np.asarray(srgb_to_linear(jnp.asarray(patch[..., :3]))).reshape(-1, 3)
    weights = patch[..., 3].ravel() if image.shape[2] == 4 else np.ones(len(linear))
    mean = (linear * weights[:, None]).sum(axis=0) / max(float(weights.sum()), 1e-6)
    if mean.min() < 1e-3:
        raise UsageError(
            "The neutral point is too dark or too colourful to show the colour of the light.",
            hint="Pick a lighter grey.",
        )
    x, y = (float(value) for value in linear_rgb_to_xy(jnp.asarray(mean, jnp.float32)))
    return x, y
