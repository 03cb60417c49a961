"""Filters ▸ Dioptre ▸ Recipe without a dialog: presets, files, layers, Update, refusals. Runs inside GIMP."""

import json
import struct

from rig import (
    OUT,
    Gegl,
    Gimp,
    Gio,
    child,
    expect,
    expect_close,
    names,
    native,
    new_image,
    read,
    refuse,
    run_checks,
    succeed,
)

CALLING = Gimp.PDBStatusType.CALLING_ERROR
DEPTH_FIRST = [
    {"operation": "depth", "options": {}},
    {"operation": "lens_blur", "options": {"focal_disparity": 0.9, "max_radius": 8.0}},
]
ENLARGED = [
    {"operation": "portrait", "options": {"max_radius": 4.0}},
    {"operation": "super_resolution", "options": {"scale": 2}},
]


def recipe(steps, name="followed.json", **more):
    path = OUT / name
    path.write_text(json.dumps({"version": 1, "steps": steps, **more}), encoding="utf-8")
    return Gio.File.new_for_path(str(path))


def recorded(image):
    return json.loads(bytes(image.get_parasite("dioptre").get_data()))["results"]


def paint(layer, height, grey):
    rect = Gegl.Rectangle.new(0, 0, layer.get_width(), height)
    layer.get_buffer().set(rect, "Y' float", struct.pack("<f", grey) * (rect.width * height))
    layer.get_buffer().flush()
    layer.update(0, 0, rect.width, height)


def check_presets_are_choices():
    procedure = Gimp.get_pdb().lookup_procedure("dioptre-recipe")
    expect("menu", procedure.get_menu_label().replace("_", ""), "Recipe…")
    for name in (
        "portrait",
        "pet",
        "product",
        "night-street",
        "old-scan",
        "landscape",
        "print",
        "rim-light",
        "file",
    ):
        config = procedure.create_config()
        config.set_property("preset", name)
        expect("taken", config.get_property("preset"), name)


def check_a_preset_of_two_steps_is_one_group_and_one_result():
    image, layer = new_image()
    before = native(layer)
    group = succeed("dioptre-recipe", image, [layer], preset="product")
    expect("group", group.get_name(), "Product on a table")
    expect("layers", names(group.get_children()), ["Result", "Subject", "Clean background", "Depth"])
    expect("top", [one.get_tattoo() for one in image.get_layers()], [group.get_tattoo(), layer.get_tattoo()])
    expect("source", native(layer), before)
    expect("changed", native(child(group, "Result")) != before, True)
    (entry,) = recorded(image)
    expect("recorded", entry["operation"], "recipe")
    steps = [
        (one["operation"], one["options"].get("strength"), one["options"].get("f_number"))
        for one in entry["options"]["steps"]
    ]
    expect("steps", steps, [("white_balance", None, None), ("portrait", None, 2.8)])
    expect("networks", len(entry["models"]) >= 2, True)


def check_one_step_is_recorded_as_its_own_operation():
    image, layer = new_image()
    group = succeed("dioptre-recipe", image, [layer], preset="landscape")
    expect("group", group.get_name(), "White balance")
    expect("recorded", [one["operation"] for one in recorded(image)], ["white_balance"])


def check_update_heeds_depth_that_was_painted_on():
    image, layer = new_image()
    group = succeed("dioptre-recipe", image, [layer], file=recipe(DEPTH_FIRST, title="Mine"))
    expect("group", group.get_name(), "Mine")
    result, depth = child(group, "Result"), child(group, "Depth")
    before = native(result)
    succeed("dioptre-update", image, [group])
    expect_close("unpainted", native(result), before)
    paint(depth, 12, 0.9)
    painted = read(depth, "Y' u8")
    again = succeed("dioptre-update", image, [depth])
    expect("in place", again.get_tattoo(), group.get_tattoo())
    expect("depth", read(depth, "Y' u8"), painted)
    rows = len(before) // layer.get_height()
    expect("top is in focus now", native(result)[: 4 * rows] != before[: 4 * rows], True)
    expect("one result", len(recorded(image)), 1)


def check_update_after_steps_that_enlarge():
    image, layer = new_image()
    width, height = layer.get_width(), layer.get_height()
    group = succeed("dioptre-recipe", image, [layer], file=recipe(ENLARGED))
    expect("group", group.get_name(), "Recipe")
    result, depth = child(group, "Result"), child(group, "Depth")
    for one in (result, depth):
        expect("size", (one.get_width(), one.get_height()), (2 * width, 2 * height))
    expect("canvas", (image.get_width(), image.get_height()), (2 * width, 2 * height))
    before = native(result)
    paint(depth, 30, 0.95)
    painted = read(depth, "Y' u8")
    succeed("dioptre-update", image, [depth])
    expect("depth", read(depth, "Y' u8"), painted)
    expect("size", (result.get_width(), result.get_height()), (2 * width, 2 * height))
    expect("changed by painting", native(result) != before, True)


def check_refusals_come_before_any_work():
    image, layer = new_image()
    refuse("dioptre-recipe", image, [layer], CALLING, "No recipe is selected")
    wrong = recipe([{"operation": "portrait", "options": {"f_numbr": 2}}], "wrong.json")
    refuse("dioptre-recipe", image, [layer], CALLING, "f_number", file=wrong)
    (OUT / "none.json").write_text("{", encoding="utf-8")
    none = Gio.File.new_for_path(str(OUT / "none.json"))
    refuse("dioptre-recipe", image, [layer], CALLING, "is not JSON", file=none)
    needs = recipe([{"operation": "repair_depth", "options": {}}, {"operation": "white_balance", "options": {}}])
    refuse("dioptre-recipe", image, [layer], CALLING, "needs a depth layer", file=needs)


run_checks(globals(), "following")
