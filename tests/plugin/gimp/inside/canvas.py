"""Runs inside GIMP: creates start.xcf with a photo whose mask, mode and opacity its result takes over."""

import os
from pathlib import Path

from rig import NONINTERACTIVE, Gimp, Gio, leave, save

photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
layer = image.get_layers()[0]
image.select_ellipse(Gimp.ChannelOps.REPLACE, 40, 40, 420, 420)
layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
Gimp.Selection.none(image)
layer.set_opacity(70.0)
save(image, "start.xcf")
leave("canvas", {})
