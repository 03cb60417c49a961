"""The layers that a dialog sends to the worker, read once and shared by the previews and the final result."""

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
"""Pixel format of previews."""


class Inputs:
    """The inputs of one source. Closing `files` deletes the remaining buffers."""

    def __init__(self, source: Source, worker: Worker, files: ExitStack, depth_image: Image | None) -> None:
        self.source = source
        self._worker, self._files, self._depth_image = worker, files, depth_image
        self._sent: jobs.Sent | None = None
        self._spent: set[str] = set()  # Inputs whose buffers the preview session has consumed.

    def read(self) -> Steps[None]:
        """Read the layers; this is the first thing a dialog does."""
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
            depth_metres=jobs.depth_metres(source),
        )

    def for_result(self, session: PreviewSession) -> Steps[jobs.Sent]:
        """Return the current inputs for the final job, reusing those that the previews uploaded."""
        if self._sent is None or (yield from jobs.changed(self.source, self._sent)):
            yield from self.read()
        sent = self._sent
        assert sent is not None
        inputs: dict[str, Buffer | Stored] = dict(sent.inputs)
        for name in self._spent:
            stored = session.stored(name, self._key(name))
            if stored is None:  # The worker that stored the input has exited.
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
            # The final job may need the existing buffer, which holds the exact depth, so send a new one.
            if name == "disparity":
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
