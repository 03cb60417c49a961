"""Convert a file's colours to sRGB-encoded float and back, using its ICC profile.

Most profiles consist of a matrix and tone curves (Adobe RGB, Display P3, ProPhoto, Rec. 2020, cameras, monitors;
grey with a curve). They are applied here in float, so nothing is clipped and unedited pixels get their codes back.
Each is first compared with LittleCMS (through libvips), which is the authority: where the two disagree, and for
profiles with tables (CMYK, scanners, printers), LittleCMS converts every pixel; these are only read. It is not used
for all profiles because it rounds to 16 bits and clips to the profile's range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .curves import Curve, in_bands, srgb_curve
from .matrix_profile import D50_XYZ, D65_XY, SRGB_XY, rgb_to_xyz_d50
from .matrix_profile import read as read_matrix_profile
from .vips import vips

_IDENTITY_TOLERANCE = 0.002  # half an 8-bit code; a profile closer to sRGB than that counts as sRGB
_AGREEMENT_TOLERANCE = 0.004  # one 8-bit code: accepted difference from LittleCMS, which rounds intermediate values
_INTERPRETATION = {1: "grey16", 3: "rgb16", 4: "cmyk"}
_PILLOW_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_SPACES = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
SRGB_TO_XYZ = rgb_to_xyz_d50(primaries_xy=SRGB_XY, white_xy=D65_XY)
"""Matrix from linear sRGB to XYZ under D50, float64 (3, 3)."""


class BadProfile(Exception):  # noqa: N818  (never reaches the user: it becomes a message)
    """The profile is damaged or does not suit this kind of picture."""


@runtime_checkable
class ReadOnlyModel(Protocol):
    """Conversion from the colour values of a file to sRGB-encoded float."""

    def to_srgb(self, codes: np.ndarray, *, out: np.ndarray) -> None:
        """Fill `out`, float32 (H, W, 3), from `codes` (H, W, C): uint8, uint16 (full range) or float32."""


@runtime_checkable
class ColourModel(ReadOnlyModel, Protocol):
    """Conversion between the colour values of a file and sRGB-encoded float."""

    def from_srgb(self, srgb_encoded: np.ndarray, *, dtype: np.dtype[Any]) -> np.ndarray:
        """Convert float32 (H, W, 3) to file values (H, W, C). Integers are clamped, and 8-bit values dithered."""


def channels(profile: bytes) -> int:
    """Return a profile's number of channels; raise BadProfile if it is not for grey, RGB or CMYK."""
    if len(profile) < 132 or profile[36:40] != b"acsp" or profile[16:20] not in _SPACES:
        raise BadProfile("not an ICC profile for grey, RGB or CMYK")
    return _SPACES[profile[16:20]]


def is_srgb(profile: bytes) -> bool:
    """Return whether a profile describes sRGB."""
    return channels(profile) == 3 and isinstance(model(profile, bands=3), _Identity)


def srgb(*, bands: int = 3) -> ColourModel:
    """Return the conversion for sRGB, or for grey with its curve if `bands` is 1."""
    return _Identity(bands=bands)


@lru_cache(maxsize=8)
def model(profile: bytes | None, *, bands: int) -> ReadOnlyModel:
    """Return the conversion for a profile; one for sRGB, or for a matrix and curves, is a `ColourModel`.

    Args:
        profile: the ICC profile; None for sRGB, grey with sRGB's curve, or a generic CMYK.
        bands: number of colour channels: 1, 3 or 4.

    Raises:
        BadProfile: the profile is damaged or has another number of channels.
    """
    if profile is None:
        return _Lookup(profile=None) if bands == 4 else _Identity(bands=bands)
    if channels(profile) != bands:
        raise BadProfile(f"made for {channels(profile)} channels, the picture has {bands}")
    _check(profile, bands)
    shaper = None if bands == 4 else _shaper(profile)
    if shaper is None:
        return _Lookup(profile=profile)
    codes = _probes(bands)
    seen = np.empty((1, codes.shape[1], 3), np.float32)
    shaper.to_srgb(codes, out=seen)
    if float(np.abs(seen - codes / 65535).max()) < _IDENTITY_TOLERANCE:
        return _Identity(bands=bands)
    return shaper


