"""Scores of depth maps, on depth whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.depth_scores import Truth, align, boundary_f1, depth_scores, error_in_metres

SIZE = (24, 32)


def truth(**changes) -> Truth:
    """A wall at 4 m with a box at 2 m in front of it."""
    inverse = np.full(SIZE, 0.25)
    inverse[8:16, 10:22] = 0.5
    return Truth(**{"inverse_depth": inverse, "valid": np.ones(SIZE, bool), "in_metres": True, **changes})


def test_scale_and_shift_do_not_count() -> None:
    scores = depth_scores(3 * truth().inverse_depth.astype(np.float32) - 7, truth())
    assert scores == pytest.approx({"AbsRel": 0, "delta1": 1, "correlation": 1, "boundary F1": 1}, abs=1e-5)


def test_errors_are_relative_to_the_true_depth() -> None:
    """Half of the pixels are 1/1.1 too near and half 1/0.9 too far after an alignment that changes nothing."""
    measured = truth(inverse_depth=np.tile([0.2, 0.2, 1.0, 1.0], (24, 8)))
    prediction = np.tile([0.22, 0.18, 1.1, 0.9], (24, 8)).astype(np.float32)
    scores = depth_scores(prediction, measured)
    aligned = align(prediction.astype(float), measured.inverse_depth, measured.valid)
    ratio = measured.inverse_depth / aligned
    assert scores["AbsRel"] == pytest.approx(np.abs(ratio - 1).mean())
    assert 0.05 < scores["AbsRel"] < 0.15
    assert scores["delta1"] == 1
    assert error_in_metres(prediction, measured) == pytest.approx((1 - 1 / 1.1) / 2 + (1 / 0.9 - 1) / 2, rel=1e-5)


def test_unknown_pixels_and_unknown_shifts_are_left_out() -> None:
    measured = truth()
    wrong = measured.inverse_depth.astype(np.float32)
    wrong[:4] = 9.0
    valid = measured.valid.copy()
    valid[:4] = False
    assert depth_scores(wrong, truth(valid=valid))["AbsRel"] == pytest.approx(0, abs=1e-5)
    assert depth_scores(wrong, measured)["AbsRel"] > 0.1
    assert depth_scores(wrong, truth(valid=valid, relative=True)).keys() == {"correlation"}


def test_predictions_may_have_another_size() -> None:
    small = truth().inverse_depth[::2, ::2].astype(np.float32)
    assert depth_scores(small, truth())["delta1"] > 0.9


def test_edges_must_be_within_a_pixel() -> None:
    measured = truth()
    for shift in (0, 1, 4):
        moved = np.roll(measured.inverse_depth, (shift, shift), axis=(0, 1))
        score = boundary_f1(moved, measured.inverse_depth, measured.valid)
        assert score == pytest.approx(1) if shift < 2 else score < 0.5
