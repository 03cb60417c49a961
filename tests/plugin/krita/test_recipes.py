"""Recipes of several steps in a real Krita: the command line's pixels, to one code value."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import recipes

from .conftest import Krita

pytestmark = pytest.mark.editor
MOST_APART = 1  # code values: two results that are rounded, each from floats that sums of threads make differ


@pytest.fixture(scope="module")
def made(krita: Krita, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[recipes.Made, recipes.Made]]:
    """By recipe and bits: of the command line, of Krita."""
    folder: Path = tmp_path_factory.mktemp("recipes")
    several = [order for order in recipes.orders(folder) if len(order.steps) > 1]
    here = {order.name: recipes.on_command_line(order, folder) for order in several}
    there = recipes.in_editor(krita, several, folder)
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
