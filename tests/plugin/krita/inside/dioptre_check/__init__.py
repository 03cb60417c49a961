"""Start-up plug-in for tests: runs the checks in the scripts named by CHECKS inside Krita, then ends Krita.

A check is a generator `check_…()`; each `yield` gives control to Krita's event loop. WANTED lists the checks to run
as script:check; without it, all run. The results of each script are written to OUT as JSON after each check, so
that a crash of Krita affects only the running check. Any uncaught exception fails the running check.
"""

import os
import runpy
import sys
import time
import traceback
from pathlib import Path

from krita import Extension, Krita

from . import person, qt, rig
from .qt import QTimer

TURN_MS = 60
START_S = 120


class Checks(Extension):
    def __init__(self, parent):
        super().__init__(parent)
        self.uncaught = []
        self.scripts = [Path(script) for script in os.environ["CHECKS"].split()]
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
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # A normal quit would ask about unsaved files.

    def run(self):
        began = time.monotonic()
        while not self.is_loaded() and time.monotonic() - began < START_S:
            yield
        failed = "".join(self.uncaught) or ("" if self.is_loaded() else "no window, or Dioptre is not loaded")
        if failed:
            for script in self.scripts:
                rig.leave(script.stem, {"start": failed})
            return
        sys.modules["qt"] = qt
        sys.modules["rig"] = rig
        sys.modules["person"] = person
        sys.path.append(str(self.scripts[0].parent))  # Scripts share some helpers.
        wanted = os.environ.get("WANTED", "").split()
        for script in self.scripts:
            results = {}
            for name, check in runpy.run_path(str(script), run_name="inside").items():
                if name.startswith("check_") and (not wanted or f"{script.name}:{name}" in wanted):
                    results[name] = yield from self.check(name, check)
                    rig.leave(script.stem, results)
            rig.docker().close()

    def is_loaded(self):
        return Krita.instance().activeWindow() and rig.docker() and Krita.instance().action("dioptre_portrait")

    def check(self, name, check):
        self.uncaught.clear()
        began = time.monotonic()
        try:
            yield from check()
            error = ""
        except Exception:  # noqa: BLE001  (reported as the check's result)
            error = traceback.format_exc()
        error += "".join(self.uncaught)
        sys.stdout.write(f"{name}: {error or 'ok'} ({time.monotonic() - began:.1f} s)\n")
        sys.stdout.flush()
        yield from rig.clear()
        return error


Krita.instance().addExtension(Checks(Krita.instance()))
