"""Runs inside GIMP: checks the documents that painting.sh has saved."""

from rig import child, expect, load, native, read, run_checks, shown


def parts(name):
    """Return the document, its depth layer and its result."""
    image = load(f"{name}.xcf")
    group = image.get_layers()[0]
    return image, child(group, "Depth"), child(group, "Result")


def check_each_stroke_changes_the_result():
    documents = [parts(name) for name in ("before", "first", "second")]
    for part in (1, 2):
        expect("changed", len({native(document[part]) for document in documents}), 3)
    for image, depth, result in documents[1:]:
        expect("visible", (depth.get_visible(), result.get_visible()), (True, True))
        expect("the canvas", shown(image), read(result, "R'G'B'A u8"))
        selected = [layer.get_tattoo() for layer in image.get_selected_layers()]
        expect("selected", selected, [depth.get_tattoo()])


def check_undo_takes_back_an_update_and_a_stroke():
    _, depth, result = parts("undone")
    expect("the stroke stays", native(depth), native(parts("second")[1]))
    expect("the result of the stroke before", native(result), native(parts("first")[2]))
    for get in (1, 2):
        expect("all again", native(parts("redone")[get]), native(parts("second")[get]))


def check_a_stroke_that_is_taken_back_updates_nothing():
    for get in (1, 2):
        expect("as before", native(parts("taken_back")[get]), native(parts("redone")[get]))


def check_update_after_an_undo_changes_nothing():
    expect("the result", native(parts("refused")[2]), native(parts("unchanged")[2]))
    expect("a stroke is left", native(parts("refused")[1]) != native(parts("unchanged")[1]), True)


def check_update_ends_it():
    image, depth, result = parts("ended")
    facts = depth.get_visible(), depth.get_opacity(), depth.get_filters(), result.get_visible()
    expect("the depth", facts, (False, 100.0, [], True))
    expect("the result", native(result), native(parts("second")[2]))
    expect("no parasite", image.get_parasite("dioptre-edit-depth"), None)


def check_strokes_snap_to_edges():
    _, depth, result = parts("snapped")
    _, painted, before = parts("unsnapped")
    snapped, raw = native(depth), native(painted)
    changed = sum(a != b for a, b in zip(snapped, raw, strict=True)) / len(raw)
    expect(f"changed: {changed:.1%} of the layer", 0.001 < changed < 0.2, True)
    expect("a stroke", raw != native(parts("ended")[1]), True)
    expect("the result follows", native(result) != native(before), True)
    expect("and is undone", native(before), native(parts("ended")[2]))


def check_closing_the_window_ends_it():
    for name in ("closed", "unchanged"):
        image, depth, result = parts(name)
        facts = depth.get_visible(), depth.get_opacity(), depth.get_filters(), result.get_visible()
        expect(f"the depth {name}", facts, (False, 100.0, [], True))
        expect("no parasite", image.get_parasite("dioptre-edit-depth"), None)


run_checks(globals(), "painting")
