"""A network that the user has added fills the clean background in a real GIMP."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dioptre.models.adding import add_weights
from dioptre.models.registry import ENTRIES

from ...editors.host import CHECKOUT, HOME
from ...models.migan_file import arrays, write
from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def results(gimp: Gimp, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    if gimp.tree is None:
        pytest.skip("needs an editor tree, whose data folder the test provides")
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(CHECKOUT / "weights", home / "data/weights")
    file = write(home / "migan_256_places2.pt", arrays(256))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIOPTRE_HOME", str(home))
        add_weights(ENTRIES["migan"], file)
    return gimp.checks("inventing.py", binds={Path(home / "data/weights"): f"{HOME}/dioptre/data/weights"})


@pytest.mark.parametrize("check", check_names("inventing.py"))
def test_in_gimp(results: dict[str, str], check: str) -> None:
    assert results[check] == ""
