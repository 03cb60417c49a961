"""Recipes of several steps: menu, layers, undo, Update, cancelling, refusals. Runs inside Krita."""

import array
import json

import person
from dioptre.dioptre_link.chain import as_operation
from dioptre.dioptre_link.errors import DioptreError
from dioptre.dioptre_link.presets import preset
from dioptre.document import record_of
from krita import Krita
from qt import QPushButton
from rig import (
    OUT,
    Ending,
    child,
    expect,
    expect_close,
    expect_in,
    names,
    next_end,
    photo,
    pixels,
    redo,
    settle,
    soon,
    trigger,
    undo,
    until,
)

import dioptre
from dioptre import jobs

DEPTH_FIRST = [
    {"operation": "depth", "options": {}},
    {"operation": "lens_blur", "options": {"focal_disparity": 0.9, "max_radius": 8.0}},
]
ENLARGED = [
    {"operation": "portrait", "options": {"max_radius": 4.0}},
    {"operation": "super_resolution", "options": {"scale": 2}},
]


def painted(node, height):
    """Paint the top rows of a depth layer as near."""
    width = node.bounds().width()
    node.setPixelData(array.array("f", [0.95, 1.0] * (width * height)).tobytes(), 0, 0, width, height)


def check_menu():
    bar = Krita.instance().activeWindow().qwindow().menuBar()
    entries = [
        entry
        for menu in bar.actions()
        if menu.menu() and menu.menu().objectName() == "Filter"
        for dioptre_entry in menu.menu().actions()
        if dioptre_entry.text() == "Dioptre" and dioptre_entry.menu()
        for entry in dioptre_entry.menu().actions()
        if entry.text() == "Recipe"
    ]
    expect("number of menus", len(entries), 1)
    found = [one.text() for one in entries[0].menu().actions()]
    for title in ("Product on a table", "Old scan", "Portrait", "Night street"):
        expect_in("menu", title, found)
    expect("last", found[-1], "From a file…")
    yield


def check_a_preset_from_the_menu_is_one_undo_step():
    document, node = yield from photo()
    trigger("add_new_paint_layer")  # This is the undo step before the recipe's.
    yield from settle(document)
    document.setActiveNode(node)
    yield from settle(document)
    before, was = pixels(node), names(document.rootNode())
    yield from person.opened("dioptre_recipe_product")
    group = yield from next_end(jobs.job_manager(), person.click(person.widget(QPushButton, "dioptre_make")))
    expect("group", group.name(), "Product on a table")
    expect("layers", names(group), ["Depth", "Clean background", "Subject", "Result"])
    expect("visible", [one.name() for one in group.childNodes() if one.visible()], ["Result"])
    expect("source", pixels(node), before)
    expect("changed", pixels(child(group, "Result")) != before, True)
    (entry,) = record_of(document).load()
    steps = [one["operation"] for one in entry.options["steps"]]
    expect("recorded", (entry.operation, steps), ("recipe", ["white_balance", "portrait"]))
    yield from undo(document)
    yield from soon("after undo", lambda: names(document.rootNode()), was)
    yield from redo(document)
    yield from soon("after redo", lambda: names(document.rootNode()), [*was[:-1], "Product on a table", was[-1]])
    yield from undo(document)
    yield from soon("after another undo", lambda: names(document.rootNode()), was)
    yield from undo(document)
    yield from soon("no step in between", lambda: names(document.rootNode()), was[:-1])


def check_update_heeds_depth_that_was_painted_on():
    document, node = yield from photo()
    file = OUT / "mine.json"
    file.write_text(json.dumps({"version": 1, "title": "Mine", "steps": DEPTH_FIRST}), encoding="utf-8")
    group = dioptre.follow(str(file), document=document, node=node)
    yield from settle(document)
    expect("group", group.name(), "Mine")
    before = pixels(child(group, "Result"))
    dioptre.update(document=document, node=group)
    yield from settle(document)
    expect_close("unpainted", pixels(child(group, "Result")), before)
    painted(child(group, "Depth"), 12)
    depth = pixels(child(group, "Depth"))
    dioptre.update(document=document, node=group)
    yield from settle(document)
    expect("depth", pixels(child(group, "Depth")), depth)
    expect("changed by painting", pixels(child(group, "Result")) != before, True)


def check_update_after_steps_that_enlarge():
    document, node = yield from photo()
    group = dioptre.follow({"version": 1, "steps": ENLARGED}, document=document, node=node)
    yield from settle(document)
    whole = (0, 0, 192, 128)
    expect("size", child(group, "Result").bounds().getRect(), whole)
    before = pixels(child(group, "Result"), whole)
    painted(child(group, "Depth"), 30)
    depth = pixels(child(group, "Depth"), whole)
    dioptre.update(document=document, node=group)
    yield from settle(document)
    expect("depth", pixels(child(group, "Depth"), whole), depth)
    expect("size after Update", child(group, "Result").bounds().getRect(), whole)
    expect("changed by painting", pixels(child(group, "Result"), whole) != before, True)


def check_stopping_leaves_the_document():
    document, node = yield from photo()
    was = names(document.rootNode())
    described, options = as_operation(preset("product"))
    run = jobs.job_manager().start(described, options, document, node)
    ending = Ending(run)
    yield from until(lambda: ending.progress, "progress")
    trigger("dioptre_stop")
    yield from until(lambda: ending.over, "the end")
    expect("how it ended", ending.error is not None and ending.error.code, "cancelled")
    expect("layers", names(document.rootNode()), was)
    expect("record", record_of(document).load(), [])


def check_refusals_come_before_any_work():
    document, node = yield from photo()
    was = names(document.rootNode())
    needs = [{"operation": "repair_depth", "options": {}}, {"operation": "white_balance", "options": {}}]
    wrong = [{"operation": "portrait", "options": {"f_numbr": 2}}]
    for given, words in (
        ({"version": 1, "steps": needs}, "needs a depth layer"),
        ({"version": 1, "steps": wrong}, "f_number"),
        ("prodct", "product"),
        (str(OUT / "gone.json"), "cannot be read"),
    ):
        try:
            dioptre.follow(given, document=document, node=node)
        except DioptreError as error:
            expect_in("words", words, f"{error.message} {error.hint}")
        else:
            expect("refused", given, None)
    expect("layers", names(document.rootNode()), was)
    yield
