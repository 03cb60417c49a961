"""Read the depth that phones store in JPEG and HEIC files."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np

from dioptre.contract import EmbeddedDepth

from ..budget import Budget, budget_of, most_megapixels
from ..metadata import containers, exif, xmp
from ..metadata.xmp import GDEPTH
from .damage import decoded_grey
from .decoded import OpenFile, turned

_DEPTH_MAPS = (GDEPTH, "http://ns.google.com/photos/dd/1.0/depthmap/")
_ITEMS = ("http://ns.google.com/photos/dd/1.0/item/", "http://ns.google.com/photos/1.0/container/item/")
_NEAREST, _FARTHEST = 1e-6, 1e9  # range of distances, in the file's unit, that float32 can handle
_LEAST_RATIO = 1.0001  # smallest ratio of far to near that float32 can resolve
_METRES = {"m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0, "mm": 1e-3}


def of_jpeg(opened: OpenFile) -> EmbeddedDepth | None:
    """Return the depth in a JPEG; see `FileFormat.read_depth`."""
    with opened.mapped() as data:
        segments = list(containers.jpeg_segments(data))
        height, width, _ = containers.jpeg_frame(data)
        budget = budget_of(opened.file, opened.path, max_megapixels=most_megapixels(width, height))
        packets = list(xmp.packets(segments, budget=budget))
        turn = exif.orientation(containers.exif_of(segments))
        properties = _depth_properties(packets)
        kind, blob, sure = "GDepth", _base64(properties.get("Data")), _base64(properties.get("Confidence"))
        if blob is None:
            appended = _appended(packets, data)
            kind, blob, sure = "dynamic depth", appended.get("Depth"), appended.get("Confidence")
    return None if blob is None else _google(blob, properties, turn, sure, kind=kind, budget=budget)


def _depth_properties(packets: list[ElementTree.Element]) -> dict[str, str]:
    """Collect the depth map's properties, which may be attributes or elements anywhere in the packets."""
    found: dict[str, str] = {}
    for root in packets:
        for element in root.iter():
            pairs = [*element.attrib.items(), (element.tag, element.text or "")]
            for name, value in pairs:
                for namespace in _DEPTH_MAPS:
                    if name.startswith(f"{{{namespace}}}") and value.strip():
                        found.setdefault(name[len(namespace) + 2 :], value.strip())
    return found


def _appended(packets: list[ElementTree.Element], data: memoryview) -> dict[str, bytes]:
    """Return the appended pictures by their role. XMP lists them in order; the last one is at the file's end."""
    found: dict[str, bytes] = {}
    for namespace in _ITEMS:  # each lists its own pictures: gain maps in one, depth in the other
        items = [item for root in packets for element in root.iter() if (item := _item(element, namespace))]
        following = items[1:]  # the first one is the picture itself
        start = len(data) - sum(length + padding for _, length, padding in following)
        for meaning, length, padding in following:
            if start > 0 and length > 0:
                found.setdefault(meaning, bytes(data[start : start + length]))
            start += length + padding
    return found


def _item(element: ElementTree.Element, namespace: str) -> tuple[str, int, int] | None:
    """Return the role, length and padding of a picture in a list; None for any other element."""
    semantic, uri, length, padding = (
        element.get(f"{{{namespace}}}{key}") or element.findtext(f"{{{namespace}}}{key}")
        for key in ("Semantic", "DataURI", "Length", "Padding")
    )
    if length is None and semantic is None:
        return None
    return _meaning(semantic, uri), _number(length), _number(padding)


def _meaning(semantic: str | None, uri: str | None) -> str:
    words = f"{semantic or ''} {uri or ''}".lower()
    if "confidence" in words:
        return "Confidence"
    return "Depth" if "depth" in words else semantic or ""


