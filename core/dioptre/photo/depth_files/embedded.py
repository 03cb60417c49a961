"""Read the depth map that a camera stored in a photo, with its calibration.

Three kinds are supported: auxiliary depth or disparity images in HEIC (portrait photos of phones), Google's GDepth
(a picture in the XMP of a JPEG, usually in the extended part) and dynamic depth (pictures appended to a JPEG and
listed in its XMP). See ISO/IEC 23008-12 with ISO/IEC 23008-2 annex G (depth representation information), and
"Depthmap Metadata" and "Dynamic Depth" 1.0 by Google.

A JPEG from Google's Lens Blur shows the refocused photo; the unblurred photo in GImage:Data is not read.
"""

from __future__ import annotations

import base64
import binascii
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

import numpy as np

from dioptre.contract import EmbeddedDepth

from .. import problems
from ..budget import Budget
from ..decode.decoded import turned
from ..decode.decoding import budget_of, decoded_grey, opened
from ..metadata import containers, exif, xmp
from ..picture import Format, recognise

_GDEPTH = "http://ns.google.com/photos/1.0/depthmap/"
_DEPTH_MAPS = (_GDEPTH, "http://ns.google.com/photos/dd/1.0/depthmap/")
_ITEMS = ("http://ns.google.com/photos/dd/1.0/item/", "http://ns.google.com/photos/1.0/container/item/")
_START = 1 << 16
_NEAREST, _FARTHEST = 1e-6, 1e9  # range of distances, in the file's unit, that float32 can handle
_LEAST_RATIO = 1.0001  # smallest ratio of far to near that float32 can resolve
_METRES = {"m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0, "mm": 1e-3}


def read_embedded_depth(path: str | os.PathLike[str]) -> EmbeddedDepth | None:
    """Read the depth in a HEIC or JPEG file.

    Returns:
        The depth; None if there is none, it is damaged, or reading it would exceed the file's budget.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read.
    """
    place = Path(path)
    with opened(place) as file:
        kind = recognise(file.read(_START))
        file.seek(0)
        budget = budget_of(file, place)
        try:
            if kind is Format.HEIC:
                return _of_heic(file, budget)
            if kind is not Format.JPEG:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                return _of_jpeg(view, budget)
        except (problems.PictureTooLarge, problems.NotEnoughMemory):
            return None


def _of_jpeg(data: memoryview, budget: Budget) -> EmbeddedDepth | None:
    segments = list(containers.jpeg_segments(data))
    packets = list(_packets(segments, budget))
    turn = exif.orientation(containers.exif_of(segments))
    properties = _depth_properties(packets)
    blob = _base64(properties.get("Data"))
    if blob is not None:
        return _google(blob, properties, turn, _base64(properties.get("Confidence")), kind="GDepth", budget=budget)
    appended = _appended(packets, data)
    if "Depth" in appended:
        confidence = appended.get("Confidence")
        return _google(appended["Depth"], properties, turn, confidence, kind="dynamic depth", budget=budget)
    return None


def _packets(segments: list[tuple[int, bytes]], budget: Budget) -> Iterator[ElementTree.Element]:
    """Yield the parsed XMP packets: the main ones, then the extended ones."""
    start = containers.XMP_HEADER
    blobs = [payload[len(start) :] for m, payload in segments if m == containers.APP1 and payload.startswith(start)]
    blobs += [blob for _, blob in containers.extended_xmp(segments)]
    for blob in blobs:
        root = xmp.parsed(blob, budget=budget)
        if root is not None:
            yield root


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
    items: list[tuple[str, int, int]] = []
    for root in packets:
        for element in root.iter():
            for namespace in _ITEMS:
                attributes = {
                    key: element.get(f"{{{namespace}}}{key}") or element.findtext(f"{{{namespace}}}{key}")
                    for key in ("Semantic", "DataURI", "Length", "Padding")
                }
                if attributes["Length"] is not None or attributes["Semantic"] is not None:
                    items.append(
                        (
                            _meaning(attributes["Semantic"], attributes["DataURI"]),
                            _number(attributes["Length"]),
                            _number(attributes["Padding"]),
                        )
                    )
    following = items[1:]  # the first one is the picture itself
    start = len(data) - sum(length + padding for _, length, padding in following)
    found: dict[str, bytes] = {}
    for meaning, length, padding in following:
        if start > 0 and length > 0:
            found.setdefault(meaning, bytes(data[start : start + length]))
        start += length + padding
    return found


def _meaning(semantic: str | None, uri: str | None) -> str:
    words = f"{semantic or ''} {uri or ''}".lower()
    if "confidence" in words:
        return "Confidence"
    return "Depth" if "depth" in words else semantic or ""


def _google(
    blob: bytes,
    properties: Mapping[str, str],
    turn: int,
    confidence: bytes | None,
    *,
    kind: str,
    budget: Budget,
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


def _of_heic(file: BinaryIO, budget: Budget) -> EmbeddedDepth | None:
    try:
        import pillow_heif
    except ImportError:
        return None
    try:
        images = pillow_heif.open_heif(file).info.get("depth_images") or []
        if not images:
            return None
        budget.check_picture(*images[0].size)
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
