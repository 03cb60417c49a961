"""Keep a picture's XMP true, write its editing history to it, and read that back.

The note serves three readers. The IPTC's Digital Source Type informs news desks and platforms that algorithms
altered the picture, XMP's history informs photo editors, and a field that only Dioptre reads stores the recipe.
Faces and other regions turn and grow with the picture. XMP specification part 1 (2012) and 2 (2022); IPTC Photo
Metadata Standard 2023.2; http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from operator import itemgetter
from typing import Any
from xml.etree import ElementTree

from dioptre_link.language import Message

from ..budget import Budget, of_bytes
from . import containers, markup
from .density import in_text
from .exif import UNCHANGED, Frame

_AREAS = {  # namespaces of the regions, of their areas and of the size to which they apply
    "http://www.metadataworkinggroup.com/schemas/regions/": (
        "http://ns.adobe.com/xmp/sType/Area#",
        "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    ),
    "http://ns.acdsee.com/regions/": ("http://ns.acdsee.com/sType/Area#", "http://ns.acdsee.com/sType/Dimensions#"),
}
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/t/Region#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_ACROSS = ("FullPanoWidthPixels", "CroppedAreaImageWidthPixels", "CroppedAreaLeftPixels")
_DOWN = ("FullPanoHeightPixels", "CroppedAreaImageHeightPixels", "CroppedAreaTopPixels")
_LARGEST = 2.0**32
_INTERIOR = "LargestValidInteriorRect"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ALTERED = SOURCE_TYPES + "algorithmicallyEnhanced"
"""Modification or correction by algorithm without changing the core content: blur, white balance, enlargement.

