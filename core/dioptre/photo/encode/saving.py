"""Save a picture like its original: in the same format, bit depth, colours and metadata."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.photo.metadata.exif import Frame
from dioptre_link.language import Message

from .. import colour_profile, problems
from ..colour_profile import ColourModel
from ..curves import in_bands
from ..formats import FORMATS, SUFFIXES
from ..matrix_profile import D65_XY, SRGB_XY, rgb_profile, srgb_profile
from ..metadata import containers, density, exif, xmp
from ..metadata.containers import fits_jpeg
from ..metadata.xmp import Note
from ..picture import Colour, Extras, Format, Picture, Source
from ..publish import check_free, replacing
from . import depth_in_jpeg, ultra_hdr
from .depth_in_jpeg import DepthInFile
from .encoding import encode
from .rendition import Rendition
from .rendition import rendition as rendition_of

_HOLD_MORE = (Format.JPEG, Format.PNG, Format.TIFF)
"""Formats to suggest for a large picture."""
_WHITE = 1 + 1 / 255  # encoded values above it lose light in integers
_COLOURLESS = 0.03  # largest chroma that a network may leave in a grey picture; more is intended colour


def save(
    pixels: np.ndarray | Picture,
    path: str | os.PathLike[str],
    *,
    like: Picture | None = None,
    note: Note | None = None,
    depth: DepthInFile | None = None,
    further: Sequence[np.ndarray] = (),
    force: bool = False,
    inputs: Sequence[Path] = (),
) -> tuple[str, ...]:
    """Write a picture in the format of the file's extension.

    Args:
        pixels: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha; or a Picture, which also serves as
            `like`.
        path: the file; its extension selects the format.
        like: the original picture. Its bit depth, profile, resolution and metadata are used if the format supports
            them. An enlarged result gets a higher resolution, so it prints at the same size. If None: 8 bits (16
            for TIFF), no profile, no metadata.
        note: a record of the operation, for the metadata.
        depth: depth to put into the file, which must be a JPEG; None for none.
        further: more pictures, like `pixels`, for an .mpo file, the only one that holds them.
        force: replace an existing file.
        inputs: other source files. The result is readable only by users who can read all of them and `like`.

    Returns:
        A sentence about each property that could not be preserved.

    Raises:
        FileExists, UnwritableFile
    """
    place = Path(path)
    kind = format_of(place, several=bool(further))
    check_free(place, force=force)
    if isinstance(pixels, Picture):
        like = like or pixels
        pixels = pixels.pixels
    encoded, messages = encoded_picture(pixels, kind, like=like, note=note, depth=depth, further=further)
    with replacing(place, force=force, permissions_of=(*(() if like is None else (like.path,)), *inputs)) as stream:
        stream.write(encoded)
    return messages


def format_of(path: Path, *, several: bool = False) -> Format:
    """Return the format of a path's suffix, or of several pictures' file; raise UnwritableFile if there is none."""
    if several:
        kinds = {suffix: each for each, form in FORMATS.items() for suffix in form.several}
        hint = Message("Use a file name that ends in .mpo.")
    else:
        kinds = SUFFIXES
        hint = Message("Use a file name that ends in .jpg, .png, .tif, .webp, .avif, .jxl or .heic.")
    try:
        return kinds[path.suffix.lower()]
    except KeyError:
        raise problems.UnwritableFile(
            "Dioptre cannot write {file}: the format is not supported.",
            hint=hint,
            file=problems.shown(Path(path.name)),
        ) from None


def require_size(kind: Format, *, width: int, height: int) -> None:
    """Raise UnwritableFile if a format cannot hold a picture of this size; call it before computing the picture."""
    form = FORMATS[kind]
    if form.holds(width, height):
        return
    others = [FORMATS[other].suffixes[0] for other in _HOLD_MORE if FORMATS[other].holds(width, height)]
    hint = Message(
        "Use a file name that ends in {formats}. 'run' and 'batch' keep a picture's format: convert it first.",
        formats=" or ".join(others),
    )
    if max(width, height) > form.largest_side:
        raise problems.UnwritableFile(
            "The result has {width} × {height} pixels; {format} files hold at most {limit} along a side.",
            hint=hint,
            width=width,
            height=height,
            format=kind.value,
            limit=form.largest_side,
        )
    raise problems.UnwritableFile(
        "The result has {width} × {height} pixels; {format} files hold at most {megapixels} megapixels.",
        hint=hint,
        width=width,
        height=height,
        format=kind.value,
        megapixels=int(form.largest_area) // 1_000_000,
    )


def suffix_like(path: Path, kind: Format | None) -> str:
    """Return the suffix for a result: the photo's own if its format can be written, else .png or .tif.

    Args:
        path: the photo.
        kind: its format; None for a RAW photo.
    """
    if kind is None or kind is Format.RAW:
        return ".tif"
    if not FORMATS[kind].writable:
        return ".png"
    return path.suffix if SUFFIXES.get(path.suffix.lower()) is kind else FORMATS[kind].suffixes[0]


def encoded_picture(
    pixels: np.ndarray,
    kind: Format,
    *,
    like: Picture | None = None,
    note: Note | None = None,
    rendition: Rendition | None = None,
    depth: DepthInFile | None = None,
    further: Sequence[np.ndarray] = (),
) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture as a file; see `save`.

    Args:
        pixels: as in `save`.
        kind: the file format.
        like: as in `save`.
        note: as in `save`.
        rendition: the rendition of the pixels if `like` has a gain map; computed if None.
        depth: as in `save`.
        further: as in `save`.

    Returns:
        The file, and a sentence about each property that could not be preserved.

    Raises:
        UnwritableFile: the format or the colour profile cannot be written, or the format is too small.
    """
    form = FORMATS[kind]
    if form.extra is not None and not form.writable:
        raise problems.UnwritableFile(
            "Support for writing {format} is not installed.",
            hint="Install Dioptre with the extra '{extra}', or choose another format.",
            format=kind.value,
            extra=form.extra[0],
        )
    require_size(kind, width=pixels.shape[1], height=pixels.shape[0])
    if depth is not None:
        depth_in_jpeg.require_jpeg(kind)
    messages: list[str] = []
    gains: bytes | None = None
    if like is None or like.gain_map is None:
        target = _target(pixels, kind, None if like is None else like.source, messages)
    elif kind is Format.TIFF:
        target = _all_light(pixels)
    else:
        shown = rendition or rendition_of(like, pixels)
        further = [shown.shown(each) for each in further]
        bright, pixels = pixels, shown.shown(pixels)
        if kind is Format.JPEG and not further:
            gains = ultra_hdr.map_jpeg(shown.map_of(bright, pixels))
        else:
            name = "MPO" if further else kind.value
            messages.append(
                f"{name} cannot store highlights above white; they were clipped. JPEG and TIFF keep them."
            )
        target = _target(pixels, kind, like.source, messages)
    extras = _extras(
        kind, pixels.shape, icc=target.icc, like=like, note=note, has_depth=depth is not None, messages=messages
    )
    maps: tuple[bytes, ...] = ()
    if depth is not None:
        inside = depth_in_jpeg.encoded(depth, before=len(gains or b""))
        maps, extras = inside.maps, replace(extras, xmp=xmp.with_descriptions(extras.xmp, inside.description))
        messages.append(depth_in_jpeg.revealed(None if like is None else like.source))
    if gains is not None:
        extras = replace(extras, xmp=ultra_hdr.with_directory(extras.xmp, map_bytes=len(gains)))
    picture = encode(
        _codes(pixels, target), kind, extras=extras, further=[_codes(each, target) for each in further]
    )
    return b"".join((picture if gains is None else ultra_hdr.joined(picture, gains), *maps)), tuple(messages)


