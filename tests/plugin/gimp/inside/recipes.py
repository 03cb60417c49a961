"""Runs recipes through the plug-in's procedures, inside GIMP, for test_recipes.py.

OUT/orders.json lists recipes and pixels. A recipe with one step runs the operation's own procedure with the options
as arguments; one with several steps runs the recipe procedure. For each recipe, the script leaves the result's
values as gimp-NAME.pixels, the values after Update as gimp-NAME.updated, and the steps in the image's record.
"""

import json

from rig import OUT, Gimp, Gio, child, expect, leave, native, read, succeed, write

PRECISIONS = {8: Gimp.Precision.U8_NON_LINEAR, 16: Gimp.Precision.U16_NON_LINEAR}
GREY = {8: "Y' u8", 16: "Y' u16"}
DEPTHS = ("depth", "repair_depth")


def layer_of(image, name, size, data, pixel_format, *, kind=Gimp.ImageType.RGB_IMAGE):
    layer = Gimp.Layer.new(image, name, *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    write(layer, data, pixel_format)
    image.insert_layer(layer, None, 0)
    return layer


def document(order):
    """Create an image of the photo, with a depth layer if the order has one."""
    size, bits = order["size"], order["bits"]
    image = Gimp.Image.new_with_precision(*size, Gimp.ImageBaseType.RGB, PRECISIONS[bits])
    depth = None
    if order["depth"]:
        depth = layer_of(image, "Depth", size, (OUT / order["depth"]).read_bytes(), GREY[bits])
        depth.set_visible(False)
    photo = layer_of(image, "Photo", size, (OUT / order["photo"]).read_bytes(), f"R'G'B' u{bits}")
    if order["selection"]:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *order["selection"])
    return image, photo, depth


def arguments(step, depth):
    """Return a step's options as procedure arguments; options decided from the picture are left out."""
    found = {"whole_image": False} if step["operation"] == "super_resolution" else {}
    for name, value in step["options"].items():
        if isinstance(value, list):
            found |= {f"{name}_x": float(value[0]), f"{name}_y": float(value[1])}
        elif value is not None:
            found[name] = value
    return found | ({"depth_layer": depth} if depth is not None else {})


def recorded(image):
    parasite = image.get_parasite("dioptre")
    results = json.loads(bytes(parasite.get_data()))["results"] if parasite is not None else []
    found = []
    for one in results:
        found += one["options"]["steps"] if one["operation"] == "recipe" else [one]
    return [{"operation": one["operation"], "options": one["options"]} for one in found]


def made_by(image, layer, depth, order):
    if len(order["steps"]) == 1:
        step = order["steps"][0]
        return succeed(f"dioptre-{step['operation'].replace('_', '-')}", image, [layer], **arguments(step, depth))
    file = OUT / f"{order['name']}.recipe.json"
    file.write_text(json.dumps({"version": 2, "steps": order["steps"]}), encoding="utf-8")
    given = {"depth_layer": depth} if depth is not None else {}
    return succeed("dioptre-recipe", image, [layer], file=Gio.File.new_for_path(str(file)), **given)


def follow(order):
    image, layer, depth = document(order)
    made = made_by(image, layer, depth, order)
    layer = child(made, "Result") if made.is_group() else made
    data = OUT / f"gimp-{order['name']}"
    is_depth = order["steps"][-1]["operation"] in DEPTHS
    values = (lambda: read(layer, GREY[order["bits"]])) if is_depth else (lambda: native(layer))
    data.with_suffix(".pixels").write_bytes(values())
    found = {"size": [layer.get_width(), layer.get_height()], "steps": recorded(image), "updated": False}
    found["channels"] = 1 if is_depth else layer.get_bpp() // (order["bits"] // 8)
    if made.is_group():
        again = succeed("dioptre-update", image, [made])
        expect("updated in place", again.get_tattoo(), made.get_tattoo())
        data.with_suffix(".updated").write_bytes(values())
        found["updated"] = True
    image.delete()
    return found


leave("recipes", {order["name"]: follow(order) for order in json.loads((OUT / "orders.json").read_text())})
