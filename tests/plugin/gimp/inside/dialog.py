"""Runs inside GIMP before and after the dialog is used: creates start.xcf, then checks the saved documents."""

import json
import os
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
    read,
    run_checks,
    save,
    shown,
    succeed,
)


def check_undo_restores_everything():
    expect("document", fingerprint(load("undone.xcf")), fingerprint(load("original.xcf")))


def check_the_result_is_whole_and_can_be_updated():
    image = load("done.xcf")
    group = image.get_layers()[0]
    expect("layers", names(group.get_children())[0], "Result")
    expect("depth layer", "Depth" in names(group.get_children()), True)
    source = image.get_layers()[1]
    expect("source", native(source), native(load("original.xcf").get_layers()[0]))
    before = native(child(group, "Result"))
    succeed("dioptre-update", image, [group])
    worst = max(abs(a - b) for a, b in zip(native(child(group, "Result")), before, strict=True))
    expect(f"made again, off by {worst}", worst <= 1, True)


def f_number(image):
    return [
        one["options"]["f_number"] for one in json.loads(bytes(image.get_parasite("dioptre").get_data()))["results"]
    ]


def numbers(image):
    return [layer.get_tattoo() for group in image.get_layers()[:1] for layer in (group, *group.get_children())]


def check_edit_replaces_in_place_with_the_options_of_the_result():
    before, after = load("done.xcf"), load("edited.xcf")
    expect("layers", names(after.get_layers()), names(before.get_layers()))
    expect("the same layers", numbers(after), numbers(before))
    (was,), (became,) = f_number(before), f_number(after)
    expect(f"blur {was} {became}", became < was, True)
    old, new = (child(image.get_layers()[0], "Result") for image in (before, after))
    expect("pixels changed", native(old) != native(new), True)


def check_edit_is_one_step_to_undo():
    expect("document", fingerprint(load("unedited.xcf")), fingerprint(load("done.xcf")))


def check_edit_depth_shows_the_depth_and_update_the_result():
    depth, updated = load("depth.xcf"), load("updated.xcf")
    expect("depth is seen", shown(depth), read(child(depth.get_layers()[0], "Depth"), "R'G'B'A u8"))
    expect("result is seen", shown(updated), read(child(updated.get_layers()[0], "Result"), "R'G'B'A u8"))


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    image.get_layers()[0].set_name("Photo")
    save(image, "original.xcf")
    save(image, "start.xcf")
    leave("dialog", {})
else:
    run_checks(globals(), "dialog")
