"""Update after painting, saving and reopening, renaming or moving, and with missing layers. Runs inside GIMP."""

import json
import os

from rig import (
    Gimp,
    Gio,
    child,
    expect,
    expect_close,
    load,
    native,
    new_depth,
    new_image,
    new_layer,
    paint,
    refuse,
    run_checks,
    sample_pixels,
    save,
    shown,
    succeed,
    write,
)

CALLING = Gimp.PDBStatusType.CALLING_ERROR
OLD = "version-0.1.0.xcf"
BLUR = {"focal_disparity": 0.9, "max_radius": 8.0}


def blurred_document(precision=Gimp.Precision.U8_NON_LINEAR):
    """Create an image of a photo, Dioptre's depth for it, and its blur."""
    image, layer = new_image(precision=precision)
    depth = succeed("dioptre-depth", image, [layer])
    group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
    return image, layer, depth, group


def changed_rows(before, after, width, pixel):
    """Return the rows that differ by more than one code value, the rounding error of sums over the picture."""
    rows = range(0, len(before), width * pixel)
    found = []
    for row in rows:
        pairs = zip(before[row : row + width * pixel], after[row : row + width * pixel], strict=True)
        if max(abs(a - b) for a, b in pairs) > 1:
            found.append(row // (width * pixel))
    return found


def check_nothing_painted_changes_nothing():
    image, _, depth, group = blurred_document()
    result, before = native(child(group, "Result")), native(depth)
    succeed("dioptre-update", image, [depth])
    expect_close("result", native(child(group, "Result")), result)
    expect("depth", native(depth), before)


def check_painting_changes_only_where_it_was_painted():
    image, _, depth, group = blurred_document()
    result = child(group, "Result")
    before = native(result)
    paint(depth, 70, 2, 20, 8, 0.9)  # At the top, paint a depth close to the focal depth.
    expect("selected layer", succeed("dioptre-update", image, [depth]).get_tattoo(), group.get_tattoo())
    rows = changed_rows(before, native(result), 96, 3)
    expect("something changed", bool(rows), True)
    # A blur extends by its radius beyond the painted rows, which end at 10.
    expect(f"rows changed: {rows}", max(rows) <= 10 + 9, True)


def check_full_precision_is_kept_in_8_bits():
    """The blur with an unpainted 8-bit depth layer uses the exact depth instead of its 256 levels."""
    image, _, depth, group = blurred_document()
    wanted = native(child(group, "Result"))
    paint(depth, 0, 0, 1, 1, 0.99)  # The painted layer must now be merged with the cached depth.
    succeed("dioptre-update", image, [depth])
    got = native(child(group, "Result"))
    # The painted pixel's blur ends above row 24. In this document, the 256 levels alone cause errors of 14 code
    # values.
    far = [row for row in changed_rows(wanted, got, 96, 3) if row >= 24]
    expect("rows that changed away from the painted pixel", far, [])


def check_save_open_rename_move_update():
    image, layer, depth, group = blurred_document()
    layer.set_name("Renamed")
    depth.set_name("My depth")
    child(group, "Result").set_name("Blurred")
    outer = Gimp.GroupLayer.new(image, "Outer")
    image.insert_layer(outer, None, 0)
    image.reorder_item(depth, outer, 0)
    save(image, "update.xcf")
    opened = load("update.xcf")
    depth = opened.get_layer_by_tattoo(depth.get_tattoo())
    group = opened.get_layer_by_tattoo(group.get_tattoo())
    before = native(group.get_children()[0])
    paint(depth, 70, 2, 20, 8, 0.9)
    succeed("dioptre-update", opened, [group])
    expect("changed", native(group.get_children()[0]) != before, True)
    expect("name", group.get_children()[0].get_name(), "Blurred")


def check_a_depth_layer_keeps_its_metres():
    """A lens blur uses the metres of its depth layer's record, which a metric network would have written."""
    image, layer, depth, _ = blurred_document()
    lens = {"lens_mm": 50.0, "f_number": 2.0, "focal_disparity": 0.5}
    succeed("dioptre-lens-blur", image, [layer], **lens)
    expect("without metres", newest_values(image)["metres_are_assumed"], True)
    record = recorded(image)
    record["results"][0]["values"] |= {"depth_range_per_m": [0.1, 0.9], "focal_length_equivalent_mm": 28.0}
    data = json.dumps(record).encode("ascii")
    image.attach_parasite(Gimp.Parasite.new("dioptre", Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, data))
    save(image, "metres.xcf")
    opened = load("metres.xcf")
    layer, depth = (opened.get_layer_by_tattoo(one.get_tattoo()) for one in (layer, depth))
    group = succeed("dioptre-lens-blur", opened, [layer], **lens)
    wanted = {"metres_are_assumed": False, "focus_distance_m": 2.0, "depth_range_per_m": [0.1, 0.9]}
    for when in ("with a depth layer", "after Update"):
        values = newest_values(opened)
        expect(when, {name: values.get(name) for name in wanted}, wanted)
        paint(depth, 0, 0, 9, 9, 0.7)
        succeed("dioptre-update", opened, [group])


def recorded(image):
    return json.loads(bytes(image.get_parasite("dioptre").get_data()))


def newest_values(image):
    return recorded(image)["results"][-1]["values"]


def check_portrait_keeps_a_painted_depth():
    image, layer = new_image()
    group = succeed("dioptre-portrait", image, [layer], f_number=1.4, focal_disparity=0.5, focus_range=0.1)
    depth = child(group, "Depth")
    paint(depth, 60, 2, 30, 20, 0.5)
    painted, before = native(depth), native(child(group, "Result"))
    succeed("dioptre-update", image, [depth])
    expect("depth", native(depth), painted)
    expect("changed", native(child(group, "Result")) != before, True)


def check_changed_picture():
    image, layer, _, group = blurred_document()
    before = native(child(group, "Result"))
    layer.invert(False)
    succeed("dioptre-update", image, [group])
    expect("changed", native(child(group, "Result")) != before, True)


def check_update_keeps_mask_mode_and_selection():
    image, layer = new_image()
    succeed("dioptre-depth", image, [layer])
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 20, 20)
    group = succeed("dioptre-lens-blur", image, [layer], **BLUR)
    result = child(group, "Result")
    result.set_mode(Gimp.LayerMode.SCREEN)
    mask = native(result.get_mask())
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 4, 4)
    layer.invert(False)
    Gimp.Selection.none(image)
    layer.invert(False)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 4, 4)
    before = native(result)
    layer.set_offsets(0, 0)
    write(layer, sample_pixels(96, 64)[::-1][: 96 * 64 * 16])
    succeed("dioptre-update", image, [result])
    expect("whole layer changed", native(result)[-300:] != before[-300:], True)
    expect("mask", native(result.get_mask()), mask)
    expect("mode", result.get_mode() == Gimp.LayerMode.SCREEN, True)
    expect("selection", tuple(Gimp.Selection.bounds(image))[2:], (0, 0, 4, 4))
    expect("channels", image.get_channels(), [])


