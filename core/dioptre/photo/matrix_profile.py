"""Read and create ICC profiles that consist of a matrix and tone curves.

Reading is exact in float64, which preserves colours outside the profile's range, values above 1 and the darkest
codes; LittleCMS, as used by libvips, rounds to 16 bits and clips them. The caller compares the result with
LittleCMS. ICC.1:2022 sections 7.2 (header), 10.6 (curveType), 10.18 (parametricCurveType), 10.31 (XYZType). Created
profiles follow ICC.1:2001-04, version 2.4.

Profiles are created for files whose colour space is known although they have none, such as a camera's JPEG marked
as Adobe RGB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np

D65_XY = (0.3127, 0.3290)
ADOBE_RGB_XY = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))  # Adobe RGB (1998) colour image encoding, 4.3.1.2
ADOBE_RGB_GAMMA = 563 / 256  # the same document, 4.3.4.2: 2.19921875

SRGB_XY = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # IEC 61966-2-1
D50_XYZ = np.array([0.9642, 1.0, 0.8249])  # white of the ICC's profile connection space
_TABLES = (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1")  # these tables take precedence over a matrix
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True, kw_only=True)
class MatrixProfile:
    """The curves and the matrix of a profile.

    Attributes:
        curves: for each channel, float64 (65536,), the linear values of the 16-bit codes.
        to_xyz: matrix from linear values to XYZ under D50 with white at Y = 1, float64 (3, channels).
    """

    curves: tuple[np.ndarray, ...]
    to_xyz: np.ndarray


def read(profile: bytes) -> MatrixProfile | None:
    """Read a grey or RGB profile; None if it is of another kind or damaged."""
    tags = _tags(profile)
    space = profile[16:20]
    names = {b"GRAY": (b"k",), b"RGB ": (b"r", b"g", b"b")}.get(space)
    if names is None or profile[20:24] not in (b"XYZ ", b"Lab ") or any(name in tags for name in _TABLES):
        return None
    try:
        curves = tuple(_curve(tags[name + b"TRC"]) for name in names)
        if space == b"GRAY":
            return MatrixProfile(curves=curves, to_xyz=D50_XYZ[:, None])
        columns = [np.array(struct.unpack_from(">3i", tags[name + b"XYZ"], 8)) / 65536 for name in names]
    except (KeyError, struct.error, ValueError):
        return None
    return MatrixProfile(curves=curves, to_xyz=np.stack(columns, 1))


def rgb_to_xyz_d50(*, primaries_xy: tuple[tuple[float, float], ...], white_xy: tuple[float, float]) -> np.ndarray:
    """Return the matrix from linear RGB to XYZ, adapted to D50 (Bradford), float64 (3, 3)."""
    white = _xyz(white_xy)
    columns = np.array([(x, y, 1.0 - x - y) for x, y in primaries_xy]).T  # not divided by y, which may be 0
    columns = columns * np.linalg.solve(columns, white)
    cone = _BRADFORD @ D50_XYZ / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(cone) @ _BRADFORD @ columns)


def rgb_profile(
    name: str,
    *,
    primaries_xy: tuple[tuple[float, float], ...],
    white_xy: tuple[float, float],
    curve: float | np.ndarray,
) -> bytes:
    """Create a monitor profile.

    Args:
        name: the profile's description.
        primaries_xy: CIE xy of red, green and blue.
        white_xy: CIE xy of white.
        curve: exponent of all three curves, or their samples, the linear values of equidistant encoded
            values: (n,), or (3, n) for different curves.
    """
    adapted = rgb_to_xyz_d50(primaries_xy=primaries_xy, white_xy=white_xy)
    tags = {b"wtpt": _xyz_tag(D50_XYZ)}
    for c, letter in enumerate((b"r", b"g", b"b")):
        tags[letter + b"XYZ"] = _xyz_tag(adapted[:, c])
        tags[letter + b"TRC"] = _curve_tag(curve[c] if isinstance(curve, np.ndarray) and curve.ndim == 2 else curve)
    return _profile(name, b"RGB ", tags)


def grey_profile(name: str, *, curve: float | np.ndarray) -> bytes:
    """Create a grey profile with a power curve or with samples, as in `rgb_profile`."""
    return _profile(name, b"GRAY", {b"wtpt": _xyz_tag(D50_XYZ), b"kTRC": _curve_tag(curve)})


def srgb_samples() -> np.ndarray:
    """Return samples of sRGB's curve, close enough for 16-bit codes, float64 (1024,)."""
    x = np.linspace(0.0, 1.0, 1024)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


