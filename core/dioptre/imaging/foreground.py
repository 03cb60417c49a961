"""Estimate the subject's own colours where the background shows through: hair, fur and out-of-focus edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Rows

from .pull_push import Filled, pull_push_rows

INSIDE = 0.98
"""Coverage above which only the subject is visible."""

OUTSIDE = 0.02
"""Coverage below which only the background is visible."""

_LEAST = 0.02  # lower limit of the coverage by which colours are divided
_TELLING = 0.25  # coverage from which a colour may deviate by the whole of `_FREEDOM`
_FREEDOM = 0.12  # largest deviation of a colour from the nearby interior's; limits the effect of a wrong alpha


@dataclass(frozen=True)
class BothColours:
    """The subject's colours and the background's, as if unmixed, computed where they are read.

    Each pixel mixes the subject's colour, weighted by alpha, with the background's. The background is extrapolated
    from around the subject and subtracted; the remaining colour may differ only slightly from those of the nearby
    interior.

    Attributes:
        seen: (H, W, 3), the picture.
        alpha: (H, W), the subject's coverage.
        inside: the interior's colours, continued outwards; None if no pixel shows the subject alone.
        outside: the background's colours, continued behind the subject.
    """

    seen: np.ndarray
    alpha: np.ndarray
    inside: Filled | None
    outside: Filled

    def __call__(self, rows: slice, at: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return both colours, of shape (m, 3), of single pixels (row and column) in some rows."""
        place = at[0] + rows.start, at[1]
        seen, cover, behind = self.seen[place], self.alpha[place][:, None], self.outside.at(*place)
        own: np.ndarray = (seen - (1 - cover) * behind) / np.maximum(cover, np.float32(_LEAST))
        if self.inside is not None:
            near = self.inside.at(*place)
            freedom = np.float32(_FREEDOM) * np.clip(cover / np.float32(_TELLING), 0, 1)
            own = np.clip(own, near - freedom, near + freedom)
        sure = np.clip((cover - np.float32(INSIDE)) / np.float32(1 - INSIDE), 0, 1)
        return np.clip(own + sure * (seen - own), 0, None), behind

    def own(self, rows: slice) -> Float32[np.ndarray, "n w 3"]:
        """Return the subject's colours of some rows: the interior's, but for the pixels that show both."""
        cover = self.alpha[rows]
        mixed = np.ones_like(cover, np.bool_) if self.inside is None else (cover > 0) & (cover < 1)
        made = np.empty((*cover.shape, 3), np.float32) if self.inside is None else self.inside(rows)
        row, column = np.nonzero(mixed)
        made[row, column] = self(rows, (row, column))[0]
        return np.maximum(made, 0, out=made)


def both_colours_rows(image: Float32[np.ndarray, "h w c"], alpha: Float32[np.ndarray, "h w"]) -> BothColours:
    """Return the subject's colours and the background's.

    Args:
        image: the picture; channels after the third are ignored.
        alpha: coverage of the subject, in [0, 1].
    """
    colours, inside = image[..., :3], alpha > INSIDE
    return BothColours(
        colours,
        alpha,
        pull_push_rows(colours, inside) if inside.any() else None,
        pull_push_rows(colours, alpha < OUTSIDE),
    )


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
    return lambda rows: np.concatenate([both.own(rows), alpha[rows][..., None]], axis=-1)
