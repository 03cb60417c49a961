"""Linear maps from the features of one backbone to those of another, folded into the subject head."""

from __future__ import annotations

import numpy as np

_RIDGE = 1e-4
"""Added to the diagonal of the patches' normal equations, relative to its mean."""
_CHANCE_RIDGE = 0.1
"""The same for the class tokens, of which there is only one for each picture."""


class Fit:
    """Sums over the pictures seen so far.

    Attributes:
        square: (k, c + 1, c + 1) new features, with a one, times themselves.
        cross: (k, c + 1, c) new features, with a one, times those before.
        tokens: Class tokens of each picture, new and before, each (k * c,) of length one.
    """

    def __init__(self, count: int, width: int) -> None:
        self.square = np.zeros((count, width + 1, width + 1))
        self.cross = np.zeros((count, width + 1, width))
        self.tokens: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, new: np.ndarray, before: np.ndarray) -> None:
        """Add a picture's taps, (k, t, c) each, the class token first."""
        patches = np.concatenate([new[:, 1:], np.ones_like(new[:, 1:, :1])], axis=2)
        self.square += patches.swapaxes(1, 2) @ patches
        self.cross += patches.swapaxes(1, 2) @ before[:, 1:]
        a, b = (x[:, 0].ravel() for x in (new, before))
        self.tokens.append((a / np.linalg.norm(a), b / np.linalg.norm(b)))

    def maps(self) -> list[np.ndarray]:
        """Return, for each tap, the matrix (c + 1, c) from new features, with a one, to those before."""
        return [_solved(square, cross, ridge=_RIDGE) for square, cross in zip(self.square, self.cross, strict=True)]

    def chance(self, kernel: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the weights of the new class tokens, and the change of the bias.

        Args:
            kernel: (k * c,) weights of the class tokens before.
        """
        new, before = (np.array(tokens) for tokens in zip(*self.tokens, strict=True))
        odds, centre = before @ kernel, new.mean(0)
        x = new - centre
        missing = odds - odds.mean() - x @ kernel
        weights = kernel + _solved(x.T @ x, (x.T @ missing)[:, None], ridge=_CHANCE_RIDGE)[:, 0]
        return weights, float(odds.mean() - centre @ weights)


def aligned(head: dict[str, np.ndarray], fit: Fit) -> dict[str, np.ndarray]:
    """Return the head's arrays with the layers that read the backbone fitted to its new values."""
    out = dict(head)
    for tap, matrix in enumerate(fit.maps()):
        kernel = head[f"projects.{tap}.kernel"]
        out[f"projects.{tap}.kernel"] = matrix[:-1] @ kernel
        out[f"projects.{tap}.bias"] = head[f"projects.{tap}.bias"] + matrix[-1] @ kernel
    kernel = head["chance.kernel"][:, 0]
    weights, shift = fit.chance(kernel[:-1])
    out["chance.kernel"] = np.append(weights, kernel[-1])[:, None]
    out["chance.bias"] = head["chance.bias"] + shift
    return {name: np.asarray(array, np.float32) for name, array in out.items()}


def _solved(square: np.ndarray, cross: np.ndarray, *, ridge: float) -> np.ndarray:
    return np.linalg.solve(square + ridge * np.trace(square) / len(square) * np.eye(len(square)), cross)