def _check(profile: bytes, bands: int) -> None:
    """Raise BadProfile if LittleCMS cannot use the profile; libvips would silently use another one."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
        ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), _PILLOW_MODES[bands], "RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise BadProfile(str(error)) from error
    if int.from_bytes(profile[:4], "big") > len(profile):
        raise BadProfile("cut off")


def quantise(
    values: np.ndarray, *, dtype: np.dtype[Any], out: np.ndarray, thresholds: np.ndarray | None = None
) -> None:
    """Convert float32 in [0, 1] to `dtype`: integers are scaled and clamped, floats copied.

    Args:
        values: the values to convert.
        dtype: the type of `out`.
        out: receives the result.
        thresholds: dither thresholds in [0, 1), added before truncation; if None, values are rounded.
    """
    if dtype.kind == "f":
        out[...] = values
        return
    top = np.iinfo(dtype).max
    scaled = values * np.float32(top)
    scaled += np.float32(0.5) if thresholds is None else thresholds
    np.clip(scaled, 0.0, top, out=scaled)
    out[...] = scaled


def dither(rows: slice, *, width: int, channels: int, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Return dither thresholds for rows of an 8-bit picture, float32 (h, width, channels); None for other types.

    Blurred backgrounds have gradients of less than one code across many pixels, which rounding turns into visible
    bands. Values within 0.005 of a code never change, so unedited pixels keep their codes.

    Args:
        rows: the rows of the picture.
        width: width of the picture in pixels.
        channels: number of channels.
        dtype: type of the file's values.
    """
    if dtype != np.uint8:
        return None
    noise = _noise(width, channels)
    first, last = rows.start % len(noise), rows.stop - rows.start // len(noise) * len(noise)
    return noise[first:last] if last <= len(noise) else noise.take(np.arange(first, last), axis=0, mode="wrap")


@lru_cache(maxsize=2)
def _noise(width: int, channels: int) -> np.ndarray:
    """Return 64 rows of interleaved gradient noise (J. Jimenez, SIGGRAPH 2014), shifted for each channel."""
    y, x, c = np.ogrid[0:64, 0:width, 0:channels]
    noise = (x * 0.06711056 + y * 0.00583715 + 17.1 * c) % 1.0 * 52.9829189 % 1.0
    noise = (0.005 + 0.99 * noise).astype(np.float32)
    noise.flags.writeable = False  # it is cached
    return noise


