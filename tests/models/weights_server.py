"""A publisher's server on this machine that behaves well, or badly in a chosen way."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from dioptre.models.published_file import PublishedFile

HOLD_S = 30.0
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

    def file(self, *, exact: bool = True) -> PublishedFile:
        sha256 = hashlib.sha256(self.content).hexdigest()
        return PublishedFile(site=self.site, path=PATH, sha256=sha256, nbytes=len(self.content), exact=exact)


class _Handler(BaseHTTPRequestHandler):
    publisher: ClassVar[Publisher]

    def do_GET(self) -> None:
        publisher = self.publisher
        asked = self.headers.get("Range", "")
        publisher.asked.append(asked)
        publisher.paths.append(self.path)
        behaviour = publisher.behaviour.pop(0) if len(publisher.behaviour) > 1 else publisher.behaviour[0]
        content, start = publisher.content, int(asked[len("bytes=") : -1]) if asked else 0
        if behaviour == "redirects":
            self.send_response(302)
            self.send_header("Location", "/elsewhere" + self.path)
            self.end_headers()
        elif behaviour in ("404", "503"):
            self.send_error(int(behaviour))
        elif behaviour == "knows no ranges":
            self._head(200, len(content))
            self.wfile.write(content)
        elif start >= len(content):
            self.send_error(416)
        elif behaviour == "says less":
            self._head(200, len(content) // 2)
            self.wfile.write(content[: len(content) // 2])
        elif behaviour == "says more":
            self._head(200, 2 * len(content))
        elif behaviour == "never ends":
            self._head(200, None)
            while not publisher.release.is_set():
                self.wfile.write(content)
        elif behaviour == "sends other bytes":
            self._head(200, len(content))
            self.wfile.write(content[:-1] + b"\0")
        elif behaviour == "goes on elsewhere":
            self._head(206, len(content) - 7, f"bytes 7-{len(content) - 1}/{len(content)}")
            self.wfile.write(content[7:])
        else:
            rest, half = content[start:], (len(content) - start) // 2
            spread = f"bytes {start}-{len(content) - 1}/{len(content)}" if asked else ""
            self._head(206 if asked else 200, len(rest), spread)
            self.wfile.write(rest[:half])
            self.wfile.flush()
            publisher.begun.set()
            if behaviour == "holds":
                publisher.release.wait(HOLD_S)
            if behaviour != "cuts off":
                self.wfile.write(rest[half:])

    def _head(self, status: int, length: int | None, spread: str = "") -> None:
        self.send_response(status)
        if spread:
            self.send_header("Content-Range", spread)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up, because these tests provoke that."""


@contextmanager
def publishing() -> Iterator[Publisher]:
    publisher = Publisher()
    handler = type("Handler", (_Handler,), {"publisher": publisher})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        publisher.site = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield publisher
        finally:
            publisher.release.set()
            server.shutdown()
            thread.join()
