"""Super-resolution of images with layers that GIMP draws: text, links to files, paths. Runs inside GIMP."""

from rig import OUT, Gimp, Gio, expect, native, new_image, run_checks, save, succeed

TRIANGLE = [5.0, 6.0] * 3 + [20.0, 12.0] * 3 + [8.0, 28.0] * 3


def enlarge(image, layer):
    return succeed("dioptre-super-resolution", image, [layer], whole_image=True, scale=2.0)


def place(layer):
    return (*tuple(layer.get_offsets())[1:], layer.get_width(), layer.get_height())


def check_text_is_enlarged_as_pixels():
    """As with Scale Image, the layer keeps its text and is redrawn when the text is edited."""
    found = []
    for by_network in (True, False):
        image, layer = new_image(96, 64)
        text = Gimp.TextLayer.new(image, "Agx", Gimp.fonts_get_list("")[0], 14.0, Gimp.Unit.pixel())
        image.insert_layer(text, None, 0)
        text.set_offsets(6, 9)
        x, y, width, height = place(text)
        if by_network:
            enlarge(image, layer)
        else:
            image.scale(192, 128)
        expect("its words", (isinstance(text, Gimp.TextLayer), text.get_text()), (True, "Agx"))
        expect("its place", place(text), (2 * x, 2 * y, 2 * width, 2 * height))
        found.append(native(text))
    expect("the network's pixels", found[0] != found[1], True)
    expect("drawn", any(found[0][3::4]), True)


def check_links_and_paths_are_drawn_again():
    """GIMP 3.2 redraws such layers from their source, at any size."""
    if not hasattr(Gimp, "LinkLayer"):
        return
    image, layer = new_image(48, 32)
    save(image, "linked.png")
    link = Gimp.LinkLayer.new(image, Gio.File.new_for_path(str(OUT / "linked.png")))
    image.insert_layer(link, None, 0)
    path = Gimp.Path.new(image, "Path")
    image.insert_path(path, None, 0)
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, TRIANGLE, True)
    drawn = Gimp.VectorLayer.new(image, path)
    image.insert_layer(drawn, None, 0)
    drawn.refresh()
    small = place(drawn)
    enlarge(image, layer)
    expect("still a link", (isinstance(link, Gimp.LinkLayer), link.get_file().get_basename()), (True, "linked.png"))
    expect("the link's place", place(link), (0, 0, 96, 64))
    expect("still a path", (isinstance(drawn, Gimp.VectorLayer), drawn.get_path().get_id()), (True, path.get_id()))
    line = 3  # Line width in pixels, which stays the same: GIMP scales the path, not its stroke.
    for got, was in zip(place(drawn), small, strict=True):
        expect(f"the path's place {place(drawn)} from {small}", abs(got - 2 * was) <= 2 * line, True)


run_checks(globals(), "drawn")
