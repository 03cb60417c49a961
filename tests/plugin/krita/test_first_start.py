"""A real Krita's own code imports the plug-in from a zip, and the docker then shows the first-start page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from installer import release
from installer.console import Console

from ...editors.host import CHECKOUT, HOME, ProductPython
from .conftest import CHECKS, Krita, check_names

pytestmark = pytest.mark.editor
SCRIPT = "first_start.py"
# This runs the code of Tools ▸ Scripts ▸ Import Python Plugin from File…. Krita adds i18n to its Python, which the
# importer of 5.3 needs.
_KRITA = """
cp -r --update=none /usr/share/editors/home/. "$HOME"
resources=$HOME/.local/share/krita importer=/usr/share/krita/pykrita/plugin_importer/plugin_importer.py
python3 -c 'import builtins, runpy, sys
builtins.i18n = str
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")' "$importer" /out/dioptre-krita.zip "$resources" || exit 1
exec krita --nosplash
"""


def test_a_plug_in_from_a_zip_finds_its_core(make_krita: Callable[[], Krita]) -> None:
    krita = make_krita()
    resources = krita.tree.home / ".local/share/krita/pykrita"
    shutil.rmtree(resources / "dioptre")
    (resources / "dioptre.desktop").unlink()
    settings = krita.tree.home / ".config/kritarc"  # Krita asks whether to enable an imported plug-in.
    settings.write_text(
        f"AutoSaveInterval=0\n[python]\nenable_{CHECKS}=true\nenable_dioptre=true\n", encoding="utf-8"
    )
    release.make_zips(CHECKOUT, krita.out, Console())
    product = ProductPython()
    installed = krita.out / "installed" / "data"
    installed.mkdir(parents=True)
    (installed / "environment").symlink_to(product.python.parents[1])
    (installed / "weights").symlink_to(CHECKOUT / "weights")
    # The path inside Krita's sandbox, with the compiled programs.
    (installed.parent / "cache").symlink_to(f"{HOME}/dioptre/cache")
    results = krita.values(
        SCRIPT,
        command=_KRITA,
        DIOPTRE_PYTHON="",
        INSTALLED="/out/installed/data",
        PATH=f"{Path(product.python.resolve()).parent}:/usr/bin:/bin",
        PIP_RETRIES="0",
        PIP_DEFAULT_TIMEOUT="5",
        XDG_DATA_HOME=f"{HOME}/.local/share",
    )
    assert results == dict.fromkeys(check_names(SCRIPT), "")
