"""The procedures without a dialog: registration, results and refusals. Runs inside GIMP."""

import importlib.util
import json
import os
import sys
from pathlib import Path

from rig import (
    NONINTERACTIVE,
    OK,
    OUT,
    Gegl,
    Gimp,
    Gio,
    call,
    child,
    expect,
    expect_close,
    expect_in,
    load,
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

CALLING = Gimp.PDBStatusType.CALLING_ERROR
PREFIX = "dioptre-"


def link(module):
    """Import a module from the plug-in's own copy of the shared package."""
    folder = Path(Gimp.directory()) / "plug-ins/dioptre/dioptre_link"
    if "dioptre_link" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "dioptre_link", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules["dioptre_link"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["dioptre_link"])
    return importlib.import_module(f"dioptre_link.{module}")


def small_photo(name="coffee.jpg"):
    """Load an example photo at a size that keeps the test short."""
    path = str(Path(os.environ["EXAMPLES"]) / name)
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(path))
    image.scale(240, 160)
    return image, image.get_layers()[0]


def recorded(image):
    return json.loads(bytes(image.get_parasite("dioptre").get_data()))["results"]


def compare_argument(kinds, parameter, found):
    name = parameter.name.replace("_", "-")
    if parameter.kind is kinds.POINT:
        for axis in "xy":
            expect(f"{name}-{axis}", found.pop(f"{name}-{axis}").value_type.name, "gdouble")
        return
    argument = found.pop(name)
    expect(f"{name}'s label", argument.nick.replace("_", ""), parameter.label)
    expect_in(f"{name}'s help", parameter.help, argument.blurb)
    default = argument.get_default_value()
    if parameter.kind in (kinds.FLOAT, kinds.INTEGER):
        expect(f"{name}'s maximum", argument.maximum, parameter.maximum)
        if parameter.default is None:
            expect(f"{name}'s automatic value", (argument.minimum, default), (default, default))
            expect(f"{name}'s automatic value is out of its range", default < parameter.minimum, True)
        else:
            expect(f"{name}'s range", (argument.minimum, default), (parameter.minimum, parameter.default))
    elif parameter.kind in (kinds.STROKES, kinds.POINTS, kinds.DISTANCES, kinds.BOX):
        expect(f"{name}'s default", default or "", "")
    elif parameter.default is not None:
        expect(f"{name}'s default", default, parameter.default)


def check_every_operation_is_registered_as_described():
    kinds, inputs = link("operation").Kind, link("operation").Input
    for described in link("catalogue").IN_EDITORS.values():
        procedure = Gimp.get_pdb().lookup_procedure(PREFIX + described.command)
        expect(f"{described.name} registered", procedure is not None, True)
        place = f"<Image>/Filters/Dioptre/[{list(link('catalogue').IN_EDITORS).index(described.name):02d}]"
        expect("menu", procedure.get_menu_paths()[0].replace("_", ""), place)
        expect("label", procedure.get_menu_label().replace("_", ""), f"{described.title}…")
        expect("help", procedure.get_blurb(), described.help)
        found = {argument.name: argument for argument in procedure.get_arguments()}
        for name in ("run-mode", "image", "drawables"):
            found.pop(name)
        if inputs.DISPARITY in described.inputs + described.optional_inputs:
            expect("depth layer", found.pop("depth-layer").value_type.name, "GimpLayer")
        for parameter in described.parameters:
            compare_argument(kinds, parameter, found)
        if any(parameter.name == "scale" for parameter in described.parameters):
            expect("whole image", found.pop("whole-image").value_type.name, "gboolean")
        expect(f"further arguments of {described.name}", list(found), [])


