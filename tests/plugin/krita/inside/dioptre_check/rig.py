"""Helpers for the checks: documents, layers, waiting and comparing."""

import array
import json
import os
import subprocess
import time
from pathlib import Path

from krita import Krita

OUT = Path(os.environ["OUT"])
REST_S = 1.0  # Longest pause, in seconds, before the pointer moves slightly (see `Hand`).
PATIENCE_S = 300  # Long enough for a first job on a loaded machine, which starts the worker and compiles.
SHOWN = 10  # Turns of the event loop after which the dockers are up to date.
WIDTH, HEIGHT = 96, 64
SRGB, LINEAR = "sRGB-elle-V2-srgbtrc.icc", "sRGB-elle-V2-g10.icc"
BLUR = {"focal_disparity": 0.85, "max_radius": 6.0}


class Failed(Exception):  # noqa: N818
    """Raised when a check finds an error."""


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: got {got!r:.300}, wanted {wanted!r:.300}")


def expect_in(what, part, whole):
    if part not in whole:
        raise Failed(f"{what}: {part!r} is not in {whole!r:.300}")


def expect_close(what, got, wanted):
    """Expect 8-bit values that differ by at most one code value, because rounding in threaded sums varies."""
    worst = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
    if worst > 1:
        raise Failed(f"{what}: off by {worst} code values")


class Hand:
    """Imitation of a hand on a pointing device, which is never quite still.

    On a virtual screen, the pointer is perfectly still. Qt 5 sometimes leaves a click unread there in xcb's queue
    until the screen's next event, while timers continue. Such a click was seen to arrive together with the
    pointer's next movement by a pixel.
    """

    def __init__(self):
        self._moved_s, self._step = time.monotonic(), 1

    def rest(self):
        if time.monotonic() - self._moved_s > REST_S:
            subprocess.run(["xdotool", "mousemove_relative", "--", str(self._step), "0"], check=True)
            self._moved_s, self._step = time.monotonic(), -self._step


def until(true, what):
    """Let Krita continue until `true()` returns true."""
    began, hand = time.monotonic(), Hand()
    while not true():
        if time.monotonic() - began > PATIENCE_S:
            raise Failed(f"{what} did not come within {PATIENCE_S} s")
        hand.rest()
        yield


def soon(what, get, wanted, limit_s=30):
    """Expect `get()` to return `wanted` eventually: undo takes a while on a loaded machine."""
    began, hand = time.monotonic(), Hand()
    while get() != wanted and time.monotonic() - began < limit_s:
        hand.rest()
        yield
    expect(what, get(), wanted)


def settle(document, turns=3):
    """Wait, without intervening, until Krita has been idle for some turns, so that everything is shown."""
    still = 0

    def rests():
        nonlocal still
        still = still + 1 if idle(document) else 0
        return still > turns

    yield from until(rests, "the end of Krita's own work")


def idle(document):
    """Return whether Krita is not working on the document right now, or has closed it."""
    if document not in Krita.instance().documents():
        return True
    free = document.tryBarrierLock()
    if free:
        document.unlock()
    return free


def toggle_visibility(document, node):
    """Toggle a layer's visibility like a click on its eye; the active layer stays the same."""
    active, wanted = document.activeNode(), not node.visible()
    document.setActiveNode(node)
    yield from until(lambda: same(document.activeNode(), node), "the layer to be active")
    trigger("toggle_layer_visibility")
    yield from until(lambda: node.visible() == wanted, "the layer's visibility")
    if active is not None:
        document.setActiveNode(active)
        yield from until(lambda: same(document.activeNode(), active), "the layer that was active")


def same(one, other):
    return one is not None and one.uniqueId() == other.uniqueId()