RANGE = {"density": 0.9, "range_nearest": 0.5, "range_feather": 0.02}
FAR, NEAR = slice(4 * 96 * 2, 4 * 96 * 20), slice(4 * 96 * 50, None)  # Rows far from and near the camera, shown.


def hazy_document(*, selected=False, **options):
    """Create an image of a photo with haze in its farther part; return what it showed before, too."""
    image, layer = new_image()
    new_depth(image, layer)
    layer.set_opacity(options.pop("opacity", 100.0))
    before = shown(image)
    if selected:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 48, 64)
    return image, succeed("dioptre-haze", image, [layer], **RANGE, **options), before


def set_options(image, **options):
    """Change the options of the newest result, as another run of Edit does, without computing it."""
    record = recorded(image)
    record["results"][-1]["options"] |= options
    data = json.dumps(record).encode("ascii")
    image.attach_parasite(Gimp.Parasite.new("dioptre", Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, data))


def check_a_range_of_depth_is_a_mask_that_follows_the_options():
    image, group, before = hazy_document()
    result, after = child(group, "Result"), shown(image)
    expect_close("near", after[NEAR], before[NEAR])
    expect("far", max(abs(a - b) for a, b in zip(after[FAR], before[FAR], strict=True)) > 20, True)
    mask = native(result.get_mask())
    expect("some and not all", (min(mask), max(mask)), (0, 255))
    succeed("dioptre-update", image, [group])
    expect("unchanged", native(result.get_mask()), mask)
    set_options(image, range_nearest=1.0)
    succeed("dioptre-update", image, [group])
    expect("no range, no mask", result.get_mask(), None)
    set_options(image, range_nearest=0.5)
    succeed("dioptre-update", image, [group])
    expect("again", native(result.get_mask()), mask)
    paint(result.get_mask(), 0, 40, 90, 20, 1.0)
    painted = native(result.get_mask())
    for nearest in (0.4, 1.0):
        set_options(image, range_nearest=nearest)
        succeed("dioptre-update", image, [group])
        expect(f"painted, then {nearest}", native(result.get_mask()), painted)
    expect("no copy", len(group.get_children()), 1)


