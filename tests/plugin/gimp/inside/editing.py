"""Edit depth, and the layers that Update shows afterwards; painted layers stay. Runs inside GIMP."""

import math

from rig import (
    Failed,
    Gimp,
    call,
    child,
    expect,
    expect_in,
    load,
    names,
    native,
    new_image,
    new_layer,
    paint,
    read,
    refuse,
    run_checks,
    save,
    shown,
    succeed,
)

CALLING = Gimp.PDBStatusType.CALLING_ERROR
BLUR = {"focal_disparity": 0.9, "max_radius": 8.0}


def portrait():
    image, layer = new_image()
    return image, layer, succeed("dioptre-portrait", image, [layer], f_number=1.4)


def selected(image):
    return [layer.get_tattoo() for layer in image.get_selected_layers()]


def visibility(image):
    return [(layer.get_name(), layer.get_visible()) for layer in every_layer(image.get_layers())]


def every_layer(layers):
    return [
        one for layer in layers for one in (layer, *(every_layer(layer.get_children()) if layer.is_group() else ()))
    ]


def check_edit_depth_shows_the_depth_over_the_photo():
    image, photo, group = portrait()
    depth = child(group, "Depth")
    values = native(depth)
    expect("result", succeed("dioptre-edit-depth", image, [group]).get_tattoo(), depth.get_tattoo())
    expect("selected", selected(image), [depth.get_tattoo()])
    expect("pixels", (native(depth), depth.get_opacity()), (values, 60.0))
    expect_over("portrait", image, depth, photo)
    during = shown(image)
    succeed("dioptre-edit-depth", image, [group])
    expect("the same again", shown(image), during)


def check_paint_on_the_depth_is_coloured_and_picked_as_it_is():
    image, photo, group = portrait()
    depth = succeed("dioptre-edit-depth", image, [group])
    for x, value in ((4, 0.0), (24, 0.5), (44, 1.0)):
        paint(depth, x, 4, 16, 16, value)
    expect_over("painted", image, depth, photo)
    photo.fill(Gimp.FillType.WHITE)
    seen = shown(image)
    cold, middle, warm = (seen[4 * (12 * image.get_width() + x) :][:3] for x in (12, 32, 52))
    expect(f"colours {[*cold], [*middle], [*warm]}", cold[0] + 60 < cold[2] and warm[2] + 60 < warm[0], True)
    expect("from cold to warm", (cold[0] < middle[0] < warm[0], cold[2] > middle[2] > warm[2]), (True, True))
    _, picked = image.pick_color([depth], 32, 12, False, False, 0)
    rgba = tuple(picked.get_rgba())
    expect(f"picked {rgba}", max(abs(encoded(value) - 0.5) for value in rgba[:3]) < 0.01, True)


def expect_over(what, image, depth, photo):
    """Expect the depth, coloured, in linear light at 60 % over the photo."""
    grey, under, seen = read(depth, "Y' u8"), read(photo, "R'G'B'A u8"), shown(image)
    for at, value in enumerate(grey):
        for channel, colour in enumerate(coloured(value / 255)):
            place = 4 * at + channel
            wanted = encoded(0.6 * linear(colour) + 0.4 * linear(under[place] / 255))
            if abs(255 * wanted - seen[place]) > 2:
                raise Failed(f"{what}: {255 * wanted:.1f} instead of {seen[place]} at {at}")


def coloured(value):
    """Return the colour of a depth: blue where it is 0, orange where it is 1."""
    turn = math.pi * (2 * value - 1)
    return [0.5 + 0.5 * math.sin(angle) for angle in (0.5 * turn, 0.05 * turn, math.pi + 0.5 * turn)]


def linear(value):
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def encoded(value):
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def check_edit_depth_of_a_lens_blur_hides_its_group():
    image, layer = new_image()
    depth = succeed("dioptre-depth", image, [layer])
    depth.set_visible(False)
    group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
    for chosen in (group, layer, depth, child(group, "Result")):
        succeed("dioptre-edit-depth", image, [chosen])
        expect("selected", selected(image), [depth.get_tattoo()])
        expect_over("lens blur", image, depth, layer)
    save(image, "editing.xcf")
    opened = load("editing.xcf")
    depth = opened.get_layer_by_tattoo(depth.get_tattoo())
    expect_over("opened", opened, depth, opened.get_layer_by_tattoo(layer.get_tattoo()))
    paint(depth, 70, 2, 20, 8, 0.9)
    painted = native(depth)
    succeed("dioptre-update", opened, [depth])
    group = opened.get_layer_by_tattoo(group.get_tattoo())
    expect("selected", selected(opened), [group.get_tattoo()])
    expect("the canvas", shown(opened), alone(child(group, "Result")))
    expect("depth", (depth.get_visible(), depth.get_opacity(), depth.get_filters()), (False, 100.0, []))
    expect("painting", native(depth), painted)


def alone(layer):
    """Return the visible pixels of an uncovered layer of the canvas's size."""
    return read(layer, "R'G'B'A u8")


