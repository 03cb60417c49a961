"""Recipes of several steps in a real GIMP give the command line's pixels within one code value."""

from __future__ import annotations

import pytest

from .. import recipes
from ..conftest import Followed
from .conftest import Gimp

pytestmark = pytest.mark.editor
MOST_APART = 1  # Maximum difference in code values: rounded floats depend on the order in which threads sum.


@pytest.fixture(scope="module")
def made(gimp: Gimp, followed: Followed) -> dict[str, recipes.Made]:
    """GIMP's results, by recipe and bit depth."""
    return recipes.in_editor(gimp, followed.orders, followed.folder)


@pytest.mark.parametrize("name", recipes.SEVERAL_STEPS)
def test_the_same_as_on_the_command_line(name: str, followed: Followed, made: dict[str, recipes.Made]) -> None:
    wanted, got = followed.here[name], made[name]
    bits = 8 if name.endswith("-8") else 16
    assert got.steps == wanted.steps
    assert got.updated is not None
    most = MOST_APART * (1 if bits == 8 else 257)
    assert recipes.apart(got.codes, wanted.codes) <= most
    assert recipes.apart(got.updated, wanted.codes) <= most


def test_the_dialog(gimp: Gimp) -> None:
    gimp.person("recipe.sh", start="dialog.py")
