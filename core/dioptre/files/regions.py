"""Keep the positions in a picture's XMP true when it is turned, mirrored and resized.

Face and other regions (Metadata Working Group 2.0 and ACDSee, Microsoft People Tags, IPTC 2019.1), EXIF's subject
area, and the sizes of panoramas (Google Photo Sphere XMP).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from xml.etree import ElementTree

from .frame import UNCHANGED, Frame

_AREAS = {  # namespaces of the regions, of their areas and of the size to which they apply
    "http://www.metadataworkinggroup.com/schemas/regions/": (
        "http://ns.adobe.com/xmp/sType/Area#",
        "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    ),
    "http://ns.acdsee.com/regions/": (
        "http://ns.acdsee.com/sType/Area#",
        "http://ns.acdsee.com/sType/Dimensions#",
    ),
}
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/t/Region#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_ACROSS = ("FullPanoWidthPixels", "CroppedAreaImageWidthPixels", "CroppedAreaLeftPixels")
_DOWN = ("FullPanoHeightPixels", "CroppedAreaImageHeightPixels", "CroppedAreaTopPixels")
_LARGEST = 2.0**32
_INTERIOR = "LargestValidInteriorRect"


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
            items = list(element.iter(f"{{{_RDF}}}li"))
            with suppress(ValueError):
                values = tuple(min(int(item.text or ""), int(_LARGEST)) for item in items)
                for item, value in zip(items, frame.subject_area(values, (size[0], size[1])), strict=True):
                    item.text = str(value)
