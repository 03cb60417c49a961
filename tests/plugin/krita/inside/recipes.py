"""Runs recipes through the plug-in, inside Krita, for test_recipes.py.

OUT/orders.json lists recipes and pixels. For each recipe, the script leaves the result as krita-NAME.pixels, the
values after Update as krita-NAME.updated, and the steps in the document's record (followed.json).
"""

import array
import json

from dioptre.document import record_of
from krita import Krita, Selection
from rig import OUT, SRGB, add_layer, child, leave, new_document, settle, toggle_visibility

import dioptre

DEPTHS = ("depth", "repair_depth")
GREY = "Gray-D50-elle-V2-srgbtrc.icc"


def values_of(data, bits):
    return array.array("B" if bits == 8 else "H", data)


def swapped(values, channels):
    """Convert red, green, blue (and alpha) to Krita's blue, green, red, alpha, or back."""
    count = len(values) // channels
    found = array.array(values.typecode, bytes(count * 4 * values.itemsize))
    for there, here in enumerate((2, 1, 0)):
        found[there::4] = values[here::channels]
    opaque = 2 ** (8 * values.itemsize) - 1
    found[3::4] = values[3::4] if channels == 4 else array.array(values.typecode, [opaque]) * count
    return found


def document_of(order):
    """Create a document of the photo, with a depth layer if the order has one."""
    size, bits = order["size"], order["bits"]
    document = yield from new_document(*size, depth=f"U{bits}", profile=SRGB)
    depth = None
    if order["depth"]:
        whole = float(2**bits - 1)
        grey = values_of((OUT / order["depth"]).read_bytes(), bits)
        floats = array.array("f", bytes(8 * len(grey)))
        floats[0::2] = array.array("f", [value / whole for value in grey])
        floats[1::2] = array.array("f", [1.0]) * len(grey)
        maker = Krita.instance().createDocument(1, 1, "maker", "GRAYA", "F32", GREY, 72.0)
        depth = maker.createNode("Depth", "paintlayer")
        depth.setPixelData(floats.tobytes(), 0, 0, *size)
        document.rootNode().addChildNode(depth, None)
        maker.close()
        yield from settle(document)
        depth = document.nodeByUniqueID(depth.uniqueId())
        yield from toggle_visibility(document, depth)
    photo = values_of((OUT / order["photo"]).read_bytes(), bits)
    node = yield from add_layer(document, swapped(photo, 3).tobytes(), rect=(0, 0, *size))
    if order["selection"]:
        selection = Selection()
        selection.select(*order["selection"], 255)
        document.setSelection(selection)
        yield from settle(document)
    return document, node, depth


def pixels_of(node, order):
    """Return code values in the order red, green, blue, alpha, or the floats of a depth layer."""
    bounds = node.bounds()
    data = bytes(node.pixelData(*bounds.getRect()))
    if node.colorModel() == "GRAYA":
        return (bounds.width(), bounds.height()), 1, values_of_floats(data)
    return (bounds.width(), bounds.height()), 4, swapped(values_of(data, order["bits"]), 4).tobytes()


def values_of_floats(data):
    return array.array("f", data)[0::2].tobytes()


def follow(order):
    document, node, depth = yield from document_of(order)
    where = {"document": document, "node": node, "depth": depth}
    if len(order["steps"]) == 1:
        step = order["steps"][0]
        options = {name: tuple(v) if isinstance(v, list) else v for name, v in step["options"].items()}
        made = dioptre.run(step["operation"], **where, **{k: v for k, v in options.items() if v is not None})
    else:
        made = dioptre.follow({"version": 2, "steps": order["steps"]}, **where)
    yield from settle(document)
    node = child(made, "Result") if made.type() == "grouplayer" else made
    data = OUT / f"krita-{order['name']}"
    size, channels, pixels = pixels_of(node, order)
    data.with_suffix(".pixels").write_bytes(pixels)
    entries = [
        one
        for entry in record_of(document).load()
        for one in (entry.options["steps"] if entry.operation == "recipe" else [vars(entry)])
    ]
    found = {"size": size, "channels": channels, "updated": made.type() == "grouplayer"}
    found["steps"] = [{"operation": one["operation"], "options": one["options"]} for one in entries]
    if found["updated"]:
        group = dioptre.update(document=document, node=made)
        yield from settle(document)
        data.with_suffix(".updated").write_bytes(pixels_of(child(group, "Result"), order)[2])
    document.setModified(False)
    document.close()
    yield
    return found


def check_recipes():
    found = {}
    for order in json.loads((OUT / "orders.json").read_text()):
        found[order["name"]] = yield from follow(order)
    leave("followed", found)
