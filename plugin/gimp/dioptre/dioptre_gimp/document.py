"""GIMP's images: layers, pixels in bands, and what Dioptre stores in an image.

*Pixels* go between drawables and files in formats that GIMP converts to automatically.

*The record* of results is a parasite that refers to layers by their tattoos: GIMP's permanent layer numbers, which
survive renaming, moving, saving as XCF and undo. Undo reverts the parasite together with the step that wrote it, so
write it inside an undo group.

*Depth layers in 8-bit images* keep their full precision in Dioptre's cache folder, in two files named by the
SHA-256 of the layer's content: the exact disparity, and the layer's content when it was created. The worker uses
the exact value for every pixel that still has its original content, so painting changes the depth only where the
user painted. The metres of a depth layer are a parasite, which GIMP copies with the layer, also to another image.
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
import re
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")  # GIMP 3.2 provides its library under this version, too.
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl as Gegl  # noqa: E402  (the versions must be named first)
from gi.repository import Gimp as Gimp  # noqa: E402
from gi.repository import Gio  # noqa: E402
from gi.repository import GLib as GLib  # noqa: E402
from gi.repository import GObject as GObject  # noqa: E402

from dioptre_link import strict_json  # noqa: E402
from dioptre_link.buffers import Buffer  # noqa: E402
from dioptre_link.editing.results import Results  # noqa: E402
from dioptre_link.editor_log import EditorLog  # noqa: E402
from dioptre_link.errors import DioptreError  # noqa: E402
from dioptre_link.files import keep_newest  # noqa: E402
from dioptre_link.metres import DepthMetres  # noqa: E402
from dioptre_link.paths import cache_dir  # noqa: E402
from dioptre_link.records import Link  # noqa: E402
from dioptre_link.wire import PixelFormat  # noqa: E402

LOG = EditorLog("gimp")
logger = LOG.logger


CHANNEL_COLOUR = "#e03030"  # Colour in which a channel appears over the picture.
SHOWN_THROUGH = 60.0  # Opacity in percent of a depth layer over its photo.
# Hue from black, which becomes blue, to white, which becomes orange: a rising sine in red, a falling one in blue.
_COLD_TO_WARM = {"cpn-1-frequency": 0.5, "cpn-2-frequency": 0.05, "cpn-3-frequency": 0.5, "cpn-3-phaseshift": 180.0}
BAND_ROWS = 256  # Rows per band: two rows of GEGL tiles, or 25 MB of a 24-megapixel float picture.


@dataclass(frozen=True)
class Format:
    """A pixel layout with its names in babl and on the wire. A misspelt babl name would terminate the process."""

    babl: str
    wire: PixelFormat


_COLOUR = {
    (channels, dtype): Format(f"{model} {babl}", PixelFormat(dtype, channels))
    for channels, model in ((1, "Y'"), (2, "Y'A"), (3, "R'G'B'"), (4, "R'G'B'A"))
    for dtype, babl in (("u8", "u8"), ("u16", "u16"), ("f32", "float"))
}
FRAME, FRAME_MASK = _COLOUR[3, "u8"], _COLOUR[1, "u8"]
DEPTH = _COLOUR[1, "f32"]
DEPTH_SHOWN = _COLOUR[1, "u16"]  # 16 bits distinguish all values of an 8-bit layer, whatever its profile.
SELECTION = Format("Y float", PixelFormat("f32", 1))
MASK = Format("Y u8", PixelFormat("u8", 1))

_EXACT = {
    Gimp.Precision.U8_NON_LINEAR: "u8",
    Gimp.Precision.U8_PERCEPTUAL: "u8",
    Gimp.Precision.U16_NON_LINEAR: "u16",
    Gimp.Precision.U16_PERCEPTUAL: "u16",
}
_EIGHT_BIT = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL, Gimp.Precision.U8_LINEAR)


def is_eight_bit(image: Gimp.Image) -> bool:
    return any(image.get_precision() == precision for precision in _EIGHT_BIT)


def picture_format(image: Gimp.Image, *, alpha: bool) -> Format:
    """Return the smallest format that holds a layer of `image` exactly, as sRGB-encoded values.

    It is an integer format if the image itself holds sRGB-encoded integers. Otherwise it is float, which keeps a
    wider profile's colours outside sRGB (below 0 or above 1).
    """
    dtype = "f32"
    for precision, exact in _EXACT.items():
        if image.get_precision() == precision and _is_srgb(image):
            dtype = exact
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    return _COLOUR[(1 if grey else 3) + alpha, dtype]


def _is_srgb(image: Gimp.Image) -> bool:
    profile = image.get_color_profile()
    if profile is None:
        return True
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    builtin = Gimp.ColorProfile.new_d65_gray_srgb_trc() if grey else Gimp.ColorProfile.new_rgb_srgb()
    return profile.is_equal(builtin)


def bands(width: int, height: int) -> Iterator[Gegl.Rectangle]:
    for top in range(0, height, BAND_ROWS):
        yield Gegl.Rectangle.new(0, top, width, min(BAND_ROWS, height - top))


def write_out(
    drawable: Gimp.Drawable,
    buffer: Buffer,
    pixel_format: Format,
    on_bytes: Callable[[bytes], object] | None = None,
) -> Iterator[float]:
    """Write all pixels of `drawable` into `buffer`, one band per step; yield the completed fraction."""
    width, height = drawable.get_width(), drawable.get_height()
    source = drawable.get_buffer()
    for band in bands(width, height):
        rows = source.get(band, 1.0, pixel_format.babl, Gegl.AbyssPolicy.NONE)
        buffer.write_rows(band.y, rows)
        if on_bytes is not None:
            on_bytes(rows)
        yield (band.y + band.height) / height


def read_in(buffer: Buffer, target: Gegl.Buffer, pixel_format: Format) -> Iterator[float]:
    """Write all pixels of `buffer` into GIMP's `target`, one band per step; yield the completed fraction."""
    width, height = buffer.pixels.width, buffer.pixels.height
    expected = width * pixel_format.wire.pixel_bytes
    for band in bands(width, height):
        rows = buffer.read_rows(band.y, band.height)
        if len(rows) != expected * band.height:  # GEGL would read past the end of the rows.
            raise ValueError(f"{len(rows)} bytes for {band.height} rows of {expected}")
        target.set(band, pixel_format.babl, rows)
        yield (band.y + band.height) / height
    target.flush()


