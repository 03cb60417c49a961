"""The fixture for tests of the plug-in's modules on PyQt6, with a fake Krita."""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import fake_krita

PACKAGE = "dioptre_with_qt6"
NAMES = (
    "toolkit",
    "transfer",
    "jobs",
    "canvas",
    "preview",
    "previews",
    "session",
    "options",
    "downloads",
    "docker",
)
NAMES += ("plugin", "scripting", "enlarge")


@pytest.fixture(scope="module")
def qt(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.SimpleNamespace]:
    """The plug-in's modules on the real PyQt6, without a screen."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from PyQt6 import QtCore, QtWidgets
    except ImportError:
        pytest.skip("PyQt6 is not installed")
    from ...editors.host import install_plugin

    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    folder = tmp_path_factory.mktemp("pykrita") / PACKAGE
    install_plugin(checkout / "plugin/krita/dioptre", folder)
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    krita = fake_krita.module(QtCore.QObject, QtWidgets.QDockWidget)
    before = sys.modules.get("krita")
    sys.modules["krita"] = krita
    try:
        loaded = {name: importlib.import_module(f"{PACKAGE}.{name}") for name in NAMES}
        loaded["catalogue"] = importlib.import_module(f"{PACKAGE}.dioptre_link.catalogue")
        loaded["scene"] = importlib.import_module(f"{PACKAGE}.dioptre_link.editing.scene")
        loaded["events"] = importlib.import_module(f"{PACKAGE}.dioptre_link.editing.events")
        loaded["fetching"] = importlib.import_module(f"{PACKAGE}.dioptre_link.editing.fetching")
        loaded["states"] = importlib.import_module(f"{PACKAGE}.dioptre_link.editing.state")
        yield types.SimpleNamespace(application=application, **loaded)
        loaded["jobs"].job_manager().stop()
    finally:
        del sys.modules["krita"]
        if before is not None:
            sys.modules["krita"] = before
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]
