"""Runs inside GIMP's Python: calls the plug-in's procedures, creates documents, and reads pixels back.

The other scripts in this folder import this module as `rig`.
"""

import hashlib
import json
import os
import struct
import time
import traceback
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

OUT = Path(os.environ["OUT"])
RGBA = "R'G'B'A float"
OK = Gimp.PDBStatusType.SUCCESS
NONINTERACTIVE = Gimp.RunMode.NONINTERACTIVE


class Failed(Exception):  # noqa: N818
    """Raised when a check finds an error."""


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: got {got!r:.300}, wanted {wanted!r:.300}")


def expect_in(what, part, whole):
    if part not in whole:
        raise Failed(f"{what}: {part!r} is not in {whole!r:.300}")


def expect_close(what, got, wanted):
    """Expect 8-bit values that differ by at most one code value, which may be due to rounding."""
    worst = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
    if worst > 1:
        raise Failed(f"{what}: off by {worst} code values")


def files_left(folder, seconds=10.0):
    """Return the files below a folder, after giving the worker some time to remove them."""
    end = time.monotonic() + seconds
    while (left := [name for _, _, names in os.walk(folder) for name in names]) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def call(name, image, drawables, **values):
    """Run a procedure without a dialog and return (status, result layer or message)."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    if procedure is None:
        raise Failed(f"{name} is not registered")
    config = procedure.create_config()
    config.set_property("run-mode", NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for key, value in values.items():
        config.set_property(key.replace("_", "-"), value)
        if config.get_property(key.replace("_", "-")) != value:
            raise Failed(f"{name}: GIMP did not take {key}={value!r}")
    answer = procedure.run(config)
    return answer.index(0), answer.index(1) if answer.length() > 1 else None


def succeed(name, image, drawables, **values):
    """Run a procedure that must succeed, and return its result layer."""
    status, result = call(name, image, drawables, **values)
    if status != OK:
        raise Failed(f"{name} failed: {result}")
    return result


def refuse(name, image, drawables, status, words, **values):
    """Run a procedure that must fail with this status and message and leave no trace."""
    before = fingerprint(image)
    got, message = call(name, image, drawables, **values)
    expect(f"status ({message})", got, status)
    expect_in("message", words, message)
    expect("document", fingerprint(image), before)


def read(drawable, pixel_format=RGBA):
    rect = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return drawable.get_buffer().get(rect, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)


def write(drawable, data, pixel_format=RGBA):
    rect = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    buffer = drawable.get_buffer()
    buffer.set(rect, pixel_format, data)
    buffer.flush()
    drawable.update(0, 0, rect.width, rect.height)


def native(drawable):
    """Return the drawable's raw values."""
    return read(drawable, None)


def paint(layer, x, y, width, height, grey):  # noqa: PLR0917  (a rectangle has four)
    """Fill a rectangle with one grey, as with a hard brush."""
    buffer = layer.get_buffer()
    rect = Gegl.Rectangle.new(x, y, width, height)
    buffer.set(rect, "Y' float", struct.pack("<f", grey) * (width * height))
    buffer.flush()
    layer.update(x, y, width, height)


def shown(image):
    """Return the visible image as 8-bit RGBA."""
    copy = image.duplicate()
    seen = copy.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
    values = read(seen, "R'G'B'A u8")
    copy.delete()
    return values


