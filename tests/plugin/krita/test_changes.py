"""Existing results are changed correctly in a fake Krita: Update, Edit, Edit depth, and their undo and redo."""

from __future__ import annotations

import array
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from .fake_krita import Document, Krita, Node
from .logic import HEIGHT, WIDTH, made, names, outcome, photo, read, tasks


def test_what_is_gone_when_the_result_comes(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    described = plugin.catalogue.operation("depth")
    source = read(plugin, described, document, node)
    undo_sync, late = plugin.undo_sync.UndoSync(None), outcome(plugin, roles=("depth",))
    node.remove()
    with pytest.raises(plugin.errors.DioptreError, match="deleted"):
        plugin.jobs.finish(plugin.jobs.make_layers(described, {}, source, late, undo_sync))
    document.close()
    with pytest.raises(plugin.errors.DioptreError, match="closed"):
        plugin.jobs.finish(plugin.jobs.make_layers(described, {}, source, late, undo_sync))
    Krita.instance()._documents.append(document)


def test_update_plans(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    with pytest.raises(plugin.errors.DioptreError, match="no Dioptre results"):
        plugin.updating.plan(document, node)
    group = made(plugin, "portrait", document, node)
    depth = group.childNodes()[0]
    (task,) = tasks(plugin, document, group)
    assert not task.painted  # The unpainted depth will be recomputed.
    depth.setPixelData(array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)
    (task,) = tasks(plugin, document, depth)
    assert task.painted
    task = plugin.updating._with_depth(task)
    assert task.source.depth.node == depth.uniqueId().toString()
    painted = depth.pixelData(0, 0, WIDTH, HEIGHT)
    undo_sync = plugin.undo_sync.UndoSync(None)
    plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], undo_sync))
    assert group.childNodes()[0] is depth
    assert depth.pixelData(0, 0, WIDTH, HEIGHT) == painted
    assert names(group) == ["Depth", "Result"]
    stranger = photo(document)
    with pytest.raises(plugin.errors.DioptreError, match="does not belong"):
        plugin.updating.plan(document, stranger)
    group.childNodes()[-1].setLocked(True)
    with pytest.raises(plugin.errors.DioptreError, match="locked"):
        plugin.updating.plan(document, group)
    group.childNodes()[-1].setLocked(False)
    node.remove()
    with pytest.raises(plugin.errors.DioptreError, match="was deleted"):
        plugin.updating.plan(document, group)


def test_painted_depth_alone_is_not_made_again(plugin: types.SimpleNamespace, document: Document) -> None:
    depth = made(plugin, "depth", document, photo(document), roles=("depth",))
    depth.setPixelData(array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)
    (task,) = tasks(plugin, document, depth)
    with pytest.raises(plugin.errors.DioptreError, match="painted on"):
        plugin.updating.work([task], None, None, None)


def test_update_shows_painted_depth_without_a_result_as_it_is(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    depth = made(plugin, "depth", document, photo(document), roles=("depth",))
    depth.setVisible(False)
    plugin.depth_editing.begin(document, depth)
    assert (depth.visible(), depth.opacity()) == (True, 153)
    painted = array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes()
    depth.setPixelData(painted, 0, 0, WIDTH, HEIGHT)
    before = document.refreshed
    (task,) = tasks(plugin, document, depth)
    with pytest.raises(plugin.errors.DioptreError, match="no result uses it"):
        plugin.updating.work([task], None, None, None)
    assert (depth.visible(), depth.opacity(), document.refreshed) == (True, 255, before + 1)
    assert depth.pixelData(0, 0, WIDTH, HEIGHT) == painted
    for visible, wanted in ((True, 255), (False, 99)):
        depth.setVisible(visible)
        depth.setOpacity(99)  # The user's choice, which counts while the depth is shown.
        tasks(plugin, document, depth)
        assert depth.opacity() == wanted


def test_new_layers_are_versions_of_the_old_ones(plugin: types.SimpleNamespace, document: Document) -> None:
    """After Update, and after undoing it, the record finds the current layer."""
    group = made(plugin, "portrait", document, photo(document))
    old_depth, old = group.childNodes()
    (entry,) = plugin.document.record_of(document).load()
    for _ in range(2):
        undo_sync = plugin.undo_sync.UndoSync(None)
        (task,) = tasks(plugin, document, group)
        assert not task.painted
        plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], undo_sync))
    depth, result = group.childNodes()
    assert old.parentNode() is None
    assert (result.name(), result.uniqueId() == old.uniqueId()) == ("Result", False)
    assert plugin.document.node_id(document, result) == plugin.document.own_id(old)
    assert plugin.document.find_linked(document, entry.outputs["result"]) is result
    assert plugin.document.record_of(document).concerns(entry, depth)
    for new, before in ((result, old), (depth, old_depth)):
        group.addChildNode(before, new)
        new.remove()
    assert plugin.document.find_linked(document, entry.outputs["result"]) is old
    assert not tasks(plugin, document, group)[0].painted


