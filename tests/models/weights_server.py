"""A publisher's server on this machine that behaves well, or badly in a chosen way."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from dioptre.models.published import PublishedFile

from .local_server import HOLD_S, Handler, serving

PATH = "/someone/network/resolve/main/model.safetensors"
CONTENT = bytes(range(256)) * 12_000  # The file is 3 MB.


@dataclass
class Publisher:
    """Settings and state of the server.

    Attributes:
        site: Address of the server.
        behaviour: How the next requests are answered, in order; the last entry is repeated.
        asked: Byte ranges that were requested.
        paths: Paths that were requested.
        content: Content of the file.
        begun: Set once half of the file has been sent.
        release: Lets a paused answer continue.
    """

    site: str = ""
    behaviour: list[str] = field(default_factory=lambda: ["good"])
    asked: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    content: bytes = CONTENT
    begun: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def file(self) -> PublishedFile:
        sha256 = hashlib.sha256(self.content).hexdigest()
        return PublishedFile(site=self.site, path=PATH, sha256=sha256, nbytes=len(self.content))


class _Handler(Handler):
    publisher: ClassVar[Publisher]

    def do_GET(self) -> None:  # noqa: N802  (http.server calls it by this name)
        publisher = self.publisher
        asked = self.headers.get("Range", "")
        publisher.asked.append(asked)
        publisher.paths.append(self.path)
        behaviour = publisher.behaviour.pop(0) if len(publisher.behaviour) > 1 else publisher.behaviour[0]
        content, start = publisher.content, int(asked[len("bytes=") : -1]) if asked else 0
        if behaviour == "redirects":
            self.head(302, None, Location="/elsewhere" + self.path)
        elif behaviour in ("404", "503"):
            self.send_error(int(behaviour))
        elif behaviour == "knows no ranges":
            self.head(200, len(content))
            self.wfile.write(content)
        elif start >= len(content):
            self.send_error(416)
        elif behaviour == "says less":
            self.head(200, len(content) // 2)
            self.wfile.write(content[: len(content) // 2])
        elif behaviour == "says more":
            self.head(200, 2 * len(content))
        elif behaviour == "never ends":
            self.head(200, None)
            while not publisher.release.is_set():
                self.wfile.write(content)
        elif behaviour == "sends other bytes":
            self.head(200, len(content))
            self.wfile.write(content[:-1] + b"\0")
        elif behaviour == "goes on elsewhere":
            self.head(206, len(content) - 7, Content_Range=f"bytes 7-{len(content) - 1}/{len(content)}")
            self.wfile.write(content[7:])
        else:
            rest, half = content[start:], (len(content) - start) // 2
            spread = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if asked else {}
            self.head(206 if asked else 200, len(rest), **spread)
            self.wfile.write(rest[:half])
            self.wfile.flush()
            publisher.begun.set()
            if behaviour == "holds":
                publisher.release.wait(HOLD_S)
            if behaviour != "cuts off":
                self.wfile.write(rest[half:])


@contextmanager
def publishing() -> Iterator[Publisher]:
    publisher = Publisher()
    with serving(type("Handler", (_Handler,), {"publisher": publisher}), publisher.release) as site:
        publisher.site = site
        yield publisher
