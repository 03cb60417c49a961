"""A clean background that an added network invents. Runs inside GIMP."""

import json
import os
from pathlib import Path

from rig import NONINTERACTIVE, Gimp, Gio, child, expect, read, run_checks, succeed


def filled(**options):
    """Return the pixels of the clean background of a small photo, and the networks that the recipe records."""
    path = str(Path(os.environ["EXAMPLES"]) / "chelsea.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(path))
    image.scale(240, 160)
    group = succeed("dioptre-portrait", image, image.get_layers()[:1], **options)
    recorded = json.loads(bytes(image.get_parasite("dioptre").get_data()))["results"][0]
    return read(child(group, "Clean background")), set(recorded["models"])


def check_the_added_network_fills_the_background():
    usual, networks = filled()
    invented, with_added = filled(background_fill="migan")
    expect("the fillings differ", usual == invented, False)
    expect("recorded", with_added - networks, {"migan"})


run_checks(globals(), "inventing")
