"""After a worker dies or a plug-in is cancelled, the document is unchanged and the next job works."""

import os
import signal
import threading
import time
from pathlib import Path

from rig import Failed, Gimp, call, child, expect, expect_in, fingerprint, new_depth, new_image, run_checks, succeed

PATIENCE_S = 240  # Long enough for a first job on a loaded machine.
LONG = (1200, 900)  # Size of a picture whose portrait takes seconds on a fast processor, so that it can be stopped.
BLUR = {"focal_disparity": 0.9, "max_radius": 8.0}


def processes(words):
    """Return the ids of running processes whose command contains all of these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(word in command for word in words):
                found.append(int(entry.name))
    return found


def kill_during(words, number, image, layer):
    """Run a portrait blur, send a signal to a process during the run, and return the procedure's outcome."""
    outcome = []

    def kill():
        log = next(Path.home().rglob("worker.log"), None)
        began = time.monotonic()
        marks = log.stat().st_size if log else 0
        while time.monotonic() - began < PATIENCE_S:
            log = log or next(Path.home().rglob("worker.log"), None)
            if log and "is connected" in log.read_text()[marks:]:
                break
            time.sleep(0.05)
        time.sleep(0.3)
        for process in processes(words):
            os.kill(process, number)
            outcome.append(process)

    thread = threading.Thread(target=kill)
    thread.start()
    answer = call("dioptre-portrait", image, [layer])
    thread.join()
    if not outcome:
        raise Failed(f"no process with {words} was running")
    return answer


def check_worker_killed():
    image, layer = new_image(*LONG)
    before = fingerprint(image)
    status, message = kill_during(("dioptre.worker",), signal.SIGKILL, image, layer)
    expect("status", status, Gimp.PDBStatusType.EXECUTION_ERROR)
    expect_in("message", "Try again", message)
    expect("document", fingerprint(image), before)
    new_depth(image, layer)
    group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
    expect("next job", child(group, "Result").get_width(), LONG[0])


def check_plugin_cancelled():
    """GIMP's own Cancel terminates the plug-in's process."""
    image, layer = new_image(*LONG)
    before = fingerprint(image)
    status, _ = kill_during(("plug-ins/dioptre/dioptre.py", "-run"), signal.SIGTERM, image, layer)
    expect("no success", status == Gimp.PDBStatusType.SUCCESS, False)
    expect("document", fingerprint(image), before)
    new_depth(image, layer)
    succeed("dioptre-lens-blur", image, [layer], **BLUR)


run_checks(globals(), "trouble")
