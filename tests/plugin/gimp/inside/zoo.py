"""Blurs documents of every kind by their depth. Runs inside GIMP, twice.

ZOO=make: creates the documents, runs the plug-in, and writes the inputs (as the core receives them) and the
values of the result's layer. ZOO=store: writes the core's own results into layers of the same kind and reads the
values of these layers, so that the two can be compared, one code value at a time.
"""

import os

from rig import OUT, Gimp, child, expect, leave, native, new_depth, new_layer, read, succeed, write

WIDTH, HEIGHT = 72, 48
PRECISIONS = {
    name: getattr(Gimp.Precision, name)
    for name in (
        *("U8_NON_LINEAR", "U8_LINEAR", "U16_NON_LINEAR", "U16_LINEAR"),
        *("U32_NON_LINEAR", "HALF_LINEAR", "FLOAT_LINEAR", "DOUBLE_PERCEPTUAL"),
    )
}
MODES = {"RGB": Gimp.ImageBaseType.RGB, "GRAY": Gimp.ImageBaseType.GRAY}


def profile(name, mode):
    if name == "wide":
        if mode == "RGB":
            return Gimp.ColorProfile.new_rgb_adobe()
        return Gimp.ColorProfile.new_d50_gray_lab_trc()
    return None


def cases():
    """Yield every precision in both modes, with alpha, profile, offsets and selection in turn."""
    for number, precision in enumerate(PRECISIONS):
        for mode in MODES:
            alpha = number % 2 == 1
            yield precision, mode, alpha, "none", (0, 0), False
            yield precision, mode, not alpha, "wide", (-9, 5) if number % 3 == 0 else (0, 0), number % 2 == 0


def name_of(case):
    precision, mode, alpha, colours, offsets, selection = case
    parts = (precision, mode, "alpha" if alpha else "opaque", colours, "offset" if any(offsets) else "at0")
    return "-".join((*parts, "selection" if selection else "all")).lower()


def document(case):
    precision, mode, alpha, colours, offsets, selection = case
    image = Gimp.Image.new_with_precision(WIDTH, HEIGHT, MODES[mode], PRECISIONS[precision])
    if (wanted := profile(colours, mode)) is not None:
        image.set_color_profile(wanted)
    layer = new_layer(image, "Photo", WIDTH, HEIGHT, alpha=alpha, offsets=offsets)
    if selection:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 8, 40, 30)
    return image, layer


def put(name, data):
    (OUT / name).write_bytes(data)


def make():
    for case in cases():
        image, layer = document(case)
        depth = new_depth(image, layer)
        before = native(layer)
        name = name_of(case)
        group = succeed(
            "dioptre-lens-blur", image, [layer], depth_layer=depth, focal_disparity=0.85, max_radius=6.0
        )
        result = child(group, "Result")
        expect(f"{name}: mask", result.get_mask() is not None, case[-1])
        expect(f"{name}: source", native(layer), before)
        expect(f"{name}: offsets", tuple(result.get_offsets())[1:], case[4])
        put(f"{name}.picture", read(layer))
        put(f"{name}.disparity", read(depth, "Y' float"))
        put(f"{name}.result", native(result))
        yield {"name": name, "precision": case[0], "alpha": case[2], "bytes": result.get_bpp()}
        image.delete()


def store():
    for case in cases():
        name = name_of(case)
        image, layer = document(case)
        write(layer, (OUT / f"{name}.core").read_bytes())
        put(f"{name}.stored", native(layer))
        image.delete()
        yield {"name": name}


found = list(make() if os.environ["ZOO"] == "make" else store())
leave("zoo", {"width": WIDTH, "height": HEIGHT, "cases": found})