def check_update_reads_the_depth_without_its_colours():
    """The same painting gives the same result, whether or not the depth is shown over the photo."""
    results = []
    for edits in (False, True):
        image, layer = new_image()
        depth = succeed("dioptre-depth", image, [layer])
        group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
        if edits:
            succeed("dioptre-edit-depth", image, [group])
        paint(depth, 70, 2, 20, 8, 0.9)
        succeed("dioptre-update", image, [depth])
        results.append(native(child(group, "Result")))
    expect("results", results[0], results[1])


def check_update_estimates_an_unpainted_depth_again_in_its_colours():
    image, _, group = portrait()
    depth = succeed("dioptre-edit-depth", image, [group])
    succeed("dioptre-update", image, [depth])
    updated = native(depth), native(child(group, "Result"))
    expect("depth", (depth.get_visible(), depth.get_opacity(), depth.get_filters()), (False, 100.0, []))
    _, _, group = portrait()
    expect("the same as without", updated, (native(child(group, "Depth")), native(child(group, "Result"))))


def check_a_photo_whose_place_was_taken_is_shown_below_its_depth():
    image, layer = new_image()
    layer.set_opacity(50.0)
    group = succeed("dioptre-portrait", image, [layer], f_number=1.4)
    before = visibility(image)
    expect("hidden", layer.get_visible(), False)
    depth = succeed("dioptre-edit-depth", image, [group])
    expect("shown", layer.get_visible(), True)
    succeed("dioptre-update", image, [depth])
    expect("visibility", visibility(image), before)


def check_a_grey_image_has_its_depth_half_transparent():
    image, layer = new_image(base=Gimp.ImageBaseType.GRAY)
    group = succeed("dioptre-portrait", image, [layer], f_number=1.4)
    depth = succeed("dioptre-edit-depth", image, [group])
    expect("depth", (depth.get_opacity(), depth.get_filters()), (60.0, []))
    succeed("dioptre-update", image, [depth])
    expect("as before", depth.get_opacity(), 100.0)


def check_painted_depth_without_a_result_is_shown_as_it_is():
    image, layer = new_image()
    depth = succeed("dioptre-depth", image, [layer])
    succeed("dioptre-edit-depth", image, [layer])
    paint(depth, 60, 2, 30, 20, 0.5)
    painted = native(depth)
    expect("over the photo", shown(image) != alone(depth), True)
    status, words = call("dioptre-update", image, [depth])
    expect("status", status, CALLING)
    expect_in("words", "You painted on the depth layer, but no result uses it.", words)
    expect("depth", (native(depth), depth.get_opacity(), depth.get_filters()), (painted, 100.0, []))
    expect("the canvas", shown(image), alone(depth))
    refuse("dioptre-update", image, [depth], CALLING, "no result uses it")


def check_update_shows_exactly_what_was_shown():
    image, _, group = portrait()
    child(group, "Subject").set_visible(True)
    before = visibility(image)
    succeed("dioptre-edit-depth", image, [group])
    paint(child(group, "Depth"), 60, 2, 30, 20, 0.5)
    succeed("dioptre-update", image, [child(group, "Depth")])
    expect("visibility", visibility(image), before)
    expect("selected", selected(image), [group.get_tattoo()])
    expect("parasites", [name for name in image.get_parasite_list() if name == "dioptre-edit-depth"], [])


def check_update_shows_a_result_that_was_hidden_by_hand():
    image, _, group = portrait()
    child(group, "Result").set_visible(False)
    succeed("dioptre-update", image, [group])
    expect("result", child(group, "Result").get_visible(), True)


def check_update_leaves_a_seen_layer_selected():
    image, layer, group = portrait()
    image.set_selected_layers([layer])
    succeed("dioptre-update", image, [group])
    expect("selected", selected(image), [layer.get_tattoo()])


def check_edit_depth_without_a_depth_layer_is_refused():
    image, layer = new_image()
    refuse("dioptre-edit-depth", image, [layer], CALLING, "no Dioptre depth layer")
    new_layer(image, "Other", 96, 64)
    succeed("dioptre-depth", image, [layer])
    refuse("dioptre-edit-depth", image, [image.get_layers()[0]], CALLING, "no Dioptre depth layer")


def check_paint_on_a_result_stays():
    image, _, group = portrait()
    result = child(group, "Result")
    paint(result, 5, 5, 20, 10, 0.5)
    painted = native(result)
    succeed("dioptre-update", image, [group])
    copy = child(group, "Result (painted)")
    expect("painted copy", native(copy), painted)
    expect("hidden", copy.get_visible(), False)
    expect("made again", native(result) != painted, True)
    succeed("dioptre-update", image, [group])
    expect("one copy", names(group.get_children()).count("Result (painted)"), 1)


def check_update_keeps_no_copy_of_what_was_not_painted():
    image, _, group = portrait()
    before = names(group.get_children())
    succeed("dioptre-update", image, [group])
    expect("layers", names(group.get_children()), before)


def check_a_script_adds_a_result_each_time():
    image, layer, _ = portrait()
    succeed("dioptre-portrait", image, [layer])
    expect("groups", names(image.get_layers()), ["Portrait blur", "Portrait blur", "Photo"])


def check_edit_needs_a_dialog():
    image, _, group = portrait()
    refuse("dioptre-edit", image, [group], CALLING, "works only interactively")


run_checks(globals(), "editing")
