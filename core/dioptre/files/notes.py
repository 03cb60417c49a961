"""Write a picture's editing history to its XMP, and read it back.

The note serves three readers. The IPTC's Digital Source Type informs news desks and platforms that algorithms
altered the picture, XMP's history informs photo editors, and a field that only Dioptre reads stores the recipe.
XMP specification part 1 (2012) and 2 (2022); IPTC Photo Metadata Standard 2023.2;
http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from xml.etree import ElementTree

from . import markup
from .budget import Budget, of_bytes
from .density import UNCHANGED, Factors, in_text

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ALTERED = SOURCE_TYPES + "algorithmicallyEnhanced"
"""Modification or correction by algorithm without changing the core content: blur, white balance, enlargement.

`compositeWithTrainedAlgorithmicMedia` would claim invented content from a generative model, which we do not add.
"""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
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
_STALE_NAMESPACES = (  # for additional pictures in the old file, which the new file does not contain
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/camera/",
)
_GENERATED = ("lgorithmicMedia", "compositeSynthetic", "virtualRecording")
_MAX_RECIPE = 24_000  # maximum size of a recipe in bytes; a JPEG segment holds only 64 KiB of XMP
_PACKET = (b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n', b'\n<?xpacket end="w"?>')


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


def make(*, operation: str, models: Mapping[str, str], recipe: Mapping[str, Any]) -> Note:
    """Create a note with the current time."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Note(
        software=software(), when=when, operation=operation, models=models, recipe=recipe, source_type=ALTERED
    )


def updated(
    xmp: bytes | None, *, note: Note | None, width: int, height: int, enlarged: Factors = UNCHANGED
) -> bytes | None:
    """Return the XMP packet of a finished picture: the updated properties of the old packet, and the note.

    Orientation, size and resolution are updated. Properties of parts that the new file does not contain (gain maps,
    videos, extended packets) are removed. A damaged packet is replaced.

    Args:
        xmp: the old packet.
        note: the note to add.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
        enlarged: factors by which width and height have changed.

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
    for description in descriptions:
        _make_true(description, width=width, height=height, enlarged=enlarged)
    if note is not None:
        _add_note(descriptions, note)
    return packet(markup.xml_bytes(document, prefixes=_PREFIXES))


def packet(xml: bytes) -> bytes:
    """Wrap XML as a packet that programs can find in a file of any format."""
    return _PACKET[0] + xml + _PACKET[1]


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


def _document(xmp: bytes | None, *, budget: Budget | None = None) -> markup.Document | None:
    text = (xmp or b"").strip(b"\0")
    if not text:
        return None
    try:
        return markup.parse_xml(text, budget=budget or of_bytes(text))
    except markup.BadMarkup:
        return None


def _make_true(description: ElementTree.Element, *, width: int, height: int, enlarged: Factors) -> None:
    _replace(description, _TIFF, "Orientation", "1")
    _replace(description, _TIFF, "ImageWidth", str(width))
    _replace(description, _TIFF, "ImageLength", str(height))
    _replace(description, _EXIF, "PixelXDimension", str(width))
    _replace(description, _EXIF, "PixelYDimension", str(height))
    for namespace, prefix in ((_TIFF, ""), (_EXIF, "FocalPlane")):
        for axis, factor in zip("XY", enlarged, strict=True):
            name = f"{prefix}{axis}Resolution"
            if (found := _property(description, namespace, name)) is not None:
                _replace(description, namespace, name, in_text(found, factor))
    description.attrib.pop(f"{{{_NOTE}}}HasExtendedXMP", None)
    for child in list(description):
        if child.tag == f"{{{_XMP}}}Thumbnails" or _stale(child.tag):
            description.remove(child)
    for name in [name for name in description.attrib if _stale(name)]:
        del description.attrib[name]


def _stale(name: str) -> bool:
    return name.startswith(tuple(f"{{{uri}}}" for uri in _STALE_NAMESPACES))


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
