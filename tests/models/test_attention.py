"""Both formulations of attention give the same result for several pictures and heads."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dioptre.models.attention import attend


def test_head_by_head_equals_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(0, 1, (2, 3, tokens, 8)).astype(np.float32) for tokens in (5, 7, 7))
    on_device = tuple(map(jax.numpy.asarray, (query, key, value)))
    found = np.asarray(attend(*on_device))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(np.asarray(attend(*on_device)), found, atol=1e-5)
    weights = np.exp(query[1, 2] @ key[1, 2].T.astype(np.float64))
    expected = weights @ value[1, 2] / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[1, 2], expected, atol=1e-5)
