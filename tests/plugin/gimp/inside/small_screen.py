"""Runs inside GIMP before and after small_screen.sh: creates start.xcf, then checks the saved documents."""

import os
from pathlib import Path

from rig import NONINTERACTIVE, Gimp, Gio, expect, fingerprint, leave, load, run_checks, save


def check_enlarging_is_one_step_to_undo():
    expect("document", fingerprint(load("reduced.xcf")), fingerprint(load("original.xcf")))


def check_enlarging_takes_the_whole_image():
    image = load("enlarged.xcf")
    layer = image.get_layers()[0]
    expect("image", (image.get_width(), image.get_height()), (1440, 2048))
    expect("layer", (layer.get_width(), layer.get_height()), (1440, 2048))


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    image.get_layers()[0].set_name("Photo")
    image.crop(360, 512, 60, 0)  # Upright, like a portrait.
    save(image, "original.xcf")
    save(image, "start.xcf")
    leave("small_screen", {})
else:
    run_checks(globals(), "small_screen")
