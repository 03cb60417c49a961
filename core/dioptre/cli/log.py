"""The log file of the command line: commands, events, and tracebacks that are not shown to users."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path

from dioptre_link.files import create_closed
from dioptre_link.paths import log_dir
from dioptre_link.printable import PrintableFormatter, printable

LOGGER = logging.getLogger("dioptre")
LOGGER.addHandler(logging.NullHandler())
_MAX_BYTES = 1 << 20
_KEPT = 3


def start(*, verbose: bool) -> None:
    """Log to the file if it can be written; with `verbose`, include details and log to stderr as well."""
    from logging.handlers import RotatingFileHandler  # help and usage errors do not need it

    stop()
    logging.raiseExceptions = False  # on a full disk, `logging` would print a traceback for every line
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    LOGGER.propagate = False
    try:
        create_closed(path().parent)
        file = RotatingFileHandler(path(), maxBytes=_MAX_BYTES, backupCount=_KEPT, encoding="utf-8")
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
        with suppress(OSError):  # closing flushes the log, and the disk may be full
            handler.close()
    LOGGER.addHandler(logging.NullHandler())  # otherwise, Python would print later messages


def path() -> Path:
    """Return the path of the log file."""
    return log_dir() / "dioptre.log"


def written() -> bool:
    """Return whether this process logs to the file."""
    return any(isinstance(handler, logging.FileHandler) for handler in LOGGER.handlers)


class _WithoutTraceback(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())
