"""The layers of a dialog as the worker gets them: read once, for the previews and for the result behind OK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from dioptre_link.buffers import Buffer
from dioptre_link.client import Stored, Worker
from dioptre_link.editing.events import Image, Step, Steps
from dioptre_link.editing.preview import PreviewSession
from dioptre_link.editing.request import Given, Request
from dioptre_link.editing.state import State
from dioptre_link.wire import PixelFormat

from . import jobs
from .host import Gegl
from .sources import Source

FORMAT = PixelFormat("u8", 4)
"""Of previews."""


class Inputs:
    """What one source hands over. files: deletes the buffers that are left at the end."""

    def __init__(self, source: Source, worker: Worker, files: ExitStack, depth_image: Image | None) -> None:
        self.source = source
        self._worker, self._files, self._depth_image = worker, files, depth_image
        self._sent: jobs.Sent | None = None
        self._spent: set[str] = set()  # inputs whose buffers the session has taken

    def read(self) -> Steps[None]:
        """Read the layers; the first thing that a dialog does."""
        self._sent = yield from jobs.send(self._worker, self.source, self._files)
        self._spent.clear()

    @property
    def has_been_read(self) -> bool:
        return self._sent is not None

    def request(self, state: State, longest_px: int) -> Request:
        source = self.source
        return Request(
            operation=state.operation,
            options=state.options,
            inputs=self._givens(),
            size=(source.picture.get_width(), source.picture.get_height()),
            longest_px=longest_px,
            opened_file=jobs.opened_file(state.operation, source),
            place=state.place,
            crop=self._crop,
            depth_image=self._depth_image,
        )

    def for_result(self, session: PreviewSession) -> Steps[jobs.Sent]:
        """The inputs as they are now; what the previews handed over already is not sent again."""
        if self._sent is None or (yield from jobs.changed(self.source, self._sent)):
            yield from self.read()
        sent = self._sent
        assert sent is not None
        inputs: dict[str, Buffer | Stored] = dict(sent.inputs)
        for name in self._spent:
            stored = session.stored(name, self._key(name))
            if stored is None:  # the worker that had it has ended
                yield from self.read()
                assert self._sent is not None
                return self._sent
            inputs[name] = stored
        return replace(sent, inputs=inputs)

    def _givens(self) -> Mapping[str, Given]:
        assert self._sent is not None
        return {
            name: Given(key=self._key(name), upload=self._upload(name))
            for name in ("picture", "disparity", "selection")
            if name in self._sent.inputs
        }

    def _key(self, name: str) -> tuple[str, str, int]:
        assert self._sent is not None
        shas = {
            "picture": self._sent.picture_sha256,
            "disparity": self._sent.depth_sha256,
            "selection": self._sent.selection_sha256,
        }
        return name, shas[name], id(self._sent)

    def _upload(self, name: str) -> Callable[[Worker], Steps[Buffer]]:
        def upload(worker: Worker) -> Steps[Buffer]:
            assert self._sent is not None
            if name == "disparity":  # the job behind OK may need it beside the exact one
                return (yield from jobs.read_depth(worker, self.source, self._files))
            if name in self._spent:
                yield from self.read()
            self._spent.add(name)
            buffer = self._sent.inputs[name]
            assert isinstance(buffer, Buffer)
            yield Step(fraction=0.0, phase="Transferring the picture")
            return buffer

        return upload

    def _crop(self, worker: Worker, part: tuple[int, int, int, int]) -> Mapping[str, Buffer]:
        left, top, width, height = part
        rect = Gegl.Rectangle.new(left, top, width, height)
        buffer = worker.new_buffer(width, height, FORMAT)
        data: Any = self.source.picture.get_buffer().get(rect, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)
        buffer.write_rows(0, data)
        return {"picture": buffer}
