"""Copies of a depth layer keep its metres: by their name, or else by their pixels."""

import array
from dataclasses import replace

from dioptre.document import all_nodes, record_of
from krita import Krita
from rig import OUT, close, expect, finish, names, nodes_of, settle, trigger, undo, until

import dioptre
from dioptre import jobs, updating

NAME = "Depth (1\u20134 m)"
LENS = {"lens_mm": 50.0, "f_number": 2.0, "focal_disparity": 0.5}
KNOWN, ASSUMED = (False, [0.25, 1.0]), (True, None)


def phone():
    """Open the photo with the camera's depth from 1 m to 4 m; return (document, photo, depth layer)."""
    document = Krita.instance().openDocument(str(OUT / "phone.jpg"))
    document.setBatchmode(True)
    Krita.instance().activeWindow().addView(document)
    yield from settle(document, 6)
    node = document.rootNode().childNodes()[0]
    depth = yield from finish(dioptre.start("depth", node=node, depth_source="embedded", refine=False))
    return document, node, depth


def copied(document, *actions):
    """Choose menu entries that add a layer to the document, and return this layer."""
    before = {one.uniqueId().toString() for one in all_nodes(document.rootNode())}

    def new():
        nodes = all_nodes(document.rootNode())
        return [one for one in nodes if one.uniqueId().toString() not in before and one.type() == "paintlayer"]

    for action in actions:
        trigger(action)
        yield from settle(document, 6)
    yield from until(new, f"the layer of {actions}")
    return new()[0]


def repaint(depth):
    depth.setPixelData(array.array("f", [0.7, 1.0] * 81).tobytes(), 4, 4, 9, 9)


def metres_with(document, node, depth):
    """Return whether a lens blur with this depth layer assumes its metres, and their range."""
    group = yield from finish(dioptre.start("lens_blur", document=document, node=node, depth=depth, **LENS))
    values = record_of(document).load()[-1].values
    group.remove()
    yield from settle(document)
    return values["metres_are_assumed"], values.get("depth_range_per_m")


def check_a_duplicated_depth_layer_keeps_its_metres():
    document, node, depth = yield from phone()
    expect("name", depth.name(), NAME)
    document.setActiveNode(depth)
    yield from settle(document)
    copy = yield from copied(document, "duplicatelayer")
    expect("another layer", copy.uniqueId() != depth.uniqueId() and NAME in copy.name(), True)
    repaint(copy)
    expect("repainted", (yield from metres_with(document, node, copy)), KNOWN)
    document.setActiveNode(copy)
    yield from settle(document)
    again = yield from copied(document, "duplicatelayer")
    again.setName("Mine")
    expect("repainted and renamed", (yield from metres_with(document, node, again)), ASSUMED)
    document.setModified(False)
    yield from close(document)


def check_a_renamed_copy_keeps_its_metres_until_it_is_painted():
    document, node, depth = yield from phone()
    document.setActiveNode(depth)
    yield from settle(document)
    copy = yield from copied(document, "duplicatelayer")
    copy.setName("Mine")
    depth.setName("Distances")
    expect("copy", (yield from metres_with(document, node, copy)), KNOWN)
    repaint(depth)
    expect("original, repainted", (yield from metres_with(document, node, depth)), KNOWN)
    repaint(copy)
    expect("copy, repainted", (yield from metres_with(document, node, copy)), ASSUMED)
    document.setModified(False)
    yield from close(document)


def check_a_depth_layer_in_another_document_keeps_its_metres():
    """A whole layer is pasted with its name, also after saving; pixels are pasted without it."""
    document, node, depth = yield from phone()
    other = Krita.instance().createDocument(48, 32, "check", "RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc", 72.0)
    other.setBatchmode(True)
    photo = node.duplicate()
    other.rootNode().addChildNode(photo, None)
    pasted = []
    for copy, paste in (("copy_layer_clipboard", "paste_layer_from_clipboard"), ("edit_copy", "edit_paste")):
        Krita.instance().activeWindow().addView(document)
        yield from until(lambda: Krita.instance().activeDocument() == document, "the photo's window")
        document.setActiveNode(depth)
        yield from settle(document, 6)
        trigger(copy)
        yield from settle(document, 6)
        Krita.instance().activeWindow().addView(other)
        yield from until(lambda: Krita.instance().activeDocument() == other, "the other window")
        yield from settle(other, 6)
        pasted.append((yield from copied(other, paste)))
    layer, pixels = pasted
    expect("name", layer.name(), NAME)
    photo = next(one for one in nodes_of(other.rootNode()) if one.name() == node.name())
    expect("pixels", (yield from metres_with(other, photo, pixels)), KNOWN)
    pixels.remove()
    repaint(layer)
    path = str(OUT / "copied.kra")
    expect("saved", other.saveAs(path), True)
    for one in (other, document):
        one.setModified(False)
        yield from close(one)
    again = Krita.instance().openDocument(path)
    again.setBatchmode(True)
    Krita.instance().activeWindow().addView(again)
    yield from settle(again, 6)
    photo = next(one for one in nodes_of(again.rootNode()) if one.name() == node.name())
    expect("found by its name", (yield from metres_with(again, photo, None)), KNOWN)
    again.setModified(False)
    yield from close(again)


def check_update_renews_the_metres_in_the_name():
    """The result's own depth layer, first in metres, is replaced with a depth that is not; undo brings it back."""
    document, _, depth = yield from phone()
    record = record_of(document)
    entry = record.load()[0]
    record.put(replace(entry, options={**entry.options, "depth_source": "estimate"}))
    yield from finish(updating.start(jobs.job_manager(), document, depth))
    expect("not in metres", names(document.rootNode())[-1], "Depth")
    yield from undo(document)
    yield from until(lambda: names(document.rootNode())[-1] == NAME, "the name after undo")
    document.setModified(False)
    yield from close(document)