def normalise(codes: np.ndarray, *, out: np.ndarray) -> None:
    """Write codes to float32 `out`: integers are divided by their type's maximum, floats copied."""
    if codes.dtype.kind == "f":
        out[...] = codes
    else:
        np.multiply(codes, np.float32(1.0 / np.iinfo(codes.dtype).max), out=out, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class _Identity:
    """Conversion for files in sRGB, or in grey with sRGB's curve."""

    bands: int

    def to_srgb(self, codes: np.ndarray, *, out: np.ndarray) -> None:
        in_bands(out.shape, lambda rows: normalise(codes[rows], out=out[rows]))

    def from_srgb(self, srgb_encoded: np.ndarray, *, dtype: np.dtype[Any]) -> np.ndarray:
        result = np.empty((*srgb_encoded.shape[:2], self.bands), dtype)

        def work(rows: slice) -> None:
            values = srgb_encoded[rows] if self.bands == 3 else _grey(srgb_encoded[rows])[..., None]
            noise = dither(rows, width=result.shape[1], channels=self.bands, dtype=dtype)
            quantise(values, dtype=dtype, out=result[rows], thresholds=noise)

        in_bands(result.shape, work)
        return result


@dataclass(frozen=True, kw_only=True)
class _Shaper:
    """A profile with three curves and a matrix, or one curve for grey.

    Attributes:
        curves: one curve per channel.
        matrix: (3, 3) from the file's linear values to linear sRGB; None for grey.
    """

    curves: tuple[Curve, ...]
    matrix: np.ndarray | None

    def to_srgb(self, codes: np.ndarray, *, out: np.ndarray) -> None:
        tables = None
        if codes.dtype.kind == "u":
            tables = [curve.codes(bits=8 * codes.dtype.itemsize) for curve in self.curves]

        def work(rows: slice) -> None:
            if tables is None:
                linear = [curve.decode(codes[rows][..., c]) for c, curve in enumerate(self.curves)]
            else:
                linear = [table.take(codes[rows][..., c]) for c, table in enumerate(tables)]
            if self.matrix is None:
                out[rows] = srgb_curve().encode(linear[0])[..., None]
                return
            for c in range(3):
                out[rows][..., c] = srgb_curve().encode(mixed(linear, self.matrix[c]))

        in_bands(out.shape, work)

    def from_srgb(self, srgb_encoded: np.ndarray, *, dtype: np.dtype[Any]) -> np.ndarray:
        result = np.empty((*srgb_encoded.shape[:2], len(self.curves)), dtype)
        back = None if self.matrix is None else np.linalg.inv(self.matrix)

        def work(rows: slice) -> None:
            if back is None:
                linear = [srgb_curve().decode(_grey(srgb_encoded[rows]))]
            else:
                source = [srgb_curve().decode(srgb_encoded[rows][..., c]) for c in range(3)]
                linear = [mixed(source, back[c]) for c in range(3)]
            noise = dither(rows, width=result.shape[1], channels=len(self.curves), dtype=dtype)
            encoded = np.stack([curve.encode(linear[c]) for c, curve in enumerate(self.curves)], -1)
            quantise(encoded, dtype=dtype, out=result[rows], thresholds=noise)

        in_bands(result.shape, work)
        return result


@dataclass(frozen=True, kw_only=True)
class _Lookup:
    """A profile with tables: LittleCMS converts every pixel. Without a profile, libvips' generic CMYK."""

    profile: bytes | None

    def to_srgb(self, codes: np.ndarray, *, out: np.ndarray) -> None:
        lab_to_srgb(_through_lcms(_integers(codes), self.profile), out=out)


def _shaper(profile: bytes) -> _Shaper | None:
    """Read a profile that consists of curves and a matrix; None for other profiles or if LittleCMS disagrees."""
    read = read_matrix_profile(profile)
    if read is None or any(curve[-1] < 0.5 or np.diff(curve).min() < -1e-3 for curve in read.curves):
        return None
    matrix = np.linalg.inv(SRGB_TO_XYZ) @ read.to_xyz
    bands = len(read.curves)
    if bands == 3 and abs(np.linalg.det(matrix)) < 1e-4:
        return None
    shaper = _Shaper(curves=tuple(Curve(c) for c in read.curves), matrix=matrix if bands == 3 else None)
    codes = _probes(bands)
    seen, lcms = (np.empty((*codes.shape[:2], 3), np.float32) for _ in range(2))
    shaper.to_srgb(codes, out=seen)
    lab_to_srgb(_through_lcms(codes, profile), out=lcms)
    fair = ((seen >= 0.0) & (seen <= 1.0)).all(-1)  # the others are not compared, because LittleCMS clips them
    if not fair.any():
        return None
    return shaper if float(np.abs(seen - lcms)[fair].max()) < _AGREEMENT_TOLERANCE else None


def _probes(bands: int) -> np.ndarray:
    """Return test codes across the profile's range, uint16 (1, n, bands): 33 greys, pale and saturated colours."""
    greys = np.repeat(np.linspace(0, 65535, 33)[:, None], bands, 1)
    grid = np.stack(np.meshgrid(*[np.linspace(6000, 65535, 5)] * bands, indexing="ij"), -1).reshape(-1, bands)
    pale = 0.7 * grid.mean(1, keepdims=True) + 0.3 * grid
    return np.concatenate([greys, pale, grid])[None].astype(np.uint16)


def _through_lcms(codes: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Convert integer codes to CIE L*a*b* (D50), float32 (H, W, 3), with LittleCMS."""
    bands = codes.shape[2]
    narrow = {1: "b-w", 3: "srgb", 4: "cmyk"}
    space = (_INTERPRETATION if codes.dtype == np.uint16 else narrow)[bands]
    image = _image(codes, space, profile)
    options: dict[str, Any] = {"embedded": True} if profile else {"input_profile": "cmyk"}
    try:
        # Printed black is not fully dark; without black point compensation it would become grey.
        lab: np.ndarray = image.icc_import(
            pcs="lab", intent="relative", black_point_compensation=bands == 4, **options
        ).numpy()
    except vips().Error as error:
        raise BadProfile(str(error)) from error
    return lab


def _image(codes: np.ndarray, space: str, profile: bytes | None) -> Any:
    codes = np.ascontiguousarray(codes)
    height, width, bands = codes.shape
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[codes.dtype.name]
    image = vips().Image.new_from_memory(codes.data, width, height, bands, kind).copy(interpretation=space)
    if profile:
        image.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
    return image


def _integers(codes: np.ndarray) -> np.ndarray:
    if codes.dtype.kind == "u":
        return codes
    result = np.empty(codes.shape, np.uint16)
    quantise(codes, dtype=result.dtype, out=result)
    return result


def _grey(srgb_encoded: np.ndarray) -> np.ndarray:
    """Return the mean of the channels of grey pixels, which keeps rounding errors small."""
    return mixed([srgb_encoded[..., c] for c in range(3)], np.full(3, 1.0 / 3.0))


class LabModel:
    """The conversion from the colours of a file whose values are L*a*b*, as float32."""

    def to_srgb(self, codes: np.ndarray, *, out: np.ndarray) -> None:
        """Fill `out`, float32 (H, W, 3), with the sRGB-encoded colours."""
        lab_to_srgb(codes, out=out)


def lab_to_srgb(lab: np.ndarray, *, out: np.ndarray) -> None:
    """Convert CIE L*a*b* (D50, L* from 0 to 100), float32 (H, W, 3), to sRGB-encoded values in `out`."""
    to_srgb = np.linalg.inv(SRGB_TO_XYZ) * D50_XYZ

    def work(rows: slice) -> None:
        fy = (lab[rows][..., 0] + np.float32(16)) * np.float32(1 / 116)
        fx, fz = fy + lab[rows][..., 1] * np.float32(1 / 500), fy - lab[rows][..., 2] * np.float32(1 / 200)
        xyz = [
            np.where(f > 6 / 29, f * f * f, (f - np.float32(4 / 29)) * np.float32(108 / 841)) for f in (fx, fy, fz)
        ]
        for c in range(3):
            out[rows][..., c] = srgb_curve().encode(mixed(xyz, to_srgb[c]))

    in_bands(out.shape, work)


def mixed(planes: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of three planes; for such narrow matrices, NumPy's product is ten times slower."""
    result: np.ndarray = planes[0] * np.float32(weights[0])
    result += planes[1] * np.float32(weights[1])
    result += planes[2] * np.float32(weights[2])
    return result
