"""Fixtures shared by the tests of both editors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from . import recipes


@dataclass(frozen=True)
class Followed:
    """Recipes of several steps, as orders for the editors, and the command line's results for each order."""

    folder: Path
    orders: list[recipes.Order]
    here: dict[str, recipes.Made]


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Recipes and results, created once for both editors."""
    folder = tmp_path_factory.mktemp("recipes")
    several = [order for order in recipes.orders(folder) if order.name in recipes.SEVERAL_STEPS]
    return Followed(folder, several, {order.name: recipes.on_command_line(order, folder) for order in several})