@cache
def srgb_grey() -> bytes:
    """Create a grey profile with sRGB's curve, so that the conversion to sRGB changes no value."""
    return grey_profile("Grey with the sRGB curve", curve=srgb_samples())


@cache
def srgb_profile() -> bytes:
    """Return LittleCMS' own sRGB profile, for results that need a tag."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def adobe_rgb() -> bytes:
    """Create a profile compatible with Adobe RGB (1998)."""
    return rgb_profile(
        "Compatible with Adobe RGB (1998)", primaries_xy=ADOBE_RGB_XY, white_xy=D65_XY, curve=ADOBE_RGB_GAMMA
    )


def _tags(profile: bytes) -> dict[bytes, memoryview]:
    """Return views of a profile's tags by name; several tags may share the same bytes."""
    if len(profile) < 132:
        return {}
    count = min(struct.unpack_from(">I", profile, 128)[0], 256, (len(profile) - 132) // 12)
    rows = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    whole = memoryview(profile)
    return {name: whole[offset : offset + size] for name, offset, size in rows}


def _curve(tag: bytes | memoryview) -> np.ndarray:
    """Evaluate a curve tag at all 16-bit codes; raise ValueError if it is damaged."""
    x = np.linspace(0.0, 1.0, 65536)
    if tag[:4] == b"curv":
        count = struct.unpack_from(">I", tag, 8)[0]
        if count == 0:
            return x
        values = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return np.asarray(x ** (values[0] / 256))
        return np.interp(x, np.linspace(0.0, 1.0, count), values / 65535)
    if tag[:4] != b"para":
        raise ValueError("not a curve")
    kind = struct.unpack_from(">H", tag, 8)[0]
    lengths = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
    if kind not in lengths:
        raise ValueError("unknown parametric curve")
    p = [v / 65536 for v in struct.unpack_from(f">{lengths[kind]}i", tag, 12)]
    g, a, b = (*p, 1.0, 0.0)[:3] if kind == 0 else p[:3]
    if a == 0.0:
        raise ValueError("damaged parametric curve")
    power = np.maximum(a * x + b, 0.0) ** g
    if kind == 0:
        return np.asarray(power)
    if kind in (1, 2):
        offset = p[3] if kind == 2 else 0.0
        return np.where(x >= -b / a, power + offset, offset)
    slope, threshold = p[3], p[4]
    e, f = (p[5], p[6]) if kind == 4 else (0.0, 0.0)
    return np.asarray(np.where(x >= threshold, power + e, slope * x + f))


def _xyz(xy: tuple[float, float]) -> np.ndarray:
    x, y = xy
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def _xyz_tag(xyz: np.ndarray) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(float(v) * 65536) for v in xyz))


def _curve_tag(curve: float | np.ndarray) -> bytes:
    if isinstance(curve, np.ndarray):
        return struct.pack(">4s4xI", b"curv", len(curve)) + np.round(curve * 65535).astype(">u2").tobytes()
    return struct.pack(">4s4xIH", b"curv", 1, round(curve * 256))


def _profile(name: str, space: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = name.encode("ascii")
    tags = {
        b"desc": struct.pack(">4s4xI", b"desc", len(text) + 1) + text + b"\0" + bytes(4 + 4 + 2 + 1 + 67),
        b"cprt": b"text" + bytes(4) + b"No copyright\0",
        **tags,
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for signature, data in tags.items():
        at = places.setdefault(data, offset + len(body))  # equal tags share their bytes
        table += struct.pack(">4sII", signature, at, len(data))
        if at == offset + len(body):
            body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s", offset + len(body), 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", *(round(float(v) * 65536) for v in D50_XYZ))
    return head.ljust(128, b"\0") + table + body
