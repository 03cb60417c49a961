"""Each operation is run by the feature that its description names."""

from __future__ import annotations

import pytest

from dioptre.recipes.operations import run_of
from dioptre_link.catalogue import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_described_operation_runs(name: str) -> None:
    assert run_of(name).__module__.startswith(f"dioptre.features.{OPERATIONS[name].feature}.")


def test_an_unknown_name_has_none() -> None:
    with pytest.raises(LookupError):
        run_of("sharpen")
