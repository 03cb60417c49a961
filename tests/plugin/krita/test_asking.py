"""Whatever the user does, each change asks for one preview, and nothing asks for previews while nothing changes."""

from __future__ import annotations

import array
import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from .fake_krita import Document, Krita, Node
from .fake_qt import QTimer, Signal
from .logic import HEIGHT, SRGB, WIDTH, made, outcome, photo

LOOKS = 4  # Number of looks after each change; one more preview per look would be an endless loop.
TURNS = 12  # Number of ends of each timer in a look: steps of reading, and the pause after a change.
OPERATIONS = ("light", "portrait", "lens_blur", "white_balance", "depth")
RECIPES = "recipes"
ON_CANVAS_PX = 900.0


class Thread:
    """Computes nothing: each request ends when the test lets it."""

    made: ClassVar[list[Thread]] = []

    def __init__(self, client: str) -> None:
        self.client = client
        self.asked: list[Any] = []
        self.noted, self.done, self.failed = Signal(), Signal(), Signal()
        Thread.made.append(self)

    def put(self, work: Callable[..., Any]) -> Any:
        ticket = types.SimpleNamespace(cancel=lambda: None, is_preview="ask_picture" not in work.__qualname__)
        self.asked.append(ticket)
        return ticket

    def stop(self) -> None:
        pass


@dataclass
class Desk:
    """A person at a docker: two documents with a photo, and a result of it with depth in the first one."""

    plugin: types.SimpleNamespace
    session: Any
    documents: list[Document]
    undone: list[tuple[Node, list[Node]]] = field(default_factory=list)
    unpainted: tuple[Node, bytes] | None = None

    @property
    def document(self) -> Document:
        document = Krita.instance().active
        assert document is not None
        return document

    @property
    def on_canvas(self) -> bool:
        panel = self.session.store.state
        return panel.covers and panel.state.on_canvas and self.session.placed is not None

    def layers(self) -> list[Node]:
        return [*_below(self.document.rootNode())]

    def choose(self, number: int) -> None:
        name = (*OPERATIONS, RECIPES)[number % (1 + len(OPERATIONS))]
        if name == RECIPES:
            self.session.open_recipe([*self.session.recipes][number % 3])
        else:
            self.session.open(self.plugin.catalogue.operation(name))
            self.session.look()

    def activate(self, number: int) -> None:
        layers = self.layers()
        self.document.setActiveNode(layers[number % len(layers)])

    def stroke(self, number: int) -> None:
        """Paint on the depth of the active result, whose update replaces the result's layer."""
        document, active = self.document, self.document.activeNode()
        if not self.plugin.updating.changeable(document, active)[1]:
            return
        depth = self.plugin.depth_editing.begin(document, active)
        grey = array.array("f", [number / 100, 1.0] * (WIDTH * HEIGHT)).tobytes()
        self.unpainted = depth, depth.pixelData(0, 0, WIDTH, HEIGHT)
        depth.setPixelData(grey, 0, 0, WIDTH, HEIGHT)
        finish = self.plugin.jobs.finish
        tasks = finish(self.plugin.updating.read(self.plugin.updating.plan(document, depth), lifts=False))
        parents = [node for node in self.layers() if node.type() == "grouplayer"]
        self.undone = [(node, node.childNodes()) for node in parents]
        done = [(self.plugin.updating._with_depth(task) or task, outcome(self.plugin)) for task in tasks]
        finish(self.plugin.updating.apply(done, self.plugin.undo_sync.UndoSync(None), paints=True))

    def undo(self, _number: int) -> None:
        """Undo the update; the plug-in then asks Krita to undo the stroke."""
        for parent, children in self.undone:
            for child in parent.childNodes():
                child.remove()
            for child in children:
                parent.addChildNode(child, None)
        self.undone = []

    def unpaint(self) -> None:
        assert self.unpainted is not None
        self.unpainted[0].setPixelData(self.unpainted[1], 0, 0, WIDTH, HEIGHT)

    def reopen(self, _number: int) -> None:
        """Save the active document, close it, and open it again with the same layer active."""
        closed, krita = self.document, Krita.instance()
        closed.close()
        krita.active = None
        self.look()
        document = Document(WIDTH, HEIGHT, ("RGBA", "U8", SRGB))
        document._root, document._annotations = closed._root, dict(closed._annotations)
        document._active = closed._active
        krita._documents.append(document)
        krita.active = self.documents[self.documents.index(closed)] = document

    def switch(self, _number: int) -> None:
        krita = Krita.instance()
        krita.active = next(one for one in self.documents if one is not krita.active)

    def show(self, _number: int) -> None:
        self.session.show_on_canvas(not self.session.state.on_canvas)

    def look(self) -> None:
        self.session.drop_closed()
        self.session.follow_active()
        self.session.follow_canvas()
        self.session.follow_zoom()
        for _ in range(TURNS):
            QTimer.fire()

    def previews(self, change: Callable[[], None]) -> int:
        """Return how many previews a change asks for in the end."""
        before = self.asked()
        change()
        for _ in range(LOOKS):
            self.look()
            self.arrive()
        return self.asked() - before

    def asked(self) -> int:
        return sum(ticket.is_preview for thread in Thread.made for ticket in thread.asked)

    def arrive(self) -> None:
        """Let the worker answer the latest request, and what follows from that, such as the recipes' pictures."""
        previews, shown = self.session._previews, self.plugin.events.Shown
        while (ticket := previews._ticket) is not None:
            previews._thread.done.emit(ticket, shown() if ticket.is_preview else None)


