"""Endless pairs of wrongly and rightly balanced thumbnails, made on the fly in JAX.

Three sources: photographs given a cast by the white-balance emulator; raw thumbnails developed with the wrong
light; photographs under a pure von Kries cast, for which the light is known exactly. A share has no cast at all.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dioptre.colour import D65_XY, WhitePoint, adaptation_matrix, xy_to_linear_rgb
from dioptre.colour.correction import polynomial_terms
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

SIDE = 64
HELD_OUT = 0.12
D65 = jnp.array(D65_XY)


class Material:
    """Prepared thumbnails, split into training and held-out parts by ranges (neighbours are often one scene)."""

    def __init__(self, folder: str, *, held_out: bool, share: float = HELD_OUT) -> None:
        photos = np.load(f"{folder}/photos.npz")
        keep = _part(len(photos["thumbnails"]), held_out, share)
        self.rights = [(photos["thumbnails"][keep], photos["mappings"][keep])]
        self.cameras = []
        for name in ("TAU_N_D810", "TAU_C_5DSR"):
            raw = np.load(f"{folder}/{name}.npz")
            keep = _part(len(raw["thumbnails"]), held_out, share)
            self.rights.append((raw["pictures"][keep], raw["mappings"][keep]))
            self.cameras.append(
                (
                    raw["thumbnails"][keep],
                    raw["lights"][keep],
                    raw["matrices"],
                    raw["black_bodies"].astype(np.float32),
                )
            )
        cct = np.geomspace(2000, 15000, 64)
        self.whites = np.array(
            [[WhitePoint(cct_kelvin=t, duv=duv).xy for duv in np.linspace(-0.02, 0.02, 9)] for t in cct]
        ).astype(np.float32)

    def batch(self, rng: np.random.Generator, size: int, *, styles: tuple[int, ...] = tuple(range(10))) -> dict:
        """NumPy arrays: wrong and right (size, 64, 64, 3), white (size, 3) linear, known (size,)."""
        n_emulated, n_raw = size // 2, size // 4
        n_known = size - n_emulated - n_raw
        pictures, mappings = self._photos(rng, n_emulated)
        parts = [
            _emulated(pictures, self._cast(rng, mappings, styles)),
            self._raw(rng, n_raw),
            _von_kries(self._photos(rng, n_known)[0], self._light(rng, n_known)),
        ]
        joined = {key: np.concatenate([np.asarray(part[key]) for part in parts]) for key in parts[0]}
        return _degraded(joined, rng)

    def _photos(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Right pictures in any rendering and the settings' polynomials (n, 10, 9, 3) that go with them.

        A third are put together from two; a fifth get the polynomials of another.
        """
        pictures, mappings = np.empty((n, SIDE, SIDE, 3), np.float32), np.empty((n, 10, 9, 3), np.float32)
        for row in range(n):
            pictures[row], mappings[row] = self._crop(rng)
            if rng.random() < 0.3:
                part, other = self._crop(rng)
                cut = int(rng.integers(SIDE // 4, 3 * SIDE // 4))
                if rng.random() < 0.5:
                    pictures[row, cut:] = part[cut:]
                else:
                    pictures[row, :, cut:] = part[:, cut:]
                mappings[row] = (mappings[row] + other) / 2
            if rng.random() < 0.2:
                mappings[row] = self._crop(rng)[1]
        bend = rng.normal(0, 0.07, (n, 3, 3)) * (rng.random((n, 1, 1)) < 0.6)
        matrix = np.eye(3) + bend - bend.mean(axis=1, keepdims=True)  # its columns add up to one: grey stays grey
        gamma = np.exp(rng.normal(0, 0.15, n) * (rng.random(n) < 0.6))
        dark = rng.random(n) < 0.15
        gain = np.where(dark, rng.uniform(0.1, 0.5, n), np.exp(rng.uniform(-0.5, 0.25, n)))
        tone = np.stack([gamma, np.where(rng.random(n) < 0.6, gain, 1)], axis=1)
        return np.asarray(_rendered(pictures, matrix.astype(np.float32), tone.astype(np.float32))), mappings

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A part of a right picture, and its ten polynomials."""
        pictures, mappings = self.rights[rng.choice(len(self.rights), p=(0.5, 0.3, 0.2))]
        index, whole = rng.integers(len(pictures)), pictures.shape[1]
        side = int(rng.integers(SIDE // 2, whole + 1))
        top, left = rng.integers(0, whole - side + 1, size=2)
        pick = np.arange(SIDE) * side // SIDE
        crop = pictures[index, top : top + side, left : left + side][pick][:, pick]
        return (crop[:, ::-1] if rng.random() < 0.5 else crop) / np.float32(255), mappings[index]

    def _cast(self, rng: np.random.Generator, mappings: np.ndarray, styles: tuple[int, ...]) -> np.ndarray:
        """One polynomial a picture: a camera setting, part of the way to it, or no change."""
        n = len(mappings)
        wrong = mappings[np.arange(n), rng.choice(styles, size=n)]
        share = np.where(rng.random(n) < 0.5, 1.0, rng.uniform(0.2, 1.1, n))
        share = np.where(rng.random(n) < 0.25, 0.0, share)[:, None, None]
        identity = np.zeros((9, 3), np.float32)
        identity[:3] = np.eye(3)
        return (identity + share * (wrong - identity)).astype(np.float32)

    def _light(self, rng: np.random.Generator, n: int) -> np.ndarray:
        picked = self.whites[rng.integers(64, size=n), np.clip(rng.normal(4, 1.5, n), 0, 8).astype(int)]
        return np.where(rng.random((n, 1)) < 0.15, np.array(D65_XY, np.float32), picked).astype(np.float32)

    def _raw(self, rng: np.random.Generator, n: int) -> dict:
        thumbnails, lights, matrices, black_bodies = self.cameras[rng.integers(len(self.cameras))]
        index = rng.integers(len(thumbnails), size=n)
        light = lights[index]
        other = np.where(
            rng.random((n, 1)) < 0.5,
            lights[rng.integers(len(lights), size=n)],
            black_bodies[rng.integers(len(black_bodies), size=n)] * np.exp(rng.normal(0, 0.04, (n, 3))),
        )
        other = np.where(rng.random((n, 1)) < 0.25, light, other / other[:, 1:2])
        share = rng.random((n, 1, 1)).astype(np.float32)
        matrix = matrices[0] * share + matrices[1] * (1 - share)
        tone = rng.uniform([0.0, 0.85], [1.0, 1.25], size=(n, 2))
        raw = thumbnails[index].astype(np.float32)
        flip = rng.random(n) < 0.5
        raw[flip] = raw[flip, :, ::-1]
        return _developed(raw, light, other.astype(np.float32), matrix.astype(np.float32), tone.astype(np.float32))


def held_out_part(n: int) -> np.ndarray:
    """Which of n pictures are held out."""
    return _part(n, held_out=True, share=HELD_OUT)


def _part(n: int, held_out: bool, share: float) -> np.ndarray:
    """Every eighth run of a dozen is held out."""
    block = (np.arange(n) // 12) % round(1 / share) == 0
    return np.flatnonzero(block if held_out else ~block)


def _known(white_rgb: Array, known: bool) -> dict:
    log = jnp.log(jnp.maximum(white_rgb, 1e-3))
    chroma = jnp.stack([log[:, 0] - log[:, 1], log[:, 2] - log[:, 1]], axis=-1)
    return {"chroma": chroma, "known": jnp.full(len(white_rgb), float(known))}


@jax.jit
def _rendered(right: Array, matrix: Array, tone: Array) -> Array:
    """Another camera's colours and tone curve. tone: (n, 2) exponent of the encoded values and linear gain."""
    linear = srgb_to_linear(right) * tone[:, 1, None, None, None]
    encoded = linear_to_srgb(jnp.clip(jnp.einsum("nhwc,ncd->nhwd", linear, matrix), 0, 1))
    return encoded ** tone[:, 0, None, None, None]


@jax.jit
def _emulated(right: Array, mapping: Array) -> dict:
    wrong = jnp.clip(jnp.einsum("nhwk,nkc->nhwc", polynomial_terms(right), mapping), 0, 1)
    return {"wrong": wrong, "right": right} | _known(jnp.ones((len(right), 3)), False)


@jax.jit
def _von_kries(right: Array, xy: Array) -> dict:
    def one(picture: Array, source: Array) -> Array:
        lit = srgb_to_linear(picture) @ adaptation_matrix(D65, source).T
        return jnp.clip(linear_to_srgb(jnp.maximum(lit, 0)), 0, 1)

    wrong = jax.vmap(one)(right, xy)
    return {"wrong": wrong, "right": right} | _known(xy_to_linear_rgb(xy), True)


@jax.jit
def _developed(raw: Array, light: Array, other: Array, matrix: Array, tone: Array) -> dict:
    def render(gains: Array) -> Array:
        balanced = jnp.minimum(raw / gains[:, None, None, :], 1.0)
        linear = jnp.einsum("nhwc,ncd->nhwd", balanced, matrix)
        return linear / level

    level = 1.0
    level = jnp.quantile(jnp.max(render(light), axis=-1), 0.97, axis=(1, 2))[:, None, None, None]
    level = jnp.maximum(level, 1e-3) / tone[:, 1, None, None, None]

    def finished(gains: Array) -> Array:
        encoded = linear_to_srgb(jnp.clip(render(gains), 0, 1))
        s_curve = encoded * encoded * (3 - 2 * encoded)
        bend = 0.5 * tone[:, 0, None, None, None]
        return (1 - bend) * encoded + bend * s_curve

    wrong, right = finished(other), finished(light)
    white = jnp.einsum("nc,ncd->nd", light / other, matrix)  # how a white surface comes out under the wrong gains
    return {"wrong": wrong, "right": right} | _known(white, True)


def _degraded(samples: dict, rng: np.random.Generator) -> dict:
    """Low light: noise on a third of the wrong pictures. What the estimator sees is 8 bit."""
    wrong = samples["wrong"]
    level = np.where(rng.random(len(wrong)) < 0.3, rng.uniform(0, 0.04, len(wrong)), 0).astype(np.float32)
    noisy = wrong + level[:, None, None, None] * rng.standard_normal(wrong.shape, np.float32)
    samples["seen"] = np.round(np.clip(noisy, 0, 1) * 255) / np.float32(255)
    return samples
