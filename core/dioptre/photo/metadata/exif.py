"""Read EXIF blobs and TIFF directories, patch single values in place, and derive the field of view.

A blob is never rewritten as a whole, because the offsets in maker notes remain valid only if nothing moves.
Formats: TIFF 6.0 section 2 (directories), BigTIFF, EXIF 2.32 section 4.6 (tags). All reads are bounded; damaged
directories are treated as empty. Metadata with positions was recorded for the file's own frame, before its
orientation is applied.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from fractions import Fraction

from dioptre.contract import FieldOfView

Factors = tuple[float, float]
"""Factors by which a picture's width and height have changed."""

UNCHANGED: Factors = (1.0, 1.0)
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_UNSIGNED = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
ORIENTATION = 0x0112
EXIF_IFD = 0x8769
GPS_IFD = 0x8825
_INTEROPERABILITY_IFD = 0xA005
_COLOUR_SPACE = 0xA001
_WIDTH, _HEIGHT = 0xA002, 0xA003
_SUBJECT = 0x9214, 0xA214  # its area and its location
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_MAX_ENTRIES = 4096  # most fields to read, in case the count is damaged; directories usually have a few dozen
_FOCAL_LENGTH = 0x920A
_PLANE_X, _PLANE_Y, _PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
_EQUIVALENT = 0xA405
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_SENSOR_WIDTH_MM = (2.0, 80.0)  # plausible sensor widths, from the smallest phone cameras to medium format
_FOCAL_MM = (0.5, 3000.0)
_CROPPED = 0.02  # a picture whose aspect ratio differs from EXIF's by more than about 2% was cropped
_RATIONAL, _SIGNED_RATIONAL = 5, 10


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A finished picture's frame.

    Attributes:
        width: width in pixels.
        height: height in pixels.
        orientation: EXIF orientation of the file, 1 to 8, which has been applied.
        enlarged: factors by which width and height have changed after that.
    """

    width: int
    height: int
    orientation: int = 1
    enlarged: Factors = UNCHANGED

    @property
    def turned(self) -> bool:
        """Whether width and height were exchanged."""
        return self.orientation >= 5

    @property
    def stored(self) -> tuple[float, float]:
        """Width and height of the file's own frame."""
        size = self.width / self.enlarged[0], self.height / self.enlarged[1]
        return size[::-1] if self.turned else size

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the file is now; both as fractions of width and height."""
        if self.turned:
            x, y = y, x
        if self.orientation in (3, 4, 7, 8):
            y = 1 - y
        if self.orientation in (2, 3, 6, 7):
            x = 1 - x
        return x, y

    def extent(self, width: float, height: float) -> tuple[float, float]:
        """Return a width and a height, each as a fraction of the frame's, as they are now."""
        return (height, width) if self.turned else (width, height)

    def subject_area(self, values: tuple[int, ...], size: tuple[float, float]) -> tuple[int, ...]:
        """Return EXIF's SubjectArea or SubjectLocation as it is now; values of an unknown kind stay.

        Args:
            values: x and y in pixels, for a circle followed by its diameter, for a rectangle by width and height.
            size: width and height of the frame in which they were recorded.
        """
        if len(values) not in (2, 3, 4) or not all(size):
            return values
        x, y = self.point(values[0] / size[0], values[1] / size[1])
        now = [x * self.width, y * self.height]
        if len(values) == 3:
            now.append(values[2] * (self.width * self.height / (size[0] * size[1])) ** 0.5)
        elif len(values) == 4:
            width, height = self.extent(values[2] / size[0], values[3] / size[1])
            now += [width * self.width, height * self.height]
        return tuple(max(0, round(value)) for value in now)


Data = bytes | bytearray | memoryview | mmap.mmap


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A field of a directory; `at` is the offset of its value in the data, `size` its length in bytes."""

    tag: int
    type: int
    count: int
    at: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Directory:
    """The fields of a directory by tag, the offset of the next directory, and where that offset is stored."""

    entries: dict[int, Entry]
    next_pointer_at: int
    next: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """A TIFF header: byte order ("<" or ">"), whether the file is BigTIFF, and the first directory's offset."""

    order: str
    big: bool
    first: int