def _extras(
    kind: Format,
    shape: tuple[int, ...],
    *,
    icc: bytes | None,
    like: Picture | None,
    note: Note | None,
    has_depth: bool,
    messages: list[str],
) -> Extras:
    """Collect the metadata and storage options for a result's file."""
    height, width = shape[:2]
    if like is None:
        frame = Frame(width=width, height=height)
        return Extras(icc=icc, xmp=xmp.updated(None, note=note, frame=frame))
    source = like.source
    by = density.factors(like, width=width, height=height)
    # Codecs that turn the picture leave the orientation in EXIF, which tells for which frame positions hold.
    turn = source.orientation if source.orientation != 1 else exif.orientation(source.exif)
    frame = Frame(width=width, height=height, orientation=turn, enlarged=by)
    blob = exif.without_subject(source.exif) if source.reframed else source.exif
    if blob is not None:
        blob = exif.upright(density.in_exif(blob, frame), frame, srgb=icc is None)
    if lost := [part for part in _left_out(kind, source) if part != xmp.DEPTH_MAP or not has_depth]:
        parts = reduce(lambda before, part: Message("{before}, {part}", before=before, part=part), lost)
        messages.append(Message("Not kept from the original: {parts}.", parts=parts))
    return replace(
        source,
        icc=icc,
        exif=blob,
        xmp=xmp.updated(source.xmp, note=note, frame=frame, reframed=source.reframed),
        photoshop=density.in_photoshop(source.photoshop or b"", by) if _holds_iptc(kind, source) else None,
        resolution_dpi=density.scaled(source.resolution_dpi, by),
    )


