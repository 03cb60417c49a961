"""Measures, for `benchmarks/krita.py`, the duration of jobs, stalls of Krita's interface, and memory.

SIZES, SPACES, PREVIEWS: megapixels of the photos for the jobs, for those in CMYK and Lab, and for the docker's
previews. The script leaves a list of rows in OUT.
"""

import os
import time
from functools import partial
from pathlib import Path

from dioptre.dioptre_link.catalogue import operation
from krita import Krita
from rig import add_depth, finish, leave, memory_mib, new_document, processes, settle, top, until

from dioptre import jobs, updating

try:
    from PyQt5.QtCore import QTimer
    from PyQt5.QtGui import QImage
except ImportError:
    from PyQt6.QtCore import QTimer
    from PyQt6.QtGui import QImage

BEAT_MS = 4
SPACES = (("CMYKA", "U8", "Chemical proof"), ("LABA", "U16", "Lab identity built-in"))
SHAPES = {"0.25": (576, 432), "2": (1632, 1224), "12": (4000, 3000), "24": (6000, 4000)}
JOBS = {
    # Hardly any work for the worker, so this measures mostly the transfer.
    "white_balance": {"temperature": 5000.0, "tint": 0.0},
    "lens_blur": {"focal_disparity": 0.85, "max_radius": 20.0},
    "portrait": {},
}


class Beat:
    """Meter for the gaps between turns of the event loop."""

    def __init__(self):
        self.timer = QTimer()
        self.timer.setInterval(BEAT_MS)
        self.timer.timeout.connect(self.tick)
        self.timer.start()
        self.reset()

    def reset(self):
        self.last, self.gaps = time.perf_counter(), []
        self.last_cpu, self.cpu = time.thread_time(), []

    def tick(self):
        now, cpu = time.perf_counter(), time.thread_time()
        self.gaps.append(now - self.last)
        self.cpu.append(cpu - self.last_cpu)
        self.last, self.last_cpu = now, cpu

    def worst_ms(self):
        self.tick()
        return round(1000 * max(self.gaps))

    def worst_cpu_ms(self):
        return round(1000 * max(self.cpu))

    def over_ms(self, limit):
        """Return the total duration of all gaps longer than `limit`."""
        return round(1000 * sum(gap for gap in self.gaps if gap > limit / 1000))


def forget_peaks(found):
    for process in found:
        Path(f"/proc/{process}/clear_refs").write_text("5")


def photo_of(width, height):
    image = QImage("/examples/astronaut.jpg").scaled(width, height).convertToFormat(QImage.Format.Format_ARGB32)
    document = yield from new_document(width, height)
    node = document.createNode("Photo", "paintlayer")
    node.setPixelData(image.constBits().asstring(image.sizeInBytes()), 0, 0, width, height)
    document.rootNode().addChildNode(node, None)
    yield from settle(document, 10)
    document.setActiveNode(node)
    yield from settle(document, 10)
    return document, node


def timed(beat, start):
    """Time one run, from the click to the layers."""
    beat.reset()
    began = time.perf_counter()
    run = start()
    started = time.perf_counter() - began
    ended = []
    run.finished.connect(lambda *_: ended.append(time.perf_counter() - began))
    yield from finish(run)
    for _ in range(20):
        yield
    return {
        "seconds": round(ended[0], 2),
        "click_ms": round(1000 * started),
        "stall_ms": beat.worst_ms(),
        "stall_cpu_ms": beat.worst_cpu_ms(),
        "stalls_over_50_ms": beat.over_ms(50),
    }


def sizes():
    return [mp for mp in os.environ.get("SIZES", "2,12,24").split(",") if mp]


def close_all():
    for one in Krita.instance().documents():
        one.setModified(False)
        one.close()
    yield


def note(rows, **row):
    rows.append({**row, "load": round(os.getloadavg()[0], 1)})
    leave("measured", rows)


ROWS = []


def check_measure():
    beat, rows = Beat(), ROWS
    document, node = yield from photo_of(*SHAPES["0.25"])
    yield from add_depth(document, (0, 0, *SHAPES["0.25"]))
    for name, options in JOBS.items():  # This compiles the functions and starts the worker.
        yield from finish(jobs.job_manager().start(operation(name), options, document, node))
    for mp in sizes():
        yield from close_all()
        document, node = yield from photo_of(*SHAPES[mp])
        yield from add_depth(document, (0, 0, *SHAPES[mp]))
        beat.reset()
        rest = time.perf_counter() + 3
        while time.perf_counter() < rest:
            yield
        note(rows, mp=mp, job="at rest", stall_ms=beat.worst_ms())
        for name, options in JOBS.items():
            found = [os.getpid(), *processes("dioptre.worker")]
            before = memory_mib(os.getpid(), "VmRSS")
            forget_peaks(found)
            document.setActiveNode(node)
            yield from settle(document, 5)
            row = yield from timed(
                beat, partial(jobs.job_manager().start, operation(name), options, document, node)
            )
            peaks = {
                "krita_before_mib": before,
                "krita_peak_mib": memory_mib(os.getpid(), "VmHWM"),
                "worker_peak_mib": max(memory_mib(one, "VmHWM") for one in found[1:]),
            }
            note(rows, mp=mp, job=name, **row, **peaks)
        made = top(document)
        row = yield from timed(beat, partial(updating.start, jobs.job_manager(), document, made))
        note(rows, mp=mp, job="update of the portrait", **row)


def check_spaces():
    """Measure documents that Krita's colour engine converts in strips."""
    beat = Beat()
    for mp in [one for one in os.environ.get("SPACES", "").split(",") if one]:
        for model, depth, profile in SPACES:
            yield from close_all()
            document, node = yield from photo_of(*SHAPES[mp])
            if not document.setColorSpace(model, depth, profile):
                raise LookupError(profile)
            yield from settle(document, 10)
            yield from add_depth(document, (0, 0, *SHAPES[mp]))
            for name in ("white_balance", "lens_blur"):
                row = yield from timed(
                    beat, partial(jobs.job_manager().start, operation(name), JOBS[name], document, node)
                )
                note(ROWS, mp=mp, job=f"{name}, {model} {depth}", **row)


def shown(docker, beat, act):
    """Return the seconds from an action in the docker to the exact preview, and the longest stall."""
    beat.reset()
    session = docker.session
    before, began = session.state.shown, time.perf_counter()
    act()
    yield from until(lambda: session.state.shown is not before and not session.state.busy, "the preview")
    ended = time.perf_counter()
    return {"seconds": round(ended - began, 2), "stall_ms": beat.worst_ms(), "stall_cpu_ms": beat.worst_cpu_ms()}


def check_previews():
    """Measure the docker with a portrait: the button, a moved slider, and clicks on subject and background."""
    docker = next(one for one in Krita.instance().activeWindow().dockers() if one.objectName() == "dioptre_docker")
    beat = Beat()
    for mp in [one for one in os.environ.get("PREVIEWS", "").split(",") if one]:
        yield from close_all()
        document, _ = yield from photo_of(*SHAPES[mp])
        docker.show()
        yield from settle(document, 10)
        for name, act in (
            ("preview, first", partial(docker.open, operation("portrait"))),
            ("preview, slider", partial(docker.session.change, "f_number", 2.8)),
            ("preview, slider again", partial(docker.session.change, "f_number", 4.0)),
            ("preview, click on the subject", partial(docker.session.click, 0.42, 0.3)),
            ("preview, click on the wall", partial(docker.session.click, 0.58, 0.08)),
        ):
            row = yield from shown(docker, beat, act)
            note(ROWS, mp=mp, job=name, **row)
