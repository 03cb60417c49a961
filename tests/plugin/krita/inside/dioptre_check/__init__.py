"""Start-up plug-in for tests: runs the checks in the script named by CHECKS inside Krita, then ends Krita.

A check is a generator `check_…()`; each `yield` gives control to Krita's event loop. The results are written to OUT
as JSON after each check, so that a crash of Krita affects only the running check. Any uncaught exception fails the
running check.
"""

import os
import runpy
import sys
import time
import traceback
from pathlib import Path

from krita import Extension, Krita

from . import person, rig

try:
    from PyQt5.QtCore import QTimer
except ImportError:
    from PyQt6.QtCore import QTimer

TURN_MS = 60
START_S = 120


class Checks(Extension):
    def __init__(self, parent):
        super().__init__(parent)
        self.results = {}
        self.uncaught = []
        self.script = Path(os.environ["CHECKS"])
        self.steps = self.run()

    def setup(self):
        sys.excepthook = self.catch
        self.timer = QTimer()
        self.timer.setInterval(TURN_MS)
        self.timer.timeout.connect(self.turn)
        self.timer.start()

    def createActions(self, window):  # noqa: N802  (Krita's name)
        pass

    def catch(self, *error):
        text = "".join(traceback.format_exception(*error))
        sys.stderr.write(text)
        self.uncaught.append(text)

    def turn(self):
        for _ in self.steps:
            return
        rig.leave(self.script.stem, self.results)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # A normal quit would ask about unsaved files.

    def run(self):
        began = time.monotonic()
        while not (Krita.instance().activeWindow() and Krita.instance().action("dioptre_portrait")):
            if time.monotonic() - began > START_S:
                self.results["start"] = "no window, or Dioptre is not loaded"
                return
            yield
        self.results["start"] = "".join(self.uncaught)
        rig.leave(self.script.stem, self.results)
        sys.modules["rig"] = rig
        sys.modules["person"] = person
        sys.path.append(str(self.script.parent))  # Scripts share some helpers.
        checks = runpy.run_path(str(self.script), run_name="inside")
        only, over = os.environ.get("ONLY", ""), os.environ.get("OVER", "").split()
        for name, check in checks.items():
            if name.startswith("check_") and only in name and name not in over:
                yield from self.check(name, check)
                rig.leave(self.script.stem, self.results)

    def check(self, name, check):
        self.uncaught.clear()
        began = time.monotonic()
        try:
            yield from check()
            self.results[name] = ""
        except Exception:  # noqa: BLE001  (reported as the check's result)
            self.results[name] = traceback.format_exc()
        if self.uncaught:
            self.results[name] += "".join(self.uncaught)
        sys.stdout.write(f"{name}: {self.results[name] or 'ok'} ({time.monotonic() - began:.1f} s)\n")
        sys.stdout.flush()
        yield from rig.clear()


Krita.instance().addExtension(Checks(Krita.instance()))