def read_whole(buffer: Buffer, drawable: Gimp.Drawable, pixel_format: Format) -> None:
    """Write all pixels of `buffer` into a layer or mask at once."""
    for _ in read_in(buffer, drawable.get_buffer(), pixel_format):
        pass
    drawable.update(0, 0, *size_of(drawable))


def read_small(drawable: Gimp.Drawable, size: tuple[int, int], *, grey: bool = False) -> bytes:
    """Return the drawable reduced to `size` (width, height), as 8-bit sRGB-encoded RGBA or grey."""
    scale = max(size[0] / drawable.get_width(), size[1] / drawable.get_height())
    pixel_format = "Y' u8" if grey else "R'G'B'A u8"
    rect = Gegl.Rectangle.new(0, 0, *size)
    return drawable.get_buffer().get(rect, scale, pixel_format, Gegl.AbyssPolicy.CLAMP)


def read_bands(drawable: Gimp.Drawable, babl: str | None) -> Iterator[bytes]:
    """Yield all pixels of `drawable` in bands from the top, in its own format if `babl` is None."""
    source = drawable.get_buffer()
    for band in bands(*size_of(drawable)):
        yield source.get(band, 1.0, babl, Gegl.AbyssPolicy.NONE)


def content_hash(drawable: Gimp.Drawable, babl: str | None = None) -> str:
    """Return the SHA-256 of the drawable's size and values, which changes when a user paints on it."""
    width, height = size_of(drawable)
    digest = hashlib.sha256(f"{width}x{height} ".encode("ascii"))
    for rows in read_bands(drawable, babl):
        digest.update(rows)
    return digest.hexdigest()


def depth_hash(layer: Gimp.Drawable) -> str:
    """Return the hash of a grey layer's content, read as sRGB-encoded 16-bit values."""
    return content_hash(layer, DEPTH_SHOWN.babl)


def selection_bands(image: Gimp.Image, layer: Gimp.Layer) -> Iterator[tuple[int, bytes]]:
    """Yield the selection over `layer`, 0 to 1, as (first row, rows) from the top; it is 0 outside the canvas."""
    source = image.get_selection().get_buffer()
    _, x, y = layer.get_offsets()
    for band in bands(*size_of(layer)):
        rect = Gegl.Rectangle.new(x, y + band.y, band.width, band.height)
        yield band.y, source.get(rect, 1.0, SELECTION.babl, Gegl.AbyssPolicy.NONE)


