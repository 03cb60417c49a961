"""Exports a photo as a JPEG that contains its depth layer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from dioptre_link.buffers import Buffer
from dioptre_link.catalogue.depth import OPERATION as DEPTH
from dioptre_link.catalogue.lens_blur import OPERATION as BLUR
from dioptre_link.client import Worker
from dioptre_link.editing import events
from dioptre_link.editing.events import Steps
from dioptre_link.editing.exporting import saved

from . import jobs, sources, transfer
from .document import Gimp, unrecorded
from .layers import Outcome
from .sources import Source


def find(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Source:
    """Return the photo and, if there is one, the depth layer of the selected layer, as a lens blur would use it."""
    return sources.find(BLUR, image, drawables, None, into_selection=False)


def estimate(worker: Worker, source: Source) -> Steps[Source]:
    """Add a hidden depth layer to the document in one undo step, and return the photo with it."""
    made = yield from jobs.run(worker, DEPTH, DEPTH.defaults(), source)
    with unrecorded(source.image):
        made.layer.set_visible(False)
    source.image.set_selected_layers([source.picture])
    return replace(source, depth=made.layer)


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
    return Outcome(layer=source.picture, messages=(saved(source.picture.get_name(), file), *result.messages))
