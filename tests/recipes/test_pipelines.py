"""Each operation has the pipeline of its name."""

from __future__ import annotations

import pytest

from dioptre.recipes.pipelines import pipeline
from dioptre_link.catalogue import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_described_operation_runs(name: str) -> None:
    assert pipeline(name).__module__ == f"dioptre.pipelines.{name}"


def test_an_unknown_name_has_none() -> None:
    with pytest.raises(LookupError):
        pipeline("sharpen")