def laid_out(layer: Gimp.Layer, picture: Gimp.Layer, pixel_format: Format) -> Iterator[tuple[int, bytes]]:
    """Yield the part of `layer` over `picture`, with its mask applied, as (first row, rows) from the top.

    It is transparent where the layer does not reach. `pixel_format` has alpha.
    """
    x, y = (own - other for own, other in zip(picture.get_offsets()[1:], layer.get_offsets()[1:], strict=True))
    source = layer.get_buffer()
    mask = layer.get_mask().get_buffer() if layer.get_mask() is not None and layer.get_apply_mask() else None
    for band in bands(*size_of(picture)):
        rect = Gegl.Rectangle.new(x, y + band.y, band.width, band.height)
        rows = source.get(rect, 1.0, pixel_format.babl, Gegl.AbyssPolicy.NONE)
        if mask is not None:
            rows = _faded(rows, mask.get(rect, 1.0, SELECTION.babl, Gegl.AbyssPolicy.NONE), pixel_format.wire)
        yield band.y, rows


def _faded(rows: bytes, mask: bytes, wire: PixelFormat) -> bytes:
    """Return pixels with their alpha multiplied by a mask of floats; GIMP applies no mask to a copy of a layer."""
    pixels = array({"u8": "B", "u16": "H", "f32": "f"}[wire.dtype], rows)
    alphas = slice(wire.channels - 1, None, wire.channels)
    seen = map(operator.mul, pixels[alphas], memoryview(mask).cast("f"))
    pixels[alphas] = array(pixels.typecode, seen if pixels.typecode == "f" else map(round, seen))
    return pixels.tobytes()


def read_small_selection(image: Gimp.Image, layer: Gimp.Layer, size: tuple[int, int]) -> bytes:
    """Return the selection over `layer` reduced to `size` (width, height), one byte per pixel, 255 selected."""
    scale = max(size[0] / layer.get_width(), size[1] / layer.get_height())
    _, x, y = layer.get_offsets()
    rect = Gegl.Rectangle.new(round(x * scale), round(y * scale), *size)
    return image.get_selection().get_buffer().get(rect, scale, "Y u8", Gegl.AbyssPolicy.NONE)


def read_small_coverage(layer: Gimp.Layer, size: tuple[int, int]) -> bytes | None:
    """Return the layer's mask times its opacity, reduced to `size`, 8 bits a pixel; None if it is 1 everywhere."""
    opacity = layer.get_opacity() / 100.0
    mask = layer.get_mask() if layer.get_apply_mask() else None
    if mask is None:
        return None if opacity == 1.0 else bytes([round(255 * opacity)]) * (size[0] * size[1])
    scale = max(size[0] / layer.get_width(), size[1] / layer.get_height())
    read = mask.get_buffer().get(Gegl.Rectangle.new(0, 0, *size), scale, "Y u8", Gegl.AbyssPolicy.CLAMP)
    return bytes(read).translate(bytes(round(opacity * value) for value in range(256)))


def is_opaque(drawable: Gimp.Drawable) -> bool:
    """Return whether every pixel is fully opaque."""
    if not drawable.has_alpha():
        return True
    return all(alpha.count(b"\xff") == len(alpha) for alpha in read_bands(drawable, "A u8"))


def new_image(size: tuple[int, int]) -> Gimp.Image:
    """Return a new 8-bit image of `size` (width, height), without undo."""
    image = Gimp.Image.new_with_precision(*size, Gimp.ImageBaseType.RGB, Gimp.Precision.U8_NON_LINEAR)
    image.undo_disable()
    return image


def show_image(image: Gimp.Image, name: Path) -> None:
    """Show a new image, with undo from now on, under a name that no file and no other image has."""
    taken = {opened_file(one) for one in Gimp.get_images()}
    names = (name.with_stem(f"{name.stem}{number}") for number in chain([""], count(2)))
    free = next(one for one in names if str(one) not in taken and not one.exists())
    image.set_file(Gio.File.new_for_path(str(free)))
    image.undo_enable()
    if Gimp.default_display() is not None:  # None without windows
        Gimp.Display.new(image)


def check_room(nbytes: int) -> None:
    """Check that GIMP has room for another `nbytes`, because it loses pixels silently when it runs out.

    Raises:
        DioptreError: The tile cache and the swap folder together are too small.
    """
    settings = Gegl.config()
    folder, cache_bytes = settings.get_property("swap"), settings.get_property("tile-cache-size")
    try:
        free = shutil.disk_usage(folder).free
    except (OSError, TypeError):  # The swap folder may exist only inside GIMP's sandbox.
        return
    if nbytes > cache_bytes + free:
        raise DioptreError(
            "The result needs {nbytes} GB, but GIMP's swap folder {folder} has only {free} GB left.",
            hint="Free some disk space, or choose another folder in GIMP's Preferences ▸ Folders.",
            nbytes=format(nbytes / 1e9, ".2g"),
            folder=folder,
            free=format(free / 1e9, ".2g"),
        )


