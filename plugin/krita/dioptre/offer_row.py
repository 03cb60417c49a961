"""*Download (43 MB)*: the button, licence and progress bar below a choice whose network is not installed."""

from __future__ import annotations

from collections.abc import Callable

from .dioptre_link.editing.fetching import Offer
from .dioptre_link.language import translated
from .dioptre_link.networks import Network
from .qt import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

FULL = 1000  # Maximum of the progress bar.


class OfferRow(QWidget):
    """Row with the offer; hidden while there is nothing to offer."""

    def __init__(self, on_fetch: Callable[[Network], None], on_cancel: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_offer")
        self._offer: Offer | None = None
        self._get = QPushButton()
        self._get.setObjectName("dioptre_get_network")
        self._get.clicked.connect(lambda *_: on_fetch(self._offer.network) if self._offer is not None else None)
        self._cancel = QPushButton(translated("Cancel"))
        self._cancel.setObjectName("dioptre_cancel_network")
        self._cancel.setAccessibleName(translated("Cancel the download"))
        self._cancel.clicked.connect(lambda *_: on_cancel())
        self._bar = QProgressBar()
        self._bar.setRange(0, FULL)
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(8)
        self._bar.setAccessibleName(translated("Download"))
        self._words, self._failure = QLabel(), QLabel()
        for label in (self._words, self._failure):
            label.setObjectName("dioptre_offer_words")
            label.setWordWrap(True)
        beside = QVBoxLayout()
        beside.setSpacing(1)
        beside.addWidget(self._words)
        beside.addWidget(self._bar)
        row = QHBoxLayout()
        row.addWidget(self._get)
        row.addWidget(self._cancel)
        row.addLayout(beside, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addLayout(row)
        rows.addWidget(self._failure)
        self.render(None)

    def render(self, offer: Offer | None) -> None:
        self._offer = offer
        self.setVisible(offer is not None)
        if offer is None:
            return
        self._get.setText(translated(offer.button))
        self._get.setVisible(bool(offer.button))
        self._cancel.setVisible(offer.fraction is not None)
        self._bar.setVisible(offer.fraction is not None)
        self._bar.setValue(round(FULL * (offer.fraction or 0.0)))
        self._words.setText("" if offer.hint else translated(offer.words))
        self._failure.setText(f"{translated(offer.words)} {translated(offer.hint)}" if offer.hint else "")
        self._words.setVisible(not offer.hint)
        self._failure.setVisible(bool(offer.hint))
        self.setToolTip(offer.doubts)
