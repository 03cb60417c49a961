"""With an exchange folder of 4 MB, messages are clear and the document stays unchanged. Runs inside GIMP."""

from pathlib import Path

from rig import Gimp, expect, files_left, new_depth, new_image, read, refuse, run_checks, succeed

EXCHANGE = Path.home() / "dioptre/data/worker/exchange"
EXECUTION = Gimp.PDBStatusType.EXECUTION_ERROR
BLUR = {"focal_disparity": 0.9, "max_radius": 4.0}


def plain(width, height):
    """Create an image that is too large to be drawn pixel by pixel."""
    return new_image(width, height, data=bytes(16) * (width * height))


def works_again():
    expect("left behind", files_left(EXCHANGE), [])
    image, layer = new_image()
    new_depth(image, layer)
    group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
    expect("next job", len(read(group.get_children()[0], "Y u8")), 96 * 64)


def check_no_room_for_the_picture():
    image, layer = plain(1600, 1000)
    refuse("dioptre-depth", image, [layer], EXECUTION, "is full")
    works_again()


def check_no_room_for_the_result():
    image, layer = plain(960, 700)  # The picture takes 2 MB, and its depth 2.7 MB.
    refuse("dioptre-depth", image, [layer], EXECUTION, "is full")
    works_again()


run_checks(globals(), "disk_full")
