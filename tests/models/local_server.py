"""A server on this machine for downloads that go well, or badly in a chosen way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOLD_S = 30.0  # How long a paused answer waits at most.


class Handler(BaseHTTPRequestHandler):
    """Answers without logging."""

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Send the status and the headers; underscores in names stand for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up, because the tests provoke that."""


@contextmanager
def serving(handler: type[Handler], release: threading.Event) -> Iterator[str]:
    """Run a server and yield its address; at the end, `release` lets paused answers go on."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            release.set()
            server.shutdown()
            thread.join()
