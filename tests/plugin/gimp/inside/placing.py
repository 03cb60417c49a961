"""Layers placed at a depth: masks, offsets, text, opacity, Update, refusals. Runs inside GIMP."""

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

CALLING = Gimp.PDBStatusType.CALLING_ERROR
WIDTH, HEIGHT = 96, 64
FAR, NEAR = 20, 52  # Rows in the farther and in the nearer part of the depth layer.
BETWEEN = {"layer_depth": 0.5, "grain": 0.0, "blur_radius": 0.0}
RED = (1.0, 0.0, 0.0, 1.0)


def coloured(image, size=(60, 50), offsets=(10, 8), colour=RED, name="Red"):
    data = struct.pack("<4f", *colour) * (size[0] * size[1])
    return new_layer(image, name, *size, alpha=True, data=data, offsets=offsets)


def scene(**image):
    """Create a photo with its depth and a red layer over both parts; return what the photo shows, too."""
    made, photo = new_image(WIDTH, HEIGHT, **image)
    new_depth(made, photo)
    before = shown(made)
    return made, coloured(made), before


def placed(image, layer, **options):
    return succeed("dioptre-place", image, [layer], **{**BETWEEN, **options})


def at(values, x, y):
    return tuple(values[4 * (y * WIDTH + x) :][:4])


def rows(values, first, last):
    return values[4 * first * WIDTH : 4 * last * WIDTH]


def expect_red(what, values, x, y):
    expect_close(what, at(values, x, y), (255, 0, 0, 255))


def check_the_near_covers_the_layer_and_the_far_does_not():
    image, red, before = scene()
    group = placed(image, red)
    after = shown(image)
    expect_red("far", after, 40, FAR)
    expect_close("near", rows(after, NEAR, HEIGHT), rows(before, NEAR, HEIGHT))
    expect_close("beside", at(after, 5, FAR), at(before, 5, FAR))
    expect("layers", names(group.get_children()), ["Placed layer"])
    expect("the layer is kept", (red.get_visible(), native(red)[:4]), (False, bytes((255, 0, 0, 255))))
    expect("order", names(image.get_layers()), ["Place at depth", "Red", "Photo", "Depth"])
    expect("mask", child(group, "Placed layer").get_mask() is not None, True)


def check_soft_edges_are_blended_as_encoded_values():
    image, red, before = scene()
    layer = child(placed(image, red, layer_depth=0.15), "Placed layer")  # The far part rises slowly to this depth.
    top, mask = read(layer, "R'G'B'A u8"), read(layer.get_mask(), "Y u8")
    wanted = bytearray()
    for place, share in enumerate(mask):
        below, above = before[4 * place :][:3], top[4 * place :][:4]
        cover = share / 255 * above[3] / 255
        wanted += bytes(round(a + cover * (b - a)) for a, b in zip(below, above[:3], strict=True)) + b"\xff"
    expect("some are soft", any(8 < share < 247 for share in mask), True)
    expect_close("shown", shown(image), bytes(wanted))


def check_layers_beyond_the_picture_and_moved_pictures():
    image, photo = new_image(WIDTH, HEIGHT)
    photo.set_offsets(-6, 4)
    new_depth(image, photo)
    large = coloured(image, size=(300, 200), offsets=(-90, -70), name="Large")
    layer = child(placed(image, large), "Placed layer")
    expect("place", tuple(layer.get_offsets())[1:], (-6, 4))
    expect("size", (layer.get_width(), layer.get_height()), (WIDTH, HEIGHT))
    expect_red("all over", read(layer, "R'G'B'A u8"), 0, 0)
    corner = coloured(image, size=(20, 20), offsets=(-16, -6), name="Corner")
    seen = read(child(placed(image, corner), "Placed layer"), "R'G'B'A u8")
    expect("inside and beside", (at(seen, 9, 9)[3], at(seen, 10, 9)[3], at(seen, 9, 10)[3]), (255, 0, 0))
    away = coloured(image, size=(20, 20), offsets=(500, 500), name="Away")
    seen = read(child(placed(image, away), "Placed layer"), "R'G'B'A u8")
    expect("nothing", any(seen), False)


