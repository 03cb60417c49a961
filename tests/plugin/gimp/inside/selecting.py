"""Selections by the procedures, without a dialog. Runs inside GIMP."""

import struct

from rig import (
    Gegl,
    Gimp,
    expect,
    expect_in,
    names,
    native,
    new_depth,
    new_image,
    read,
    refuse,
    run_checks,
    sample_disparity,
    shown,
    succeed,
)

CALLING, FAILED = Gimp.PDBStatusType.CALLING_ERROR, Gimp.PDBStatusType.EXECUTION_ERROR
NAME = "dioptre-select-depth"
SUBJECT = "dioptre-select-subject"
LEVEL = {"depth_level": 0.5, "depth_range": 0.0, "depth_feather": 0.0, "picture_edges": False}
WIDTH, HEIGHT = 96, 64


def wanted():
    """Return the values of a selection of everything nearer than LEVEL: 0 or 1 for each pixel."""
    near = struct.unpack(f"<{WIDTH * HEIGHT}f", sample_disparity(WIDTH, HEIGHT))
    return [float(value >= 0.5) for value in near]


def selected(image):
    rect = Gegl.Rectangle.new(0, 0, image.get_width(), image.get_height())
    data = image.get_selection().get_buffer().get(rect, 1.0, "Y float", Gegl.AbyssPolicy.NONE)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def made(**layer):
    image, photo = new_image(**layer)
    depth = new_depth(image, photo)
    image.set_selected_layers([photo])
    return image, photo, depth


def check_the_selection_is_what_is_near():
    image, photo, depth = made()
    before = native(photo), native(depth)
    result = succeed(NAME, image, [photo], **LEVEL)
    expect("layer", result.get_tattoo(), photo.get_tattoo())
    expect("selection", selected(image), wanted())
    expect("no channel stays", len(image.get_channels()), 0)
    expect("untouched", (native(photo), native(depth)), before)
    expect("layers", names(image.get_layers()), ["Photo", "Depth"])


def check_an_earlier_selection_is_replaced_and_undone():
    image, photo, _ = made()
    image.undo_enable()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
    succeed(NAME, image, [photo], side="farther", **LEVEL)
    expect("the rest", selected(image), [1.0 - value for value in wanted()])


def check_a_channel_is_kept_and_the_selection_left_alone():
    image, photo, _ = made()
    succeed(NAME, image, [photo], result="channel", **LEVEL)
    (channel,) = image.get_channels()
    expect("name", channel.get_name(), "Select by depth")
    data = read(channel, "Y float")
    expect("values", list(struct.unpack(f"<{len(data) // 4}f", data)), wanted())
    expect("no selection", Gimp.Selection.is_empty(image), True)
    expect("selected layer", names(image.get_selected_layers()), ["Photo"])


def check_a_layer_mask_hides_the_rest():
    image, photo, _ = made()
    succeed(NAME, image, [photo], result="mask", **LEVEL)
    data = read(photo.get_mask(), "Y float")
    expect("values", list(struct.unpack(f"<{len(data) // 4}f", data)), wanted())
    expect("seen", [value / 255 for value in shown(image)[3::4]], wanted())
    refuse(NAME, image, [photo], CALLING, "already has a mask", result="mask", **LEVEL)


def check_a_cut_out_is_a_new_layer_above_the_hidden_one():
    image, photo, _ = made()
    result = succeed(NAME, image, [photo], result="layer", **LEVEL)
    expect("layers", names(image.get_layers()), ["Cut-out", "Photo", "Depth"])
    expect("hidden", (photo.get_visible(), result.get_visible()), (False, True))
    expect("seen", [value / 255 for value in shown(image)[3::4]], wanted())


def check_a_cut_out_has_the_opacity_and_mask_of_its_layer():
    image, photo, _ = made()
    photo.set_opacity(50.0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 40, HEIGHT)
    photo.add_mask(photo.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    result = succeed(NAME, image, [photo], result="layer", **LEVEL)
    expect("opacity", result.get_opacity(), 50.0)
    expect("mask", native(result.get_mask()), native(photo.get_mask()))


def check_a_moved_layer_is_selected_where_it_lies():
    image, photo = new_image()
    photo.set_offsets(20, -10)
    new_depth(image, photo)
    succeed(NAME, image, [photo], **LEVEL)
    near, found = wanted(), selected(image)
    expect("outside", max(found[y * WIDTH + x] for y in range(HEIGHT) for x in range(20)), 0.0)
    inside = [found[y * WIDTH + x] for y in range(HEIGHT - 10) for x in range(20, WIDTH)]
    expect(
        "inside", inside, [near[(y + 10) * WIDTH + x - 20] for y in range(HEIGHT - 10) for x in range(20, WIDTH)]
    )


def check_nothing_there_is_refused_and_changes_nothing():
    image, photo, _ = made()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
    refuse(NAME, image, [photo], FAILED, "There is nothing at that depth", side="around", **LEVEL)


def check_points_and_boxes_are_text():
    image, photo, _ = made()
    refuse(SUBJECT, image, [photo], CALLING, "is not a list of points", subject="here")
    refuse(SUBJECT, image, [photo], CALLING, "is not a box", box="1,2,3")
    refuse(SUBJECT, image, [photo], FAILED, "outside the picture", subject="5,5 900,5")
    expect_in("all are there", "box", [one.name for one in arguments()])


def arguments():
    return Gimp.get_pdb().lookup_procedure(SUBJECT).get_arguments()


run_checks(globals(), "selecting")
