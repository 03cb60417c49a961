"""Inline pixels, uploaded in chunks by a client that does not share the exchange folder."""

from __future__ import annotations

import base64
import binascii
from io import FileIO

from dioptre_link.buffers import explained
from dioptre_link.errors import DioptreError
from dioptre_link.wire import Pixels, WireError

from .exchange import Folder


class Uploads:
    """The files that are being uploaded. If an upload fails, the error is reported when the file is used."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._open: dict[str, tuple[FileIO, int]] = {}
        self._broken: dict[str, DioptreError] = {}

    def begin(self, name: str, nbytes: int) -> None:
        """Announce a file of `nbytes`, replacing an earlier one with the same name."""
        self.drop(name)
        if len(self._open) + len(self._broken) >= 64:
            raise WireError("Too many uploads at once.")
        try:
            self._open[name] = (self._folder.create(name, nbytes), nbytes)
        except DioptreError as error:
            self._broken[name] = error

    def add(self, name: str, data: str) -> None:
        """Append the next bytes of a file, given as base64."""
        if name in self._broken:
            return
        if name not in self._open:
            raise WireError("Invalid message: a chunk of {name}, which was not announced.", name=repr(name))
        file, missing = self._open[name]
        try:
            part = base64.b64decode(data, validate=True)
            if not 0 < len(part) <= missing:
                raise WireError(
                    "Invalid message: {count} bytes were sent, {missing} were expected.",
                    count=len(part),
                    missing=missing,
                )
            file.write(part)
        except OSError as error:
            self.drop(name)
            self._broken[name] = explained(error, self._folder.path, nbytes=missing)
            return
        except (binascii.Error, WireError) as error:
            self.drop(name)
            self._broken[name] = WireError(
                "The pixels {name} did not arrive: {error}", name=repr(name), error=error
            )
            raise self._broken[name] from error
        self._open[name] = (file, missing - len(part))
        if missing == len(part):
            self._open.pop(name)[0].close()

    def check(self, pixels: Pixels) -> None:
        """Raise the error that occurred when the file of `pixels` was uploaded inline, if any."""
        if (error := self._broken.get(pixels.file)) is not None:
            raise error
        if pixels.file in self._open:
            raise WireError("The pixels {file} did not arrive completely.", file=repr(pixels.file))

    def drop(self, name: str) -> None:
        """Delete a file from the folder."""
        self._broken.pop(name, None)
        if name in self._open:
            self._open.pop(name)[0].close()
        self._folder.delete(name)

    def close(self) -> None:
        for file, _ in self._open.values():
            file.close()
        self._open.clear()
