"""Trouble during a job: cancelling, a killed worker, a closed document, a deleted layer."""

import os
import signal
import tempfile
import threading
from pathlib import Path

from dioptre.dioptre_link.catalogue import operation
from dioptre.dioptre_link.editing.state import Phase
from krita import Krita
from person import opened
from photo_preview import open_photo, ready, state
from rig import (
    BLUR,
    HEIGHT,
    SHOWN,
    WIDTH,
    Ending,
    add_depth,
    add_layer,
    child,
    expect,
    expect_close,
    expect_in,
    fail,
    finish,
    memory_mib,
    names,
    new_document,
    packed,
    photo,
    pixels,
    processes,
    resting,
    sample,
    settle,
    trigger,
    undo,
    until,
)

from dioptre import document as spaces
from dioptre import jobs

JOBS = 50
WARM = 10  # Number of jobs after which memory must be flat.
LONG = (1200, 900)  # Size of a picture whose portrait takes seconds on a fast processor, so that it can be stopped.
MORE_MIB = 24  # Allowed growth of both processes, for memory that an allocator retains.


def begin(document, node, name="portrait", **options):
    return jobs.job_manager().start(operation(name), options, document, node)


def at_work(ending):
    """Wait until the worker has begun the job."""
    yield from until(lambda: ending.over or any(0.1 < done < 1.0 for done, _ in ending.progress), "progress")


def check_cancel():
    document, node = yield from photo(*LONG)
    before = names(document.rootNode())
    run = begin(document, node)
    ending = Ending(run)
    yield from at_work(ending)
    trigger("dioptre_stop")
    yield from until(lambda: ending.over, "the end")
    expect("cancelled", ending.error.code, "cancelled")
    expect("nothing made", names(document.rootNode()), before)
    expect("nothing runs", jobs.job_manager().runs, [])
    yield from add_depth(document, (0, 0, *LONG))
    yield from finish(begin(document, node, "lens_blur", **BLUR))


def check_worker_killed():
    document, node = yield from photo(*LONG)
    before = names(document.rootNode())
    run = begin(document, node)
    ending = Ending(run)
    yield from at_work(ending)
    for process in processes("dioptre.worker"):
        os.kill(process, signal.SIGKILL)
    yield from until(lambda: ending.over, "the end")
    expect_in("hint", "Try again", ending.error.hint)
    expect("nothing made", names(document.rootNode()), before)
    yield from add_depth(document, (0, 0, *LONG))
    group = yield from finish(begin(document, node, "lens_blur", **BLUR))
    expect("next job", names(group), ["Result"])


def check_document_closed():
    document, node = yield from photo()
    other, _ = yield from photo()
    yield from settle(document, SHOWN)
    run = begin(document, node, "depth")
    document.setModified(False)
    document.close()
    del document, node
    error = yield from fail(run)
    expect_in("words", "was closed", error.message)
    expect("the other is untouched", names(other.rootNode())[-1], "Photo")


def check_document_closed_while_the_docker_reads_it():
    """No message of it stays, and the docker reads the next picture."""
    usual, spaces.CONVERTED_PX = spaces.CONVERTED_PX, 1 << 12  # So that reading takes many turns.
    try:
        document = yield from new_document(900, 704, "CMYKA", "U8", "Chemical proof")
        yield from add_layer(document, os.urandom(5 * 900 * 16) * 44, rect=(0, 0, 900, 704))
        yield from opened("dioptre_white_balance")
        expect("phase", state().phase, Phase.READING)
        document.setModified(False)
        document.close()
        del document
        yield from until(lambda: state().phase is not Phase.READING, "the end of the reading")
    finally:
        spaces.CONVERTED_PX = usual
    expect("words", state().message, "")
    yield from open_photo()
    yield from ready()


def check_layer_deleted():
    document, node = yield from photo()
    run = begin(document, node, "depth")
    node.remove()
    error = yield from fail(run)
    expect_in("words", "was deleted", error.message)
    yield from settle(document)
    expect("nothing made", "Depth" in names(document.rootNode()), False)


def check_painting_goes_on_elsewhere():
    """The result finds its place even if another layer is active and painted on and another document is open."""
    document, node = yield from photo()
    second = yield from add_layer(document, packed(sample(), "RGBA", "U8"), "Second")
    run = begin(document, node, "depth")
    ending = Ending(run)
    second.setPixelData(bytes(4 * WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    other, _ = yield from photo()
    yield from until(lambda: ending.over, "the end")
    expect("error", ending.error, None)
    expect("beside its source", names(document.rootNode())[-3:], ["Photo", "Depth", "Second"])
    expect("the painted one", set(pixels(second)), {0})
    expect("the other document", names(other.rootNode())[-1], "Photo")
    expect("two documents", len(Krita.instance().documents()), 2)


def check_many_jobs_in_a_row():
    """The memory of Krita and the worker stays flat, and no files or layers remain."""
    document, node = yield from photo(256, 256)
    yield from add_depth(document, (0, 0, 256, 256))
    was, first, memory = names(document.rootNode()), b"", []
    for number in range(JOBS):
        group = yield from finish(begin(document, node, "lens_blur", **BLUR))
        made = pixels(child(group, "Result"), (0, 0, 256, 256))
        first = first or made
        expect_close(f"job {number}", made, first)
        yield from undo(document)
        yield from until(lambda: names(document.rootNode()) == was, "the undo")
        if number + 1 == WARM:
            yield from until(resting(*processes("dioptre.worker")), "the end of the worker's warming up")
        if number + 1 in (WARM, JOBS):
            memory.append([memory_mib(one) for one in (os.getpid(), *processes("dioptre.worker"))])
    grown = [after - before for before, after in zip(*memory, strict=True)]
    expect(f"MiB that Krita and the worker grew by, of {memory[0]}", [one for one in grown if one > MORE_MIB], [])
    expect("documents", len(Krita.instance().documents()), 1)
    exchange = jobs.job_manager()._thread._worker._connection.folder
    expect("pixels left over", list(exchange.iterdir()), [])
    expect("temporary files", [one.name for one in Path(tempfile.gettempdir()).glob("dioptre*")], [])
    expect("threads", threading.active_count() < 6, True)


def check_jobs_wait_for_each_other():
    document, node = yield from photo()
    yield from add_depth(document)
    endings = [
        Ending(begin(document, node, "lens_blur", focal_disparity=0.5, max_radius=r)) for r in (2.0, 4.0, 6.0)
    ]
    endings[1].run.cancel()
    yield from until(lambda: all(one.over for one in endings), "the ends")
    expect("errors", [one.error and one.error.code for one in endings], [None, "cancelled", None])
    waits = [one.progress[0][1] for one in endings[::2]]
    expect("the second says what it waits for", waits[1], "Waiting for other work to end")
    expect("the first waits for nothing", waits[0] != waits[1], True)