def sample_pixels(width, height, alpha=False):
    """Return a picture with gradients, an edge and a bright spot, as RGBA floats."""
    rows = bytearray()
    for y in range(height):
        for x in range(width):
            near = y > height * 0.6
            red = 0.2 + 0.6 * x / width + (0.1 if (x // 6 + y // 6) % 2 else 0.0)
            spot = (x - width * 0.7) ** 2 + (y - height * 0.2) ** 2 < 9
            colour = (1.0, 0.95, 0.8) if spot else (min(red, 1.0), 0.5 if near else 0.3, 0.8 * y / height)
            opacity = 1.0 if not alpha or x > width // 4 else x / (width / 4)
            rows += struct.pack("<4f", *colour, opacity)
    return bytes(rows)


def sample_disparity(width, height):
    """Return disparity as floats, near at the bottom, with a step."""
    return b"".join(
        struct.pack("<f", min(1.0, 0.3 * y / height + (0.55 if y > height * 0.6 else 0.05) + 0.01 * x / width))
        for y in range(height)
        for x in range(width)
    )


def new_layer(image, name, width, height, *, alpha=False, data=None, offsets=(0, 0), parent=None):
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kinds = Gimp.ImageType
    kind = (
        (kinds.GRAYA_IMAGE if alpha else kinds.GRAY_IMAGE)
        if grey
        else (kinds.RGBA_IMAGE if alpha else kinds.RGB_IMAGE)
    )
    layer = Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    write(layer, data if data is not None else sample_pixels(width, height, alpha))
    layer.set_offsets(*offsets)
    image.insert_layer(layer, parent, 0)
    return layer


def new_image(
    width=96,
    height=64,
    base=Gimp.ImageBaseType.RGB,
    precision=Gimp.Precision.U8_NON_LINEAR,
    profile=None,
    **layer,
):
    """Create an image with one layer."""
    image = Gimp.Image.new_with_precision(width, height, base, precision)
    if profile is not None:
        image.set_color_profile(profile)
    return image, new_layer(image, "Photo", width, height, **layer)


def new_depth(image, picture, name="Depth"):
    """Create a depth layer for `picture`, like one that a user would paint."""
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAY_IMAGE if grey else Gimp.ImageType.RGB_IMAGE
    size = picture.get_width(), picture.get_height()
    layer = Gimp.Layer.new(image, name, *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    write(layer, sample_disparity(*size), "Y' float")
    layer.set_offsets(*picture.get_offsets()[1:])
    layer.set_visible(False)
    image.insert_layer(layer, None, len(image.get_layers()))
    return layer


def load(name):
    return Gimp.file_load(NONINTERACTIVE, Gio.File.new_for_path(str(OUT / name)))


def save(image, name):
    Gimp.file_save(NONINTERACTIVE, image, Gio.File.new_for_path(str(OUT / name)), None)


def fingerprint(image):
    """Return a hash of a document's layers, pixels, masks, positions, selection and recipe."""
    parasites = [name for name in image.get_parasite_list() if name.startswith("dioptre")]
    facts = [image.get_width(), image.get_height(), parasites]
    facts.append(tuple(Gimp.Selection.bounds(image))[1:])
    facts.append([channel.get_name() for channel in image.get_channels()])
    facts.append([layer_facts(layer) for layer in image.get_layers()])
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def layer_facts(layer):
    mask = layer.get_mask()
    return (
        layer.get_name(),
        layer.get_tattoo(),
        layer.get_width(),
        layer.get_height(),
        tuple(layer.get_offsets())[1:],
        layer.get_visible(),
        layer.get_opacity(),
        str(layer.get_mode()),
        hashlib.sha256(native(layer)).hexdigest(),
        mask is not None and hashlib.sha256(native(mask)).hexdigest(),
        [layer_facts(child) for child in layer.get_children()] if layer.is_group() else (),
    )


def names(layers):
    return [layer.get_name().split(" #")[0] for layer in layers]


def child(group, name):
    return next(layer for layer in group.get_children() if layer.get_name().split(" #")[0] == name)


def run_checks(namespace, stem):
    """Run every check_… function of a script and write the results to OUT."""
    results = {}
    checks = {name: function for name, function in namespace.items() if name.startswith("check_")}
    for name, function in checks.items():
        if os.environ.get("ONLY", name) not in name:
            continue
        try:
            function()
            results[name] = ""
        except Failed as error:
            results[name] = str(error)
        except Exception:  # noqa: BLE001  (reported as the check's result)
            results[name] = traceback.format_exc()
        for image in Gimp.get_images():
            image.delete()
    leave(stem, results)


def leave(stem, values):
    """Write `values` atomically for the test that started this script."""
    part = OUT / f"{stem}.part"
    part.write_text(json.dumps(values), encoding="utf-8")
    part.replace(OUT / f"{stem}.json")