def copy_mask(mask: Gimp.Drawable, target: Gimp.Drawable) -> None:
    """Copy `mask` into the mask `target` of the same size."""
    read, write = mask.get_buffer(), target.get_buffer()
    for band in bands(*size_of(mask)):
        write.set(band, SELECTION.babl, read.get(band, 1.0, SELECTION.babl, Gegl.AbyssPolicy.NONE))
    write.flush()


DEPTH_HASH, DEPTH_METRES, COLOURED = "dioptre-depth", "dioptre-depth-metres", "dioptre-depth-colours"
_HASH = re.compile("[0-9a-f]{64}")
# Size limit of the cache: about 25 depth maps of 24 megapixels. The least recently used are deleted first.
LIMIT_BYTES = 4 << 30


@dataclass(frozen=True)
class Kept:
    """The two cache files of one depth layer."""

    exact: Path
    shown: Path

    def fits(self, layer: Gimp.Drawable) -> bool:
        """Return whether both files exist and fit the layer's size, which may have changed in the meantime."""
        count = layer.get_width() * layer.get_height()
        sizes = ((self.exact, DEPTH), (self.shown, DEPTH_SHOWN))
        try:
            return all(path.stat().st_size == count * kind.wire.pixel_bytes for path, kind in sizes)
        except OSError:
            return False


def keep(image: Gimp.Image, layer: Gimp.Drawable, exact: Buffer) -> str:
    """Cache the exact disparity of `layer` if the document has only 8 bits.

    Args:
        image: The document, which determines the precision.
        layer: A layer filled from `exact`.
        exact: The disparity in full precision.

    Returns:
        The layer's content hash.
    """
    key = depth_hash(layer)
    if not is_eight_bit(image):
        return key
    kept = find_kept(key)
    folder = kept.exact.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _beside(kept.exact) as part:
        shutil.copyfile(exact.path, part)
    with _beside(kept.shown) as part, part.open("wb") as file:
        for rows in read_bands(layer, DEPTH_SHOWN.babl):
            file.write(rows)
    keep_newest(folder, limit_bytes=LIMIT_BYTES)
    return key


def stored(item: Gimp.Item | Gimp.Image, name: str) -> bytes:
    """Return the bytes that Dioptre stored in an image or layer under this name; empty if there are none."""
    parasite = item.get_parasite(name)
    return bytes(parasite.get_data()) if parasite is not None else b""


def stored_json(item: Gimp.Item | Gimp.Image, name: str) -> Any:
    """Return the JSON value that Dioptre stored in an image or layer; None if there is none or it is damaged."""
    try:
        return strict_json.parsed(stored(item, name))
    except ValueError:
        return None


def store(item: Gimp.Item | Gimp.Image, name: str, data: bytes) -> None:
    """Store bytes in an image or layer, which keeps them in its file and in its undo history."""
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    item.attach_parasite(Gimp.Parasite.new(name, flags, data))


def mark(layer: Gimp.Layer, key: str) -> None:
    """Store the content hash on the layer itself, so that a copy in another document keeps it."""
    store(layer, DEPTH_HASH, key.encode("ascii"))


def mark_metres(layer: Gimp.Layer, metres: DepthMetres | None) -> None:
    """Store the metres of a depth layer on the layer itself, or remove those that it had."""
    if metres is not None:
        store(layer, DEPTH_METRES, json.dumps(metres.to_dict()).encode("utf-8"))
    elif layer.get_parasite(DEPTH_METRES) is not None:
        layer.detach_parasite(DEPTH_METRES)


def metres_of(layer: Gimp.Layer) -> DepthMetres | None:
    """Return the metres that a depth layer, or the layer that it is a copy of, had when Dioptre created it."""
    fields = stored_json(layer, DEPTH_METRES)
    return DepthMetres.from_dict(fields) if isinstance(fields, dict) else None


def show_through(layer: Gimp.Layer) -> None:
    """Show a grey layer over what is below it, coloured by its values; call it inside an `undo_step`.

    The pixels stay grey for whoever paints on them, picks them or reads them.
    """
    if stored(layer, COLOURED):
        return
    store(layer, COLOURED, b"{}")
    layer.set_opacity(SHOWN_THROUGH)
    if not layer.is_gray():
        colours = Gimp.DrawableFilter.new(layer, "gegl:alien-map", COLOURED)
        for name, value in _COLD_TO_WARM.items():
            colours.get_config().set_property(name, value)
        layer.append_filter(colours)


def show_plainly(image: Gimp.Image) -> None:
    """Undo `show_through` on all layers, in one undo step."""
    if coloured := [layer for layer in all_layers(image.get_layers()) if stored(layer, COLOURED)]:
        with undo_step(image):
            for layer in coloured:
                layer.detach_parasite(COLOURED)
                layer.set_opacity(100.0)
                for each in layer.get_filters():
                    if each.get_name() == COLOURED:
                        each.delete()


