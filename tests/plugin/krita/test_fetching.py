"""The Download button fetches a network in a real Krita from the test's own package index."""

from __future__ import annotations

import pytest

from ...editors.host import CHECKOUT, HERE, ProductPython
from .conftest import Krita, check_names

pytestmark = pytest.mark.editor
SCRIPT = "fetching.py"


def test_a_network_is_fetched_from_the_docker(krita: Krita) -> None:
    results = krita.checks(
        SCRIPT,
        DIOPTRE_PYTHON=str(HERE / "pretended_python"),
        DIOPTRE_TEST_PYTHON=str(ProductPython().python),
        DIOPTRE_TEST_CHECKOUT=str(CHECKOUT),
        DIOPTRE_TEST_OUT="/out",
    )
    assert results == dict.fromkeys(check_names(SCRIPT), "")
