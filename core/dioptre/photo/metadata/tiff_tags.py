"""Convert the camera metadata of a TIFF file to an EXIF blob, and insert an EXIF blob into a TIFF file.

libvips does neither. Directories are rewritten at the end of the file; image data stays in place.
"""

from __future__ import annotations

import struct

from . import containers
from .exif import EXIF_IFD, GPS_IFD, ORIENTATION, TYPE_SIZES, Data, Directory, Header, directory, header, pointed

# Fields of the first directory that describe the photo and not the storage of its pixels.
_DESCRIPTIVE = {
    *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D),  # DocumentName, ImageDescription, Make, Model, PageName
    *(0x0131, 0x0132, 0x013B, 0x013C, 0x8298),  # Software, DateTime, Artist, HostComputer, Copyright
    *(0x4746, 0x4749, 0x800D, 0x9211, 0x9213),  # Rating, RatingPercent, ImageID, ImageNumber, ImageHistory
    *range(0x9C9B, 0x9CA0),  # XPTitle, XPComment, XPAuthor, XPKeywords, XPSubject
}
_XMP, _IPTC, _PHOTOSHOP = 0x02BC, 0x83BB, 0x8649
_MAX_FIELD = 1 << 20  # maximum size in bytes of a field that is copied

Field = tuple[int, int, int, bytes]
"""Tag, type, count, and the bytes of the value in the file's byte order."""


def first_directory(data: Data) -> tuple[Header, Directory] | None:
    """Return the header and first directory of a TIFF file; None if it has no TIFF header."""
    head = header(data)
    return None if head is None else (head, directory(data, head, head.first))


def xmp_and_photoshop(data: Data) -> tuple[bytes | None, bytes | None]:
    """Return the XMP packet, and the Photoshop image resources including IPTC, which has a field of its own."""
    found = first_directory(data)
    if found is None:
        return None, None
    fields = {tag: value for tag, _, _, value in _fields(data, found[1]) if tag in (_XMP, _IPTC, _PHOTOSHOP)}
    photoshop = containers.with_iptc(containers.without_resources(fields.get(_PHOTOSHOP, b"")), fields.get(_IPTC))
    return fields.get(_XMP), photoshop


def to_exif(data: Data) -> bytes | None:
    """Collect the descriptive fields and the EXIF and GPS directories of a TIFF file in an EXIF blob."""
    found = first_directory(data)
    if found is None:
        return None
    head, first = found
    top = [field for field in _fields(data, first) if field[0] in _DESCRIPTIVE]
    below = _below(data, head, first)
    if not top and not below:
        return None
    start = struct.pack(head.order + "2sHI", b"II" if head.order == "<" else b"MM", 42, 8)
    return start + _directories(head.order, at=8, top=top, below=below)


def into_tiff(tiff: bytes, exif_blob: bytes | None, *, photoshop: bytes | None = None) -> bytes:
    """Return a classic (not BigTIFF) file with metadata added to its first directory.

    Fields already in the file take precedence. Values are stored in the file's byte order. libvips' own IPTC field
    has the wrong length.

    Args:
        tiff: the file.
        exif_blob: EXIF blob, whose descriptive fields and EXIF and GPS directories are added.
        photoshop: Photoshop image resources; IPTC records get a field of their own.
    """
    found = first_directory(tiff)
    if found is None or found[0].big:
        return tiff
    head, first = found
    blobs = {
        _IPTC: containers.iptc(photoshop),
        _PHOTOSHOP: None if photoshop is None else containers.without_resources(photoshop, (containers.IPTC,)),
    }
    top: list[Field] = [(tag, 7, len(blob), blob) for tag, blob in blobs.items() if blob]
    below: dict[int, list[Field]] = {}
    if exif_blob is not None and (source := first_directory(exif_blob)) is not None:
        described = [field for field in _fields(exif_blob, source[1]) if field[0] in _DESCRIPTIVE]
        below = _below(exif_blob, *source)
        if source[0].order != head.order:
            described = [_swapped(field) for field in described]
            below = {tag: [_swapped(field) for field in fields] for tag, fields in below.items()}
        top += described
    if not top and not below:
        return tiff
    own = _fields(tiff, first, whole=True)
    taken = {field[0] for field in own} | {ORIENTATION}
    merged = own + [field for field in top if field[0] not in taken]
    padded = tiff + bytes(len(tiff) % 2)
    result = bytearray(padded + _directories(head.order, at=len(padded), top=merged, below=below))
    struct.pack_into(head.order + "I", result, 4, len(padded))
    return bytes(result)


def _fields(data: Data, found: Directory, *, whole: bool = False) -> list[Field]:
    """Read the fields of a directory, except pointers to other directories, whose targets are not copied.

    Fields do not share bytes in a valid file, so a field that makes the total exceed the data's size is omitted.
    """
    fields: list[Field] = []
    room = len(data)
    for entry in found.entries.values():
        if entry.tag in (EXIF_IFD, GPS_IFD, 0xA005) or entry.size > (room if whole else min(room, _MAX_FIELD)):
            continue
        room -= entry.size
        fields.append((entry.tag, entry.type, entry.count, bytes(data[entry.at : entry.at + entry.size])))
    return fields


def _below(data: Data, head: Header, first: Directory) -> dict[int, list[Field]]:
    """Return the fields of the EXIF and GPS directories by the tag that points to each."""
    found = {tag: pointed(data, head, first, tag) for tag in (EXIF_IFD, GPS_IFD)}
    return {tag: _fields(data, each) for tag, each in found.items() if each is not None}


def _directories(order: str, *, at: int, top: list[Field], below: dict[int, list[Field]]) -> bytes:
    """Serialise a directory that will start at the offset `at`, and then the directories that it points to."""
    pointers: list[Field] = [(tag, 4, 1, bytes(4)) for tag in below]
    start = at + _length(top + pointers)
    body = b""
    pointers = []
    for tag, fields in below.items():
        pointers.append((tag, 4, 1, struct.pack(order + "I", start + len(body))))
        body += _directory_bytes(order, fields, at=start + len(body))
    return _directory_bytes(order, top + pointers, at=at) + body


def _length(fields: list[Field]) -> int:
    return 2 + 12 * len(fields) + 4 + sum(len(v) + len(v) % 2 for *_, v in fields if len(v) > 4)


def _directory_bytes(order: str, fields: list[Field], *, at: int) -> bytes:
    values_at = at + 2 + 12 * len(fields) + 4
    table, values = [struct.pack(order + "H", len(fields))], bytearray()
    for tag, kind, count, value in sorted(fields):
        if len(value) <= 4:
            inline = value.ljust(4, b"\0")
        else:
            inline = struct.pack(order + "I", values_at + len(values))
            values += value + bytes(len(value) % 2)
        table.append(struct.pack(order + "HHI", tag, kind, count) + inline)
    return b"".join(table) + bytes(4) + values


def _swapped(field: Field) -> Field:
    """Return a field with its values in the opposite byte order."""
    tag, kind, count, value = field
    unit = {5: 4, 10: 4, 7: 1}.get(kind, TYPE_SIZES[kind])
    pieces = (value[at : at + unit][::-1] for at in range(0, len(value), unit))
    return tag, kind, count, b"".join(pieces)