`compositeWithTrainedAlgorithmicMedia` would claim invented content from a generative model, which we do not add.
"""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_OURS = "urn:dioptre:xmp:1.0#"
_DEPTH_UNIT = f"{{{_OURS}}}depthUnit"
_PREFIXES = {
    RDF: "rdf",
    _META: "x",
    _IPTC: "Iptc4xmpExt",
    _XMP: "xmp",
    _MM: "xmpMM",
    _EVENT: "stEvt",
    _TIFF: "tiff",
    _EXIF: "exif",
    _OURS: "dioptre",
}
_SIZES = ((_TIFF, "ImageWidth", "ImageLength"), (_EXIF, "PixelXDimension", "PixelYDimension"))
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_TERMS = "http://purl.org/dc/terms/"
GDEPTH = "http://ns.google.com/photos/1.0/depthmap/"
_DEPTHS = (
    f"{{{GDEPTH}}}",
    "{http://ns.google.com/photos/1.0/image/}",  # the picture before the camera blurred it
    "{http://ns.google.com/photos/dd/1.0/",
)
_STALE = (  # namespaces of additional pictures in the old file, which the new file does not contain
    "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "{http://ns.google.com/photos/1.0/container/",
    f"{{{_CAMERA}}}",
    *_DEPTHS,
)
_PLACES = ((_IPTC, "ImageRegion"), (_EXIF, "SubjectArea"), (_EXIF, "SubjectLocation"))
_POSITIONS = (  # of regions, on a sphere, and of the subject
    *(f"{{{namespace}" for namespace in (*_AREAS, _PANORAMA, "http://ns.microsoft.com/photo/1.2/")),
    *(f"{{{namespace}}}{name}" for namespace, name in _PLACES),
)
_MAPS = tuple(f"{{{GDEPTH}}}{name}" for name in ("Data", "Confidence"))
DEPTH_MAP = Message("depth map")
POSITIONS = Message("positions of faces and other things")
CREDENTIALS = Message("content credentials (C2PA), which hold only for the original")
_GENERATED = ("lgorithmicMedia", "compositeSynthetic", "virtualRecording")
_MAX_RECIPE = 24_000  # maximum size of a recipe in bytes; a JPEG segment holds only 64 KiB of XMP
_NAME_BYTES = 200  # more than the name of an extended packet takes in the main one
_MOVED_ONE_BY_ONE = 64  # most properties after each of which the rest is measured
_PACKET = (b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n', b'\n<?xpacket end="w"?>')


class _Fields:
    """The numbers in the fields of a structure, which may be attributes or elements."""

    def __init__(self, element: ElementTree.Element, namespace: str) -> None:
        self._element, self._start = element, f"{{{namespace}}}"

    def text(self, name: str) -> str:
        child = self._element.find(self._start + name)
        return self._element.get(self._start + name) or ("" if child is None else child.text or "")

    def numbers(self, *names: str) -> list[float]:
        """Return the values of all the fields; empty if one is missing or not a plausible number."""
        with suppress(ValueError):
            values = [float(self.text(name)) for name in names]
            return values if all(abs(value) < _LARGEST for value in values) else []
        return []

    def set(self, **values: float | str) -> None:
        for name, value in values.items():
            child = self._element.find(self._start + name)
            if child is not None:
                child.text = _written(value)
            else:
                self._element.set(self._start + name, _written(value))


def _written(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(round(value)) if float(value).is_integer() else f"{value:.6f}".rstrip("0")


def update(root: ElementTree.Element, frame: Frame) -> None:
    """Change all positions and sizes in a parsed XMP packet, which was true for the file, to those of a frame."""
    if frame.orientation == 1 and frame.enlarged == UNCHANGED:
        return
    for regions, (areas, dimensions) in _AREAS.items():
        _update_areas(root, frame, f"{{{regions}}}AppliedToDimensions", areas, dimensions)
    for fields in _structures(root, _MICROSOFT):
        _update_rectangle(fields, frame)
    for boundary in root.iter(f"{{{_IPTC}}}RegionBoundary"):
        _update_boundary(boundary, frame)
    _update_subject(root, frame)
    for fields in _structures(root, _PANORAMA):
        for names, factor in zip((_ACROSS, _DOWN), frame.enlarged, strict=True):
            sides = ("Left", "Width") if names is _ACROSS else ("Top", "Height")
            for name in (*names, *(_INTERIOR + side for side in sides)):
                if value := fields.numbers(name):
                    fields.set(**{name: round(value[0] * factor)})


def _structures(root: ElementTree.Element, namespace: str) -> Iterator[_Fields]:
    return (_Fields(element, namespace) for element in root.iter())


def _update_areas(root: ElementTree.Element, frame: Frame, applied_to: str, areas: str, dimensions: str) -> None:
    """Update regions whose areas have their centre at x and y."""
    size, upright = frame.stored, False
    for element in root.iter(applied_to):
        for fields in _structures(element, dimensions):
            if given := fields.numbers("w", "h"):
                size = given[0], given[1]
                # Some programs record regions for the upright picture, which shows in a size of the other shape.
                upright = frame.turned and (size[0] - size[1]) * (frame.stored[0] - frame.stored[1]) < 0
                now = size if upright else frame.extent(*size)
                fields.set(w=round(now[0] * frame.enlarged[0]), h=round(now[1] * frame.enlarged[1]))
    if upright:
        frame = Frame(width=frame.width, height=frame.height, enlarged=frame.enlarged)
    now = frame.extent(*size)
    pixels = now[0] * frame.enlarged[0], now[1] * frame.enlarged[1]
    for fields in _structures(root, areas):
        if not (centre := fields.numbers("x", "y")):
            continue
        is_pixels = fields.text("unit") == "pixel"
        before, after = (size, pixels) if is_pixels and all(size) else ((1, 1), (1, 1))
        x, y = frame.point(centre[0] / before[0], centre[1] / before[1])
        fields.set(x=x * after[0], y=y * after[1])
        if extent := fields.numbers("w", "h"):
            width, height = frame.extent(extent[0] / before[0], extent[1] / before[1])
            fields.set(w=width * after[0], h=height * after[1])
        if is_pixels and (diameter := fields.numbers("d")):
            fields.set(d=diameter[0] * (frame.enlarged[0] * frame.enlarged[1]) ** 0.5)


def _update_rectangle(fields: _Fields, frame: Frame) -> None:
    """Update Microsoft's rectangle: left, top, width and height as fractions, in one text."""
    with suppress(ValueError):
        left, top, width, height = (float(part) for part in fields.text("Rectangle").split(","))
        if abs(left) + abs(top) + abs(width) + abs(height) < _LARGEST:
            fields.set(Rectangle=", ".join(map(_written, _box(frame, left, top, width, height))))


