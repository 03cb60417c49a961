"""The metadata in a PNG's texts: comments, and the profiles that ImageMagick 6 and ExifTool write as text.

Pillow decodes the texts, whichever of the three kinds they are; libvips lacks those after the pixels, and those
that are not UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from . import containers, exif
from .containers import XMP_HEADER, png_chunks
from .exif import Data

_PROFILE = "raw profile type "
_XMP = "XML:com.adobe.xmp"
_MAX_TEXTS = 1000


@dataclass(kw_only=True)
class PngTexts:
    """What the texts of a PNG contain.

    Attributes:
        texts: keywords and texts, apart from profiles and XMP.
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet.
        photoshop: Photoshop image containers.
    """

    texts: list[tuple[str, str]] = field(default_factory=list)
    exif: bytes | None = None
    xmp: bytes | None = None
    photoshop: bytes | None = None


def read_texts(data: Data) -> PngTexts:
    """Read the texts of a PNG; damaged ones are left out."""
    found = PngTexts()
    for keyword, text in _texts(data, found):
        if keyword.lower().startswith(_PROFILE):
            _read_profile(found, text)
        else:
            found.texts.append((keyword, text))
    if found.exif is not None:  # ImageMagick repeats it as texts, which would no longer be true
        found.texts = [(keyword, text) for keyword, text in found.texts if not keyword.startswith("exif:")]
    return found


def _texts(data: Data, found: PngTexts) -> Iterator[tuple[str, str]]:
    from PIL.PngImagePlugin import PngStream

    count = 0
    for kind, content in png_chunks(data):
        if kind == b"eXIf":  # libvips overlooks it after the pixels
            found.exif = exif.strip_prefix(content)
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or count == _MAX_TEXTS:
            continue
        count += 1
        stream = PngStream(BytesIO(content))
        try:
            getattr(stream, f"chunk_{kind.decode()}")(0, len(content))
        except (ValueError, SyntaxError, EOFError, OSError):  # not decodable, or larger than Pillow's limit
            continue
        for keyword, text in stream.im_text.items():
            if keyword == _XMP:
                found.xmp = text.encode("utf-8", "replace")
            elif isinstance(text, str):
                yield keyword, text


def _read_profile(found: PngTexts, text: str) -> None:
    """Read a profile from its name, its length and its hexadecimal digits."""
    try:
        _, _, digits = text.split(maxsplit=2)
        blob = bytes.fromhex(digits)
    except ValueError:
        return
    if found.exif is None and (bare := exif.strip_prefix(blob)) is not None:
        found.exif = bare
    elif blob.startswith(XMP_HEADER) or blob.lstrip().startswith(b"<"):
        found.xmp = found.xmp or blob.removeprefix(XMP_HEADER)
    else:
        blocks = containers.without_resources(blob.removeprefix(b"Photoshop 3.0\0"))
        records = containers.iptc(blocks) if blocks else blob
        if containers.iptc(found.photoshop) is None:
            found.photoshop = containers.with_iptc(found.photoshop or blocks, records)


def chunks(
    *, exif: bytes | None, xmp: bytes | None, photoshop: bytes | None, texts: tuple[tuple[str, str], ...]
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks, each a kind and its content, that hold metadata in a PNG.

    Args:
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet.
        photoshop: Photoshop image containers, which only some programs find.
        texts: keywords and texts.
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if exif is not None:
        yield b"eXIf", exif
    if xmp is not None:
        info.add_itxt(_XMP, xmp.decode("utf-8", "replace"))
    if photoshop is not None:
        digits = photoshop.hex("\n", -36)
        info.add_text("Raw profile type iptc", f"\niptc\n{len(photoshop):8}\n{digits}\n", zip=True)
    for keyword, text in texts:
        if 0 < len(keyword.encode("latin-1", "replace")) < 80:
            readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            info.add_text(keyword.encode("latin-1", "replace").decode("latin-1"), readable)
    yield from ((kind, content) for kind, content, *_ in info.chunks)
