"""What both editors' tests use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import recipes


@dataclass(frozen=True)
class Followed:
    """Recipes of several steps, by recipe and bits: what was ordered, and what the command line made of it."""

    folder: Path
    orders: list[recipes.Order]
    here: dict[str, recipes.Made]


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Made once for both editors."""
    folder = tmp_path_factory.mktemp("recipes")
    several = [order for order in recipes.orders(folder) if order.name in recipes.SEVERAL_STEPS]
    return Followed(folder, several, {order.name: recipes.on_command_line(order, folder) for order in several})
