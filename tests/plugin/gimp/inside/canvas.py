"""Runs inside GIMP before and after canvas.sh: creates start.xcf, then checks the document that it leaves.

The photo has a mask and an opacity, which its result takes over.
"""

import os
from pathlib import Path

from rig import NONINTERACTIVE, Gimp, Gio, expect, leave, load, run_checks, save


def check_no_locks_stay():
    for layer in load("final.xcf").get_layers():
        expect("locks", (layer.get_lock_content(), layer.get_lock_position()), (False, False))
        expect("parasites", [name for name in layer.get_parasite_list() if name.startswith("dioptre")], [])


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    layer = image.get_layers()[0]
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 40, 40, 420, 420)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    layer.set_opacity(70.0)
    save(image, "start.xcf")
    leave("canvas", {})
else:
    run_checks(globals(), "canvas")
