"""*Download (N MB)*: the button below a choice whose network is not installed, and the download that it starts."""

from __future__ import annotations

from contextlib import ExitStack

from dioptre_link.editing import fetching
from dioptre_link.editing.events import Steps, follow
from dioptre_link.editing.state import State, Store
from dioptre_link.errors import Cancelled
from dioptre_link.language import translated
from dioptre_link.networks import Network

from . import transfer
from .document import LOG, logger
from .toolkit import Driver, Gtk, pack, progress_bar

WORDS_CHARS = 48


class Downloads:
    """The downloads of one dialog, over a separate connection so that previews continue meanwhile."""

    def __init__(self, store: Store[State], files: ExitStack) -> None:
        self._store = store
        self._worker = transfer.open_worker()
        self._driver: Driver | None = None
        files.callback(self._close)

    def begin(self, network: Network) -> None:
        """Start downloading the network, in place of any running download."""
        self._stop()
        self._store.set(fetching.began(self._store.state, network))
        self._driver = Driver(
            self._steps(network),
            on_done=lambda networks: self._store.set(fetching.fetched(self._store.state, networks)),
            on_error=self._failed,
            on_step=lambda step: self._store.set(fetching.stepped(self._store.state, step)),
        )

    def cancel(self) -> None:
        self._stop()
        self._store.set(fetching.failed(self._store.state, Cancelled()))

    def _steps(self, network: Network) -> Steps[tuple[Network, ...]]:
        yield from transfer.connect(self._worker)
        yield from follow(self._worker.fetch_network(network.id))
        logger.info("Downloaded %s", network.id)
        return (yield from transfer.in_thread(self._worker.networks, "Connecting"))

    def _failed(self, error: Exception) -> None:
        logger.info("The download failed: %s", error)
        self._store.set(fetching.failed(self._store.state, LOG.told(error)))

    def _stop(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver = None

    def _close(self) -> None:
        self._stop()
        self._worker.close()


class OfferBox(Gtk.Box):
    """Box below a choice: the button with the licence, the download's progress, or the reason why it failed."""

    def __init__(self, parameter: str, downloads: Downloads) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=4, no_show_all=True)
        self._parameter = parameter
        self._network: Network | None = None
        self._words = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=WORDS_CHARS)
        self._doubts = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=WORDS_CHARS)
        self._doubts.set_sensitive(False)
        self._get = Gtk.Button()
        self._get.connect("clicked", lambda _: self._network and downloads.begin(self._network))
        self._bar = progress_bar(valign=Gtk.Align.CENTER)
        self._cancel = Gtk.Button(label=translated("Cancel"))
        self._cancel.get_accessible().set_name(translated("Cancel the download"))
        self._cancel.connect("clicked", lambda _: downloads.cancel())
        row = pack(Gtk.Box(spacing=6), self._get, self._bar, self._cancel, fills=self._bar)
        row.show()
        pack(self, self._words, row, self._doubts)

    def render(self, state: State) -> None:
        offer = fetching.offer_of(state)
        if offer is None or offer.parameter != self._parameter:
            self.hide()
            return
        self._network = offer.network
        running = offer.fraction is not None
        had_focus = self._get.has_focus() or self._cancel.has_focus()
        self._get.set_label(translated(offer.button))
        self._get.set_visible(bool(offer.button) and not running)
        self._bar.set_fraction(min(max(offer.fraction or 0.0, 0.0), 1.0))
        self._bar.set_visible(running)
        self._cancel.set_visible(running)
        if had_focus:  # Download and Cancel replace each other, so the visible one takes over the keyboard focus.
            (self._cancel if running else self._get).grab_focus()
        self._words.set_text(" ".join(translated(part) for part in (offer.words, offer.hint) if part))
        self._words.show()
        self._doubts.set_text(translated(offer.doubts))
        self._doubts.set_visible(bool(offer.doubts) and not running and state.missing is not None)
        self._get.set_tooltip_text(translated(offer.doubts))  # An offer that nobody chose takes little room.
        self.show()
