"""A recipe applied to a file: a large picture is released between the steps, and the output files are the same."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from dioptre import files
from dioptre.recipes import on_file
from dioptre.recipes.on_file import follow_on_file
from dioptre_link.recipe import Recipe, Step

TWO = Recipe(
    steps=(
        Step(operation="white_balance", options={"temperature": 7000.0}),
        Step(operation="white_balance", options={"temperature": 5000.0}),
    )
)


@pytest.mark.parametrize("released_pixels", [1, 10**9])
def test_the_original_is_below_whatever_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, released_pixels: int
) -> None:
    monkeypatch.setattr(on_file, "_RELEASED_PIXELS", released_pixels)
    ramp = np.linspace(0.1, 0.9, 60, dtype=np.float32)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :48], np.float32(0.5)), axis=-1)
    files.save(photo, tmp_path / "in.png")
    made = follow_on_file(TWO, tmp_path / "in.png")
    assert isinstance(made.picture, files.PictureOnDemand) == (released_pixels == 1)
    written = files.write_result(
        made.result, made.picture, tmp_path / "out", "in", force=False, recipe=made.recipe.to_dict()
    )
    layers = files.read_openraster(tmp_path / "out" / "in-white-balance.ora").layers
    assert [layer.name for layer in layers][-1] == "Original"
    np.testing.assert_allclose(layers[-1].pixels[..., :3], photo, atol=1 / 255)
    assert zipfile.is_zipfile(next(path for path in written if path.suffix == ".ora"))
    assert any(path.name.endswith("-sheet.jpg") for path in written)