def header(data: Data) -> Header | None:
    """Read a TIFF header; return None if there is none."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        return None
    magic = struct.unpack_from(order + "H", data, 2)[0]
    if magic == 42:
        return Header(order=order, big=False, first=struct.unpack_from(order + "I", data, 4)[0])
    if magic == 43 and len(data) >= 16:
        return Header(order=order, big=True, first=struct.unpack_from(order + "Q", data, 8)[0])
    return None


def directory(data: Data, head: Header, offset: int) -> Directory:
    """Read the directory at `offset`; fields whose values lie outside the data are omitted.

    The first of equal fields counts, as for libtiff.
    """
    count_code, entry_size, inline, pointer = ("Q", 20, 8, "Q") if head.big else ("H", 12, 4, "I")
    entries: dict[int, Entry] = {}
    start = offset + struct.calcsize(head.order + count_code)
    if offset <= 0 or start > len(data):
        return Directory(entries={}, next_pointer_at=0, next=0)
    count = min(struct.unpack_from(head.order + count_code, data, offset)[0], _MAX_ENTRIES)
    for index in range(count):
        at = start + index * entry_size
        if at + entry_size > len(data):
            return Directory(entries=entries, next_pointer_at=0, next=0)
        tag, kind, values = struct.unpack_from(head.order + "HH" + pointer, data, at)
        size = TYPE_SIZES.get(kind, 0) * values
        value_at = at + entry_size - inline
        if size > inline:
            value_at = struct.unpack_from(head.order + pointer, data, value_at)[0]
        if size and value_at + size <= len(data):
            entries.setdefault(tag, Entry(tag=tag, type=kind, count=values, at=value_at, size=size))
    pointer_at = start + count * entry_size
    if pointer_at + struct.calcsize(pointer) > len(data):
        return Directory(entries=entries, next_pointer_at=0, next=0)
    following = struct.unpack_from(head.order + pointer, data, pointer_at)[0]
    return Directory(entries=entries, next_pointer_at=pointer_at, next=following)


def integers(data: Data, head: Header, entry: Entry | None) -> tuple[int, ...]:
    """Return the values of a field of unsigned integers; empty for any other field."""
    if entry is None or entry.type not in _UNSIGNED:
        return ()
    return struct.unpack_from(f"{head.order}{entry.count}{_UNSIGNED[entry.type]}", data, entry.at)


def fraction(data: Data, head: Header, entry: Entry | None, *, signed: bool = False) -> Fraction | None:
    """Return the value of a field with a single fraction; None for any other field, or if it is divided by 0."""
    if entry is None or entry.type != (_SIGNED_RATIONAL if signed else _RATIONAL) or entry.count != 1:
        return None
    above, below = struct.unpack_from(head.order + ("ii" if signed else "II"), data, entry.at)
    return Fraction(above, below) if below else None


def pointed(data: Data, head: Header, start: Directory, tag: int) -> Directory | None:
    """Return the directory that the field `tag` points to; None if there is no such field.

    A field with several pointers is damaged. It is ignored, because following all of them could take very long.
    """
    places = integers(data, head, start.entries.get(tag))
    return directory(data, head, places[0]) if len(places) == 1 else None


def camera_of(blob: bytes | None) -> tuple[bytes, Header, Directory] | None:
    """Return a blob with its header and the directory that the camera wrote; None if it has none."""
    if blob is None or (head := header(blob)) is None:
        return None
    camera = pointed(blob, head, directory(blob, head, head.first), EXIF_IFD)
    return None if camera is None else (blob, head, camera)


def strip_prefix(blob: bytes | None) -> bytes | None:
    """Return an EXIF blob without its prefix, starting with the TIFF header; None if it is not a valid blob."""
    if not blob:
        return None
    bare = blob[6:] if blob[:6] in (b"Exif\0\0", b"Exif\0\xff") else blob
    return bare if header(bare) is not None else None


def orientation(blob: bytes | None) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if it is missing or invalid."""
    if blob is None or (head := header(blob)) is None:
        return 1
    values = integers(blob, head, directory(blob, head, head.first).entries.get(ORIENTATION))
    return values[0] if values and 1 <= values[0] <= 8 else 1


def has_place(blob: bytes | None) -> bool:
    """Return whether EXIF says where the photo was taken."""
    head = None if blob is None else header(blob)
    return head is not None and GPS_IFD in directory(blob or b"", head, head.first).entries


def upright(blob: bytes, frame: Frame, *, srgb: bool) -> bytes:
    """Adapt an EXIF blob to a finished picture: orientation, size, subject area, and no outdated thumbnail.

    Everything else keeps its position and its bytes.

    Args:
        blob: the camera's EXIF blob.
        frame: the finished picture's frame.
        srgb: whether the pixels are now sRGB.
    """
    data = bytearray(blob)
    head = header(data)
    if head is None:
        return blob
    first = directory(data, head, head.first)
    _patch(data, head, first.entries.get(ORIENTATION), (1,))
    if (camera := pointed(data, head, first, EXIF_IFD)) is not None:
        width, height = camera.entries.get(_WIDTH), camera.entries.get(_HEIGHT)
        size = integers(data, head, width) + integers(data, head, height)
        for tag in _SUBJECT:
            values = integers(data, head, camera.entries.get(tag))
            recorded = (size[0], size[1]) if len(size) == 2 and all(size) else frame.stored
            _patch(data, head, camera.entries.get(tag), frame.subject_area(values, recorded))
        _patch(data, head, width, (frame.width,))
        _patch(data, head, height, (frame.height,))
        if srgb:
            _patch(data, head, camera.entries.get(_COLOUR_SPACE), (1,))
    if first.next:
        _drop_thumbnail(data, head, first)
    return bytes(data)


