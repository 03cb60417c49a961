"""GIMP may use 1 MB of memory and 1 MB of its swap folder; with more, it would lose pixels. Runs inside GIMP."""

from rig import Gimp, child, expect, new_depth, new_image, refuse, run_checks, succeed

EXECUTION = Gimp.PDBStatusType.EXECUTION_ERROR


def check_no_room_for_gimps_swap():
    image, layer = new_image(160, 120)
    refuse("dioptre-super-resolution", image, [layer], EXECUTION, "swap folder /swap has", scale=8.0)
    refuse("dioptre-super-resolution", image, [layer], EXECUTION, "swap folder", scale=8.0, whole_image=False)
    new_depth(image, layer)
    group = succeed("dioptre-lens-blur", image, [layer], focal_disparity=0.9, max_radius=4.0)
    expect("next job", child(group, "Result").get_width(), 160)


run_checks(globals(), "swap_full")
