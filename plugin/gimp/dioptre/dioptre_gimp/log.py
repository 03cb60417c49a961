"""The plug-in's log, `gimp.log`."""

from __future__ import annotations

from dioptre_link.editor_log import EditorLog

LOG = EditorLog("gimp")
logger = LOG.logger
