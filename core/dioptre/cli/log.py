"""The command line's log file: what was asked, what happened, and the traceback that no user has to see."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dioptre_link.paths import log_dir

LOGGER = logging.getLogger("dioptre")
_MAX_BYTES = 1 << 20
_KEPT = 3


def start(*, verbose: bool) -> None:
    """Log to the file, or nowhere where it cannot be written; with `verbose` in detail, and on stderr too."""
    stop()
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    LOGGER.propagate = False
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(path(), maxBytes=_MAX_BYTES, backupCount=_KEPT, encoding="utf-8")
    except OSError:
        LOGGER.addHandler(logging.NullHandler())
    else:
        file.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        LOGGER.addHandler(file)
    if verbose:
        echo = logging.StreamHandler(sys.stderr)
        echo.setFormatter(_WithoutTraceback("%(message)s"))
        LOGGER.addHandler(echo)


def stop() -> None:
    """Close the log."""
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
        handler.close()


def path() -> Path:
    """Where the log is."""
    return log_dir() / "dioptre.log"


def written() -> bool:
    """Whether this process logs to the file."""
    return any(isinstance(handler, RotatingFileHandler) for handler in LOGGER.handlers)


class _WithoutTraceback(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage()
