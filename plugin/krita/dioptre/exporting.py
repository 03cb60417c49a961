"""Exports a photo as a JPEG that contains its depth layer."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .dioptre_link.catalogue.lens_blur import OPERATION as BLUR
from .dioptre_link.client import Worker
from .dioptre_link.editing.exporting import TITLE, saved
from .document import Document, Node
from .jobs import JobManager, Run
from .sources import IN_KRITA, Found, Source, find
from .transfer import Report, Ticket, upload, upload_depth


def found(document: Document | None, node: Node | None) -> Found:
    """Return the photo and the depth layer of the active layer, the same that a lens blur would use.

    Raises:
        RefusedError: There is no depth layer.
    """
    inputs = find(BLUR, document, node)
    if inputs.depth is None:
        raise IN_KRITA.needs_depth(TITLE)
    return inputs


def start(manager: JobManager, inputs: Found, file: Path) -> Run:
    """Start to write the JPEG."""

    def work(source: Source, worker: Worker, ticket: Ticket, report: Report) -> tuple[str, ...]:
        assert source.depth is not None
        worker.connect()
        with ExitStack() as files:
            picture = files.enter_context(upload(worker, source.picture))
            depth = files.enter_context(upload_depth(worker, source.depth))
            job = worker.export(file, picture, depth, depth_metres=source.depth_metres)
            return ticket.follow(job, report).messages

    def end(messages: tuple[str, ...]) -> Generator[None, None, tuple[Any, tuple[str, ...]]]:
        yield
        return inputs.picture, (saved(inputs.picture.name(), file), *messages)

    return manager.put(TITLE, inputs.read(), work, end)