def made_hash(layer: Gimp.Layer) -> str:
    """Return the content hash that the layer had when Dioptre created it, or "" for any other layer."""
    key = stored(layer, DEPTH_HASH).decode("ascii", "replace")
    return key if _HASH.fullmatch(key) else ""


def find_kept(key: str) -> Kept:
    """Return the paths of the cache files for this content hash, whether or not they exist."""
    folder = cache_dir() / "depth"
    return Kept(folder / f"{key}.exact", folder / f"{key}.shown")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Provide a temporary file that is renamed to `path` once it is complete."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


RECORD = "dioptre"


class ImageResults(Results[Gimp.Item]):
    """The record of one image."""

    def __init__(self, image: Gimp.Image) -> None:
        self._image = image
        super().__init__(lambda: stored(image, RECORD), lambda data: store(image, RECORD, data))

    def find(self, link: Link | None) -> Gimp.Layer | None:
        if link is None or not isinstance(link.id, int) or link.id <= 0:  # a record may be damaged
            return None
        return self._image.get_layer_by_tattoo(link.id)

    def id_of(self, layer: Gimp.Item) -> int:
        return layer.get_tattoo()

    def parent_of(self, layer: Gimp.Item) -> Gimp.Item | None:
        return layer.get_parent()

    def below(self, layer: Gimp.Item) -> list[Gimp.Layer]:
        parent, place = layer.get_parent(), self._image.get_item_position(layer)
        beside = self._image.get_layers() if parent is None else parent.get_children()
        return [each for each in beside[place + 1 :] if each.get_visible()]

    def is_masked(self, layer: Gimp.Item) -> bool:
        return layer.get_mask() is not None

    def area_of(self, layer: Gimp.Item) -> int:
        width, height = size_of(layer)
        return width * height


def record_of(image: Gimp.Image) -> ImageResults:
    """Return the record of results in `image`."""
    return ImageResults(image)


def link_to(layer: Gimp.Layer, *, sha256: str = "") -> Link:
    return Link(id=layer.get_tattoo(), name=layer.get_name(), sha256=sha256)


def find_linked(image: Gimp.Image, known: Link | None) -> Gimp.Layer | None:
    """Return the linked layer if it is still in the image."""
    return record_of(image).find(known)


def opened_file(image: Gimp.Image) -> str | None:
    """Return the path of the file that the image was opened from."""
    file = image.get_imported_file() or image.get_file()
    return file.get_path() if file is not None else None


def all_layers(layers: Sequence[Gimp.Layer]) -> list[Gimp.Layer]:
    """Return `layers` and everything in their groups, from the top."""
    found = []
    for layer in layers:
        found.append(layer)
        if layer.is_group():
            found.extend(all_layers(layer.get_children()))
    return found


PREVIEW, HELD = "dioptre-preview", "dioptre-held"


@contextmanager
def unrecorded(image: Gimp.Image, *, as_saved: bool = True) -> Iterator[None]:
    """Leave the changes in the `with` block out of the undo history.

    GIMP counts them as changes since the image was saved all the same. A saved image counts as saved afterwards if
    `as_saved` is set, and a changed one always as changed, even when its own changes are undone later.
    """
    dirty = image.is_dirty()
    image.undo_freeze()
    try:
        yield
        if dirty and not image.is_dirty():  # Undone changes count negatively, so the sum may be 0.
            store(image, PREVIEW, b"{}")
            image.detach_parasite(PREVIEW)
    finally:
        image.undo_thaw()
    if as_saved and not dirty:
        image.clean_all()


def mark_preview(image: Gimp.Image, top: Gimp.Layer, hidden: Sequence[Gimp.Layer]) -> None:
    """Record on the preview's topmost layer which layers it hides, and when the file was saved last."""
    known = {"hidden": [layer.get_tattoo() for layer in hidden], "saved": _saved_ns(image)}
    store(top, PREVIEW, json.dumps(known).encode("ascii"))


def hold(image: Gimp.Image) -> None:
    """Lock the pixels and position of every layer until `clear_preview`, so that no tool changes what is covered.

    Groups are not locked: they are as locked as the layers in them, and the preview may be in one.
    """
    for layer in all_layers(image.get_layers()):
        if not layer.is_group():
            store(layer, HELD, json.dumps(own_locks(layer)).encode("ascii"))
            layer.set_lock_content(True)
            layer.set_lock_position(True)


def own_locks(layer: Gimp.Layer) -> tuple[bool, bool]:
    """Return whether the user locked the layer's pixels, and its position."""
    match stored_json(layer, HELD):
        case [bool(pixels), bool(position)]:
            return pixels, position
        case _:
            return layer.get_lock_content(), layer.get_lock_position()