def _box(frame: Frame, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
    x, y = frame.point(left + width / 2, top + height / 2)
    width, height = frame.extent(width, height)
    return x - width / 2, y - height / 2, width, height


def _update_boundary(boundary: ElementTree.Element, frame: Frame) -> None:
    """Update a region of the IPTC: a rectangle from its corner, a circle from its centre, or a polygon."""
    everything = list(_structures(boundary, _IPTC))
    is_pixels = any(fields.text("rbUnit") == "pixel" for fields in everything)
    before, after = (frame.stored, (frame.width, frame.height)) if is_pixels else ((1, 1), (1, 1))
    for fields in everything:
        if not (place := fields.numbers("rbX", "rbY")):
            continue
        width, height = fields.numbers("rbW", "rbH") or (0.0, 0.0)
        left, top, across, down = _box(
            frame, place[0] / before[0], place[1] / before[1], width / before[0], height / before[1]
        )
        fields.set(rbX=left * after[0], rbY=top * after[1])
        if width or height:
            fields.set(rbW=across * after[0], rbH=down * after[1])
        if radius := fields.numbers("rbRx"):  # a fraction of the width
            grown = frame.enlarged[0] if is_pixels else frame.stored[0] * frame.enlarged[0] / frame.width
            fields.set(rbRx=radius[0] * grown)


def _update_subject(root: ElementTree.Element, frame: Frame) -> None:
    sizes = (fields.numbers("PixelXDimension", "PixelYDimension") for fields in _structures(root, _EXIF))
    size = next((each for each in sizes if each), frame.stored)
    for name in ("SubjectArea", "SubjectLocation"):
        for element in root.iter(f"{{{_EXIF}}}{name}"):
            items = list(element.iter(f"{{{RDF}}}li"))
            with suppress(ValueError):
                values = tuple(min(int(item.text or ""), int(_LARGEST)) for item in items)
                for item, value in zip(items, frame.subject_area(values, (size[0], size[1])), strict=True):
                    item.text = str(value)


@dataclass(frozen=True, kw_only=True)
class Note:
    """A file's record of how it was created.

    Attributes:
        software: name and version of the program.
        when: time in ISO 8601.
        operation: name of the operation; empty if unknown.
        models: sha256 of each network by id.
        recipe: everything needed to repeat the result; empty if the file has no room for it.
        source_type: URI of the IPTC term.
    """

    software: str
    when: str = ""
    operation: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    source_type: str = ""


@cache
def software() -> str:
    """Return the program's name and version."""
    try:
        return f"Dioptre {version('dioptre')}"
    except PackageNotFoundError:
        return "Dioptre"


def make_note(*, operation: str, models: Mapping[str, str], recipe: Mapping[str, Any]) -> Note:
    """Create a note with the current time."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Note(
        software=software(), when=when, operation=operation, models=models, recipe=recipe, source_type=ALTERED
    )


def updated(xmp: bytes | None, *, note: Note | None, frame: Frame, reframed: bool = False) -> bytes | None:
    """Return the XMP packet of a finished picture: the updated properties of the old packet, and the note.

    Orientation, size, resolution and the positions of regions are updated. Properties of parts that the new file
    does not contain (gain maps, depth maps, videos, content credentials) are removed. A damaged packet is replaced.

    Args:
        xmp: the old packet.
        note: the note to add.
        frame: the picture's frame.
        reframed: as in `Source`; positions are then left out.

    Returns:
        The packet; None if there is no old packet and no note.
    """
    document = _document(xmp)
    if document is None and note is None:
        return None
    if document is None:
        document = markup.Document(root=ElementTree.Element(f"{{{_META}}}xmpmeta"))
        ElementTree.SubElement(document.root, f"{{{RDF}}}RDF")
    root = document.root
    rdf = root if root.tag == f"{{{RDF}}}RDF" else root.find(f".//{{{RDF}}}RDF")
    if rdf is None:
        rdf = ElementTree.SubElement(root, f"{{{RDF}}}RDF")
    descriptions = rdf.findall(f"{{{RDF}}}Description")
    if not descriptions:
        descriptions = [ElementTree.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})]
    update(root, frame)
    for description in descriptions:
        _make_true(description, frame, reframed=reframed)
    if note is not None:
        _add_note(descriptions, note)
    return _serialised(document)


def packet(xml: bytes) -> bytes:
    """Wrap XML as a packet that programs can find in a file of any format."""
    return _PACKET[0] + xml + _PACKET[1]


def with_descriptions(xmp: bytes | None, added: bytes) -> bytes:
    """Add `rdf:Description` elements to a packet, which is as `updated` returns it, or to a new one."""
    whole = xmp or packet(
        f'<x:xmpmeta xmlns:x="{_META}"><rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta>'.encode()
    )
    at = whole.rindex(b"</rdf:RDF>")
    return whole[:at] + added + whole[at:]


def of_depth(unit: str) -> bytes:
    """Return the XMP packet of a file with depth in the unit "m" or "mm"."""
    root = ElementTree.Element(f"{{{_META}}}xmpmeta")
    rdf = ElementTree.SubElement(root, f"{{{RDF}}}RDF")
    ElementTree.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": "", _DEPTH_UNIT: unit})
    return packet(markup.xml_bytes(markup.Document(root=root), prefixes=_PREFIXES))


def depth_unit(xmp: bytes | None) -> str | None:
    """Return the unit of the distances in a file that `of_depth` marked; None for any other file."""
    root = parsed(xmp)
    descriptions = () if root is None else root.iter(f"{{{RDF}}}Description")
    return next((unit for one in descriptions if (unit := one.get(_DEPTH_UNIT)) in ("m", "mm")), None)


def read(xmp: bytes | None) -> Note | None:
    """Return Dioptre's note in an XMP packet; None if there is none."""
    root = parsed(xmp)
    if root is None:
        return None
    found: Note | None = None
    for event in root.iter(f"{{{RDF}}}li"):
        agent = _property(event, _EVENT, "softwareAgent") or ""
        if agent.startswith("Dioptre"):
            found = Note(software=agent, when=_property(event, _EVENT, "when") or "")
    recipe: dict[str, Any] = {}
    models: dict[str, Any] = {}
    operation = source_type = ""
    for description in root.iter(f"{{{RDF}}}Description"):
        source_type = _property(description, _IPTC, "DigitalSourceType") or source_type
        operation = _property(description, _OURS, "operation") or operation
        models = _json_object(_property(description, _OURS, "models")) or models
        recipe = _json_object(_property(description, _OURS, "recipe")) or recipe
    if found is None:
        return None
    return Note(
        software=found.software,
        when=found.when,
        operation=operation,
        models={str(k): str(v) for k, v in models.items()},
        recipe=recipe,
        source_type=source_type,
    )


def parsed(xmp: bytes | None, *, budget: Budget | None = None) -> ElementTree.Element | None:
    """Parse a packet; None if it is missing, damaged, nested too deeply, has entities or exceeds the budget."""
    document = _document(xmp, budget=budget)
    return None if document is None else document.root


def packets(segments: Iterable[tuple[int, bytes]], *, budget: Budget) -> Iterator[ElementTree.Element]:
    """Yield the parsed packets in the segments of a JPEG: the main ones, then the extended ones."""
    start, segments = containers.XMP_HEADER, list(segments)
    blobs = [payload[len(start) :] for m, payload in segments if m == containers.APP1 and payload.startswith(start)]
    blobs += [blob for _, blob in containers.extended_xmp(segments)]
    for blob in blobs:
        if (root := parsed(blob, budget=budget)) is not None:
            yield root


def _document(xmp: bytes | None, *, budget: Budget | None = None) -> markup.Document | None:
    text = (xmp or b"").strip(b"\0")
    if not text:
        return None
    try:
        return markup.parse_xml(text, budget=budget or of_bytes(text))
    except markup.BadMarkup:
        return None


def _make_true(description: ElementTree.Element, frame: Frame, *, reframed: bool) -> None:
    _replace(description, _TIFF, "Orientation", "1")
    for namespace, across, down in _SIZES:
        _replace(description, namespace, across, str(frame.width))
        _replace(description, namespace, down, str(frame.height))
    for namespace, prefix in ((_TIFF, ""), (_EXIF, "FocalPlane")):
        for axis, factor in zip("XY", frame.enlarged, strict=True):
            name = f"{prefix}{axis}Resolution"
            if (found := _property(description, namespace, name)) is not None:
                _replace(description, namespace, name, in_text(found, factor))
    _remove(description, _NOTE, "HasExtendedXMP")
    _remove(description, _TERMS, "provenance")
    _remove(description, _XMP, "Thumbnails")
    _drop_stale(description, _STALE + _POSITIONS if reframed else _STALE)


def _drop_stale(description: ElementTree.Element, stale: tuple[str, ...] = _STALE) -> None:
    for child in list(description):
        if child.tag.startswith(stale):
            description.remove(child)
    for name in [name for name in description.attrib if name.startswith(stale)]:
        del description.attrib[name]


def left_out(xmp: bytes | None, *, reframed: bool = False) -> tuple[str, ...]:
    """Return the names of the parts that `updated` removes from a packet, as far as they matter to a user."""
    root = parsed(xmp)
    elements = () if root is None else root.iter()
    names = {name for element in elements for name in (element.tag, *(n for n, v in element.items() if v != "0"))}
    has_depth = any(name.startswith(_DEPTHS) for name in names)
    parts = {
        POSITIONS: reframed and any(name.startswith(_POSITIONS) for name in names),
        DEPTH_MAP: has_depth,
        Message("video"): bool(names & {f"{{{_CAMERA}}}{name}" for name in ("MotionPhoto", "MicroVideo")}),
        CREDENTIALS: f"{{{_TERMS}}}provenance" in names,
    }
    return tuple(part for part, there in parts.items() if there)


def joined(xmp: bytes, extensions: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a JPEG's main XMP packet together with the extended packets that it names.

    Args:
        xmp: the main packet.
        extensions: digests and packets, as `containers.extended_xmp` yields them.
    """
    blobs = [blob for digest, blob in extensions if digest in xmp]
    added = [document for blob in blobs if (document := _document(blob)) is not None]
    main = _document(xmp) if added else None
    if main is None or (rdf := next(main.root.iter(f"{{{RDF}}}RDF"), None)) is None:
        return xmp
    for document in added:
        for description in document.root.iter(f"{{{RDF}}}Description"):
            if description.get(f"{{{RDF}}}about") is not None:
                _drop_stale(description)
                rdf.append(description)
        main.prefixes.update({uri: name for uri, name in document.prefixes.items() if uri not in main.prefixes})
    return _serialised(main)


def split(xmp: bytes | None) -> tuple[bytes, bytes]:
    """Return a packet as a main one that fits in a JPEG's segment, and the rest as an extended one, usually empty.

    The largest properties are moved, but not Dioptre's own. XMP specification part 3 (2020), section 1.1.3.1.
    """
    xmp = xmp or b""
    if containers.fits_jpeg(xmp) or (document := _document(xmp)) is None:
        return (xmp if containers.fits_jpeg(xmp) else b""), b""
    descriptions = [d for rdf in document.root.iter(f"{{{RDF}}}RDF") for d in rdf.findall(f"{{{RDF}}}Description")]
    moved = ElementTree.Element(f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    largest = sorted(_properties(descriptions), key=itemgetter(0), reverse=True)
    for count, (_, description, name) in enumerate(largest):
        if name in description.attrib:
            moved.set(name, description.attrib.pop(name))
        for child in description.findall(name):
            description.remove(child)
            moved.append(child)
        if count < _MOVED_ONE_BY_ONE and containers.fits_jpeg(_serialised(document) + bytes(_NAME_BYTES)):
            break
    root = ElementTree.Element(f"{{{_META}}}xmpmeta")
    ElementTree.SubElement(root, f"{{{RDF}}}RDF").append(moved)
    extended = markup.xml_bytes(markup.Document(root=root, prefixes=document.prefixes), prefixes=_PREFIXES)
    for description in descriptions[:1]:
        description.set(f"{{{_NOTE}}}HasExtendedXMP", containers.xmp_digest(extended).decode())
    main = _serialised(document)
    return (main, extended) if containers.fits_jpeg(main) else (b"", b"")


def _serialised(document: markup.Document) -> bytes:
    return packet(markup.xml_bytes(document, prefixes=_PREFIXES))


def _properties(descriptions: list[ElementTree.Element]) -> Iterator[tuple[int, ElementTree.Element, str]]:
    """Yield the size of each property that may be moved, its description, and its name."""
    for description in descriptions:
        sizes: Counter[str] = Counter({name: len(value) for name, value in description.items()})
        for child in description:
            sizes[child.tag] += len(ElementTree.tostring(child))
        for name, size in sizes.items():
            if name in _MAPS or not name.startswith((f"{{{_OURS}}}", f"{{{RDF}}}", *_STALE)):
                yield size, description, name


def _add_note(descriptions: list[ElementTree.Element], note: Note) -> None:
    main = descriptions[0]
    before = next((v for d in descriptions if (v := _property(d, _IPTC, "DigitalSourceType"))), "")
    recipe = json.dumps(note.recipe, ensure_ascii=True, separators=(",", ":"))
    ours = {
        (_IPTC, "DigitalSourceType"): before if any(word in before for word in _GENERATED) else note.source_type,
        (_XMP, "ModifyDate"): note.when,
        (_XMP, "MetadataDate"): note.when,
        (_OURS, "operation"): note.operation,
        (_OURS, "models"): json.dumps(dict(note.models), ensure_ascii=True),
        (_OURS, "recipe"): recipe if len(recipe) <= _MAX_RECIPE else "",
    }
    for (namespace, name), value in ours.items():
        for description in descriptions:
            _remove(description, namespace, name)
        if value:
            main.set(f"{{{namespace}}}{name}", value)
    if not any(_property(d, _XMP, "CreatorTool") for d in descriptions):
        main.set(f"{{{_XMP}}}CreatorTool", note.software)
    history = next((h for d in descriptions if (h := d.find(f"{{{_MM}}}History")) is not None), None)
    if history is None:
        history = ElementTree.SubElement(main, f"{{{_MM}}}History")
    sequence = history.find(f"{{{RDF}}}Seq")
    if sequence is None:
        sequence = ElementTree.SubElement(history, f"{{{RDF}}}Seq")
    event = {"action": "edited", "softwareAgent": note.software, "when": note.when, "parameters": note.operation}
    ElementTree.SubElement(sequence, f"{{{RDF}}}li", {f"{{{_EVENT}}}{k}": v for k, v in event.items()})


def _property(element: ElementTree.Element, namespace: str, name: str) -> str | None:
    """Return a simple property, which in XMP may be an attribute or an element."""
    tag = f"{{{namespace}}}{name}"
    if (value := element.get(tag)) is not None:
        return value
    child = element.find(tag)
    if child is None:
        child = element.find(f"{{{RDF}}}Description/{tag}")
    return None if child is None else child.text or child.get(f"{{{RDF}}}resource")


def _replace(element: ElementTree.Element, namespace: str, name: str, value: str) -> None:
    tag = f"{{{namespace}}}{name}"
    if tag in element.attrib:
        element.set(tag, value)
    child = element.find(tag)
    if child is not None:
        child.text = value


def _remove(element: ElementTree.Element, namespace: str, name: str) -> None:
    tag = f"{{{namespace}}}{name}"
    element.attrib.pop(tag, None)
    for child in element.findall(tag):
        element.remove(child)


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        return markup.json_object(text or "{}")
    except markup.BadMarkup:
        return {}