def _below(node: Node) -> Iterator[Node]:
    for child in node.childNodes():
        yield child
        yield from _below(child)


@pytest.fixture
def desk(plugin: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Desk]]:
    manager = types.SimpleNamespace(makes_layers=False, stopped=Signal(), undo_sync=plugin.undo_sync.UndoSync(None))
    for module in (plugin.session, plugin.downloads):
        monkeypatch.setattr(module, "job_manager", lambda: manager)
    monkeypatch.setattr(plugin.session, "_faded", lambda image, _: image)  # Qt draws it.
    for module in (plugin.previews, plugin.downloads):
        monkeypatch.setattr(module, "LinkThread", Thread)
    krita = Krita.instance()

    def clean() -> None:
        krita._documents.clear()
        krita.settings.clear()
        krita.active, krita.action = None, None
        Thread.made.clear()
        QTimer.running.clear()
        plugin.painting.end()

    def sit() -> Desk:
        clean()
        documents = [krita.createDocument(WIDTH, HEIGHT, "", "RGBA", "U8", SRGB, 72.0) for _ in range(2)]
        nodes = [photo(document) for document in documents]
        nodes[0].addChildNode(documents[0].createTransparencyMask("mask"), None)
        made(plugin, "portrait", documents[0], nodes[0])
        krita.active = documents[0]
        for document, node in zip(documents, nodes, strict=True):
            document.setActiveNode(node)
        session = plugin.session.Session()
        person = Desk(plugin, session, documents)
        krita.action = lambda _: types.SimpleNamespace(trigger=person.unpaint)
        session.store.observe(lambda *_: setattr(session, "seen_px", ON_CANVAS_PX * person.on_canvas))
        return person

    yield sit
    clean()


EVENTS = ("choose", "activate", "stroke", "undo", "reopen", "switch", "show")
DEPTH = 3  # Number of the depth layer in the first document: the photo, its mask, the group, its depth, its result.


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 30)), min_size=10, max_size=10))
@example(events=[("choose", 1), ("activate", DEPTH), ("stroke", 5), ("reopen", 0), ("choose", 0), ("choose", 5)])
def test_one_preview_per_change(desk: Callable[[], Desk], events: list[tuple[str, int]]) -> None:
    person = desk()
    for name, number in events:
        asked = person.previews(lambda name=name, number=number: getattr(person, name)(number))
        assert asked <= 1, f"{asked} previews after {name} {number}"
        assert person.session.state.phase.value in ("ready", "empty", "failed"), person.session.state