def clear_preview(image: Gimp.Image) -> bool:
    """Remove the preview from the canvas, which may be in the file or left by a dialog that was killed.

    Returns:
        Whether there was one.
    """
    every = all_layers(image.get_layers())
    tops = [layer for layer in every if stored(layer, PREVIEW)]
    held = [layer for layer in every if stored(layer, HELD)]
    if not tops and not held:
        return False
    known = [_known_of(top) for top in tops]
    with unrecorded(image, as_saved=all(saved_ns == _saved_ns(image) for _, saved_ns in known)):
        for layer in held:
            pixels, position = own_locks(layer)
            layer.set_lock_content(pixels)
            layer.set_lock_position(position)
            layer.detach_parasite(HELD)
        for layer in (image.get_layer_by_tattoo(tattoo) for hidden, _ in known for tattoo in hidden):
            if layer is not None:
                layer.set_visible(True)
        for top in tops:
            image.remove_layer(top)
    return bool(tops)


def _known_of(top: Gimp.Layer) -> tuple[list[int], int]:
    try:
        known = stored_json(top, PREVIEW)
        return [int(tattoo) for tattoo in known["hidden"]], int(known["saved"])
    except (ValueError, TypeError, KeyError, OverflowError):  # The parasite is damaged.
        return [], -1


def _saved_ns(image: Gimp.Image) -> int:
    """Return when the image's XCF file was last written, in nanoseconds; 0 if there is none."""
    file = image.get_xcf_file()
    try:
        return 0 if file is None else Path(file.get_path()).stat().st_mtime_ns
    except (OSError, TypeError):
        return 0


@contextmanager
def undo_step(image: Gimp.Image) -> Iterator[None]:
    """Group all changes in the `with` block into one undo step; the preview leaves the canvas before it."""
    clear_preview(image)
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


@contextmanager
def nothing_selected(image: Gimp.Image) -> Iterator[None]:
    """Clear the selection during the `with` block, because a selection limits changes of pixels."""
    if Gimp.Selection.is_empty(image):
        yield
        return
    saved = Gimp.Selection.save(image)
    Gimp.Selection.none(image)
    try:
        yield
    finally:
        image.select_item(Gimp.ChannelOps.REPLACE, saved)
        image.remove_channel(saved)


def layer_format(layer: Gimp.Layer) -> str:
    """Return a babl format that carries this layer's values to another layer of the same image without loss."""
    return f"{'Y' if layer.is_gray() else 'RGB'}{'A' if layer.has_alpha() else ''} float"


@contextmanager
def unlocked(image: Gimp.Image) -> Iterator[None]:
    """Unlock all layers during the `with` block, because GIMP terminates a plug-in that writes to a locked one."""
    locked = [layer for layer in all_layers(image.get_layers()) if layer.get_lock_content()]
    for layer in locked:
        layer.set_lock_content(False)
    try:
        yield
    finally:
        for layer in locked:
            layer.set_lock_content(True)


@contextmanager
def cubic() -> Iterator[None]:
    """Make GIMP scale with cubic interpolation, regardless of the user's setting."""
    Gimp.context_push()
    try:
        Gimp.context_set_interpolation(Gimp.InterpolationType.CUBIC)
        yield
    finally:
        Gimp.context_pop()


def size_of(drawable: Gimp.Drawable | Gimp.Image) -> tuple[int, int]:
    return drawable.get_width(), drawable.get_height()


def same_size(one: Gimp.Drawable, other: Gimp.Drawable) -> bool:
    return size_of(one) == size_of(other)


def fills(image: Gimp.Image, layer: Gimp.Layer) -> bool:
    """Return whether the layer covers the canvas exactly."""
    return tuple(layer.get_offsets()[1:]) == (0, 0) and size_of(layer) == size_of(image)


def must(done: object, what: str) -> None:
    """Raise an error if a GIMP call failed.

    Args:
        done: The call's return value, false on failure.
        what: What the call does, in the infinitive, for the message.

    Raises:
        DioptreError: The call failed.
    """
    if not done:
        raise DioptreError("GIMP could not {what}.", hint="The image was not changed.", what=what)


