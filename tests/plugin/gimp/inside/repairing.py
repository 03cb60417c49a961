"""Changing the depth layer within the selection. Runs inside GIMP."""

from rig import (
    Gimp,
    child,
    expect,
    fingerprint,
    names,
    native,
    new_depth,
    new_image,
    read,
    refuse,
    run_checks,
    succeed,
)

NAME = "dioptre-repair-depth"
CALLING = Gimp.PDBStatusType.CALLING_ERROR


def made():
    image, layer = new_image()
    depth = new_depth(image, layer)
    return image, layer, depth


def select(image):
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 10, 40, 30)


def check_only_the_selection_changes():
    for precision in (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.FLOAT_LINEAR):
        image, layer = new_image(precision=precision)
        depth = new_depth(image, layer)
        photo, before = native(layer), native(depth)
        select(image)
        result = succeed(NAME, image, [layer], mode="shift", amount=0.2, feather=0.0)
        expect("in place", result.get_tattoo(), depth.get_tattoo())
        expect("layers", names(image.get_layers()), ["Photo", "Depth"])
        expect("photo", native(layer), photo)
        expect("selection", tuple(Gimp.Selection.bounds(image))[2:], (20, 10, 60, 40))
        after, pixel = native(depth), len(before) // (96 * 64)
        changed = {place // pixel for place in range(0, len(before), pixel)
                   if before[place : place + pixel] != after[place : place + pixel]}  # fmt: skip
        inside = {y * 96 + x for y in range(10, 40) for x in range(20, 60)}
        expect("outside of the selection", changed - inside, set())
        expect("inside of the selection", len(changed) > len(inside) // 2, True)


def check_the_depth_layer_may_be_selected_and_moved():
    image, layer, depth = made()
    for one in (layer, depth):
        one.set_offsets(10, 5)
    select(image)
    before = read(depth, "Y' u8")
    succeed("dioptre-depth", image, [layer])
    image.remove_layer(image.get_layers()[0])
    succeed(NAME, image, [layer], depth_layer=depth, mode="match", value=1.0, feather=0.0)
    after = read(depth, "Y' u8")
    expect("at the place", (after[96 * 20 + 30], after[96 * 6 + 12]), (255, 255))
    expect("elsewhere", after[96 * 2 + 2], before[96 * 2 + 2])


def check_an_estimated_layer_keeps_its_precision_and_update_takes_it():
    image, layer = new_image()
    depth = succeed("dioptre-depth", image, [layer])
    group = succeed("dioptre-lens-blur", image, [layer], focal_disparity=0.9, max_radius=8.0)
    before = native(child(group, "Result"))
    select(image)
    succeed(NAME, image, [depth], mode="smooth")
    Gimp.Selection.none(image)
    succeed("dioptre-update", image, [group])
    expect("blur follows", native(child(group, "Result")) != before, True)


def check_refusals():
    image, layer, depth = made()
    refuse(NAME, image, [layer], CALLING, "needs a selection")
    select(image)
    depth.set_lock_content(True)
    refuse(NAME, image, [layer], CALLING, "is locked")
    depth.set_lock_content(False)
    before = fingerprint(image)
    refuse(NAME, image, [layer], Gimp.PDBStatusType.EXECUTION_ERROR, "Pick a point", mode="match")
    expect("nothing changed", fingerprint(image), before)
    image.remove_layer(depth)
    refuse(NAME, image, [layer], CALLING, "needs a depth layer")


run_checks(globals(), "repairing")
