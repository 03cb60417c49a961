"""Placement of results: selection, offsets, groups, masks, transparency, locks. Runs inside GIMP."""

import struct

from rig import (
    Gimp,
    call,
    child,
    expect,
    expect_close,
    names,
    native,
    new_depth,
    new_image,
    new_layer,
    read,
    refuse,
    run_checks,
    shown,
    succeed,
)

BLUR = {"focal_disparity": 0.9, "max_radius": 8.0}


def blurred(image, layer, **options):
    return succeed("dioptre-lens-blur", image, [layer], **{**BLUR, **options})


def rows_equal(one, other, width, outside, pixel=4):
    """Return whether two pictures agree at all pixels for which outside(x, y) is true."""
    for place in range(0, len(one), pixel):
        x, y = (place // pixel) % width, (place // pixel) // width
        if outside(x, y) and one[place : place + pixel] != other[place : place + pixel]:
            return False
    return True


def check_selection_becomes_a_mask():
    image, layer = new_image()
    new_depth(image, layer)
    before = shown(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 10, 30, 20)
    group = blurred(image, layer)
    result = child(group, "Result")
    expect("mask", result.get_mask() is not None, True)
    expect("selection", tuple(Gimp.Selection.bounds(image))[2:], (20, 10, 50, 30))
    after = shown(image)
    outside = rows_equal(before, after, 96, lambda x, y: not (20 <= x < 50 and 10 <= y < 30))
    expect("outside of the selection", outside, True)
    expect("inside of the selection", before != after, True)
    result.remove_mask(Gimp.MaskApplyMode.DISCARD)
    whole = blurred(image_without_selection(image), layer)
    expect_close("pixels under the mask", native(result), native(child(whole, "Result")))


def image_without_selection(image):
    Gimp.Selection.none(image)
    return image


def check_offsets_and_a_layer_larger_than_the_canvas():
    image = Gimp.Image.new(50, 40, Gimp.ImageBaseType.RGB)
    layer = new_layer(image, "Photo", 96, 64, offsets=(-13, -7))
    new_depth(image, layer)
    group = blurred(image, layer)
    result = child(group, "Result")
    expect("offsets", tuple(result.get_offsets())[1:], (-13, -7))
    expect("size", (result.get_width(), result.get_height()), (96, 64))
    expect("canvas", (image.get_width(), image.get_height()), (50, 40))
    reference, picture = new_image()
    new_depth(reference, picture)
    expect_close("pixels", native(result), native(child(blurred(reference, picture), "Result")))


def check_inside_a_group():
    image, bottom = new_image()
    outer = Gimp.GroupLayer.new(image, "Outer")
    image.insert_layer(outer, None, 0)
    layer = new_layer(image, "Inner", 96, 64, parent=outer)
    new_depth(image, layer)
    group = blurred(image, layer)
    expect("parent", group.get_parent().get_tattoo(), outer.get_tattoo())
    expect("order", names(outer.get_children()), [group.get_name(), "Inner"])
    expect("bottom", native(bottom), native(layer))


def check_a_group_is_a_picture():
    image = Gimp.Image.new(96, 64, Gimp.ImageBaseType.RGB)
    outer = Gimp.GroupLayer.new(image, "Outer")
    image.insert_layer(outer, None, 0)
    new_layer(image, "Inner", 96, 64, parent=outer)
    depth = new_depth(image, outer)
    group = blurred(image, outer, depth_layer=depth)
    reference, picture = new_image()
    new_depth(reference, picture)
    wanted = read(child(blurred(reference, picture), "Result"), "R'G'B' u8")
    # A group has an alpha channel, so the blur computes the same colours differently.
    expect_close("pixels", read(child(group, "Result"), "R'G'B' u8"), wanted)


def check_the_mask_being_edited_stands_for_its_layer():
    image, layer = new_image()
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    new_depth(image, layer)
    group = succeed("dioptre-lens-blur", image, [layer.get_mask()], **BLUR)
    expect("group", names(group.get_children()), ["Result"])


def check_transparency_takes_the_place_of_the_source():
    image = Gimp.Image.new(96, 64, Gimp.ImageBaseType.RGB)
    new_layer(image, "Below", 96, 64)
    layer = new_layer(image, "Photo", 96, 64, alpha=True)
    new_depth(image, layer)
    group = blurred(image, layer)
    result = child(group, "Result")
    expect("alpha", result.has_alpha(), True)
    expect("source hidden", layer.get_visible(), False)
    alpha = read(result, "A u8")
    expect("transparent places", min(alpha) < 128 < max(alpha), True)


def check_mode_opacity_and_mask_go_to_the_group():
    image = Gimp.Image.new(96, 64, Gimp.ImageBaseType.RGB)
    new_layer(image, "Below", 96, 64)
    layer = new_layer(image, "Photo", 96, 64)
    layer.set_mode(Gimp.LayerMode.MULTIPLY)
    layer.set_opacity(50.0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 40, 64)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    new_depth(image, layer)
    before = shown(image)
    group = blurred(image, layer, max_radius=0.0)
    expect("mode", group.get_mode() == Gimp.LayerMode.MULTIPLY, True)
    expect("opacity", group.get_opacity(), 50.0)
    expect("mask", native(group.get_mask()), native(layer.get_mask()))
    expect_close("looks as before without blur", shown(image), before)


def check_selection_in_a_transparent_layer_keeps_the_rest():
    image = Gimp.Image.new(96, 64, Gimp.ImageBaseType.RGB)
    layer = new_layer(image, "Photo", 96, 64, alpha=True)
    new_depth(image, layer)
    before = shown(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 10, 30, 20)
    blurred(image, layer)
    outside = rows_equal(before, shown(image), 96, lambda x, y: not (40 <= x < 70 and 10 <= y < 30))
    expect("outside of the selection", outside, True)


def check_selection_in_a_masked_layer_keeps_the_rest():
    image, layer = new_image()
    new_depth(image, layer)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 10, 70, 40)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    layer.set_lock_content(True)
    before = shown(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 10, 30, 20)
    group = blurred(image, layer)
    expect("the mask of the copy below the result", group.get_children()[-1].get_mask() is None, True)
    outside = rows_equal(before, shown(image), 96, lambda x, y: not (40 <= x < 70 and 10 <= y < 30))
    expect("outside of the selection", outside, True)


