"""Assign the correct depth to small lights on depth edges.

A lamp brighter than white outshines everything else in its pixels, but their disparity may be that of a twig in
front of it or of the wall behind it. If its light is spread with the wrong radius, the disc looks plainly
wrong. The lamp's radius is therefore taken from the brightest nearby pixel whose radius no darker pixel nearby
shares.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int

from dioptre.contract import Plane

_REACH_PX = 3
_BRIGHT = 1.0  # linear light above this is brighter than white
_ALIKE = 0.05  # radii that differ by a smaller fraction than this belong to the same surface
_ALIKE_PX = 0.3
_CHUNK = 512


def lights(
    colour: Float32[np.ndarray, "c h w"], radius: Plane, edge: Bool[np.ndarray, "h w"]
) -> tuple[Int[np.ndarray, " n"], Float32[np.ndarray, "2 e n"], Float32[np.ndarray, "2 n"]]:
    """Find pixels on depth edges that contain a light, and split them into two surfaces.

    Args:
        colour: linear light, premultiplied.
        radius: signed circle of confusion in pixels.
        edge: mask of the pixels on depth edges. The outer 4 pixels are ignored.

    Returns:
        The flat indices of the pixels, and the planes and radii of their two surfaces.
    """
    brightness = colour[:3].max(axis=0)
    inside = np.zeros_like(edge)
    inside[4:-4, 4:-4] = True
    found = np.flatnonzero(edge & inside & (brightness > _BRIGHT))
    parts = [
        _resolve(colour, radius, brightness, found[start : start + _CHUNK])
        for start in range(0, found.size, _CHUNK)
    ]
    if not parts:
        channels = colour.shape[0] + 1
        return found, np.zeros((2, channels, 0), np.float32), np.zeros((2, 0), np.float32)
    return found, np.concatenate([part[0] for part in parts], -1), np.concatenate([part[1] for part in parts], -1)


def _resolve(
    colour: np.ndarray, radius: np.ndarray, brightness: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    span = np.arange(-_REACH_PX, _REACH_PX + 1)
    around = at[:, None] + (span[:, None] * radius.shape[1] + span).reshape(-1)
    closeness = np.exp(-(span[:, None] ** 2 + span**2).reshape(-1) / 6).astype(np.float32)
    colours = colour.reshape(colour.shape[0], -1)[:, around]  # axes: channels, pixels, neighbours
    radii, light = radius.reshape(-1)[around], brightness.reshape(-1)[around]
    bright = light > _BRIGHT

    def alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        size = np.maximum(np.abs(one), np.abs(other))
        return np.abs(one - other) < np.maximum(_ALIKE_PX, _ALIKE * size)

    ordinary_too = (alike(radii[:, :, None], radii[:, None, :]) & ~bright[:, None, :]).any(axis=2)
    trust = bright & ~ordinary_too
    weight = np.where(trust, light**2 * closeness, 0)
    known = weight.sum(1) > 0
    # The median would be more robust, but the brightest pixel determines how the disc looks.
    own_radius = radii[np.arange(at.size), weight.argmax(1)]
    lamp = np.where(known, own_radius, radii.min(axis=1))

    here, full = radius.reshape(-1)[at], colour.reshape(colour.shape[0], -1)[:, at]
    ordinary = closeness * ~bright
    mine = ordinary * alike(radii, here[:, None])
    others = ordinary * ~alike(radii, here[:, None]) + 1e-9

    def mean(weights: np.ndarray) -> np.ndarray:
        return (colours * weights).sum(2) / np.maximum(weights.sum(1), 1e-9)

    share = mine.sum(1) / (mine.sum(1) + others.sum(1))
    has_members = mine.sum(1) > 0
    rest = np.where(has_members, mean(mine), mean(others))
    behind = has_members & ~alike(lamp, here) & (lamp < here)
    coverage = np.clip(np.maximum(brightness.reshape(-1)[at] / light.max(1), 0.05), 0, 1)
    # If the lamp lies behind the pixel's own surface, that surface partly covers it. Otherwise the lamp is in front
    # and covers the pixel in part.
    front_share = np.where(behind, share, coverage)
    front = np.where(behind, share * rest, full - (1 - coverage) * np.minimum(rest, full))
    front = np.minimum(front, full)
    front_radius = np.where(behind, here, lamp)
    back_radius = np.where(behind, lamp, np.where(alike(lamp, here), radii.min(axis=1), np.minimum(here, lamp)))
    planes = np.stack(
        [np.concatenate([front, front_share[None]]), np.concatenate([full - front, 1 - front_share[None]])]
    )
    return planes.astype(np.float32), np.stack([front_radius, back_radius]).astype(np.float32)
