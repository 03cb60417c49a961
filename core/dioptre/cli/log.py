"""The command line's log file: what was asked, what happened, and the traceback that no user has to see."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dioptre_link.paths import log_dir
from dioptre_link.printable import PrintableFormatter, printable

LOGGER = logging.getLogger("dioptre")
LOGGER.addHandler(logging.NullHandler())
_MAX_BYTES = 1 << 20
_KEPT = 3


def start(*, verbose: bool) -> None:
    """Log to the file, or nowhere where it cannot be written; with `verbose` in detail, and on stderr too."""
    stop()
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    LOGGER.propagate = False
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        file = _File(path(), maxBytes=_MAX_BYTES, backupCount=_KEPT, encoding="utf-8")
    except OSError:
        LOGGER.addHandler(logging.NullHandler())
    else:
        file.setFormatter(PrintableFormatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        LOGGER.addHandler(file)
    if verbose:
        echo = logging.StreamHandler(sys.stderr)
        echo.setFormatter(_WithoutTraceback("%(message)s"))
        LOGGER.addHandler(echo)


def stop() -> None:
    """Close the log."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        with suppress(OSError):  # a full disk
            handler.close()
    LOGGER.addHandler(logging.NullHandler())  # without any, Python prints to standard error


def path() -> Path:
    """Where the log is."""
    return log_dir() / "dioptre.log"


def written() -> bool:
    """Whether this process logs to the file."""
    return any(isinstance(handler, _File) for handler in LOGGER.handlers)


class _File(RotatingFileHandler):
    """Ignore a log that cannot be written, for example on a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Say nothing; the default prints a traceback."""


class _WithoutTraceback(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())
