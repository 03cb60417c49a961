"""Patches are found again where they were moved to."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from dioptre.imaging.patch_match import AREA, COMPONENTS, CONTEXT, NEVER, RADIUS, Places, improve, sources_of

WIDTH, HEIGHT = 64, 64


def _scene() -> tuple[np.ndarray, Places, np.ndarray]:
    """Return a picture in which a square is a copy of another 24 columns to its right, and the square's places."""
    picture = np.random.default_rng(1).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    picture[20:44, 8:28] = picture[20:44, 32:52]
    rows, columns = (each.ravel() for each in np.mgrid[24:40, 12:24])
    at = (rows * WIDTH + columns).astype(np.int32)
    number = np.full(HEIGHT * WIDTH, len(at), np.int32)
    number[at] = np.arange(len(at))
    places = Places(jnp.asarray(at), jnp.asarray(number), jnp.zeros((len(at), CONTEXT), jnp.float32))
    return picture, places, at


def test_the_search_finds_the_copy() -> None:
    picture, places, at = _scene()
    flat, stride = jnp.asarray(picture.reshape(-1, 3)), jnp.asarray(WIDTH, jnp.int32)
    context = np.full((HEIGHT, WIDTH, CONTEXT), NEVER, np.float32)
    context[RADIUS:-RADIUS, 32:-RADIUS] = 0
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(3 * AREA, COMPONENTS)))[0].astype(np.float32)
    sources = sources_of(flat, jnp.asarray(context.reshape(-1, CONTEXT)), stride, jnp.asarray(basis))
    start = jnp.full(len(at), 34 * WIDTH + 40, jnp.int32)
    source, distance = improve(
        flat,
        sources,
        places,
        start,
        stride=stride,
        reach=jnp.asarray(32.0, jnp.float32),
        passes=jnp.asarray(16, jnp.int32),
    )
    np.testing.assert_array_equal(np.asarray(source) - at, 24)
    assert float(distance.max()) < 1e-6
