"""Exports a photo as a JPEG that contains its depth layer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from dioptre_link.buffers import Buffer
from dioptre_link.catalogue.lens_blur import OPERATION as BLUR
from dioptre_link.client import Worker
from dioptre_link.editing import events
from dioptre_link.editing.events import Steps
from dioptre_link.editing.exporting import TITLE

from . import sources, transfer
from .document import Gimp
from .layers import Outcome
from .sources import Source


def find(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Source:
    """Return the photo and the depth layer of the selected layer, the same that a lens blur would use.

    Raises:
        RefusedError: There is no depth layer.
    """
    source = sources.find(BLUR, image, drawables, None, into_selection=False)
    if source.depth is None:
        raise sources.REFUSALS.needs_depth(TITLE)
    return source


def run(worker: Worker, source: Source, file: Path) -> Steps[Outcome]:
    """Write the JPEG."""
    with ExitStack() as files:
        sent = yield from transfer.send(worker, source, files)
        picture, disparity = sent.inputs["picture"], sent.inputs["disparity"]
        assert isinstance(picture, Buffer)
        assert isinstance(disparity, Buffer)
        job = worker.export(file, picture, disparity, depth_metres=transfer.depth_metres(source))
        start = transfer.SHARE_SENDING
        result = yield from transfer.within(events.follow(job), start, 1 - start)
    return Outcome(layer=source.picture, messages=result.messages)
