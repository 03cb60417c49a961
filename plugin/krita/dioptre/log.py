"""The plug-in's log: how long things took, and tracebacks of what should not have happened."""

from __future__ import annotations

import logging
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from .dioptre_link.paths import log_dir

LIMIT_BYTES = 1 << 20  # some 10,000 lines, and one older file of the same size
logger = logging.getLogger("dioptre_krita")


def place() -> Path:
    return log_dir() / "krita.log"


def set_up() -> None:
    """Write to the log file; where that cannot be made, nowhere."""
    with suppress(OSError):
        place().parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(place(), maxBytes=LIMIT_BYTES, backupCount=1, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    logger.propagate = False
