"""Quits Krita by its menu while the worker is busy, after recording the current state; see test_quit.py."""

import os
import subprocess
import sys
import time

from dioptre.dioptre_link.catalogue import operation
from krita import Krita
from qt import QApplication
from rig import OUT, Ending, leave, photo, processes, settle, trigger, until

from dioptre import jobs

QUITTING_S = 120


def check_quit():
    document, node = yield from photo(512, 512)
    ending = Ending(jobs.job_manager().start(operation("portrait"), {}, document, node))
    yield from until(lambda: ending.over or any(0.1 < done < 1.0 for done, _ in ending.progress), "progress")
    exchange = jobs.job_manager()._thread._worker._connection.folder
    leave(
        "quit",
        {
            "over": ending.over,
            "exchange": str(exchange),
            "files": len(list(exchange.iterdir())),
            "worker": processes("dioptre.worker"),
        },
    )
    yield from settle(document, 1)
    # Krita would ask about modified documents, so this is done just before quitting.
    for one in Krita.instance().documents():
        one.setModified(False)
    trigger("file_quit")
    began = time.monotonic()
    while time.monotonic() - began < QUITTING_S:
        yield
    subprocess.run(["scrot", "-o", str(OUT / "quit.png")], check=False)
    titles = [one.windowTitle() for one in QApplication.topLevelWidgets() if one.isVisible()]
    sys.stderr.write(f"still there: {titles}\n")
    os._exit(1)  # This is faster than waiting for the sandbox's time limit.