def replace_pixels(layer: Gimp.Layer, new: Gimp.Layer) -> None:
    """Replace the pixels of `layer` by those of `new`, only inside the selection if there is one.

    Call it inside an `undo_step`.
    """
    width, height = new.get_width(), new.get_height()
    if not same_size(layer, new):
        with cubic():
            # This also resizes the layer's mask.
            must(layer.scale(width, height, False), f"resize “{layer.get_name()}”")
    if new.has_alpha() and not layer.has_alpha():
        must(layer.add_alpha(), f"add an alpha channel to “{layer.get_name()}”")
    shadow = layer.get_shadow_buffer()
    read = new.get_buffer()
    exact = layer_format(layer)
    for band in bands(width, height):
        shadow.set(band, exact, read.get(band, 1.0, exact, Gegl.AbyssPolicy.NONE))
    shadow.flush()
    must(layer.merge_shadow(True), f"change “{layer.get_name()}”")
    layer.update(0, 0, width, height)


def selection_mask(image: Gimp.Image, picture: Gimp.Layer, layer: Gimp.Layer) -> Gimp.LayerMask:
    """Return a mask for `layer` from the selection, scaled up if the layer is an enlarged picture."""
    if same_size(picture, layer):
        return layer.create_mask(Gimp.AddMaskType.SELECTION)
    selected = picture.create_mask(Gimp.AddMaskType.SELECTION)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    _fill_mask(image, mask, selected)
    selected.delete()
    return mask


def _fill_mask(image: Gimp.Image, target: Gimp.LayerMask, mask: Gimp.LayerMask) -> None:
    """Fill `target` with `mask`, scaled to its size through a temporary layer: GIMP cannot scale a mask alone."""
    if same_size(mask, target):
        copy_mask(mask, target)
        return
    carrier = new_layer(image, "Mask", size_of(mask), alpha=False)
    must(image.insert_layer(carrier, None, 0), "insert a layer")
    try:
        must(carrier.add_mask(carrier.create_mask(Gimp.AddMaskType.WHITE)), "add a layer mask")
        copy_mask(mask, carrier.get_mask())
        with cubic():
            must(carrier.scale(*size_of(target), False), "enlarge a mask")
        copy_mask(carrier.get_mask(), target)
    finally:
        image.remove_layer(carrier)


def add_plain_copy(image: Gimp.Image, layer: Gimp.Layer, group: Gimp.GroupLayer) -> None:
    """Add a visible copy of a layer, without its mask, mode and opacity, at the bottom of a group."""
    copy = layer.copy()
    must(image.insert_layer(copy, group, len(group.get_children())), "insert a layer")
    set_mask(copy, None)  # GIMP removes no mask from a layer outside an image.
    copy.set_opacity(100.0)
    copy.set_mode(image.get_default_new_layer_mode())
    copy.set_visible(True)


def take_over_look(image: Gimp.Image, layer: Gimp.Layer, group: Gimp.Layer) -> None:
    """Give a group or a cut-out the mode, opacity and mask of the layer that it replaces."""
    take_over_mode(layer, group)
    if (mask := layer.get_mask()) is not None:
        copied = group.create_mask(Gimp.AddMaskType.WHITE)
        _fill_mask(image, copied, mask)
        must(group.add_mask(copied), "add a layer mask")
        group.set_apply_mask(layer.get_apply_mask())


def take_over_mode(layer: Gimp.Layer, group: Gimp.Layer) -> None:
    """Give a group or a cut-out the mode and opacity of the layer that it replaces."""
    if not layer.is_group() or layer.get_mode() != Gimp.LayerMode.PASS_THROUGH:
        group.set_mode(layer.get_mode())
    group.set_opacity(layer.get_opacity())


def new_group(image: Gimp.Image, name: str) -> Gimp.GroupLayer:
    """Return a new, empty layer group, which is not in the image yet."""
    return Gimp.GroupLayer.new(image, name)


def new_layer(image: Gimp.Image, name: str, size: tuple[int, int], *, alpha: bool) -> Gimp.Layer:
    """Return an empty layer of (width, height) that is not in the image yet."""
    kind = {
        (True, True): Gimp.ImageType.GRAYA_IMAGE,
        (True, False): Gimp.ImageType.GRAY_IMAGE,
        (False, True): Gimp.ImageType.RGBA_IMAGE,
        (False, False): Gimp.ImageType.RGB_IMAGE,
    }[image.get_base_type() == Gimp.ImageBaseType.GRAY, alpha]
    layer = Gimp.Layer.new(image, name, *size, kind, 100.0, image.get_default_new_layer_mode())
    if layer is None:
        raise DioptreError(
            "GIMP cannot create a layer of {width} × {height} pixels.", width=size[0], height=size[1]
        )
    return layer


def blend_encoded(layer: Gimp.Layer) -> None:
    """Make a layer cover what is below it as sRGB-encoded values; GIMP's default is linear light."""
    layer.set_blend_space(Gimp.LayerColorSpace.RGB_PERCEPTUAL)
    layer.set_composite_space(Gimp.LayerColorSpace.RGB_PERCEPTUAL)


