"""Super-resolution of one layer and of the whole image. Runs inside GIMP."""

from rig import (
    Failed,
    Gimp,
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
    succeed,
)

NAME = "dioptre-super-resolution"


def of_layer(image, layer, scale=2.0, **options):
    return succeed(NAME, image, [layer], whole_image=False, scale=scale, **options)


def of_image(image, layer, scale=2.0, **options):
    return succeed(NAME, image, [layer], whole_image=True, scale=scale, **options)


def size(item):
    return item.get_width(), item.get_height()


def place(layer):
    return (*tuple(layer.get_offsets())[1:], *size(layer))


def layer_alone(**options):
    """Return the network's result for the sample picture."""
    image, layer = new_image(48, 32)
    return native(child(of_layer(image, layer, **options), "Result"))


def check_everything_in_the_image_grows():
    image, layer = new_image(48, 32)
    small = new_layer(image, "Small", 16, 12, alpha=True, offsets=(10, -3))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 4, 4, 20, 10)
    small.add_mask(small.create_mask(Gimp.AddMaskType.WHITE))
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    inner = new_layer(image, "Inner", 48, 32, parent=group)
    inner.set_opacity(40.0)
    inner.set_mode(Gimp.LayerMode.SCREEN)
    inner.set_lock_content(True)
    image.insert_channel(Gimp.Channel.new(image, "Channel", 48, 32, 50.0, image_colour()), None, 0)
    image.add_hguide(8)
    path = Gimp.Path.new(image, "Path")
    image.insert_path(path, None, 0)
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [5.0, 6.0] * 3 + [20.0, 12.0] * 3, False)
    image.set_resolution(100.0, 100.0)
    result = of_image(image, layer)
    expect("returned", result.get_tattoo(), layer.get_tattoo())
    expect("image", size(image), (96, 64))
    expect("layers", names(image.get_layers()), ["Group", "Small", "Photo"])
    places = [place(one) for one in (layer, small, inner)]
    expect("places", places, [(0, 0, 96, 64), (20, -6, 32, 24), (0, 0, 96, 64)])
    expect("mask", size(small.get_mask()), (32, 24))
    expect("opacity", inner.get_opacity(), 40.0)
    expect("mode", inner.get_mode() == Gimp.LayerMode.SCREEN, True)
    expect("lock", inner.get_lock_content(), True)
    bounds = tuple(Gimp.Selection.bounds(image))[2:]  # GIMP gives the scaled selection a soft edge.
    expect("selection", max(abs(a - b) for a, b in zip(bounds, (8, 8, 48, 28), strict=True)) <= 1, True)
    expect("channel", size(image.get_channels()[0]), (96, 64))
    expect("guide", image.get_guide_position(image.find_next_guide(0)), 16)
    expect("path", list(path.stroke_get_points(path.get_strokes()[0])[1][:2]), [10.0, 12.0])
    expect("resolution", tuple(image.get_resolution())[1:], (200.0, 200.0))
    expect_close("pixels", native(layer), layer_alone())
    expect_close("pixels of a locked layer in a group", native(inner), layer_alone())
    expect("record", image.get_parasite("dioptre"), None)


def image_colour():
    import gi

    gi.require_version("Gegl", "0.4")
    from gi.repository import Gegl

    return Gegl.Color.new("red")


def check_a_factor_that_is_no_whole_number():
    image, layer = new_image(47, 31)
    small = new_layer(image, "Small", 15, 11, offsets=(3, 5))
    of_image(image, layer, scale=1.5)
    expect("image", size(image), (70, 46))  # 70.5 and 46.5 round to the even neighbour, as with round().
    for one, wanted in ((layer, (0, 0)), (small, (4, 8))):
        got = place(one)
        if abs(got[0] - wanted[0]) > 1 or abs(got[1] - wanted[1]) > 1:
            raise Failed(f"{one.get_name()} lies at {got}")
        if min(read(one, "R'G'B' u8")) == 0 and min(read(one, "A u8")) < 255:
            raise Failed(f"{one.get_name()} has an empty rim")


def check_depth_grows_and_results_can_be_updated():
    image, layer = new_image(48, 32)
    depth = succeed("dioptre-depth", image, [layer])
    group = succeed("dioptre-lens-blur", image, [layer], focus_x=10.0, focus_y=20.0, max_radius=8.0)
    of_image(image, layer)
    expect("depth", size(depth), (96, 64))
    expect("result", size(child(group, "Result")), (96, 64))
    before = native(child(group, "Result"))
    succeed("dioptre-update", image, [group])
    expect("still as large", size(child(group, "Result")), (96, 64))
    again = native(child(group, "Result"))
    apart = sum(abs(a - b) for a, b in zip(again, before, strict=True)) / len(again)
    expect(f"made again from the enlarged photo, alike (off by {apart:.1f} in the mean)", apart < 12, True)
    # The depth is still cached in full precision, so the depth layer does not count as painted.
    expect("depth is made again", succeed("dioptre-update", image, [depth]) is not None, True)


def check_depth_scaled_by_gimp_itself():
    """The cached full-precision depth then differs in size from the layer and is no longer used."""
    image, layer = new_image(48, 32)
    succeed("dioptre-depth", image, [layer])
    image.scale(96, 64)
    succeed("dioptre-lens-blur", image, [layer], focal_disparity=0.5, max_radius=8.0)


def check_a_masked_layer():
    image, layer = new_image(48, 32)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 24, 32)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    group = of_layer(image, layer)
    expect("source hidden", layer.get_visible(), False)
    expect_close("pixels", native(child(group, "Result")), layer_alone())
    mask = read(group.get_mask(), "Y u8")
    expect("mask", (size(group.get_mask()), mask[20], mask[90], mask[96 * 40 + 20]), ((96, 64), 255, 0, 255))


def check_a_selection_in_one_layer():
    image, layer = new_image(48, 32)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 24, 32)
    result = child(of_layer(image, layer), "Result")
    expect_close("pixels", native(result), layer_alone())
    mask = read(result.get_mask(), "Y u8")
    expect("mask", (size(result.get_mask()), mask[20], mask[90]), ((96, 64), 255, 0))


def check_grey_and_float():
    for base, precision in (
        (Gimp.ImageBaseType.GRAY, Gimp.Precision.U8_NON_LINEAR),
        (Gimp.ImageBaseType.RGB, Gimp.Precision.FLOAT_LINEAR),
    ):
        image, layer = new_image(48, 32, base=base, precision=precision)
        copy = image.duplicate()
        of_image(image, layer)
        expect("size", size(layer), (96, 64))
        alone = child(of_layer(copy, copy.get_layers()[0]), "Result")
        expect_close("pixels", read(layer, "R'G'B' u8"), read(alone, "R'G'B' u8"))


def check_too_large():
    image = Gimp.Image.new(60000, 16, Gimp.ImageBaseType.RGB)
    layer = new_layer(image, "Photo", 16, 16)
    refuse(NAME, image, [layer], Gimp.PDBStatusType.CALLING_ERROR, "exceed GIMP's limit", scale=8.0)


def check_depth_alone():
    image, layer = new_image(48, 32)
    depth = new_depth(image, layer)
    succeed("dioptre-lens-blur", image, [layer], depth_layer=depth, focal_disparity=0.9, max_radius=4.0)
    of_image(image, layer, depth_layer=depth)
    expect("depth", size(depth), (96, 64))


run_checks(globals(), "enlarging")