def check_a_range_and_a_selection_limit_together():
    image, group, before = hazy_document(selected=True)
    after = shown(image)
    expect_close("near", after[NEAR], before[NEAR])
    row = slice(4 * 96 * 10, 4 * 96 * 11)
    expect("selected", after[row][: 4 * 40] != before[row][: 4 * 40], True)
    expect_close("beside", after[row][4 * 50 :], before[row][4 * 50 :])
    mask = native(child(group, "Result").get_mask())
    Gimp.Selection.none(image)
    succeed("dioptre-update", image, [group])
    expect("mask", native(child(group, "Result").get_mask()), mask)


def check_a_translucent_photo_shows_outside_the_range():
    for selected in (False, True):
        image, _, before = hazy_document(selected=selected, opacity=60.0)
        expect_close("near", shown(image)[NEAR], before[NEAR])


def check_says_what_is_gone():
    image, layer, depth, group = blurred_document()
    image.remove_layer(depth)
    refuse("dioptre-update", image, [group], CALLING, "its depth layer “Depth” was deleted")
    image, layer, depth, group = blurred_document()
    image.remove_layer(layer)
    refuse("dioptre-update", image, [group], CALLING, "its picture layer “Photo” was deleted")
    other = new_layer(image, "Other", 96, 64)
    refuse("dioptre-update", image, [other], CALLING, "does not belong to a Dioptre result")


def check_locked_result_is_refused():
    image, _, _, group = blurred_document()
    child(group, "Result").set_lock_content(True)
    refuse("dioptre-update", image, [group], CALLING, "is locked")


def check_damaged_recipe_is_said():
    image, _, _, group = blurred_document()
    image.attach_parasite(Gimp.Parasite.new("dioptre", Gimp.PARASITE_PERSISTENT, b'{"version": 1, "results": 3}'))
    refuse("dioptre-update", image, [group], CALLING, "has no Dioptre results yet")
    image.attach_parasite(Gimp.Parasite.new("dioptre", Gimp.PARASITE_PERSISTENT, b'{"version": 99, "results": []}'))
    refuse("dioptre-update", image, [group], Gimp.PDBStatusType.EXECUTION_ERROR, "newer version of Dioptre")


def check_a_document_of_version_0_1_0():
    """The document was saved by version 0.1.0 with a portrait, a depth layer, a lens blur and a white balance."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(f"{os.environ['INSIDE']}/{OLD}"))
    groups = {layer.get_name(): layer for layer in image.get_layers() if layer.is_group()}
    expect("groups", sorted(groups), ["Lens blur", "Portrait blur", "White balance"])
    results = {name: group.get_children()[0] for name, group in groups.items()}
    before = {name: native(result) for name, result in results.items()}
    succeed("dioptre-update", image, [groups["White balance"]])
    expect_close("white balance", native(results["White balance"]), before["White balance"])
    depth = next(layer for layer in image.get_layers() if layer.get_name().startswith("Depth"))
    for name, painted in (("Lens blur", depth), ("Portrait blur", child(groups["Portrait blur"], "Depth"))):
        paint(painted, 60, 2, 30, 20, 0.5)
        kept = native(painted)
        expect("updated", succeed("dioptre-update", image, [painted]).get_tattoo(), groups[name].get_tattoo())
        expect(f"{name} follows the depth", native(results[name]) != before[name], True)
        expect("the painted depth", native(painted), kept)
    succeed("dioptre-edit-depth", image, [groups["Portrait blur"]])
    expect("shown", child(groups["Portrait blur"], "Depth").get_visible(), True)


run_checks(globals(), "updating")
