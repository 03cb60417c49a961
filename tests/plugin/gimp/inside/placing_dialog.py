"""Runs inside GIMP before and after a layer was placed in the dialog: creates start.xcf, then checks the files."""

import json
import os
import struct
from pathlib import Path

from rig import (
    NONINTERACTIVE,
    Gimp,
    Gio,
    child,
    expect,
    fingerprint,
    leave,
    load,
    names,
    native,
    new_layer,
    read,
    run_checks,
    save,
    shown,
    succeed,
)

SIZE, PLACE = (420, 120), (46, 150)  # Of the red band, which lies across the head.


def record(image):
    (entry,) = json.loads(bytes(image.get_parasite("dioptre").get_data()))["results"]
    return entry


def check_the_band_is_behind_the_head():
    image = load("done.xcf")
    expect("layers", names(image.get_layers()), ["Place at depth", "Band", "Photo"])
    expect("visible", [layer.get_visible() for layer in image.get_layers()], [True, False, True])
    group = image.get_layers()[0]
    expect("its layers", names(group.get_children()), ["Placed layer", "Depth"])
    mask = read(child(group, "Placed layer").get_mask(), "Y u8")
    width = image.get_width()
    middle = PLACE[1] + SIZE[1] // 2
    row = mask[middle * width :][:width]
    expect("covered by the head", min(row[200:250]), 0)
    expect("seen beside it", row[60], 255)
    seen, before = shown(image), shown(load("undone.xcf"))
    expect("changed", seen != before, True)
    expect("options", record(image)["options"]["stands_at"] is not None, True)


def check_undo_restores_everything():
    expect("document", fingerprint(load("undone.xcf")), fingerprint(load("original.xcf")))


def check_edit_replaces_in_place():
    before, after = load("done.xcf"), load("edited.xcf")
    expect("layers", names(after.get_layers()), names(before.get_layers()))
    one, other = (child(image.get_layers()[0], "Placed layer") for image in (before, after))
    expect("the same layer", one.get_tattoo(), other.get_tattoo())
    expect("mask changed", native(one.get_mask()) != native(other.get_mask()), True)
    expect("one result", record(after)["options"]["layer_depth"] is not None, True)


def check_update_follows_the_moved_layer():
    image = load("edited.xcf")
    group, band = image.get_layers()[:2]
    before = native(child(group, "Placed layer"))
    band.set_visible(True)
    band.set_offsets(PLACE[0], PLACE[1] + 100)
    succeed("dioptre-update", image, [band])
    expect("pixels changed", native(child(group, "Placed layer")) != before, True)
    expect("hidden", band.get_visible(), False)


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    image.get_layers()[0].set_name("Photo")
    red = struct.pack("<4f", 1.0, 0.0, 0.0, 1.0) * (SIZE[0] * SIZE[1])
    band = new_layer(image, "Band", *SIZE, alpha=True, data=red, offsets=PLACE)
    image.set_selected_layers([band])
    save(image, "original.xcf")
    save(image, "start.xcf")
    leave("placing_dialog", {})
else:
    run_checks(globals(), "placing_dialog")
