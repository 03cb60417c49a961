"""The plug-in from a zip works in a real GIMP, before and after installing its core. See inside/first_start.sh."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable

import pytest

from installer import release
from installer.console import Console

from ...editors.host import CHECKOUT, HOME, ProductPython
from .conftest import Gimp

pytestmark = pytest.mark.editor


def test_a_plug_in_from_a_zip_offers_its_core(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("needs a virtual display (an editor tree has one)")
    plugins = gimp.config / "plug-ins"
    shutil.rmtree(plugins / "dioptre")
    release.make_zips(CHECKOUT, gimp.out, Console())
    with zipfile.ZipFile(gimp.out / "dioptre-gimp.zip") as archive:
        archive.extractall(plugins)
    # Ordinary unzip programs set this permission, but Python's zipfile does not.
    (plugins / "dioptre/dioptre.py").chmod(0o755)
    product = ProductPython()
    gimp.person(
        "first_start.sh",
        named="first-start-",
        environment={
            "DIOPTRE_PYTHON": "",
            "DIOPTRE_HOME": f"{HOME}/dioptre",
            "INSTALLED": str(product.python.parents[1]),
            "PATH": f"/usr/bin:/bin:{product.python.resolve().parent}",
            "PIP_RETRIES": "0",
            "PIP_DEFAULT_TIMEOUT": "5",
        },
    )
