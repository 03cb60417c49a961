"""The handler of the log file, apart from `log` because help and usage errors do not need it."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler


class LogFile(RotatingFileHandler):
    """A log handler that ignores errors, for example on a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Ignore the error; the default implementation prints a traceback."""
