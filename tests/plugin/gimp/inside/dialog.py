"""Before and after the dialog was used: makes start.xcf, then looks at what was saved. Runs inside of GIMP."""

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
    run_checks,
    save,
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


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    image.get_layers()[0].set_name("Photo")
    save(image, "original.xcf")
    save(image, "start.xcf")
    leave("dialog", {})
else:
    run_checks(globals(), "dialog")