def check_documents_of_every_kind():
    for base, precision in (
        (Gimp.ImageBaseType.RGB, Gimp.Precision.U16_NON_LINEAR),
        (Gimp.ImageBaseType.RGB, Gimp.Precision.FLOAT_LINEAR),
        (Gimp.ImageBaseType.GRAY, Gimp.Precision.U8_NON_LINEAR),
    ):
        image, red, before = scene(base=base, precision=precision)
        placed(image, red)
        after = shown(image)
        expect_close(f"{precision}: far", at(after, 40, FAR), at(read_over(red), 40, FAR))
        expect_close(f"{precision}: near", rows(after, NEAR, HEIGHT), rows(before, NEAR, HEIGHT))


def read_over(layer):
    """Return what the layer's first pixel would show everywhere."""
    return read(layer, "R'G'B'A u8")[:4] * (WIDTH * HEIGHT)


def check_a_selection_changes_nothing():
    image, red, _ = scene()
    placed(image, red)
    wanted = shown(image)
    image, red, _ = scene()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 10, 8, 8)
    placed(image, red)
    expect("bounds", tuple(Gimp.Selection.bounds(image))[2:], (20, 10, 28, 18))
    expect_close("shown", shown(image), wanted)


def check_mask_opacity_and_a_group_with_several_layers():
    image, red, before = scene()
    red.set_opacity(50.0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 40, HEIGHT)
    red.add_mask(red.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    group = placed(image, red)
    after, half = shown(image), at(before, 30, FAR)
    expect("opacity", group.get_opacity(), 50.0)
    expect_close("half of it", at(after, 30, FAR)[:3], [(a + b) // 2 for a, b in zip(half, RED_8, strict=False)])
    expect_close("masked", at(after, 50, FAR), at(before, 50, FAR))
    expect("its mask stays", red.get_mask() is not None, True)
    image, red, _ = scene()
    outer = Gimp.GroupLayer.new(image, "Both")
    image.insert_layer(outer, None, 0)
    image.reorder_item(red, outer, 0)
    green = new_layer(image, "Green", 10, 10, alpha=True, data=struct.pack("<4f", 0, 1, 0, 1) * 100, parent=outer)
    green.set_offsets(12, 10)
    placed(image, outer)
    after = shown(image)
    expect_close("green", at(after, 15, 15), (0, 255, 0, 255))
    expect_red("red", after, 40, FAR)


RED_8 = (255, 0, 0)


def check_a_shadow_and_several_layers_in_one_photo():
    image, red, _ = scene()
    group = placed(image, red, layer_depth=0.99, shadow=0.8)
    expect("layers", names(group.get_children())[:1], ["Placed layer"])
    blue = coloured(image, size=(10, 10), offsets=(30, 15), colour=(0.0, 0.0, 1.0, 1.0), name="Blue")
    placed(image, blue)
    expect_close("blue", at(shown(image), 35, FAR), (0, 0, 255, 255))
    expect("order", names(image.get_layers())[:4], ["Place at depth", "Blue", "Place at depth", "Red"])


def check_a_blur_of_the_photo_leaves_what_is_placed_in_sight():
    image, red, _ = scene()
    group = placed(image, red)
    blurred = succeed("dioptre-lens-blur", image, [group], focal_disparity=0.9, max_radius=8.0)
    expect("order", names(image.get_layers()), ["Place at depth", "Red", "Lens blur", "Photo", "Depth"])
    expect_red("far", shown(image), 40, FAR)
    above = placed(image, coloured(image, colour=(0.0, 0.0, 1.0, 1.0), name="Blue"))
    succeed("dioptre-lens-blur", image, [above], focal_disparity=0.5, max_radius=8.0)
    blurs = [layer for layer in image.get_layers() if layer.get_name().startswith("Lens blur")]
    expect("the newest above the older one", [layer.get_tattoo() for layer in blurs][1:], [blurred.get_tattoo()])


def check_an_effect_after_placing_is_one_of_the_photo():
    image, red, _ = scene()
    group = placed(image, red)
    balanced = succeed("dioptre-white-balance", image, [group])
    expect("order", names(image.get_layers()), ["Place at depth", "Red", "White balance", "Photo", "Depth"])
    expect("size", (balanced.get_width(), balanced.get_height()), (WIDTH, HEIGHT))
    expect_red("far", shown(image), 40, FAR)


def check_text_is_placed_again_after_it_was_retyped_and_moved():
    image, photo = new_image(WIDTH, HEIGHT)
    new_depth(image, photo)
    text = Gimp.TextLayer.new(image, "Agx", Gimp.fonts_get_list("")[0], 24.0, Gimp.Unit.pixel())
    image.insert_layer(text, None, 0)
    text.set_offsets(6, 9)
    group = placed(image, text)
    layer = child(group, "Placed layer")
    tattoo, first = layer.get_tattoo(), native(layer)
    text.set_visible(True)
    text.set_text("Mm")
    text.set_offsets(30, 2)
    succeed("dioptre-update", image, [text])
    second = native(layer)
    expect("pixels changed", first != second, True)
    expect("the same layer", child(group, "Placed layer").get_tattoo(), tattoo)
    left = min(place // 4 % WIDTH for place in range(3, len(second), 4) if second[place])
    expect(f"moved to {left}", 30 <= left < 40, True)
    expect("hidden again, and still text", (text.get_visible(), text.get_text()), (False, "Mm"))
    mask = native(layer.get_mask())
    succeed("dioptre-update", image, [group])
    expect("nothing changes", (native(layer), native(layer.get_mask())), (second, mask))


def check_update_keeps_a_painted_mask():
    image, red, _ = scene()
    group = placed(image, red)
    layer = child(group, "Placed layer")
    red.set_offsets(14, 8)
    succeed("dioptre-update", image, [group])
    made = native(layer.get_mask())
    Gimp.context_set_foreground(grey(0.25))
    layer.get_mask().fill(Gimp.FillType.FOREGROUND)
    painted = native(layer.get_mask())
    for left in (24, 4):
        red.set_offsets(left, 8)
        before = native(layer)
        status, words = call("dioptre-update", image, [layer.get_mask()])
        expect(f"status ({words})", status, Gimp.PDBStatusType.SUCCESS)
        expect("mask", native(layer.get_mask()), painted)
        expect("the layer follows", native(layer) != before, True)
        expect("no copy", names(group.get_children()), ["Placed layer"])
    Gimp.context_set_foreground(grey(1.0))
    layer.fill(Gimp.FillType.FOREGROUND)
    succeed("dioptre-update", image, [group])
    expect("a copy of a painted layer", names(group.get_children()), ["Placed layer", "Placed layer (painted)"])
    expect("mask", native(layer.get_mask()), painted)
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    succeed("dioptre-update", image, [group])
    expect("made again", native(layer.get_mask()) not in (painted, made[:0]), True)


def grey(value):
    from gi.repository import Gegl

    colour = Gegl.Color.new("black")
    colour.set_rgba(value, value, value, 1.0)
    return colour


def check_what_cannot_be_placed_is_refused():
    image, photo = new_image(WIDTH, HEIGHT)
    refuse("dioptre-place", image, [photo], CALLING, "no photo below the layer “Photo”")
    new_depth(image, photo)
    refuse("dioptre-place", image, [photo], CALLING, "no photo below the layer “Photo”")
    blurred = succeed("dioptre-lens-blur", image, [photo], focal_disparity=0.9, max_radius=8.0)
    refuse("dioptre-place", image, [blurred], CALLING, "“Lens blur” is a result of the photo below it")
    red = coloured(image)
    group = placed(image, red)
    image.remove_layer(red)
    refuse("dioptre-update", image, [group], CALLING, "the layer “Red”, which it places, was deleted")


run_checks(globals(), "placing")
