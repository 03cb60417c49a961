"""Recipes of several steps in a real Krita give the command line's pixels within one code value."""

from __future__ import annotations

import pytest

from .. import recipes
from ..conftest import Followed
from .conftest import Krita

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def made(krita: Krita, followed: Followed) -> dict[str, recipes.Made]:
    """Krita's results, by recipe and bit depth."""
    return recipes.in_editor(krita, followed.orders, followed.folder)


@pytest.mark.parametrize("name", recipes.SEVERAL_STEPS)
def test_the_same_as_on_the_command_line(name: str, made: dict[str, recipes.Made], followed: Followed) -> None:
    recipes.check_same(name, followed.here[name], made[name])
