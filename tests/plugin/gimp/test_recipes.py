"""Recipes of several steps in a real GIMP give the command line's pixels within one code value."""

from __future__ import annotations

import pytest

from .. import recipes
from ..conftest import Followed
from .conftest import Gimp

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def made(gimp: Gimp, followed: Followed) -> dict[str, recipes.Made]:
    """GIMP's results, by recipe and bit depth."""
    return recipes.in_editor(gimp, followed.orders, followed.folder)


@pytest.mark.parametrize("name", recipes.SEVERAL_STEPS)
def test_the_same_as_on_the_command_line(name: str, made: dict[str, recipes.Made], followed: Followed) -> None:
    recipes.check_same(name, followed.here[name], made[name])


def test_the_dialog(gimp: Gimp) -> None:
    gimp.person("recipe.sh", start="dialog.py")
