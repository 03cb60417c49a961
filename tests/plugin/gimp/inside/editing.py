"""Edit depth, and the layers that Update shows afterwards; painted layers stay. Runs inside GIMP."""

from rig import (
    Gimp,
    child,
    expect,
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


def check_edit_depth_shows_the_depth_of_a_portrait():
    image, _, group = portrait()
    depth = child(group, "Depth")
    expect("result", succeed("dioptre-edit-depth", image, [group]).get_tattoo(), depth.get_tattoo())
    expect("selected", selected(image), [depth.get_tattoo()])
    expect("what is seen", shown(image), alone(depth))


def alone(layer):
    """Return the visible pixels of an uncovered layer of the canvas's size."""
    return read(layer, "R'G'B'A u8")


def check_edit_depth_of_a_lens_blur_hides_its_group():
    image, layer = new_image()
    depth = succeed("dioptre-depth", image, [layer])
    depth.set_visible(False)
    group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
    for chosen in (group, layer, depth, child(group, "Result")):
        succeed("dioptre-edit-depth", image, [chosen])
        expect("selected", selected(image), [depth.get_tattoo()])
        expect("what is seen", shown(image), alone(depth))
    save(image, "editing.xcf")
    opened = load("editing.xcf")
    depth = opened.get_layer_by_tattoo(depth.get_tattoo())
    paint(depth, 70, 2, 20, 8, 0.9)
    succeed("dioptre-update", opened, [depth])
    group = opened.get_layer_by_tattoo(group.get_tattoo())
    expect("selected", selected(opened), [group.get_tattoo()])
    expect("what is seen", shown(opened), alone(child(group, "Result")))
    expect("depth", depth.get_visible(), False)


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
