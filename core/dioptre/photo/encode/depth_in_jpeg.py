"""Put depth into a JPEG, as phones do, so that other programs can refocus the photo.

The same maps are written as GDepth (in XMP) and as Dynamic Depth (pictures after the photo, listed in XMP), because
most programs read only one of them. Google, "Depthmap Metadata" and "Dynamic Depth" 1.0 (2018).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from dioptre.contract import Plane
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

from .. import problems
from ..colour_profile import quantise
from ..metadata import exif
from ..metadata import xmp as notes
from ..picture import Format, Source
from .encoding import encode

_STEPS = 255  # of an 8-bit map; programs for GDepth expect no more
_LONGEST_PX = 2048  # phones' maps are smaller; readers align the map with the edges of the picture
_FLAT = 0.999  # ratio of nearest to farthest distance of a plane at one distance; readers divide by the difference
_GOOGLE = "http://ns.google.com/photos/"


@dataclass(frozen=True, kw_only=True)
class DepthInFile:
    """Depth to put into a picture's file.

    Attributes:
        disparity: disparity of the upright picture, of any size in its shape.
        range_per_m: inverse distances in 1/m at disparity 0 and 1; None if they are not known.
        confidence: reliability of the disparity, 0 to 1, in the same size; None if it is not known.
        focal_disparity: the disparity in focus; None if there is none.
        focus_at: the place in focus, as fractions of width and height; None if there is none.
    """

    disparity: Plane
    range_per_m: tuple[float, float] | None = None
    confidence: Plane | None = None
    focal_disparity: float | None = None
    focus_at: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class EncodedDepth:
    """Encoded maps, and the XMP that describes them."""

    maps: tuple[bytes, ...]
    description: bytes


def encoded(depth: DepthInFile, *, before: int = 0) -> EncodedDepth:
    """Encode depth for a JPEG.

    Args:
        depth: the depth.
        before: number of bytes between the picture and the maps, which a gain map takes.

    Raises:
        DioptreError: the depth contains values that are not finite.
    """
    planes = [depth.disparity] if depth.confidence is None else [depth.disparity, depth.confidence]
    if not all(np.isfinite(plane).all() for plane in planes):
        raise DioptreError(
            "The depth map contains values that are not numbers.", hint="Repair or estimate it again.", code="depth"
        )
    metric = depth.range_per_m is not None and depth.range_per_m[1] > 0
    low, high = depth.range_per_m if depth.range_per_m is not None and metric else (0.0, 1.0)
    # Infinity cannot be stated: it becomes the distance that is half a step of the map away from it.
    low = min(max(low, high / (2 * _STEPS)), high * _FLAT)
    maps = tuple(_png(1 - plane if plane is depth.disparity else plane) for plane in planes)
    words = {"Format": "RangeInverse", "Near": f"{1 / high:.9g}", "Far": f"{1 / low:.9g}"}
    names = ["Depth", "Confidence"][: len(maps)]
    description = _gdepth(words | ({"Units": "m"} if metric else {}), maps)
    description += _dynamic_depth(
        words | {"Units": "Meters" if metric else "None"}, dict(zip(names, maps, strict=True)), before
    )
    if depth.focal_disparity is not None:
        description += _focus(1 / (low + depth.focal_disparity * (high - low)), depth.focus_at)
    return EncodedDepth(maps=maps, description=description.encode())


def require_jpeg(kind: Format) -> None:
    """Raise UnwritableFile if a format cannot hold depth beside the picture."""
    if kind is not Format.JPEG:
        raise problems.UnwritableFile(
            "Depth cannot be saved in a {format} file together with the picture.",
            hint="Use a file name that ends in .jpg: dioptre depth IN -o OUT.jpg --depth-in-file",
            format=kind.value,
        )


def revealed(source: Source | None) -> Message:
    """Return a sentence that says what a file with depth tells about the photo and the people in it.

    Args:
        source: the source of the file's metadata; None if it has none.
    """
    if source is None or not (source.exif or source.xmp or source.photoshop or source.texts):
        return Message("The file contains the depth of the scene, also of faces.")
    if exif.has_place(source.exif):
        return Message(
            "The file contains the depth of the scene, also of faces, and where and when the photo was taken. "
            "--private leaves out all metadata."
        )
    return Message(
        "The file contains the depth of the scene, also of faces, and the photo's metadata. "
        "--private leaves the metadata out."
    )


def _png(values: Plane) -> bytes:
    from PIL import Image

    height, width = values.shape
    ratio = max(height, width) / _LONGEST_PX
    if ratio > 1:
        size = max(1, round(width / ratio)), max(1, round(height / ratio))
        values = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR))
    codes = np.empty((*values.shape, 1), np.uint8)
    quantise(values, dtype=codes.dtype, out=codes[..., 0])
    return encode(codes, Format.PNG)


def _attributes(prefix: str, words: dict[str, str]) -> str:
    return "".join(f' {prefix}:{name}="{value}"' for name, value in words.items())


def _gdepth(words: dict[str, str], maps: tuple[bytes, ...]) -> str:
    for name, content in zip(("", "Confidence"), maps, strict=False):
        words |= {f"{name}Mime": "image/png", name or "Data": base64.b64encode(content).decode()}
    words |= {"MeasureType": "OpticalAxis", "Software": notes.software()}
    return f'<rdf:Description rdf:about="" xmlns:GDepth="{notes.GDEPTH}"{_attributes("GDepth", words)}/>'


def _focus(distance: float, at: tuple[float, float] | None) -> str:
    words = {"FocalDistance": f"{distance:.9g}"}
    if at is not None:
        words |= {"FocalPointX": f"{at[0]:.4f}", "FocalPointY": f"{at[1]:.4f}"}
    return f'<rdf:Description rdf:about="" xmlns:GFocus="{_GOOGLE}1.0/focus/"{_attributes("GFocus", words)}/>'


def _dynamic_depth(words: dict[str, str], maps: dict[str, bytes], before: int) -> str:
    """Return the description of a device with one camera, its picture and its depth map."""
    uris = {name: f"android/{name.lower()}map" for name in maps}
    items = [{"Mime": "image/jpeg", "Length": "0", "Padding": str(before), "DataURI": "primary_image"}]
    items += [{"Mime": "image/png", "Length": str(len(maps[name])), "DataURI": uris[name]} for name in maps]
    listed = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item{_attributes("Item", item)}/></rdf:li>' for item in items
    )
    words |= {"ItemSemantic": "Depth", "MeasureType": "OpticalAxis", "Software": notes.software()}
    words |= {f"{name}URI": uri for name, uri in uris.items()}
    picture = {"ItemSemantic": "Primary", "ItemURI": "primary_image"}
    names = ("Device", "Profile", "Container", "Item", "Camera", "DepthMap", "Image")
    spaces = "".join(f' xmlns:{name}="{_GOOGLE}dd/1.0/{name.lower()}/"' for name in names)
    return (
        f'<rdf:Description rdf:about=""{spaces}>'
        f'<Device:Container rdf:parseType="Resource"><Container:Directory><rdf:Seq>{listed}</rdf:Seq>'
        "</Container:Directory></Device:Container>"
        '<Device:Profiles><rdf:Seq><rdf:li rdf:parseType="Resource"><Device:Profile Profile:Type="DepthPhoto">'
        "<Profile:CameraIndices><rdf:Seq><rdf:li>0</rdf:li></rdf:Seq></Profile:CameraIndices>"
        "</Device:Profile></rdf:li></rdf:Seq></Device:Profiles>"
        '<Device:Cameras><rdf:Seq><rdf:li rdf:parseType="Resource"><Device:Camera rdf:parseType="Resource">'
        f"<Camera:DepthMap{_attributes('DepthMap', words)}/><Camera:Image{_attributes('Image', picture)}/>"
        "</Device:Camera></rdf:li></rdf:Seq></Device:Cameras></rdf:Description>"
    )
