"""With the real networks, a repeated picture gives a bit-identical portrait without running a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dioptre import photo as files
from dioptre.caching.caches import DiskCache
from dioptre.contract import Inputs, Result
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.recipes.apply import apply

OPTIONS = {"f_number": 2.0, "focus": (150.0, 90.0)}


def portrait(picture: np.ndarray, **inputs: object) -> Result:
    return apply("portrait", OPTIONS, Inputs(picture=picture, **inputs))  # type: ignore[arg-type]


def content(result: Result) -> tuple[object, ...]:
    pixels = tuple(layer.pixels.tobytes() for layer in result.layers)
    return pixels, dict(result.values), result.messages, dict(result.models)


def test_a_picture_seen_before_gives_the_same_bits(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = files.load(checkout / "examples" / "chelsea.jpg").pixels
    picture = np.clip(resize(photo, (200, 300), method="area"), 0, 1)
    without = content(portrait(picture))
    computed = content(portrait(picture, cache=DiskCache(tmp_path, limit_bytes=1 << 30)))
    monkeypatch.setattr(Loaded, "__call__", lambda *_: pytest.fail("a network runs"))
    kept = content(portrait(picture.copy(), cache=DiskCache(tmp_path, limit_bytes=1 << 30)))
    assert computed == without
    assert kept == without