def _google(
    blob: bytes, properties: Mapping[str, str], turn: int, confidence: bytes | None, *, kind: str, budget: Budget
) -> EmbeddedDepth | None:
    """Convert a stored map, 0 (near) to 1 (far) and linear in inverse depth or in depth, to disparity."""
    stored = decoded_grey(blob, budget=budget)
    if stored is None:
        return None
    span = _span(properties.get("Near"), properties.get("Far"))
    range_per_m = None
    disparity = 1.0 - stored
    linear = properties.get("Format", "RangeInverse") == "RangeLinear"
    if span is not None:
        near, far = span
        metres = _METRES.get(properties.get("Units", "").lower())
        if metres is not None:
            range_per_m = (1.0 / (far * metres), 1.0 / (near * metres))
        if linear:
            disparity = _inverse_depth(stored, near=near, far=far)
    elif linear:
        return None  # without its range, linear depth cannot be converted to disparity
    sure = None if confidence is None else decoded_grey(confidence, budget=budget)
    if sure is not None and sure.shape != stored.shape:
        sure = None
    return EmbeddedDepth(
        disparity=np.ascontiguousarray(turned(disparity, turn), np.float32),
        range_per_m=range_per_m,
        confidence=None if sure is None else np.ascontiguousarray(turned(sure, turn), np.float32),
        kind=kind,
    )


def of_heic(opened: OpenFile) -> EmbeddedDepth | None:
    """Return the depth in a HEIC file; see `FileFormat.read_depth`."""
    try:
        import pillow_heif
    except ImportError:
        return None
    try:
        photo = pillow_heif.open_heif(opened.file)
        images = photo.info.get("depth_images") or []
        if not images or math.prod(images[0].size) > 1e6 * most_megapixels(*photo.size):
            return None
        budget_of(opened.file, opened.path).check_picture(*images[0].size)
        codes = np.asarray(images[0])
    except (ValueError, RuntimeError, SyntaxError, EOFError, IndexError):
        return None
    return of_heif_depth(codes[..., 0] if codes.ndim == 3 else codes, images[0].info.get("metadata") or {})


def of_heif_depth(codes: np.ndarray, metadata: Mapping[str, Any]) -> EmbeddedDepth | None:
    """Convert an auxiliary depth image to disparity according to its representation type.

    The types are 0 (uniform inverse depth), 1 (uniform disparity), 2 (uniform depth) and 3 (non-uniform disparity);
    see ISO/IEC 23008-2, G.14.2.2. Without a type, Apple's convention applies: disparity, where larger is nearer.

    Args:
        codes: integers (h, w).
        metadata: the representation information from the file.
    """
    low, high = int(codes.min()), int(codes.max())
    if high <= low:
        return None
    span = _span(metadata.get("z_near"), metadata.get("z_far"))
    kind = metadata.get("representation_type", 1)
    stored = codes.astype(np.float32)
    if span is not None and kind in (0, 2):
        near, far = span
        value = stored / np.float32(np.iinfo(codes.dtype).max)
        range_per_m = (1.0 / far, 1.0 / near)
        if kind == 2:
            value = _inverse_depth(value, near=near, far=far)
        return _heic(value, range_per_m)
    return None if kind == 2 else _heic((stored - np.float32(low)) / np.float32(high - low), None)


def _heic(disparity: np.ndarray, range_per_m: tuple[float, float] | None) -> EmbeddedDepth:
    values = np.ascontiguousarray(disparity, np.float32)
    return EmbeddedDepth(disparity=values, range_per_m=range_per_m, confidence=None, kind="HEIC depth")


def _inverse_depth(value: np.ndarray, *, near: float, far: float) -> np.ndarray:
    """Convert depth stored linearly from near (0) to far (1) to disparity."""
    depth = near + value * np.float32(far - near)
    return (1.0 / depth - np.float32(1.0 / far)) / np.float32(1.0 / near - 1.0 / far)


def _base64(text: str | None) -> bytes | None:
    if text is None:
        return None
    compact = "".join(text.split())
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4)) or None
    except (binascii.Error, ValueError):
        return None


def _decimal(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _span(near: Any, far: Any) -> tuple[float, float] | None:
    """Return the distances of the nearest and farthest values; None if they are not a valid pair."""
    low, high = _decimal(near), _decimal(far)
    if low is None or high is None or not (low >= _NEAREST and low * _LEAST_RATIO < high <= _FARTHEST):
        return None
    return low, high


def _number(text: str | None) -> int:
    try:
        return max(0, int(text or "0"))
    except ValueError:
        return 0