def test_keeper_finishes_the_undo_of_an_update(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    pairs = [(photo(document), photo(document)) for _ in range(2)]
    undone: list[str] = []
    steps = [step for old, new in pairs for step in ((new, True), (old, False))]  # The order of Update's steps.

    def undo(name: str) -> types.SimpleNamespace:
        node, added = steps[-1 - len(undone)] if name == "edit_undo" else steps[len(undone)]
        node.remove() if added == (name == "edit_undo") else document.rootNode().addChildNode(node, None)
        undone.append(name)
        return types.SimpleNamespace(trigger=lambda: None)

    for old, new in pairs:
        old.remove()
        assert new.parentNode() is not None
    krita = Krita.instance()
    monkeypatch.setattr(krita, "activeDocument", lambda: document, raising=False)
    monkeypatch.setattr(krita, "action", undo, raising=False)
    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.swapped(document, pairs)
    undo_sync.look()
    assert undone == []
    undo("edit_undo")  # The user undoes a step.
    for _ in range(6):
        undo_sync.look()
    assert undone == ["edit_undo"] * 4
    assert [(old.parentNode() is not None, new.parentNode() is not None) for old, new in pairs] == [
        (True, False)
    ] * 2


def test_keeper_waits_for_krita_and_asks_a_few_times(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Krita drops an undo while it is busy, so the undo is requested again, but only a few times."""
    old, new = photo(document), photo(document)
    old.remove()
    asked: list[str] = []
    krita = Krita.instance()
    monkeypatch.setattr(krita, "activeDocument", lambda: document, raising=False)
    action = types.SimpleNamespace(trigger=lambda: asked.append("step"))
    monkeypatch.setattr(krita, "action", lambda name: action if name == "edit_undo" else None, raising=False)
    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.swapped(document, [(old, new)])
    undo_sync.look()
    document.rootNode().addChildNode(old, None)  # The first half of an undo.
    monkeypatch.setattr(document, "tryBarrierLock", lambda: False)
    undo_sync.look()
    assert asked == []
    monkeypatch.setattr(document, "tryBarrierLock", lambda: True)
    undo_sync.look()
    assert asked == ["step"]
    for _ in range(100):
        undo_sync.look()
    assert asked == ["step"] * plugin.undo_sync.ASKED


def test_a_mark_tells_whether_results_are_as_they_were(plugin: types.SimpleNamespace, document: Document) -> None:
    group, mark = made(plugin, "portrait", document, photo(document)), plugin.updating.results_mark
    marks = [mark(document)]
    group.childNodes()[0].setVisible(True)
    assert mark(document) == marks[0]
    (task,) = tasks(plugin, document, group)
    plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], plugin.undo_sync.UndoSync(None)))
    marks.append(mark(document))
    group.remove()
    marks += mark(document), mark(None)
    assert len(set(marks)) == len(marks)


def test_a_document_that_is_closed_while_krita_tells_its_layer_is_not_used(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Krita handles waiting events meanwhile, and ends if a closed document is used."""
    node = photo(document)

    def closing() -> Node:
        document.close()
        monkeypatch.setattr(document, "tryBarrierLock", lambda: pytest.fail("the closed document is used"))
        return node

    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.swapped(document, [(node, photo(document))])
    monkeypatch.setattr(Krita.instance(), "activeDocument", lambda: document, raising=False)
    monkeypatch.setattr(document, "activeNode", closing)
    undo_sync.look()
    Krita.instance()._documents.append(document)
    assert plugin.document.active() == (None, None)


@pytest.mark.parametrize("there", [True, False])
def test_one_undo_takes_back_a_stroke_with_its_result(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Unless the user has gone back further in the history, so that the stroke is gone already."""
    depth, old, new = photo(document), photo(document), photo(document)
    old.remove()
    asked: list[str] = []
    krita = Krita.instance()
    monkeypatch.setattr(krita, "activeDocument", lambda: document, raising=False)
    action = types.SimpleNamespace(trigger=lambda: asked.append("undo"))
    monkeypatch.setattr(krita, "action", lambda name: action if name == "edit_undo" else None, raising=False)
    plugin.painting.begin(document, depth)
    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.swapped(document, [(old, new)], (), plugin.painting.under_way().is_still())
    undo_sync.look()
    document.rootNode().addChildNode(old, None)
    new.remove()
    if not there:
        depth.setPixelData(bytes((1, 2, 3, 255)) * (WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    for _ in range(3):
        undo_sync.look()
    assert asked == ["undo"] * there
    plugin.painting.end()


def test_a_run_ends_when_its_document_is_closed(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step touches a closed document: Krita may crash."""
    group = made(plugin, "portrait", document, photo(document))
    (entry,) = plugin.document.record_of(document).load()
    run = types.SimpleNamespace()
    manager = types.SimpleNamespace(undo_sync=plugin.undo_sync.UndoSync(None), runs=[])
    manager.put = lambda *given: vars(run).update(given=given) or run
    for start in (
        lambda: plugin.updating.start(manager, document, group),
        lambda: plugin.updating.start_edit(manager, document, entry, entry.options),
    ):
        start()
        _title, reading, _work, make, guarded = run.given
        (task,) = plugin.jobs.finish(plugin.jobs.while_open(guarded, reading))
        steps = plugin.jobs.while_open(guarded, make([(task, outcome(plugin))]))
        with monkeypatch.context() as closed:
            closed.setattr(plugin.document.Krita.instance(), "_documents", [])
            closed.setattr(document, "annotation", lambda *_: pytest.fail("touched"))
            with pytest.raises(plugin.errors.RefusedError, match="was closed"):
                next(steps)


def test_a_job_whose_document_is_closed_is_cancelled(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job without a document does not delay the next one."""
    ticket, run, ended = plugin.transfer.Ticket(lambda *_: None), plugin.jobs.Run("Update", document), []
    run.ticket = ticket
    run.failed.connect(ended.append)
    manager = types.SimpleNamespace(_tickets={ticket: (run, None)})
    plugin.jobs.JobManager._progressed(manager, ticket, 0.5, "Depth")
    assert (ticket.cancelled, ended) == (False, [])
    monkeypatch.setattr(plugin.document.Krita.instance(), "_documents", [])
    plugin.jobs.JobManager._progressed(manager, ticket, 0.6, "Depth")
    assert ticket.cancelled
    assert "was closed" in str(ended)


def started_update(
    plugin: types.SimpleNamespace, document: Document, depth: Node
) -> tuple[Any, Callable[[list[Any]], Any]]:
    """Return what an update while the user paints on `depth` has read, and what makes its layers."""
    run = types.SimpleNamespace()
    manager = types.SimpleNamespace(undo_sync=plugin.undo_sync.UndoSync(None), runs=[])
    manager.put = lambda *given: vars(run).update(given=given) or run
    plugin.updating.start(manager, document, depth, paints=True)
    _title, reading, _work, make, _document = run.given
    (task,) = plugin.jobs.finish(reading)
    return task, make


def test_a_stroke_that_is_taken_back_during_its_update_changes_no_result(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    group = made(plugin, "portrait", document, photo(document))
    depth = plugin.depth_editing.begin(document, group)
    strokes, before = plugin.painting.under_way(), depth.pixelData(0, 0, WIDTH, HEIGHT)
    painted = array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes()
    for pixels in (before, painted):
        depth.setPixelData(pixels, 0, 0, WIDTH, HEIGHT)
        strokes.follow(depth)
    task, make = started_update(plugin, document, depth)
    results = []
    for pixels in (before, painted):  # Taken back, then painted again.
        depth.setPixelData(pixels, 0, 0, WIDTH, HEIGHT)
        plugin.jobs.finish(make([(plugin.updating._with_depth(task), outcome(plugin))]))
        results.append(group.childNodes()[-1])
    assert results[0] is not results[1]
    assert plugin.document.node_id(document, results[1]) == plugin.document.own_id(results[0])
    plugin.painting.end()


@pytest.mark.parametrize("late", [False, True])
def test_an_undo_to_a_stroke_that_another_one_followed_during_its_update_is_updated_again(
    plugin: types.SimpleNamespace, document: Document, late: bool
) -> None:
    """One undo takes back both the second stroke and the first one's result, which was inserted after it."""
    group = made(plugin, "portrait", document, photo(document))
    depth = plugin.depth_editing.begin(document, group)
    strokes = plugin.painting.under_way()

    def paint(value: float) -> None:
        depth.setPixelData(array.array("f", [value, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)

    def over() -> bool:
        return any(strokes._strokes.are_over(strokes.pixels()) for _ in range(3))

    assert not over()
    paint(0.5)
    assert over()
    assert not over()
    task, make = started_update(plugin, document, depth)
    steps = make([(plugin.updating._with_depth(task), outcome(plugin))])
    if late:
        next(steps)
    paint(0.75)
    plugin.jobs.finish(steps)
    paint(0.5)
    assert over()
    plugin.painting.end()


def test_a_stroke_right_after_edit_depth_counts(plugin: types.SimpleNamespace, document: Document) -> None:
    """Also if the user chooses Edit depth once more, to see the depth again, before anything has followed it."""
    group = made(plugin, "portrait", document, photo(document))
    depth = plugin.depth_editing.begin(document, group)
    depth.setPixelData(array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)
    plugin.depth_editing.begin(document, depth)
    strokes = plugin.painting.under_way()
    assert [strokes._strokes.are_over(strokes.pixels()) for _ in range(3)] == [False, True, False]
    plugin.painting.end()


def test_keeper_follows_undo_and_redo(plugin: types.SimpleNamespace, document: Document) -> None:
    node, group = photo(document), document.createGroupLayer("group")
    document.rootNode().addChildNode(group, node)
    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.made(document, node, group, hides=True)
    node.setVisible(False)
    undo_sync.look()
    assert not node.visible()
    group.remove()
    undo_sync.look()
    assert node.visible()
    document.rootNode().addChildNode(group, node)
    undo_sync.look()
    assert not node.visible()


def test_the_active_layer_stays_through_undo_and_redo(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Krita activates a layer that an undo brings back; the user goes on with the layer that was active before."""
    depth, old, new = photo(document), photo(document), photo(document)
    old.remove()
    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.swapped(document, [(old, new)])
    for kept, after in ((depth, depth), (new, old)):
        document.setActiveNode(kept)
        undo_sync.look()
        document.rootNode().addChildNode(old, None)
        new.remove()
        document.setActiveNode(old if kept is depth else depth)
        undo_sync.look()
        assert document.activeNode() is after
        undo_sync.activated(document, depth, ())  # The user chooses a layer, as Edit depth does.
        document.setActiveNode(depth)
        undo_sync.look()
        assert document.activeNode() is depth
        document.rootNode().addChildNode(new, None)
        old.remove()
        for _ in range(2 * plugin.undo_sync.SETTLING):
            undo_sync.look()


@pytest.mark.parametrize("hides", [False, True])
def test_undo_activates_the_photo_and_redo_its_result(
    plugin: types.SimpleNamespace, document: Document, hides: bool
) -> None:
    node, group = photo(document), document.createGroupLayer("group")
    other, result = photo(document), document.createNode("Depth", "paintlayer")
    group.addChildNode(result, None)
    document.rootNode().addChildNode(group, node)
    undo_sync = plugin.undo_sync.UndoSync(None)
    undo_sync.made(document, node, group, hides=hides)

    def look(active: Node | None) -> None:
        """Let Krita activate a layer, and settle."""
        document.setActiveNode(active)
        for _ in range(1 + plugin.undo_sync.SETTLING):
            undo_sync.look()

    look(result)
    group.remove()
    look(None)
    assert document.activeNode() is node
    document.rootNode().addChildNode(group, node)
    look(node)  # Krita leaves it active.
    assert document.activeNode() is group
    for chosen in (other, node):
        group.remove()
        look(node)
        look(other)
        look(chosen)
        document.rootNode().addChildNode(group, node)
        look(chosen)
        assert document.activeNode() is chosen, "the user has chosen it"


def test_what_the_docker_works_on(plugin: types.SimpleNamespace, document: Document) -> None:
    """For a result of the same operation, the target is its source picture; otherwise it is the result itself."""
    node = photo(document)
    portrait, balance = (plugin.catalogue.operation(name) for name in ("portrait", "white_balance"))
    target = plugin.updating.find_target(portrait, document, node)
    assert (target.picture, target.entry, target.replaced) == (node, None, "")
    group = made(plugin, "portrait", document, node)
    (entry,) = plugin.document.record_of(document).load()
    for active in (node, group, *group.childNodes()):
        target = plugin.updating.find_target(portrait, document, active)
        assert (target.picture, target.entry, target.replaced) == (node, entry, "Portrait blur")
    target = plugin.updating.find_target(balance, document, group)
    assert (target.picture, target.entry) == (group, None)
    group.remove()
    assert plugin.updating.find_target(portrait, document, node).entry is None
    with pytest.raises(plugin.errors.DioptreError, match="does not belong"):
        plugin.updating.find_edited(document, node)
    for given in ((None, None), (document, None)):
        with pytest.raises(plugin.errors.DioptreError):
            plugin.updating.find_target(portrait, *given)


def test_edit_makes_a_result_again_with_other_options(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    result = group.childNodes()[-1]
    result.setOpacity(99)
    target, entry = plugin.updating.find_edited(document, result)
    changed = replace(entry, options=entry.described.check({"f_number": 8.0}))
    (task,) = plugin.jobs.finish(plugin.updating.read([plugin.updating.plan_of(document, changed)]))
    undo_sync = plugin.undo_sync.UndoSync(None)
    plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], undo_sync, said="Replaced."))
    (entry,) = plugin.document.record_of(document).load()
    assert entry.options["f_number"] == 8.0
    assert names(group) == ["Depth", "Result"]
    new = group.childNodes()[-1]
    assert (new is result, new.opacity()) == (False, 99)
    assert target.picture is document.rootNode().childNodes()[0]


def test_the_record_follows_undo_and_redo_of_an_edit(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    (first,) = plugin.document.record_of(document).load()
    before = group.childNodes()
    changed = replace(first, options=first.described.check({"f_number": 8.0}))
    (task,) = plugin.jobs.finish(plugin.updating.read([plugin.updating.plan_of(document, changed)]))
    undo_sync = plugin.undo_sync.UndoSync(None)
    plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], undo_sync))
    (second,) = plugin.document.record_of(document).load()
    after = group.childNodes()
    for gone, there, wanted in ((after, before, first), (before, after, second)):
        for old, new in zip(gone, there, strict=True):
            group.addChildNode(new, old)
            old.remove()
        undo_sync.look()
        assert plugin.document.record_of(document).load() == [wanted]


def test_a_recipe_of_several_steps_cannot_be_edited(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    (entry,) = plugin.document.record_of(document).load()
    steps = [{"operation": name, "options": {}} for name in ("white_balance", "portrait")]
    plugin.document.record_of(document).put(entry, operation="recipe", options={"title": "Mine", "steps": steps})
    with pytest.raises(plugin.errors.DioptreError, match="“Mine” comes from a recipe"):
        plugin.updating.find_edited(document, group)


def test_edit_depth_and_update_change_places_of_depth_and_result(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    group = made(plugin, "portrait", document, photo(document))
    depth, result = group.childNodes()
    plugin.depth_editing.begin(document, group)
    assert (depth.visible(), result.visible(), document.activeNode()) == (True, False, depth)
    assert (depth.opacity(), document.refreshed > 0) == (153, True)
    said = plugin.jobs.finish(
        plugin.updating.apply(
            [(tasks(plugin, document, depth)[0], outcome(plugin))], plugin.undo_sync.UndoSync(None)
        )
    )[1]
    depth, result = group.childNodes()
    assert (depth.visible(), result.visible(), document.activeNode()) == (False, True, group)
    assert depth.opacity() == 255
    assert said == ("Updated “Portrait blur”.",)
    with pytest.raises(plugin.errors.DioptreError, match="does not belong"):
        plugin.depth_editing.begin(document, photo(document))
    balanced = made(plugin, "white_balance", document, photo(document), roles=("result",))
    with pytest.raises(plugin.errors.DioptreError, match="no depth layer"):
        plugin.depth_editing.begin(document, balanced)


def test_the_active_layer_stays_active_when_layers_are_swapped(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    group = made(plugin, "portrait", document, photo(document))
    old = group.childNodes()[-1]
    old.addChildNode(document.createTransparencyMask("first"), None)
    old.addChildNode(document.createTransparencyMask("mine"), old.childNodes()[0])
    for name in ("mine", "Result", "Portrait blur"):
        old = group.childNodes()[-1]
        document.setActiveNode({"mine": old.childNodes()[-1], "Result": old}.get(name, group))
        active = plugin.layers.Active(document)
        new = old.duplicate()
        plugin.layers.swap(document, old, new)
        document.setActiveNode(group.childNodes()[0])
        active.restore([(old, new)])
        assert document.activeNode().name() == name
        assert document.activeNode() in (group, new, *new.childNodes())


def test_the_layer_that_was_active_stays_so_when_krita_changes_it_late(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    """Krita processes a swap after the script has run, and then activates a neighbour of the removed layer."""
    node = photo(document)
    group = made(plugin, "portrait", document, node)
    depth, result = group.childNodes()
    document.setActiveNode(result)
    undo_sync = plugin.undo_sync.UndoSync(None)
    (task,) = tasks(plugin, document, group)
    plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], undo_sync))
    depth, result = group.childNodes()
    assert document.activeNode() == result
    document.setActiveNode(depth)
    undo_sync.look()
    assert document.activeNode() == result
    document.setActiveNode(node)  # The user activates a layer.
    undo_sync.look()
    assert document.activeNode() == node
    document.setActiveNode(depth)
    undo_sync.look()
    assert document.activeNode() == depth


def test_lens_blur_uses_the_depth_layer_that_there_is(plugin: types.SimpleNamespace, document: Document) -> None:
    """Without a depth layer, lens blur creates one, which Update re-estimates unless it was painted on."""
    node, described = photo(document), plugin.catalogue.operation("lens_blur")
    assert read(plugin, described, document, node).depth is None
    group = made(plugin, "lens_blur", document, node)
    depth = group.childNodes()[0]
    (task,) = tasks(plugin, document, group)
    assert (task.source.depth, task.painted) == (None, False)
    found = read(plugin, described, document, node)
    assert found.depth.node == depth.uniqueId().toString()
    depth.setPixelData(bytes(8 * WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    (task,) = tasks(plugin, document, group)
    assert task.painted


def test_an_undo_of_update_after_edit_depth_shows_the_old_result(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    node = photo(document)
    group = made(plugin, "portrait", document, node)
    depth, old = group.childNodes()
    plugin.depth_editing.begin(document, group)
    assert (depth.visible(), old.visible()) == (True, False)
    (task,) = tasks(plugin, document, group)
    plugin.jobs.finish(plugin.updating.apply([(task, outcome(plugin))], plugin.undo_sync.UndoSync(None)))
    depth, result = group.childNodes()
    assert result != old
    assert (depth.visible(), result.visible(), old.visible()) == (False, True, True)


def test_depth_is_opaque_over_a_photo_whose_place_was_taken(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    node = photo(document, alpha=100)
    group = made(plugin, "portrait", document, node)
    assert not node.visible()
    depth = plugin.depth_editing.begin(document, group)
    assert (depth.visible(), depth.opacity()) == (True, 255)


def test_update_shows_every_result_that_edit_depth_has_hidden(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    node = photo(document)
    depth = made(plugin, "depth", document, node, roles=("depth",))
    results = [made(plugin, name, document, node, roles=("result",)) for name in ("lens_blur", "haze")]
    plugin.depth_editing.begin(document, depth)
    assert [group.childNodes()[-1].visible() for group in results] == [False, False]
    done = [(task, outcome(plugin, roles=("result",))) for task in tasks(plugin, document, depth)[1:]]
    plugin.jobs.finish(plugin.updating.apply(done, plugin.undo_sync.UndoSync(None)))
    assert [group.childNodes()[-1].visible() for group in results] == [True, True]
    assert (depth.visible(), depth.opacity()) == (False, 255)


def placed(plugin: types.SimpleNamespace, value: int) -> Any:
    """Return the outcome of a layer placed with a mask of one value."""
    first = outcome(plugin, roles=("result",)).layers[0]
    role, raster = plugin.operation.Role, plugin.document.Raster
    mask = raster.of(bytes([value]) * (WIDTH * HEIGHT), WIDTH)
    layers = (
        replace(first, name="Placed layer", role=role.PLACED, visible=False),
        replace(first, name="Mask", role=role.MASK, visible=False, raster=mask),
    )
    return plugin.transfer.Outcome(layers=layers)


def test_update_keeps_a_painted_mask_and_edit_replaces_it(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    photo(document)
    layer = photo(document, rect=(1, 1, 3, 2))
    described = plugin.catalogue.operation("place")
    source = read(plugin, described, document, layer)
    undo_sync = plugin.undo_sync.UndoSync(None)
    steps = plugin.jobs.make_layers(described, described.check({}), source, placed(plugin, 100), undo_sync)
    group, _ = plugin.jobs.finish(steps)

    def updated(value: int, **how: bool) -> tuple[int, str]:
        done = [(tasks(plugin, document, group)[0], placed(plugin, value))]
        _, messages = plugin.jobs.finish(plugin.updating.apply(done, undo_sync, **how))
        (now,) = set(mask().pixelData(0, 0, WIDTH, HEIGHT))
        return now, messages[0]

    def mask() -> Node:
        (found,) = group.childNodes()[-1].childNodes()
        return found

    for value in (110, 120):
        assert updated(value) == (value, "Updated “Place at depth”.")
    mask().setPixelData(bytes([50]) * (WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    for value in (130, 140):
        now, words = updated(value)
        assert (now, words) == (50, "You painted on the mask of “Placed layer”, so it stays. Edit makes it again.")
    assert updated(150, remasks=True)[0] == 150
    assert updated(160)[0] == 160
    mask().remove()
    plugin.jobs.finish(plugin.updating.apply([(tasks(plugin, document, group)[0], placed(plugin, 170))], undo_sync))
    assert group.childNodes()[-1].childNodes() == []


def ranged(plugin: types.SimpleNamespace, value: int) -> Any:
    """Return the outcome of an effect that is limited by a mask of one value."""
    first = outcome(plugin, roles=("result",)).layers[0]
    role, raster = plugin.operation.Role, plugin.document.Raster
    mask = raster.of(bytes([value]) * (WIDTH * HEIGHT), WIDTH)
    return plugin.transfer.Outcome(layers=(first, replace(first, name="Mask", role=role.MASK, raster=mask)))


def test_a_range_of_depth_is_a_mask_that_follows_it(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    described = plugin.catalogue.operation("haze")
    source = read(plugin, described, document, node)
    undo_sync = plugin.undo_sync.UndoSync(None)
    steps = plugin.jobs.make_layers(described, described.check({}), source, ranged(plugin, 100), undo_sync)
    group, _ = plugin.jobs.finish(steps)

    def masks(value: int = 0, **how: bool) -> list[tuple[str, set[int]]]:
        if value:
            done = [(tasks(plugin, document, group)[0], ranged(plugin, value))]
            plugin.jobs.finish(plugin.updating.apply(done, undo_sync, **how))
        found = group.childNodes()[-1].childNodes()
        return [(mask.name(), set(mask.pixelData(0, 0, WIDTH, HEIGHT))) for mask in found]

    def is_masked() -> bool:
        return bool(plugin.document.record_of(document).is_masked(group.childNodes()[-1]))

    assert masks() == [("Range of depth", {100})]
    assert is_masked()
    assert masks(120) == [("Range of depth", {120})]
    (mask,) = group.childNodes()[-1].childNodes()
    mask.setPixelData(bytes([50]) * (WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    assert masks(140) == [("Range of depth", {50})]
    assert masks(150, remasks=True) == [("Range of depth", {150})]
    masks(255, remasks=True)
    assert not is_masked()


def test_a_range_and_a_selection_limit_a_result_together(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    node.setOpacity(200)  # the group takes the place of the photo
    described = plugin.catalogue.operation("haze")
    half = bytes([255]) * (WIDTH * HEIGHT // 2) + bytes([90]) * (WIDTH * HEIGHT - WIDTH * HEIGHT // 2)
    source = replace(read(plugin, described, document, node), selection=half, plain=False)
    made_layers = plugin.jobs.make_layers(
        described, described.check({}), source, ranged(plugin, 255), plugin.undo_sync.UndoSync(None)
    )
    group, _ = plugin.jobs.finish(made_layers)
    copy, result = group.childNodes()[0], group.childNodes()[-1]
    assert [mask.name() for mask in result.childNodes()] == ["Selection", "Range of depth"]
    (below,) = copy.childNodes()
    assert below.pixelData(0, 0, WIDTH, HEIGHT) == half.replace(b"\xff", b"\0").replace(b"\x5a", b"\xff")
