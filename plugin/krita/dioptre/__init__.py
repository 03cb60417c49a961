"""Dioptre in Krita: Filter ▸ Dioptre, a docker, and a few functions for scripts.

From Krita's Scripter: `import dioptre; node = dioptre.run("portrait", f_number=2.0)`; see `scripting`.
"""

from __future__ import annotations

from krita import DockWidgetFactory, DockWidgetFactoryBase, Krita

from .docker import DOCKER_ID, DioptreDocker
from .plugin import DioptreExtension
from .scripting import follow, run, start, update

__all__ = ["follow", "run", "start", "update"]

_krita = Krita.instance()
_left = DockWidgetFactoryBase.DockPosition.DockLeft  # Krita 6 does not accept the short name.
_krita.addExtension(DioptreExtension(_krita))
_krita.addDockWidgetFactory(DockWidgetFactory(DOCKER_ID, _left, DioptreDocker))
