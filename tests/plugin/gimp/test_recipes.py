"""Recipes of several steps in a real Gimp: the command line's pixels, to one code value."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import recipes

from .conftest import Gimp

pytestmark = pytest.mark.editor
MOST_APART = 1  # code values: two results that are rounded, each from floats that sums of threads make differ
LIMIT_S = 900  # against hanging alone


@pytest.fixture(scope="module")
def made(gimp: Gimp, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[recipes.Made, recipes.Made]]:
    """By recipe and bits: of the command line, of Gimp."""
    folder: Path = tmp_path_factory.mktemp("recipes")
    several = [order for order in recipes.orders(folder) if len(order.steps) > 1]
    here = {order.name: recipes.on_command_line(order, folder) for order in several}
    there = recipes.in_editor(gimp, several, folder)
    return {name: (here[name], there[name]) for name in here}


@pytest.mark.parametrize("name", ["product-8", "product-16", "old-scan-8", "old-scan-16", "depth-and-blur-8"])
def test_the_same_as_on_the_command_line(name: str, made: dict[str, tuple[recipes.Made, recipes.Made]]) -> None:
    wanted, got = made[name]
    bits = 8 if name.endswith("-8") else 16
    assert got.steps == wanted.steps
    assert got.updated is not None
    most = MOST_APART * (1 if bits == 8 else 257)
    assert recipes.apart(got.codes, wanted.codes) <= most
    assert recipes.apart(got.updated, wanted.codes) <= most


def test_the_dialog(gimp: Gimp) -> None:
    if gimp.tree is None:
        pytest.skip("needs a virtual display (an editor tree has one)")
    gimp.values("dialog.py", environment={"DIALOG": "make"}, worker=False)
    done = gimp.gui("recipe.sh", limit_s=LIMIT_S)
    assert done.returncode == 0, done.stdout[-4000:]
