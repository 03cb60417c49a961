"""The plug-in from a zip works in a real GIMP, before and after installing its core. See inside/first_start.sh."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from installer import zips
from installer.console import Console

from ...editors.host import CHECKOUT, HOME, ProductPython
from .conftest import Gimp

pytestmark = pytest.mark.editor
LIMIT_S = 1800  # This limit only guards against hanging.


def test_a_plug_in_from_a_zip_offers_its_core(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("needs a virtual display (an editor tree has one)")
    gimp.values("small_screen.py", environment={"DIALOG": "make"}, worker=False)
    plugins = gimp.config / "plug-ins"
    shutil.rmtree(plugins / "dioptre")
    zips.make(CHECKOUT, gimp.out, Console())
    with zipfile.ZipFile(gimp.out / "dioptre-gimp.zip") as archive:
        archive.extractall(plugins)
    # Ordinary unzip programs set this permission, but Python's zipfile does not.
    (plugins / "dioptre/dioptre.py").chmod(0o755)
    product = ProductPython()
    done = gimp.gui(
        "first_start.sh",
        limit_s=LIMIT_S,
        environment={
            "DIOPTRE_PYTHON": "",
            "DIOPTRE_HOME": f"{HOME}/dioptre",
            "INSTALLED": str(product.python.parents[1]),
            "PATH": f"/usr/bin:/bin:{product.python.resolve().parent}",
            "PIP_RETRIES": "0",
            "PIP_DEFAULT_TIMEOUT": "5",
        },
    )
    if folder := os.environ.get("DIOPTRE_TEST_SCREENSHOTS"):
        for picture in gimp.out.glob("*.png"):
            shutil.copy(picture, Path(folder) / f"gimp-{gimp.series}-first-start-{picture.name}")
    assert done.returncode == 0, done.stdout[-4000:]
