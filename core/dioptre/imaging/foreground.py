"""Estimate the subject's own colours where the background shows through: hair, fur and out-of-focus edges."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Rows

from .pull_push import Filled, pull_push_rows

Pixels = tuple[np.ndarray, np.ndarray] | EllipsisType
BothColours = Callable[[slice, Pixels], tuple[np.ndarray, np.ndarray]]
"""The function that `both_colours_rows` returns."""

INSIDE = 0.98
"""Coverage above which only the subject is visible."""

OUTSIDE = 0.02
"""Coverage below which only the background is visible."""

_LEAST = 0.02  # lower limit of the coverage by which colours are divided
_TELLING = 0.25  # coverage from which a colour may deviate by the whole of `_FREEDOM`
_FREEDOM = 0.12  # largest deviation of a colour from the nearby interior's; limits the effect of a wrong alpha


def both_colours_rows(image: Float32[np.ndarray, "h w c"], alpha: Float32[np.ndarray, "h w"]) -> BothColours:
    """Return a function that computes the subject's colours and the background's in some rows, as if unmixed.

    Each pixel mixes the subject's colour, weighted by alpha, with the background's. The background is extrapolated
    from around the subject and subtracted; the remaining colour may differ only slightly from those of the nearby
    interior.

    Args:
        image: the picture; channels after the third are ignored.
        alpha: coverage of the subject, in [0, 1].

    Returns:
        A function of a slice of rows, and of the pixels in them (row and column, or ... for all), that gives both
        colours, of shape (m, 3), or (n, w, 3) for all.
    """
    colours = image[..., :3]
    inside, outside = pull_push_rows(colours, alpha > INSIDE), pull_push_rows(colours, alpha < OUTSIDE)
    nothing_sure = not bool((alpha > INSIDE).any())

    def read(rows: slice, at: Pixels) -> tuple[np.ndarray, np.ndarray]:
        def filled(picture: Filled) -> np.ndarray:
            return picture(rows) if at is ... else picture.at(at[0] + rows.start, at[1])

        seen, cover, behind = colours[rows][at], alpha[rows][at][..., None], filled(outside)
        own: np.ndarray = (seen - (1 - cover) * behind) / np.maximum(cover, np.float32(_LEAST))
        if not nothing_sure:
            near = filled(inside)
            freedom = np.float32(_FREEDOM) * np.clip(cover / np.float32(_TELLING), 0, 1)
            own = np.clip(own, near - freedom, near + freedom)
        sure = np.clip((cover - np.float32(INSIDE)) / np.float32(1 - INSIDE), 0, 1)
        return np.clip(own + sure * (seen - own), 0, None), behind

    return read


def with_own_colours(
    image: Float32[np.ndarray, "h w c"], alpha: Float32[np.ndarray, "h w"], *, colours: BothColours | None = None
) -> Rows:
    """Return a function that computes rows of the isolated subject, for use on any new background.

    Args:
        image: the picture; channels after the third are ignored.
        alpha: coverage of the subject, in [0, 1].
        colours: the result of `both_colours_rows` for both, if it is known.

    Returns:
        A function that maps a slice of rows to colours with straight alpha, of shape (n, w, 4).
    """
    both = colours or both_colours_rows(image, alpha)
    return lambda rows: np.concatenate([both(rows, ...)[0], alpha[rows][..., None]], axis=-1)