def _holds_iptc(kind: Format, source: Source) -> bool:
    holds = FORMATS[kind].holds_iptc
    return source.format is kind if holds is None else holds


def _left_out(kind: Format, source: Source) -> list[str]:
    """Return the names of the original's metadata that a result in this format does not have."""
    parts: list[str] = []
    if kind is Format.JPEG and source.exif is not None and not fits_jpeg(source.exif):
        parts.append(Message("EXIF (a JPEG holds 64 KiB)"))
    if containers.iptc(source.photoshop) is not None and not _holds_iptc(kind, source):
        parts.append("IPTC")
    # ImageMagick repeats times and other properties as texts with a colon.
    words = {keyword for keyword, _ in source.texts if ":" not in keyword}
    if lost := [word for word in sorted(words) if not FORMATS[kind].holds_text(word)]:
        parts.append(Message("text ({keywords})", keywords=", ".join(lost)))
    parts += xmp.left_out(source.xmp, reframed=source.reframed)
    if source.reframed and xmp.POSITIONS not in parts and exif.without_subject(source.exif) != source.exif:
        parts.append(xmp.POSITIONS)
    if source.credentials and xmp.CREDENTIALS not in parts:
        parts.append(xmp.CREDENTIALS)
    return parts


@dataclass(frozen=True, kw_only=True)
class _Target:
    """The representation of pixels in a file."""

    model: ColourModel
    icc: bytes | None
    dtype: np.dtype[Any]
    alpha: bool


def _target(pixels: np.ndarray, kind: Format, source: Source | None, messages: list[str]) -> _Target:
    form = FORMATS[kind]
    opaque = pixels.shape[2] == 3 or bool((pixels[..., 3] == 1.0).all())
    alpha = pixels.shape[2] == 4 and form.holds_alpha and not (opaque and not (source and source.alpha))
    if not opaque and not alpha:
        messages.append(f"{kind.value} has no transparency; the picture was flattened onto white.")
    bits = _bits(kind, source)
    if source is not None:
        held, had = min(bits, form.packed_bits), source.packed_bits or source.bits
        if held < had:
            messages.append(f"{kind.value} stores {held} bits per channel; the original had {had}.")
    dtype = np.dtype({8: np.uint8, 16: np.uint16, 32: np.float32}[bits])
    if source is not None and source.floating and dtype.kind != "f" and pixels[..., :3].max(initial=0) > _WHITE:
        messages.append(f"{kind.value} cannot store highlights above white; they were clipped. TIFF keeps them.")
    if kind is Format.JPEGXL and source is not None and not _is_srgb(source):
        if source.colour is not Colour.GREY:
            messages.append("JPEG XL cannot store the original's colour profile; the result is in sRGB.")
        source = replace(source, icc=None)
    model, icc = _model(pixels, source, messages, holds_grey=form.holds_grey(bits, alpha))
    return _Target(model=model, icc=icc, dtype=dtype, alpha=alpha)


