"""Small files that need much memory or time to read, although each of them looks valid at first."""

from __future__ import annotations

import struct
import zlib

from dioptre.photo.metadata.containers import APP1, EXTENDED_XMP_HEADER, XMP_HEADER, into_png, png_chunk

from . import corpus

_META = 'xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def jpeg_with(*segments: bytes) -> bytes:
    """Return a small JPEG with these APP1 payloads at its start."""
    plain = corpus.pictures()["plain.jpg"]
    parts = [struct.pack(">BBH", 0xFF, APP1, len(each) + 2) + each for each in segments]
    return plain[:2] + b"".join(parts) + plain[2:]


def extended_xmp(packets: int, *, announced: int = 64 << 20) -> bytes:
    """Return a JPEG whose extended XMP packets declare far more bytes than they contain."""
    parts = [
        EXTENDED_XMP_HEADER + f"{number:032X}".encode() + struct.pack(">II", announced, 0) + b"<a/>"
        for number in range(packets)
    ]
    return jpeg_with(*parts)


def xmp_of_namespaces(count: int, *, first: int = 0) -> bytes:
    """Return an XMP packet that declares and uses `count` namespaces."""
    numbers = range(first, first + count)
    declared = " ".join(f'xmlns:p{number}="urn:{number}"' for number in numbers)
    used = " ".join(f'p{number}:a="1"' for number in numbers)
    return (
        f'<x:xmpmeta {_META}><rdf:RDF {declared}><rdf:Description rdf:about="" {used}/></rdf:RDF></x:xmpmeta>'
    ).encode()


def xmp_of(attributes: str) -> bytes:
    """Return an XMP packet with one description that has these attributes."""
    return (
        f"<x:xmpmeta {_META}><rdf:RDF><rdf:Description rdf:about='' {attributes}/></rdf:RDF></x:xmpmeta>".encode()
    )


def xmp_with_density(rational: str) -> bytes:
    """Return an XMP packet with this number of pixels per unit."""
    return xmp_of(f"xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:XResolution='{rational}'")


def xmp_of_elements(count: int) -> bytes:
    """Return an XMP packet with `count` empty elements."""
    return f"<x:xmpmeta {_META}><rdf:RDF>{'<a/>' * count}</rdf:RDF></x:xmpmeta>".encode()


def exif_of_pointers(pointers: int, entries: int) -> bytes:
    """Return an EXIF blob in which `pointers` entries point to the same camera directory."""
    at = 8 + 2 + 12 + 4
    below = struct.pack("<H", entries) + struct.pack("<HHII", 0xA002, 3, 1, 7) * entries + bytes(4)
    pointer = struct.pack("<HHII", 0x8769, 4, pointers, at)
    places = struct.pack("<I", at + 4 * pointers) * pointers
    return b"II*\0" + struct.pack("<IH", 8, 1) + pointer + bytes(4) + places + below


def exif_of_shared_bytes(fields: int, size: int) -> bytes:
    """Return EXIF data whose camera fields all share the same bytes; it is also a valid TIFF directory."""
    at = 8 + 2 + 12 + 4
    data = at + 2 + 12 * fields + 4
    below = b"".join(struct.pack("<HHII", 0x9000 + number, 7, size, data) for number in range(fields))
    pointer = struct.pack("<HHII", 0x8769, 4, 1, at)
    head = b"II*\0" + struct.pack("<IH", 8, 1) + pointer + bytes(4)
    return head + struct.pack("<H", fields) + below + bytes(4) + bytes(size)


def jpeg_with_exif(blob: bytes) -> bytes:
    return jpeg_with(b"Exif\0\0" + blob)


def png_with_exif(blob: bytes) -> bytes:
    return into_png(corpus.pictures()["alpha.png"], [(b"eXIf", blob)])


def profile_of_shared_bytes(size: int) -> bytes:
    """Return a colour profile of `size` bytes in which 100 tags each span the whole profile."""
    profile = bytearray(corpus.adobe_rgb().ljust(size, b"\0"))
    count = struct.unpack_from(">I", profile, 128)[0]
    at = 132 + 12 * count
    moved = 12 * (100 - count)
    body = bytes(profile[at : size - moved])
    rows = [struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(count)]
    rows = [(name, place + moved, length) for name, place, length in rows]
    rows += [(f"x{number:03}".encode(), 1, size - 1) for number in range(count, 100)]
    table = b"".join(struct.pack(">4sII", *row) for row in rows)
    return struct.pack(">I", size) + bytes(profile[4:128]) + struct.pack(">I", 100) + table + body


def png_with_profile(profile: bytes) -> bytes:
    plain = corpus.pictures()["alpha.png"]
    chunk = png_chunk(b"iCCP", b"a\0\0" + zlib.compress(profile, 9))
    return plain[:33] + chunk + plain[33:]


def jpeg_with_xmp(packet: bytes) -> bytes:
    return jpeg_with(XMP_HEADER + packet)


def lab_tiff(side: int, *, strips: int = 256) -> bytes:
    """Return an 8-bit Lab TIFF of `side` × `side` pixels whose strips all share the same compressed bytes."""
    rows = -(-side // strips)
    strip = zlib.compress(bytes(rows * side * 3), 9)
    count = -(-side // rows)
    entries = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 3, 0),
        (259, 3, 1, 8),
        (262, 3, 1, 8),
        (273, 4, count, 0),
        (277, 3, 1, 3),
        (278, 4, 1, rows),
        (279, 4, count, 0),
        (284, 3, 1, 1),
    ]
    body = 8 + 2 + 12 * len(entries) + 4
    data = body + 8 + 8 * count
    lone = {273: data, 279: len(strip)}  # TIFF stores a single value in the directory entry itself.
    places = {258: body, **(lone if count == 1 else {273: body + 8, 279: body + 8 + 4 * count})}
    table = b"".join(
        struct.pack("<HHI", tag, kind, number)
        + (struct.pack("<HH", value, 0) if kind == 3 and number == 1 else struct.pack("<I", places.get(tag, value)))
        for tag, kind, number, value in entries
    )
    bits = struct.pack("<4H", 8, 8, 8, 0)
    lists = struct.pack(f"<{count}I", *[data] * count) + struct.pack(f"<{count}I", *[len(strip)] * count)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + bits + lists + strip


def flat_png(width: int, height: int) -> bytes:
    """Return a PNG of uniform grey, the kind of picture with the most pixels per byte."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def announced_png(width: int, height: int) -> bytes:
    """Return a PNG whose header declares more pixels than its few bytes can contain."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )


def nested_json(depth: int = 100_000) -> bytes:
    return b"[" * depth + b"]" * depth


def recipe_too_deep() -> bytes:
    return b'{"steps": [], "a": ' + nested_json() + b"}"


def xmp_with_recipe(recipe: str) -> bytes:
    """Return an XMP packet with Dioptre's history and with `recipe` as its recipe."""
    from xml.sax.saxutils import quoteattr

    return (
        corpus.xmp()
        .replace(b"dioptre:recipe=", b"dioptre:was=")
        .replace(b"dioptre:operation=", b"dioptre:recipe=" + quoteattr(recipe).encode() + b" dioptre:operation=", 1)
    )


def utf16_doctype() -> bytes:
    """Return XML with a document type declaration that a search for ASCII bytes misses."""
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 7))
    text = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]><x>&l6;</x>'
    return b"\xff\xfe" + text.encode("utf-16-le")


def unknown_encoding() -> bytes:
    return b'<?xml version="1.0" encoding="no-such-thing"?><x/>'