def check_the_next_entry_removes_the_locks_of_a_killed_preview_and_not_the_users():
    image, layer = new_image()
    layer.set_lock_content(True)
    layer.set_lock_position(True)
    layer.attach_parasite(Gimp.Parasite.new("dioptre-held", Gimp.PARASITE_PERSISTENT, b"[true, false]"))
    call("dioptre-update", image, [layer])
    expect("locks of pixels and position", (layer.get_lock_content(), layer.get_lock_position()), (True, False))
    expect("parasites", layer.get_parasite_list(), [])


def check_locks():
    image, layer = new_image(alpha=True)
    new_depth(image, layer)
    layer.set_lock_content(True)
    layer.set_lock_position(True)
    layer.set_lock_alpha(True)
    blurred(image, layer)
    layer.set_visible(True)
    layer.set_lock_visibility(True)
    refuse("dioptre-lens-blur", image, [layer], Gimp.PDBStatusType.CALLING_ERROR, "visibility", **BLUR)


def check_colours_beyond_srgb_stay():
    """With zero blur, wide-gamut colours and values above 1 are preserved."""
    for precision in (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.FLOAT_LINEAR):
        profile = Gimp.ColorProfile.new_rgb_adobe()
        wide = struct.pack("<12f", -0.4, 1.0, -0.1, 1.0, 0.9, -0.05, 0.1, 1.0, 0.2, 0.2, 1.0, 1.0) * (96 * 64 // 3)
        image, layer = new_image(precision=precision, profile=profile, data=wide)
        new_depth(image, layer)
        result = child(blurred(image, layer, max_radius=0.0), "Result")
        got, wanted = native(result), native(layer)
        if precision == Gimp.Precision.U8_NON_LINEAR:
            expect_close("colours", got, wanted)
        else:
            pairs = zip(struct.iter_unpack("<f", got), struct.iter_unpack("<f", wanted), strict=True)
            worst = max(abs(a - b) for (a,), (b,) in pairs)
            expect(f"off by {worst}", worst < 1e-5, True)


run_checks(globals(), "layers")