def check_depth_makes_a_grey_layer():
    image, layer = small_photo()
    depth = succeed("dioptre-depth", image, [layer])
    expect("name", depth.get_name(), "Depth")
    expect("place", [one.get_tattoo() for one in image.get_layers()], [depth.get_tattoo(), layer.get_tattoo()])
    pixels = read(depth, "R'G'B' u8")
    expect("grey", pixels[0::3] == pixels[1::3] == pixels[2::3], True)
    expect("levels", len(set(pixels)) > 20, True)
    expect("selected", [one.get_tattoo() for one in image.get_selected_layers()], [depth.get_tattoo()])
    expect("recipe", [entry["operation"] for entry in recorded(image)], ["depth"])


def check_the_opened_files_own_depth_is_used():
    """The photo's depth goes from 1 m on the left to 4 m on the right."""
    ends = {}
    for source in ("auto", "embedded", "estimate"):
        image = load("phone.jpg")
        if image.get_imported_file() is None:
            return  # GIMP 3.0 returns the file only for images opened in its windows.
        depth = succeed("dioptre-depth", image, image.get_layers(), depth_source=source, refine=False)
        row = read(depth, "Y' u8")[48 * 16 : 48 * 17]
        ends[source] = (row[2], row[45])
        found = recorded(image)[0]["values"].get("depth_source", "")
        expect(f"{source}: {found!r}", found == "GDepth", source != "estimate")
    expect("as embedded", ends["auto"], ends["embedded"])
    expect(f"from near to far {ends}", ends["auto"][0] > 230 and ends["auto"][1] < 25, True)
    expect(f"estimated {ends}", ends["estimate"] != ends["auto"], True)


def check_a_copied_depth_layer_keeps_its_metres():
    """The photo's own depth is in metres. Its layer is copied to an image without any record of Dioptre."""
    image = load("phone.jpg")
    if image.get_imported_file() is None:
        return  # GIMP 3.0 returns the file only for images opened in its windows.
    photo = image.get_layers()[0]
    depth = succeed("dioptre-depth", image, [photo], depth_source="embedded")
    metres = recorded(image)[0]["values"]["depth_range_per_m"]
    other = Gimp.Image.new(image.get_width(), image.get_height(), Gimp.ImageBaseType.RGB)
    copies = [Gimp.Layer.new_from_drawable(layer, other) for layer in (photo, depth)]
    for copy in copies:
        other.insert_layer(copy, None, 0)
    succeed("dioptre-lens-blur", other, [copies[0]], depth_layer=copies[1], lens_mm=50.0, f_number=2.0)
    values = recorded(other)[-1]["values"]
    expect("metres", (values["metres_are_assumed"], values["depth_range_per_m"]), (False, metres))


def check_portrait_makes_a_group():
    image, layer = small_photo()
    before = native(layer)
    group = succeed("dioptre-portrait", image, [layer], f_number=1.8)
    expect("group", group.is_group(), True)
    found = names(group.get_children())
    expect("top", found[0], "Result")
    expect("depth layer", "Depth" in found, True)
    expect("hidden", [one.get_name() for one in group.get_children()[1:] if one.get_visible()], [])
    expect("shown", child(group, "Result").get_visible(), True)
    expect("source", native(layer), before)
    expect("source shown", layer.get_visible(), True)
    expect("changed", native(child(group, "Result")) != before, True)
    entry = recorded(image)[0]
    expect("recipe", (entry["operation"], entry["options"]["f_number"]), ("portrait", 1.8))
    expect("models", all(len(sha) == 64 for sha in entry["models"].values()) and bool(entry["models"]), True)