def sample(width=WIDTH, height=HEIGHT, alpha=False):
    """Return rows of RGBA floats with gradients, an edge and a bright spot."""
    values = array.array("f")
    for y in range(height):
        for x in range(width):
            red = 0.2 + 0.6 * x / width + (0.1 if (x // 6 + y // 6) % 2 else 0.0)
            spot = (x - width * 0.7) ** 2 + (y - height * 0.2) ** 2 < 9
            colour = (
                (1.0, 0.95, 0.8) if spot else (min(red, 1.0), 0.5 if y > height * 0.6 else 0.3, 0.8 * y / height)
            )
            values.extend((*colour, 1.0 if not alpha or x > width // 4 else (x + 1) / (width / 4 + 1)))
    return values


def packed(values, model, depth):
    """Return `sample` as Krita stores it."""
    pixels = [values[at : at + 4] for at in range(0, len(values), 4)]
    if model == "GRAYA":
        ordered = [v for p in pixels for v in (p[1], p[3])]
    elif depth in ("U8", "U16"):
        ordered = [v for p in pixels for v in (p[2], p[1], p[0], p[3])]
    else:
        ordered = list(values)
    if depth == "U8":
        return bytes(round(v * 255) for v in ordered)
    if depth == "U16":
        return array.array("H", (round(v * 65535) for v in ordered)).tobytes()
    if depth == "F16":
        import struct

        return struct.pack(f"={len(ordered)}e", *ordered)
    return array.array("f", ordered).tobytes()


def new_document(width=WIDTH, height=HEIGHT, model="RGBA", depth="U8", profile=SRGB):
    """Create a document in a window, with only its background layer."""
    document = Krita.instance().createDocument(width, height, "check", model, depth, profile, 72.0)
    document.setBatchmode(True)
    Krita.instance().activeWindow().addView(document)
    yield from settle(document)
    return document


def add_layer(document, data, name="Photo", rect=(0, 0, WIDTH, HEIGHT), parent=None):
    node = document.createNode(name, "paintlayer")
    node.setPixelData(data, *rect)
    (parent or document.rootNode()).addChildNode(node, None)
    yield from settle(document)
    document.setActiveNode(node)
    yield from settle(document)
    yield from until(lambda: document.activeNode() == node, "the layer's turn to be active")
    return node


def photo(width=WIDTH, height=HEIGHT, alpha=False, rect=None, **document):
    """Create a document with one layer, and return (document, node)."""
    made = yield from new_document(width, height, **document)
    data = packed(sample(width, height, alpha), made.colorModel(), made.colorDepth())
    node = yield from add_layer(made, data, rect=rect or (0, 0, width, height))
    return made, node


def disparity(width=WIDTH, height=HEIGHT):
    """Return grey and alpha floats, near at the bottom, with a step."""
    values = array.array("f")
    for y in range(height):
        for x in range(width):
            near = 0.55 if y > height * 0.6 else 0.05
            values.extend((min(1.0, 0.3 * y / height + near + 0.01 * x / width), 1.0))
    return values.tobytes()


def add_depth(document, rect=(0, 0, WIDTH, HEIGHT), name="Depth"):
    """Add a depth layer like those of the plug-in."""
    profile = "Gray-D50-elle-V2-srgbtrc.icc"
    maker = Krita.instance().createDocument(1, 1, "maker", "GRAYA", "F32", profile, 72.0)
    node = maker.createNode(name, "paintlayer")
    node.setPixelData(disparity(*rect[2:]), *rect)
    document.rootNode().addChildNode(node, None)
    maker.close()
    yield from settle(document)
    added = document.nodeByUniqueID(node.uniqueId())
    yield from toggle_visibility(document, added)
    return added


def pixels(node, rect=(0, 0, WIDTH, HEIGHT)):
    return bytes(node.pixelData(*rect))


def names(parent):
    """Return the names of the children from the bottom, without Krita's own selection mask."""
    return [node.name() for node in nodes_of(parent) if node.type() != "selectionmask"]


def nodes_of(parent):
    """Return the children without the None that Krita lists for a node that an undo is removing."""
    return [node for node in parent.childNodes() if node is not None]


def child(group, name):
    for node in nodes_of(group):
        if node.name() == name:
            return node
    raise Failed(f"no {name!r} in {names(group)}")


def top(document):
    return [node for node in nodes_of(document.rootNode()) if node.type() != "selectionmask"][-1]


def trigger(name):
    Krita.instance().action(name).trigger()


def undo(document):
    yield from _step(document, "edit_undo")


def redo(document):
    yield from _step(document, "edit_redo")


def _step(document, action):
    """Press undo or redo like a person, who sees the last change first: Krita drops it during other work."""
    yield from settle(document, SHOWN)
    trigger(action)
    yield from settle(document)


class Ending:
    """The outcome of a run: node and messages, or an error."""

    def __init__(self, run):
        self.run, self.node, self.messages, self.error = run, None, (), None
        self.progress = []
        run.progressed.connect(lambda fraction, phase: self.progress.append((fraction, phase)))
        run.finished.connect(self.finished)
        run.failed.connect(self.failed)

    def finished(self, node, messages):
        self.node, self.messages = node, messages

    def failed(self, error):
        self.error = error

    @property
    def over(self):
        return self.node is not None or self.error is not None


def next_end(manager, begin):
    """Execute `begin`, which starts a run that must succeed, wait for the run, and return its node."""
    endings = []

    def follow(run):
        endings.append(Ending(run))

    manager.started.connect(follow)
    try:
        yield from begin
        yield from until(lambda: endings, "the run")
    finally:
        manager.started.disconnect(follow)
    return (yield from _succeed(endings[0]))


def finish(run):
    """Wait for a run that must succeed, and return its node."""
    return (yield from _succeed(Ending(run)))


def _succeed(ending):
    run = ending.run
    yield from until(lambda: ending.over, f"the end of {run.title}")
    if ending.error is not None:
        raise Failed(f"{run.title}: {ending.error.message} {ending.error.hint}")
    yield from settle(Krita.instance().activeDocument())
    return ending.node


def fail(run):
    """Wait for a run that must fail, and return its error."""
    ending = Ending(run)
    yield from until(lambda: ending.over, f"the end of {run.title}")
    if ending.error is None:
        raise Failed(f"{run.title} succeeded")
    return ending.error


def processes(word):
    """Return the ids of other processes whose command contains `word`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if word in command:
                found.append(int(entry.name))
    return found


def memory_mib(process, name="VmRSS"):
    """Return a process's memory in MiB from the kernel's field `name`."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) // 1024
    raise LookupError(name)


def resting(process):
    """Return a condition for `until`: whether the process used hardly any processor time for two seconds."""
    asked = [0.0, 0]

    def ask():
        if time.monotonic() - asked[0] < 2:
            return False
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks, before = int(fields[11]) + int(fields[12]), asked[1]
        asked[:] = time.monotonic(), ticks
        return ticks - before < 5

    return ask


def close(document):
    """Close a document once Krita has shown its last changes.

    Krita's layer docker crashes if changes of a closed document are still pending (5.3.4,
    `KisNodeModel::processUpdateQueue`).
    """
    yield from settle(document, SHOWN)
    if document in Krita.instance().documents():
        document.setModified(False)
        document.close()
    yield
    yield


def docker():
    """Return Dioptre's docker in the active window, or None before it is loaded."""
    return next(
        (one for one in Krita.instance().activeWindow().dockers() if one.objectName() == "dioptre_docker"), None
    )


def clear():
    """Close all documents."""
    for document in Krita.instance().documents():
        yield from close(document)


def leave(stem, values):
    """Write `values` atomically for the test that started this script."""
    part = OUT / f"{stem}.part"
    part.write_text(json.dumps(values), encoding="utf-8")
    part.replace(OUT / f"{stem}.json")