def has_selection(image: Gimp.Image) -> bool:
    return not Gimp.Selection.is_empty(image)


@contextmanager
def selection_as_rectangle(image: Gimp.Image) -> Iterator[None]:
    """Replace the selection by the rectangle around it during the `with` block."""
    _, _, left, top, right, bottom = Gimp.Selection.bounds(image)
    with nothing_selected(image):
        image.select_rectangle(Gimp.ChannelOps.REPLACE, left, top, right - left, bottom - top)
        yield


def layer_of(drawable: Gimp.Drawable) -> Gimp.Drawable:
    """Return the layer of a mask that is being edited, or else the drawable itself."""
    return Gimp.Layer.from_mask(drawable) if isinstance(drawable, Gimp.LayerMask) else drawable


def is_indexed(image: Gimp.Image) -> bool:
    return bool(image.get_base_type() == Gimp.ImageBaseType.INDEXED)


def is_plain(layer: Gimp.Layer) -> bool:
    """Return whether another layer above this one looks the same as in its place."""
    normal = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY, Gimp.LayerMode.PASS_THROUGH)
    return (
        layer.get_opacity() == 100.0
        and any(layer.get_mode() == mode for mode in normal)
        and layer.get_mask() is None
        and is_opaque(layer)
    )


def read_part(layer: Gimp.Layer, part: tuple[int, int, int, int]) -> bytes:
    """Return a rectangle (left, top, width, height) of a layer as 8-bit sRGB-encoded RGBA."""
    return layer.get_buffer().get(Gegl.Rectangle.new(*part), 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)


def new_mask(layer: Gimp.Layer, buffer: Buffer, pixel_format: Format) -> Gimp.LayerMask:
    """Return a mask for the layer, which does not have it yet."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    read_whole(buffer, mask, pixel_format)
    return mask


def set_mask(layer: Gimp.Layer, new: Gimp.LayerMask | None) -> None:
    """Give a layer a new mask, or none, in the place of its own; call it inside an `undo_step`."""
    mask = layer.get_mask()
    if new is None:
        if mask is not None:
            must(layer.remove_mask(Gimp.MaskApplyMode.DISCARD), "remove a layer mask")
    elif mask is None:
        must(layer.add_mask(new), "add a layer mask")
        blend_encoded(layer)
    else:
        replace_pixels(mask, new)


def add_mask(layer: Gimp.Layer, buffer: Buffer) -> None:
    """Add the pixels of a selection as the layer's mask."""
    must(layer.add_mask(new_mask(layer, buffer, SELECTION)), "add a layer mask")


def select(image: Gimp.Image, buffer: Buffer, offsets: tuple[int, int], *, name: str, keep: bool) -> None:
    """Add a channel with a selection, then turn it into the image's selection unless `keep` is set.

    Args:
        image: The image.
        buffer: The selection's pixels.
        offsets: Their position in the image.
        name: The channel's name.
        keep: Whether to keep the channel instead of selecting it.
    """
    selected = image.get_selected_layers()
    colour = Gegl.Color.new(CHANNEL_COLOUR)
    channel = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50.0, colour)
    _fill_channel(channel, buffer, offsets)
    must(image.insert_channel(channel, None, 0), "add a channel")
    if keep:
        channel.set_visible(False)
    else:
        try:
            must(image.select_item(Gimp.ChannelOps.REPLACE, channel), "change the selection")
        finally:
            image.remove_channel(channel)
    # Otherwise the new channel would stay selected, and painting would change it.
    image.set_selected_layers(selected)


def _fill_channel(channel: Gimp.Channel, mask: Buffer, offsets: tuple[int, int]) -> None:
    """Write the part of the mask that lies within the image; the rest of the channel is 0."""
    width, height = channel.get_width(), channel.get_height()
    target, size = channel.get_buffer(), mask.pixels
    row_bytes = width * SELECTION.wire.pixel_bytes
    for band in bands(width, height):
        target.set(band, SELECTION.babl, bytes(row_bytes * band.height))
    x, y = offsets
    left, right = max(x, 0), min(x + size.width, width)
    top, bottom = max(y, 0), min(y + size.height, height)
    step = SELECTION.wire.pixel_bytes
    for first in range(top, bottom if right > left else top, BAND_ROWS):
        count = min(BAND_ROWS, bottom - first)
        rows = mask.read_rows(first - y, count)
        if right - left != size.width:
            begin, end = (left - x) * step, (right - x) * step
            rows = b"".join(rows[at + begin : at + end] for at in range(0, len(rows), size.width * step))
        target.set(Gegl.Rectangle.new(left, first, right - left, count), SELECTION.babl, rows)
    target.flush()
    channel.update(0, 0, width, height)