def check_film_makes_an_image_of_frames():
    """The lowest layer is the first frame, as GIMP exports animations; the masks are an image of their own."""
    image, layer = small_photo()
    before = native(layer)
    depth = new_depth(image, layer)
    known = {one.get_id() for one in Gimp.get_images()}
    options = {"seconds": 0.5, "fps": 8, "masks": True}
    last = succeed("dioptre-film", image, [layer], depth_layer=depth, **options)
    film = last.get_image()
    made = [one for one in Gimp.get_images() if one.get_id() not in known]
    opened = image.get_imported_file()  # GIMP 3.0 keeps none for a script.
    stem = "photo" if opened is None else Path(opened.get_path()).stem
    expect("images", sorted(one.get_name() for one in made), [f"{stem}-film-invented.xcf", f"{stem}-film.xcf"])
    masks = next(one for one in made if one.get_id() != film.get_id())
    labels = [f"Frame {number} ({delay}ms) (replace)" for number, delay in enumerate((120, 130, 130, 120), 1)]
    expect("frames", names(film.get_layers()), labels[::-1])
    expect("masks", names(masks.get_layers()), labels[::-1])
    frames = [read(one, "R'G'B' u8") for one in film.get_layers()[::-1]]
    differences = [abs(a - b) for a, b in zip(frames[0], read(layer, "R'G'B' u8"), strict=True)]
    expect("the first is the photo", sum(differences) / len(differences) < 4, True)
    expect("all differ", len(set(frames)), 4)
    invented = [read(one, "Y' u8").count(255) for one in masks.get_layers()[::-1]]
    expect(f"more is invented at last {invented}", invented[0] < invented[-1], True)
    expect("source", native(layer), before)
    for one in made:
        one.delete()


def check_export_writes_a_jpeg_with_depth():
    image, layer = small_photo()
    file = Gio.File.new_for_path(str(OUT / "exported.jpg"))
    refuse("dioptre-export-depth", image, [layer], CALLING, "needs a depth layer", file=file)
    new_depth(image, layer)
    before = native(layer)
    expect("a layer", succeed("dioptre-export-depth", image, [layer], file=file).get_tattoo(), layer.get_tattoo())
    expect("GDepth", b"GDepth:Data" in Path(file.get_path()).read_bytes(), True)
    (again,) = Gimp.file_load(NONINTERACTIVE, file).get_layers()
    differences = [abs(a - b) for a, b in zip(read(again, "R'G'B' u8"), read(layer, "R'G'B' u8"), strict=True)]
    expect("the picture", sum(differences) / len(differences) < 4, True)
    expect("source", native(layer), before)


def check_lens_blur_uses_the_depth_layer():
    image, layer = new_image()
    depth = new_depth(image, layer)
    group = succeed("dioptre-lens-blur", image, [layer], depth_layer=depth, focal_disparity=0.9, max_radius=8.0)
    expect("layers", names(group.get_children()), ["Result"])
    expect("changed", native(child(group, "Result")) != native(layer), True)
    by_name = succeed("dioptre-lens-blur", image, [layer], focal_disparity=0.9, max_radius=8.0)
    expect_close("found by its name", native(child(by_name, "Result")), native(child(group, "Result")))
    expect("newest on top", image.get_layers()[0].get_tattoo(), by_name.get_tattoo())


def check_lens_blur_estimates_the_depth_that_is_missing():
    """Update estimates the depth again, or uses a painted one; a second blur uses the same layer."""
    image, layer = small_photo()
    group = succeed("dioptre-lens-blur", image, [layer], max_radius=8.0)
    expect("layers", names(group.get_children()), ["Result", "Depth"])
    expect("hidden", child(group, "Depth").get_visible(), False)
    expect("inputs", list(recorded(image)[-1]["inputs"]), ["picture"])
    before = native(child(group, "Result"))
    succeed("dioptre-update", image, [group])
    expect_close("the same again", native(child(group, "Result")), before)
    again = succeed("dioptre-lens-blur", image, [layer], max_radius=8.0)
    expect("uses it", names(again.get_children()), ["Result"])
    expect("its depth", recorded(image)[-1]["inputs"]["disparity"]["id"], child(group, "Depth").get_tattoo())


def check_lens_blur_from_the_selected_depth_layer():
    image, layer = small_photo()
    depth = succeed("dioptre-depth", image, [layer])
    group = succeed("dioptre-lens-blur", image, [depth], max_radius=8.0)
    expect("picture", recorded(image)[-1]["inputs"]["picture"]["id"], layer.get_tattoo())
    expect("picture's colours", read(child(group, "Result"), "R'G'B' u8") != read(depth, "R'G'B' u8"), True)


