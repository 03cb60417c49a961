"""The texture of a background leaves no specks at a matte's rim, and hair and long lines stay."""

from __future__ import annotations

import numpy as np

from dioptre.features.subject.matting import refine_matte
from dioptre.features.subject.speckle import without_speckle
from dioptre.imaging.resize import resize

SIZE = (600, 800)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
BODY = np.clip(np.float32(200.5) - np.hypot(Y - 300, X - 400), 0, 1)


def gravel() -> np.ndarray:
    """Return light ground with dark grains."""
    random = np.random.default_rng(0)
    ground = np.full((*SIZE, 3), 0.6, np.float32)
    for row, column in zip(random.integers(0, SIZE[0], 6000), random.integers(0, SIZE[1], 6000), strict=True):
        ground[row : row + 2, column : column + 3] = 0.1
    return ground


def over(ground: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return ((1 - alpha[..., None]) * ground + 0.08 * alpha[..., None]).astype(np.float32)


def found(ground: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return refine_matte(over(ground, alpha), resize(BODY, (160, 160), method="area"))


def hairs(count: int) -> np.ndarray:
    """Return short straight hairs round the body."""
    alpha = np.zeros(SIZE, np.float32)
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        along = (X - 400) * np.cos(angle) + (Y - 300) * np.sin(angle)
        across = (Y - 300) * np.cos(angle) - (X - 400) * np.sin(angle)
        alpha = np.maximum(alpha, np.clip(1.5 - np.abs(across), 0, 1) * ((along > 190) & (along < 209)))
    return alpha


def test_grains_beside_the_subject_are_not_its_hair() -> None:
    beside = (np.hypot(Y - 300, X - 400) > 204) & (np.hypot(Y - 300, X - 400) < 216)
    alpha = found(gravel(), BODY)
    assert (alpha[beside] > 0.3).mean() < 0.02
    assert np.abs(alpha - BODY)[~beside].mean() < 0.01


def test_hairs_on_a_plain_ground_stay() -> None:
    truth = np.maximum(BODY, hairs(60))
    alpha = found(np.full((*SIZE, 3), 0.6, np.float32), truth)
    tips = (hairs(60) > 0.9) & (BODY < 0.01)
    assert alpha[tips].mean() > 0.7


def test_a_long_line_on_gravel_stays() -> None:
    line = ((np.abs(X - 640) < 2.5) & (Y > 240) & (Y < 360)).astype(np.float32)
    alpha = np.maximum(BODY, line)
    inside, outside = BODY > 0.5, np.hypot(Y - 300, X - 400) > 260
    kept = without_speckle(alpha.copy(), over(gravel(), alpha), BODY, inside, outside)
    assert kept[line > 0].mean() > 0.9
    dots = np.where((Y // 8 + X // 8) % 4 == 0, line, 0)
    speckled = np.maximum(BODY, dots)
    assert without_speckle(speckled.copy(), over(gravel(), alpha), BODY, inside, outside)[dots > 0].mean() < 0.1
    assert without_speckle(speckled.copy(), over(gravel(), alpha), speckled, inside, outside)[dots > 0].mean() > 0.9
