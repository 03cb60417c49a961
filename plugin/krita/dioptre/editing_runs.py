"""Runs for Edit, which recompute a result in place with other options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from krita import Document

from . import updating
from .dioptre_link.language import Message
from .dioptre_link.records import Entry
from .jobs import JobManager, Run


def start(manager: JobManager, document: Document, entry: Entry, options: Mapping[str, Any]) -> Run:
    """Recompute a result with other options; its layers keep their names, masks, modes and order.

    Raises:
        DioptreError: The options are invalid or the result cannot be replaced.
    """
    checked = entry.described.check(dict(options))
    plans = [updating.plan_of(document, replace(entry, options=checked))]
    title = entry.described.title
    said = Message("{operation} replaced the earlier result. Undo restores it.", operation=Message(title))
    return manager.put(
        title,
        updating.read(plans),
        updating.work,
        lambda done: updating.apply(done, manager.undo_sync, said=said),
    )