def test_the_photo_is_shown_before_it_is_read(desk: Callable[[], Desk]) -> None:
    person = desk()
    person.choose(OPERATIONS.index("portrait"))
    panel = person.session.store.state
    assert (panel.state.phase.value, panel.state.shown) == ("reading", None)
    assert panel.before == person.documents[0].rootNode().childNodes()[0].thumbnail(WIDTH, HEIGHT)


def test_a_document_that_is_closed_while_it_is_read(desk: Callable[[], Desk]) -> None:
    """The docker reads the next one instead of saying that the document was closed."""
    person = desk()
    person.choose(OPERATIONS.index("portrait"))
    person.documents[0].close()
    Krita.instance().active = person.documents[1]
    QTimer.fire()
    person.previews(lambda: None)
    assert person.session.placed is not None
    assert person.session.placed[0] is person.documents[1]
    assert person.session.state.message == ""


def test_the_preview_leaves_the_canvas(desk: Callable[[], Desk]) -> None:
    """It ends with hidden or new layers and comes back with the next choice; it follows into another document."""
    person = desk()
    person.choose(OPERATIONS.index("light"))
    person.previews(lambda: person.show(0))
    group = person.document.rootNode().childNodes()[-1]
    changes = (lambda: group.setVisible(False), lambda: photo(person.document))
    for number, what in enumerate(changes):
        assert person.on_canvas
        person.previews(what)
        assert not person.on_canvas
        assert person.previews(functools.partial(person.session.change_all, {"strength": 0.1 * number})) == 1
    for change in (lambda: person.switch(0), person.session.look):  # The latter follows a stroke.
        assert person.previews(change) == 1
        assert person.on_canvas
        assert person.session.placed is not None
        assert person.session.placed[0] == Krita.instance().activeDocument()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_depth_stands_for_its_photo(desk: Callable[[], Desk], operation: str) -> None:
    """Also the depth layer of another operation's result; a layer of such a result is called like the result."""
    person = desk()
    person.activate(DEPTH)
    person.choose(OPERATIONS.index(operation))
    person.previews(lambda: None)
    assert person.session.store.state.layer == "Photo"
    assert person.session.size == (WIDTH, HEIGHT)
    person.activate(DEPTH + 1)
    person.previews(lambda: None)
    assert person.session.store.state.layer == ("Photo" if operation == "portrait" else "Portrait blur")


def test_a_new_selection_asks_for_a_new_result(desk: Callable[[], Desk]) -> None:
    """Even while the earlier result is active, as after its run; the user's own choice stays."""
    person = desk()
    person.activate(DEPTH + 1)
    person.choose(OPERATIONS.index("portrait"))
    person.previews(lambda: None)
    selection = types.SimpleNamespace(x=lambda: 0, y=lambda: 0, width=lambda: 2, height=lambda: 2)
    selection.pixelData = lambda _x, _y, width, height: bytes([255]) * (width * height)
    replaces = []
    for change in (
        lambda: person.document.setSelection(selection),
        lambda: person.document.setSelection(None),
        lambda: person.document.setSelection(selection),
        lambda: person.session.add_another(False),
        lambda: person.document.setSelection(None),
        lambda: person.document.setSelection(selection),
    ):
        asked = person.previews(change)
        replaces.append((person.session.store.state.replaces, person.session.selected is None))
        assert asked <= 1
    assert replaces == [(False, False), (True, True), (False, False), *[(True, True)] * 3]


def test_tiles_of_presets_show_what_was_clicked(desk: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    person = desk()
    person.activate(0)
    person.choose(OPERATIONS.index("portrait"))
    person.previews(lambda: None)
    tiles: list[Any] = []
    previews = person.session._previews
    previews._session = types.SimpleNamespace(should_wait=lambda _: False)
    person.previews(lambda: person.session.change_all({"f_number": 8.0}))
    ask = previews.ask_picture
    monkeypatch.setattr(previews, "ask_picture", lambda name, state: (tiles.append(state.point), ask(name, state)))
    assert person.previews(lambda: person.session.click(0.5, 0.5)) == 1
    point = person.session.state.point
    assert point is not None
    assert tiles == [point] * len(person.session.tiles) != []
    person.previews(lambda: person.session.change_all({"f_number": 2.0}))
    assert len(tiles) == len(person.session.tiles)