def check_another_blur_of_the_same_photo():
    """Dioptre's results are selected afterwards, but the next blur still starts from the photo."""
    image, layer = small_photo()
    depth = succeed("dioptre-depth", image, [layer])
    group = succeed("dioptre-lens-blur", image, [depth], max_radius=8.0)
    succeed("dioptre-lens-blur", image, [group], max_radius=2.0)
    succeed("dioptre-depth", image, [depth])
    pictures = {entry["inputs"]["picture"]["id"] for entry in recorded(image)}
    expect("pictures", pictures, {layer.get_tattoo()})
    result = child(group, "Result")
    succeed("dioptre-super-resolution", image, [result], scale=2.0, whole_image=False)
    expect("enlarged", recorded(image)[-1]["inputs"]["picture"]["id"], result.get_tattoo())


def check_super_resolution_of_one_layer():
    image, layer = new_image(48, 32)
    group = succeed("dioptre-super-resolution", image, [layer], scale=2.0, whole_image=False)
    result = child(group, "Result")
    expect("size", (result.get_width(), result.get_height()), (96, 64))
    expect("canvas", (image.get_width(), image.get_height()), (96, 64))
    expect("source", (layer.get_width(), layer.get_height()), (48, 32))


def check_script_fu_can_call_it():
    image, layer = new_image(48, 32)
    depth = new_depth(image, layer)
    evaluate = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
    config = evaluate.create_config()
    config.set_property("run-mode", NONINTERACTIVE)
    config.set_property(
        "script",
        f"(dioptre-lens-blur #:run-mode RUN-NONINTERACTIVE #:image {image.get_id()} "
        f"#:drawables (vector {layer.get_id()}) #:depth-layer {depth.get_id()} #:max-radius 5.0)",
    )
    expect("status", evaluate.run(config).index(0), OK)
    expect("layers", len(image.get_layers()), 3)


def check_refusals_come_before_any_work():
    image, layer = new_image()
    refuse("dioptre-depth", image, [], CALLING, "No layer is selected")
    refuse("dioptre-depth", image, [layer, new_layer(image, "b", 96, 64)], CALLING, "2 are selected")
    refuse("dioptre-repair-depth", image, [layer], CALLING, "needs a depth layer")
    refuse("dioptre-portrait", image, [layer], CALLING, "only one coordinate", focus_x=3.0)
    refuse("dioptre-portrait", image, [layer], CALLING, "out of range", focal_disparity=-0.5)
    refuse("dioptre-update", image, [layer], CALLING, "no Dioptre results yet")
    other = new_layer(image, "Depth", 40, 30)
    refuse("dioptre-lens-blur", image, [layer], CALLING, "40 × 30 pixels", depth_layer=other)
    refuse("dioptre-lens-blur", image, [layer], CALLING, "the same layer", depth_layer=layer)
    refuse("dioptre-depth", image, [Gimp.GroupLayer.new(image, "empty")], CALLING, "empty")
    channel = Gimp.Channel.new(image, "c", 96, 64, 50.0, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    refuse("dioptre-depth", image, [channel], CALLING, "a channel is selected")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 5, 5)
    layer.set_offsets(50, 40)
    refuse("dioptre-depth", image, [layer], CALLING, "outside the layer")


def check_indexed_is_refused():
    image, layer = new_image()
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, "")
    refuse("dioptre-depth", image, [layer], CALLING, "Image ▸ Mode ▸ RGB")


def check_floating_selection_is_refused():
    image, layer = new_image()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 20, 20)
    Gimp.Selection.float(image, [layer], 0, 0)
    got, message = call("dioptre-depth", image, [layer])
    expect("status", got, CALLING)
    expect_in("message", "floating selection", message)


run_checks(globals(), "procedures")
