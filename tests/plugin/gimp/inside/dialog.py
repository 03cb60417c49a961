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


def depth_in(image):
    return child(image.get_layers()[0], "Depth")


def check_edit_depth_shows_the_depth_over_the_photo_and_update_the_result():
    for name in ("depth", "depth_redone", "updated_undone"):
        image = load(f"{name}.xcf")
        depth = depth_in(image)
        facts = depth.get_visible(), round(depth.get_opacity()), len(depth.get_filters())
        expect(f"{name}: the depth", facts, (True, 60, 1))
        expect(f"{name}: the same pixels", native(depth), native(depth_in(load("done.xcf"))))
        expect(f"{name}: the canvas", shown(image), shown(load("depth.xcf")))
    seen, alone = shown(image), read(depth, "R'G'B'A u8")
    near, far = alone.index(max(alone[::4])), alone.index(min(alone[::4]))
    expect(
        f"warm and cold: {seen[near]} {seen[far]}", seen[near] - seen[near + 2] > seen[far] - seen[far + 2], True
    )
    for name in ("updated", "updated_redone"):
        image = load(f"{name}.xcf")
        depth = depth_in(image)
        facts = depth.get_visible(), round(depth.get_opacity()), len(depth.get_filters())
        expect(f"{name}: the depth", facts, (False, 100, 0))
        expect(f"{name}: the result", shown(image), read(child(image.get_layers()[0], "Result"), "R'G'B'A u8"))
    undone, before = load("depth_undone.xcf"), load("unedited.xcf")
    expect("undone", fingerprint(undone), fingerprint(before))
    expect("undone: seen", (shown(undone), depth_in(undone).get_filters()), (shown(before), []))


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    image.get_layers()[0].set_name("Photo")
    save(image, "original.xcf")
    save(image, "start.xcf")
    leave("dialog", {})
else:
    run_checks(globals(), "dialog")
