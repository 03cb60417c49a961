"""The plug-in's log, `krita.log`."""

from __future__ import annotations

from .dioptre_link.editor_log import EditorLog

LOG = EditorLog("krita")
logger = LOG.logger
