"""Reading the light's colour off a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from dioptre.colour import WhitePoint, linear_rgb_to_xy
from dioptre.models.loaded import Loaded
from dioptre.models.registry import ModelKind, find, load_model

MOST_MISLEADING_DE = 10.0
"""The expected error (CIELAB ΔE) at which confidence is nothing."""
_DOUBT, _SURE = 0.21, 0.42
"""Casts, as the length of (ln r/g, ln b/g), up to which nothing and from which on all is changed. A slight cast may
as well be the scene's own colour, and a photograph that was right must stay so."""
_SUBSAMPLED_PX = 400  # larger pictures are read at every n-th pixel first


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What the estimator says of one picture.

    light: the light's colour as the picture shows it; daylight (about 6,500 K) where nothing is wrong.
    residual: (9, 3) coefficients of `dioptre.colour.correction`. expected_de: the error that is to be expected
    after the correction, CIELAB ΔE, mean over the picture. models: the network's checksums.
    """

    light: WhitePoint
    expected_de: float
    residual: Float32[np.ndarray, "9 3"] = field(default_factory=lambda: np.zeros((9, 3), np.float32))
    models: Mapping[str, str] = field(default_factory=dict)


def estimate_light(image: Float32[np.ndarray, "h w c"], *, model: str = "default") -> Estimate:
    """The light of a picture, sRGB-encoded (H, W, 3 or 4), straight alpha; transparent pixels do not count."""
    network = estimator(model)
    chroma, residual, expected = read(network, thumbnail(image, network.config.thumbnail_px)[None])
    share = sure_share(chroma[0])
    return Estimate(
        light=white_point(share * chroma[0]),
        expected_de=float(expected[0]),
        residual=share * residual[0],
        models=network.checksums,
    )


def sure_share(chroma: Float32[np.ndarray, "2"]) -> np.float32:
    """How much of an estimated cast to believe, 0 to 1."""
    return np.float32(np.clip((np.linalg.norm(chroma) - _DOUBT) / (_SURE - _DOUBT), 0, 1))


def estimator(model: str = "default") -> Loaded:
    """The network that reads the light."""
    return load_model(find(model, kind=ModelKind.WHITE_BALANCE).id)


def read(
    network: Loaded, thumbnails: Float32[np.ndarray, "n s s 3"]
) -> tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 9 3"], Float32[np.ndarray, "n"]]:
    """(ln r/g, ln b/g) of each light, residuals and expected ΔE: the mean over the picture and its mirror image."""
    both = np.concatenate([thumbnails, thumbnails[:, :, ::-1]])
    chroma, residual, log_error = (np.asarray(part) for part in network(jnp.asarray(both)))
    n = len(thumbnails)
    return (
        (chroma[:n] + chroma[n:]) / 2,
        (residual[:n] + residual[n:]) / 2,
        np.exp((log_error[:n] + log_error[n:]) / 2),
    )


def white_point(chroma: Float32[np.ndarray, "2"]) -> WhitePoint:
    """The light of that (ln r/g, ln b/g) in linear sRGB."""
    white = jnp.exp(jnp.array([chroma[0], 0.0, chroma[1]], jnp.float32))
    x, y = (float(value) for value in linear_rgb_to_xy(white))
    return WhitePoint.from_xy((x, y))


def thumbnail(image: Float32[np.ndarray, "h w c"], side_px: int) -> Float32[np.ndarray, "s s 3"]:
    """A square thumbnail, area-averaged; transparent parts take the mean of the visible ones."""
    step = max(1, min(image.shape[:2]) // _SUBSAMPLED_PX)
    seen = np.ascontiguousarray(image[::step, ::step])
    rgb = np.clip(seen[..., :3], 0.0, 1.0)
    if image.shape[2] == 4:
        alpha = np.clip(seen[..., 3:], 0, 1)
        weight = float(alpha.sum())
        mean = (rgb * alpha).sum(axis=(0, 1)) / weight if weight > 0 else np.full(3, 0.5)
        rgb = rgb * alpha + mean.astype(np.float32) * (1 - alpha)
    height, width, _ = rgb.shape
    rows = (_shares(height, side_px) @ rgb.reshape(height, -1)).reshape(side_px, width, 3)
    small: np.ndarray = _shares(width, side_px) @ rows
    return small


def _shares(length: int, cells: int) -> Float32[np.ndarray, "cells length"]:
    """The share of each pixel in each cell's mean: exact for any ratio, so that mirrored pictures read alike."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares: np.ndarray = (np.maximum(overlap, 0) * cells / length).astype(np.float32)
    return shares
