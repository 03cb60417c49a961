"""Runs inside GIMP before and after strokes are painted: creates start.xcf, then checks the saved documents."""

import json
import os
from pathlib import Path

from rig import NONINTERACTIVE, Gimp, Gio, child, expect, leave, load, native, run_checks, save


def strokes(image):
    (result,) = json.loads(bytes(image.get_parasite("dioptre").get_data()))["results"]
    return result["options"]["strokes"]


def check_the_stroke_is_recorded():
    (stroke,) = strokes(load("painted.xcf"))
    expect("kept", stroke["keep"], True)
    (x, top), (_, bottom) = stroke["points"][0], stroke["points"][-1]
    expect(f"downwards on the left: {stroke}", x < 0.3 and 0.2 < bottom - top < 0.6, True)


def check_what_was_painted_is_the_picture_itself():
    image = load("painted.xcf")
    (stroke,) = strokes(image)
    group, source = image.get_layers()[0], image.get_layers()[1]
    result, before = (native(layer) for layer in (child(group, "Result"), source))
    width, height = source.get_width(), source.get_height()
    step = len(before) // (width * height)
    places = [round(y * (height - 1)) * width + round(x * (width - 1)) for x, y in stroke["points"]]
    for place in places:
        expect("kept", result[place * step : place * step + 3], before[place * step : place * step + 3])


def check_edit_brings_the_stroke_back_and_adds_another():
    first, *others = strokes(load("edited.xcf"))
    expect("the first stroke", first, strokes(load("painted.xcf"))[0])
    expect("one more, that lets blur", [one["keep"] for one in others], [False])


if os.environ["DIALOG"] == "make":
    photo = str(Path(os.environ["EXAMPLES"]) / "astronaut.jpg")
    image = Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(photo))
    save(image, "start.xcf")
    leave("brush", {})
else:
    run_checks(globals(), "brush")
