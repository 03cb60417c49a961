"""Downloads of networks on a separate thread, and the button below a choice whose network is not installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dioptre_link.editing import fetching
from .dioptre_link.editing.events import drain
from .dioptre_link.editing.fetching import Offer
from .dioptre_link.language import translated
from .dioptre_link.networks import Network
from .document import client
from .jobs import job_manager
from .toolkit import (
    Bar,
    QHBoxLayout,
    QObject,
    QPushButton,
    QVBoxLayout,
    QWidget,
    button_of,
    laid_out,
    pyqtSignal,
    wrapped,
)
from .transfer import LinkThread, Report, Ticket

POLL_S = 0.1  # Longest time that the thread waits for the worker before it checks for cancellation.


class Fetcher(QObject):
    """Runs one download at a time and reports `stepped(step)`, then `done(networks)` or `failed(error)`."""

    stepped = pyqtSignal(object)
    done = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._ticket: Ticket | None = None
        self._thread = LinkThread(client("download"))
        self._thread.noted.connect(lambda _ticket, step: self.stepped.emit(step))
        self._thread.done.connect(lambda _ticket, networks: self._end(self.done, networks))
        self._thread.failed.connect(lambda _ticket, error: self._end(self.failed, error))
        job_manager().stopped.connect(self.cancel)

    def start(self, network: Network) -> None:
        """Download a network, unless another download is running."""
        if self._ticket is not None:
            return

        def work(worker: Any, ticket: Ticket, _report: Report) -> tuple[Network, ...]:
            worker.connect()
            steps = fetching.fetch(worker, network, poll_s=POLL_S)
            return drain(steps, lambda step: self._thread.noted.emit(ticket, step), lambda: ticket.cancelled)

        self._ticket = self._thread.put(work)

    def cancel(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()

    def _end(self, signal: Any, value: object) -> None:
        self._ticket = None
        signal.emit(value)


class OfferRow(QWidget):
    """Row with the offer; hidden while there is nothing to offer."""

    def __init__(self, on_fetch: Callable[[Network], None], on_cancel: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_offer")
        self._offer: Offer | None = None
        self._on_fetch = on_fetch
        self._get = button_of(QPushButton, "get_network", "", self._fetch)
        self._cancel = button_of(QPushButton, "cancel_network", translated("Cancel"), on_cancel)
        self._cancel.setAccessibleName(translated("Cancel the download"))
        self._bar = Bar(translated("Download"))
        self._words, self._failure = wrapped("offer_words"), wrapped("offer_words")
        beside = laid_out(QVBoxLayout, spacing=1)
        beside.addWidget(self._words)
        beside.addWidget(self._bar)
        row = QHBoxLayout()
        row.addWidget(self._get)
        row.addWidget(self._cancel)
        row.addLayout(beside, 1)
        rows = laid_out(QVBoxLayout, self, spacing=2)
        rows.addLayout(row)
        rows.addWidget(self._failure)
        self.render(None)

    def _fetch(self) -> None:
        if self._offer is not None:
            self._on_fetch(self._offer.network)

    def render(self, offer: Offer | None) -> None:
        self._offer = offer
        self.setVisible(offer is not None)
        if offer is None:
            return
        self._get.setText(translated(offer.button))
        self._get.setVisible(bool(offer.button))
        self._cancel.setVisible(offer.fraction is not None)
        self._bar.setVisible(offer.fraction is not None)
        self._bar.show_fraction(offer.fraction or 0.0)
        self._words.setText("" if offer.hint else translated(offer.words))
        self._failure.setText(f"{translated(offer.words)} {translated(offer.hint)}" if offer.hint else "")
        self._words.setVisible(not offer.hint)
        self._failure.setVisible(bool(offer.hint))
        self.setToolTip(offer.doubts)