def _is_srgb(source: Source) -> bool:
    """Return whether a file's colours are sRGB, or become sRGB anyway because they are CMYK."""
    return source.icc is None or source.colour is Colour.CMYK or colour_profile.is_srgb(source.icc)


def _all_light(pixels: np.ndarray) -> _Target:
    """Return the representation as linear floats, 1 at white, as programs expect in a TIFF with HDR light."""
    icc = _linear_profile()
    model = colour_profile.model(icc, bands=3)
    assert isinstance(model, ColourModel)
    return _Target(model=model, icc=icc, dtype=np.dtype(np.float32), alpha=pixels.shape[2] == 4)


def _bits(kind: Format, source: Source | None) -> int:
    if source is None:
        return 16 if kind is Format.TIFF else 8
    depths = FORMATS[kind].depths
    wanted = 16 if source.bits == 32 and not source.floating else source.bits
    return min((depth for depth in depths if depth >= wanted), default=depths[-1])


def _model(
    pixels: np.ndarray, source: Source | None, messages: list[str], *, holds_grey: bool
) -> tuple[ColourModel, bytes | None]:
    """Choose the file's colour profile: the original's, or an embedded sRGB profile if that has tables."""
    plain = colour_profile.srgb()
    if source is None:
        return plain, None
    if source.colour in (Colour.CMYK, Colour.LAB):
        messages.append(f"The original is {source.colour.value}; the result is RGB (sRGB).")
        return plain, srgb_profile()
    if source.colour is Colour.PALETTE:
        messages.append("The original has a palette; the result is full colour.")
    if source.colour is Colour.GREY:
        if not _is_grey(pixels):
            messages.append("The original is grey; the result has colour and is RGB (sRGB).")
            return plain, srgb_profile()
        if source.icc is None or colour_profile.channels(source.icc) == 3:
            return colour_profile.srgb(bands=1), source.icc
        if not holds_grey:  # a grey profile does not suit three channels
            return plain, srgb_profile()
    elif source.icc is None:
        return plain, None
    model = colour_profile.model(source.icc, bands=colour_profile.channels(source.icc))
    if isinstance(model, ColourModel):
        return model, source.icc
    messages.append("The original's colour profile cannot be used for output; the result is in sRGB.")
    return plain, srgb_profile()


def _is_grey(pixels: np.ndarray) -> bool:
    rows = pixels[:: max(1, pixels.shape[0] // 512), :, :3]
    return bool((rows.max(2) - rows.min(2)).max(initial=0.0) < _COLOURLESS)


def _codes(pixels: np.ndarray, target: _Target) -> np.ndarray:
    colours = pixels[..., :3]
    has_alpha = pixels.shape[2] == 4
    if has_alpha and not target.alpha and not bool((pixels[..., 3] == 1.0).all()):
        colours = colours * pixels[..., 3:] + (1.0 - pixels[..., 3:])
    codes = target.model.from_srgb(colours, dtype=target.dtype)
    if not target.alpha:
        return codes
    result = np.empty((*codes.shape[:2], codes.shape[2] + 1), codes.dtype)

    def work(rows: slice) -> None:
        result[rows][..., :-1] = codes[rows]
        colour_profile.quantise(pixels[rows][..., 3], dtype=result.dtype, out=result[rows][..., -1])

    in_bands(codes.shape, work)
    return result


@cache
def _linear_profile() -> bytes:
    return rgb_profile("Linear sRGB", primaries_xy=SRGB_XY, white_xy=D65_XY, curve=1.0)
