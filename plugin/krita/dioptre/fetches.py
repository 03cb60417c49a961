"""Downloads networks on a separate thread, so that jobs and previews continue meanwhile."""

from __future__ import annotations

from typing import Any

from krita import Krita

from .dioptre_link.editing import fetching
from .dioptre_link.editing.events import drain
from .dioptre_link.networks import Network
from .jobs import job_manager
from .link import LinkThread, Report, Ticket
from .qt import QApplication, QObject, pyqtSignal

POLL_S = 0.1  # Longest time that the thread waits for the worker before it checks for cancellation.


class Fetcher(QObject):
    """Runs one download at a time and reports `stepped(step)`, then `done(networks)` or `failed(error)`."""

    stepped = pyqtSignal(object)
    done = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._ticket: Ticket | None = None
        self._thread: LinkThread | None = None
        job_manager().stopped.connect(self.cancel)

    def start(self, network: Network) -> None:
        """Download a network, unless another download is running."""
        if self._ticket is not None:
            return
        thread = self._started_thread()

        def work(worker: Any, ticket: Ticket, _report: Report) -> tuple[Network, ...]:
            worker.connect()
            steps = fetching.fetch(worker, network, poll_s=POLL_S)
            return drain(steps, lambda step: thread.noted.emit(ticket, step), lambda: ticket.cancelled)

        self._ticket = thread.put(work)

    def cancel(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()

    def _started_thread(self) -> LinkThread:
        if self._thread is None:
            self._thread = LinkThread(f"Krita {Krita.instance().version()} (download)")
            self._thread.noted.connect(lambda _ticket, step: self.stepped.emit(step))
            self._thread.done.connect(lambda _ticket, networks: self._end(self.done, networks))
            self._thread.failed.connect(lambda _ticket, error: self._end(self.failed, error))
            QApplication.instance().aboutToQuit.connect(self._thread.stop)
        return self._thread

    def _end(self, signal: Any, value: object) -> None:
        self._ticket = None
        signal.emit(value)
