"""Estimate the colour of the illuminant from a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import ArrayLike

from dioptre.colour import WhitePoint, linear_rgb_to_xy, xy_to_linear_rgb
from dioptre.contract import Picture
from dioptre.models.loaded import Loaded
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find

GOOD_DE = 5.0
"""Mean CIEDE2000 error below which a balanced picture counts as right; confidence is the probability of this."""
_CHANCE = (2.97, -1.9, -0.67, 0.15)
"""Coefficients of the log odds of that probability: a constant term, then the weights of the logarithm of the
expected error, the length of the cast, and the log odds of the network's certainty. Fitted to validation pictures
(`training.white_balance.belief`)."""
_SURE = (2.154, 1.2, 0.9)
"""Coefficients of the fraction of a cast to remove: a constant term, then the weights of the log odds of the
network's certainty and of the logarithm of the cast's length in (ln r/g, ln b/g). A slight cast may be the scene's
own colour, and a correct photograph must stay unchanged; a strong cast needs less certainty. All were fitted to
validation pictures, the constant term by `training.white_balance.belief`."""
_UNSEEN = 0.02  # a cast shorter than this, as a vector (ln r/g, ln b/g), is invisible
_TINTED = 0.17  # range of a picture's mean sRGB-encoded colour, relative to its maximum, above which it is not grey
_COLOURLESS = 1 / 512  # largest difference between the channels of a picture that counts as entirely grey
_LEAST = 1e-3  # lower limit of an illuminant's linear sRGB channels: very saturated ones lie outside sRGB
_SUBSAMPLED_PX = 400  # larger pictures are first subsampled to about this many pixels on the short side
_CELLS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The estimated illuminant of one picture.

    Attributes:
        light: the illuminant to remove; daylight (about 6,500 K) if there is no cast.
        expected_de: expected error after the correction, in CIELAB ΔE, mean over the picture; 0 for a known
            illuminant.
        confidence: probability that the illuminant is estimated well enough, 0 to 1; see GOOD_DE.
        share: fraction of the estimated cast to remove; less than 1 if it may belong to the scene.
        coloured: False for a picture that is entirely grey.
        tinted: whether the picture's mean colour is far from grey, whatever the light.
        xy: exact chromaticity of the illuminant, which can be bluer than any colour temperature; None if `light`
            describes it exactly.
        residual: (9, 3) coefficients of `dioptre.colour.correction`.
        models: SHA-256 of the network's cards.
    """

    light: WhitePoint
    expected_de: float
    confidence: float = 1.0
    share: float = 1.0
    coloured: bool = True
    tinted: bool = False
    xy: tuple[float, float] | None = None
    residual: Float32[np.ndarray, "9 3"] = field(default_factory=lambda: np.zeros((9, 3), np.float32))
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def chroma(self) -> Float32[np.ndarray, "2"]:
        """(ln r/g, ln b/g) of the illuminant in linear sRGB."""
        return chroma_of(self.light.xy if self.xy is None else self.xy)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The network's output for n thumbnails, as NumPy arrays.

    Attributes:
        chroma: (n, 2), ln r/g and ln b/g of the illuminant.
        residual: (n, 9, 3), coefficients of `dioptre.colour.correction`.
        belief: (n,), the network's certainty about `chroma` and `residual`, 0 to 1.
        expected_de: (n,), as in `Estimate`.
        coloured: (n,), as in `Estimate`.
    """

    chroma: Float32[np.ndarray, "n 2"]
    residual: Float32[np.ndarray, "n 9 3"]
    belief: Float32[np.ndarray, "n"]
    expected_de: Float32[np.ndarray, "n"]
    coloured: Bool[np.ndarray, "n"]


def estimate_light(image: Picture, *, whole: bool = False) -> Estimate:
    """Estimate the illuminant of a picture.

    Args:
        image: (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha; transparent pixels are ignored.
        whole: whether to remove the whole cast, even where it may belong to the scene.

    Returns:
        Estimate: the illuminant; daylight for a picture that is entirely grey.

    Raises:
        WeightsError: the network's weights are missing or damaged.
    """
    network = estimator()
    small = thumbnail(image, network.config.thumbnail_px)
    found, mean = read(network, small[None]), small.mean(axis=(0, 1))
    belief, expected_de = float(found.belief[0]), float(found.expected_de[0])
    confidence = chance(found.chroma[0], belief=belief, expected_de=expected_de)
    share = np.float32(1) if whole else sure_share(found.chroma[0], belief=belief)
    if share * np.linalg.norm(found.chroma[0]) < _UNSEEN:
        share = np.float32(0)
    xy = xy_of(share * found.chroma[0])
    return Estimate(
        light=WhitePoint.from_xy(xy),
        xy=xy,
        expected_de=expected_de,
        confidence=confidence,
        share=float(share),
        coloured=bool(found.coloured[0]),
        tinted=bool(np.ptp(mean) > _TINTED * mean.max()),
        residual=share * found.residual[0],
        models=network.checksums,
    )


def sure_share(chroma: Float32[np.ndarray, "2"], *, belief: float) -> np.float32:
    """Return the fraction of an estimated cast to remove, given the network's certainty `belief`, 0 to 1."""
    return np.float32(np.clip(share_evidence(np.linalg.norm(chroma), belief) @ _SURE, 0, 1))


def chance(chroma: Float32[np.ndarray, "2"], *, belief: float, expected_de: float) -> float:
    """Return the confidence of an estimate: the probability that the corrected picture is within GOOD_DE."""
    evidence = chance_evidence(np.linalg.norm(chroma), belief, expected_de)
    return float(1 / (1 + np.exp(-evidence @ _CHANCE)))


def share_evidence(length: ArrayLike, belief: ArrayLike) -> np.ndarray:
    """Return the (..., 3) inputs of `sure_share` for casts of the given lengths in (ln r/g, ln b/g)."""
    odds = _log_odds(belief)
    return np.stack([np.ones_like(odds), odds, np.log(np.asarray(length) + 1e-3)], axis=-1)


def chance_evidence(length: ArrayLike, belief: ArrayLike, expected_de: ArrayLike) -> np.ndarray:
    """Return the (..., 4) inputs of `chance` for casts of the given lengths in (ln r/g, ln b/g)."""
    odds = _log_odds(belief)
    return np.stack([np.ones_like(odds), np.log(expected_de), np.asarray(length), odds], axis=-1)


def _log_odds(belief: ArrayLike) -> np.ndarray:
    share = np.asarray(belief)
    return np.asarray(np.log((share + 0.01) / (1.01 - share)))


def estimator() -> Loaded:
    """Load the network that estimates the illuminant."""
    return load_model(find("default", kind=ModelKind.WHITE_BALANCE).id)


def read(network: Callable[..., Any], thumbnails: Float32[np.ndarray, "n s s 3"]) -> Reading:
    """Average the network's estimates over each thumbnail and its mirror image; grey pictures have no cast."""
    views = np.concatenate([thumbnails, thumbnails[:, :, ::-1]])
    parts = (np.asarray(part) for part in network(jnp.asarray(views)))
    chroma, residual, belief, log_error = (part.reshape(2, -1, *part.shape[1:]).mean(axis=0) for part in parts)
    differences = np.abs(thumbnails - np.roll(thumbnails, 1, axis=-1))
    coloured = differences.max(axis=(1, 2, 3)) >= _COLOURLESS
    return Reading(
        chroma=chroma * coloured[:, None],
        residual=residual,
        belief=1 / (1 + np.exp(-belief)),
        expected_de=np.exp(log_error),
        coloured=coloured,
    )


def xy_of(chroma: Float32[np.ndarray, "2"]) -> tuple[float, float]:
    """Return the CIE 1931 chromaticity of an illuminant, given its (ln r/g, ln b/g) in linear sRGB."""
    white = jnp.exp(jnp.array([chroma[0], 0.0, chroma[1]], jnp.float32))
    x, y = (float(value) for value in linear_rgb_to_xy(white))
    return x, y


def chroma_of(xy: tuple[float, float]) -> Float32[np.ndarray, "2"]:
    """Return (ln r/g, ln b/g) of an illuminant in linear sRGB; the inverse of `xy_of`."""
    red, green, blue = np.maximum(np.asarray(xy_to_linear_rgb(jnp.array(xy, jnp.float32))), _LEAST)
    return np.log(np.array([red / green, blue / green], np.float32))


def thumbnail(image: Picture, side_px: int) -> Float32[np.ndarray, "s s 3"]:
    """Return a square, area-averaged thumbnail; transparent areas take the mean colour of the visible ones."""
    step = max(1, min(image.shape[:2]) // _SUBSAMPLED_PX)
    seen = np.ascontiguousarray(image[::step, ::step])
    rgb = np.clip(seen[..., :3], 0.0, 1.0)
    if image.shape[2] == 4:
        alpha = np.clip(seen[..., 3:], 0, 1)
        weight = float(alpha.sum())
        mean = (rgb * alpha).sum(axis=(0, 1)) / weight if weight > 0 else np.full(3, 0.5)
        rgb = rgb * alpha + mean.astype(np.float32) * (1 - alpha)
    height, width, _ = rgb.shape
    rows = _averaged(rgb.reshape(height, -1), side_px).reshape(side_px, width, 3)
    columns = _averaged(np.ascontiguousarray(rows.transpose(1, 0, 2)).reshape(width, -1), side_px)
    return np.ascontiguousarray(columns.reshape(side_px, side_px, 3).transpose(1, 0, 2))


def _averaged(pixels: Float32[np.ndarray, "length n"], cells: int) -> Float32[np.ndarray, "cells n"]:
    """Average pixels over `cells` equal intervals, a few intervals at a time, to skip the pixels outside them."""
    length = len(pixels)
    shares = _shares(length, cells)
    found = np.empty((cells, pixels.shape[1]), np.float32)
    for start in range(0, cells, _CELLS_AT_ONCE):
        end = min(start + _CELLS_AT_ONCE, cells)
        seen = slice(start * length // cells, -(-end * length // cells))
        found[start:end] = shares[start:end, seen] @ pixels[seen]
    return found


def _shares(length: int, cells: int) -> Float32[np.ndarray, "cells length"]:
    """Return the weight of each pixel in each cell's mean.

    The weights are exact for any ratio of pixels to cells, so that mirrored pictures give the same result.
    """
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.maximum(overlap, 0) * cells / length).astype(np.float32)