def without_subject(blob: bytes | None) -> bytes | None:
    """Return an EXIF blob without the subject's area and location; only the fields after them move."""
    if blob is None or (head := header(blob)) is None:
        return blob
    first = directory(blob, head, head.first)
    camera, start = pointed(blob, head, first, EXIF_IFD), integers(blob, head, first.entries.get(EXIF_IFD))
    if camera is None or not camera.next_pointer_at:
        return blob
    code, size, pointer = (head.order + "Q", 20, 8) if head.big else (head.order + "H", 12, 4)
    at, end = start[0] + struct.calcsize(code), camera.next_pointer_at
    fields = [blob[place : place + size] for place in range(at, end, size)]
    kept = [each for each in fields if struct.unpack_from(head.order + "H", each)[0] not in _SUBJECT]
    content = b"".join((struct.pack(code, len(kept)), *kept, blob[end : end + pointer]))
    return blob[: start[0]] + content.ljust(end + pointer - start[0], b"\0") + blob[end + pointer :]


def _drop_thumbnail(data: bytearray, head: Header, first: Directory) -> None:
    """Erase the thumbnail's pixels, which show the unedited picture, and unlink its directory."""
    second = directory(data, head, first.next)
    offset = integers(data, head, second.entries.get(_THUMBNAIL_OFFSET))
    length = integers(data, head, second.entries.get(_THUMBNAIL_LENGTH))
    struct.pack_into(head.order + ("Q" if head.big else "I"), data, first.next_pointer_at, 0)
    if offset and length and offset[0] + length[0] <= len(data):
        if offset[0] + length[0] == len(data):
            del data[offset[0] :]
        else:
            data[offset[0] : offset[0] + length[0]] = bytes(length[0])


def _patch(data: bytearray, head: Header, entry: Entry | None, values: tuple[int, ...]) -> None:
    """Replace the values of a field of unsigned integers; values that do not fit are left as they are."""
    if entry is None or entry.type not in _UNSIGNED or entry.count != len(values):
        return
    code = f"{head.order}{entry.count}{_UNSIGNED[entry.type]}"
    if max(values) < 1 << 8 * TYPE_SIZES[entry.type]:
        struct.pack_into(code, data, entry.at, *values)


def camera_is_adobe_rgb(blob: bytes | None) -> bool:
    """Return whether the camera marked the picture as Adobe RGB (DCF 2.0: interoperability index R03)."""
    if (found := camera_of(blob)) is None or (deeper := pointed(*found, _INTEROPERABILITY_IFD)) is None:
        return False
    index = deeper.entries.get(0x0001)
    return index is not None and found[0][index.at : index.at + 3] == b"R03"


def field_of_view(blob: bytes | None, shape: tuple[int, ...]) -> FieldOfView | None:
    """Derive a picture's field of view from its EXIF blob.

    Args:
        blob: the EXIF blob, if any.
        shape: the picture's (height, width, …).

    Returns:
        The field of view; None if unknown, or if the picture is cropped, because EXIF describes the whole picture.
    """
    if (found := camera_of(blob)) is None:
        return None
    data, head, camera = found

    def number(tag: int) -> float:
        """Return the value of a field with one positive number, else 0."""
        entry = camera.entries.get(tag)
        values = integers(data, head, entry)
        return float(values[0]) if len(values) == 1 else float(fraction(data, head, entry) or 0)

    size = number(_WIDTH), number(_HEIGHT)
    if all(size):
        fields, picture = (abs(math.log(side / other)) for side, other in (size, shape[:2]))
        if abs(fields - picture) > _CROPPED:
            return None
    equivalent, focal = number(_EQUIVALENT), number(_FOCAL_LENGTH)
    if _FOCAL_MM[0] <= equivalent <= _FOCAL_MM[1]:
        return FieldOfView.of_equivalent(equivalent, source="EXIF, 35 mm equivalent")
    per_mm, density = _UNIT_MM.get(int(number(_PLANE_UNIT)) or 2, 0.0), (number(_PLANE_X), number(_PLANE_Y))
    if not (all(density) and _FOCAL_MM[0] <= focal <= _FOCAL_MM[1]):
        return None
    sensor_mm = [side * per_mm / each for side, each in zip(size, density, strict=True)]
    if not all(_SENSOR_WIDTH_MM[0] <= side <= _SENSOR_WIDTH_MM[1] for side in sensor_mm):
        return None
    return FieldOfView(focal_diagonals=focal / math.hypot(*sensor_mm), source="EXIF, focal length and sensor")
