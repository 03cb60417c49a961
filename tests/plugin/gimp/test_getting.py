"""The Download button fetches a network in a real GIMP from the test's own package index. See inside/getting.sh."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ...editors.host import CHECKOUT, HERE, ProductPython
from .conftest import Gimp

pytestmark = pytest.mark.editor


def test_a_network_is_fetched_from_the_dialog(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    gimp.person(
        "getting.sh",
        named="getting-",
        environment={
            "DIOPTRE_PYTHON": str(HERE / "pretended_python"),
            "DIOPTRE_TEST_PYTHON": str(ProductPython().python),
            "DIOPTRE_TEST_CHECKOUT": str(CHECKOUT),
            "DIOPTRE_TEST_OUT": "/out",
        },
    )
    assert (gimp.out / "got.xcf").exists()
