"""Blurs one small picture JOBS times in a row and outputs the 8-bit values of every result. Runs inside GIMP."""

import os

from rig import child, leave, native, new_depth, new_image, succeed

image, layer = new_image()
depth = new_depth(image, layer)
results = []
for _ in range(int(os.environ["JOBS"])):
    group = succeed("dioptre-lens-blur", image, [layer], depth_layer=depth, focal_disparity=0.9, max_radius=8.0)
    results.append(native(child(group, "Result")).hex())
    image.remove_layer(group)
image.delete()
leave("jobs", results)
