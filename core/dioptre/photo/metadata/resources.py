"""Photoshop image resources, among them the IPTC records (Adobe Photoshop file formats, image resources)."""

from __future__ import annotations

from collections.abc import Iterator

IPTC = 1028
_DIGEST = 1061  # of the IPTC records
_THUMBNAILS = (1033, 1036)  # of the unedited picture
_RECORD = 0x1C  # first byte of each IPTC record


def resources_in(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield the id of each resource, and where it starts, its content starts, and ends; stop at damage."""
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] == b"8BIM":
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name = 1 + data[at + 6]
        start = at + 6 + name + name % 2 + 4
        end = start + int.from_bytes(data[start - 4 : start], "big")
        if end > len(data):
            return
        yield number, at, start, end
        at = end + (end - start) % 2


def without(data: bytes, numbers: tuple[int, ...] = _THUMBNAILS) -> bytes | None:
    """Return the resources except those with the given ids, by default thumbnails; None if none are left."""
    kept = (data[at:end] + bytes((end - start) % 2) for n, at, start, end in resources_in(data) if n not in numbers)
    return b"".join(kept) or None


def iptc(data: bytes | None) -> bytes | None:
    """Return the IPTC records in Photoshop image resources; None if there are none."""
    data = data or b""
    return next((data[start:end] for number, _, start, end in resources_in(data) if number == IPTC), None)


def with_iptc(data: bytes | None, records: bytes | None) -> bytes | None:
    """Return the resources with these IPTC records, where a file stores them apart; None if there are neither.

    ImageMagick 6 and libvips write only the first quarter of them to a TIFF, so records that are cut are used only
    if the resources have none.
    """
    if records and records[0] != _RECORD and records[3:4] == bytes((_RECORD,)):  # a TIFF of swapped 32-bit values
        records = b"".join(records[at : at + 4][::-1] for at in range(0, len(records), 4))
    whole = _whole(records or b"")
    if records is None or not whole or (len(whole) < len(records.rstrip(b"\0")) and iptc(data)):
        return data
    others = without(data or b"", (IPTC, _DIGEST)) or b""
    size = len(whole).to_bytes(4, "big")
    return others + b"8BIM" + IPTC.to_bytes(2, "big") + b"\0\0" + size + whole + bytes(len(whole) % 2)


def _whole(records: bytes) -> bytes:
    """Return the IPTC records without those that are cut, and without padding (IIM 4.2, section 1.6)."""
    at = end = 0
    while end <= len(records):
        at = end
        if len(records) < at + 5 or records[at] != _RECORD:
            break
        size, head = int.from_bytes(records[at + 3 : at + 5], "big"), 5
        if size >> 15:  # the length of a length that needs more bytes
            head += size & 0x7FFF
            size = int.from_bytes(records[at + 5 : at + head], "big")
        end = at + head + size
    return records[:at]
