"""The log of a plug-in: durations, and tracebacks of unexpected errors."""

from __future__ import annotations

import logging
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from .errors import DioptreError, unexpected
from .files import create_closed
from .paths import log_dir
from .printable import PrintableFormatter

LIMIT_BYTES = 1 << 20  # size limit of a log file, about 10,000 lines; one older file is kept as well


class EditorLog:
    """The log of one editor's plug-in: the file `EDITOR.log` in Dioptre's log folder."""

    def __init__(self, editor: str) -> None:
        self.logger = logging.getLogger(f"dioptre_{editor}")
        self._name = f"{editor}.log"

    @property
    def place(self) -> Path:
        """Path of the log file."""
        return log_dir() / self._name

    def set_up(self) -> None:
        """Write to the log file; if it cannot be created, discard the messages."""
        with suppress(OSError):
            create_closed(self.place.parent)
            handler = RotatingFileHandler(
                self.place, maxBytes=LIMIT_BYTES, backupCount=1, encoding="utf-8", delay=True
            )
            handler.setFormatter(PrintableFormatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
            for logger in (self.logger, logging.getLogger(__package__)):
                logger.addHandler(handler)
                logger.setLevel(logging.INFO)
        self.logger.propagate = False

    def told(self, error: Exception) -> DioptreError:
        """Return an error with words for the user; log an unexpected one, which has none of its own."""
        if isinstance(error, DioptreError):
            return error
        self.logger.error("unexpected", exc_info=error)
        return unexpected(error, str(error), log=self.place)
