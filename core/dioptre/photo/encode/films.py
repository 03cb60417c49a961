"""Write films frame by frame, so that memory holds few frames: WebP and GIF with libvips, MP4 with FFmpeg."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dioptre.contract import Film, Progress, no_progress
from dioptre_link.catalogue.film import SUFFIXES, delays_ms
from dioptre_link.language import Message

from .. import problems
from ..metadata import containers, xmp
from ..metadata.exif import Frame
from ..metadata.xmp import Note
from ..picture import Format
from ..publish import InputFiles, staged
from ..vips import vips
from .encoding import Extras, encode

USUAL = ".webp"
"""Suffix of films in folders of results: any installation writes it, with the recipe inside."""
FIRST_FRAME = "frame-0001.png"
"""Name of the first frame in a folder."""
_QUALITY, _EFFORT = 85, 4  # of WebP
_CRF = "18"  # constant rate factor of H.264: hardly distinguishable from the original
MASK_ENDING = "-invented"
"""End of the stem of a film's masks."""


def require_film_suffix(file: Path) -> None:
    """Raise UnwritableFile if no film can be written to this name."""
    suffix = file.suffix.lower()
    if suffix not in (*SUFFIXES, ""):
        raise problems.UnwritableFile(
            "Dioptre cannot write {file}: the format is not supported.",
            hint=Message("Use a file name that ends in .mp4, .webp or .gif, or none for a folder of PNG frames."),
            file=problems.shown(Path(file.name)),
        )
    if suffix == ".mp4" and find_spec("av") is None:
        raise problems.UnwritableFile(
            "Support for writing {format} is not installed.",
            hint="Install Dioptre with the extra '{extra}', or choose another format.",
            format="MP4",
            extra="mp4",
        )


def save_film(
    film: Film,
    path: Path,
    *,
    note: Note | None = None,
    force: bool = False,
    inputs: InputFiles = (),
    progress: Progress = no_progress,
) -> list[Path]:
    """Write a film, and its masks if it has them.

    Args:
        film: the film.
        path: a file that ends in .mp4, .webp or .gif. Without a suffix, it is a folder, which gets a PNG for each
            frame and each mask. The masks of `a.mp4` are in `a-invented.mp4`.
        note: a record of the operation, for the metadata of a WebP or of the first PNG.
        force: replace existing files.
        inputs: source files; only users who can read all of them can read the film.
        progress: called with the fraction done and the phase; raises Cancelled to stop.

    Returns:
        The paths of the files, or the folder.

    Raises:
        FileExists, UnwritableFile
    """
    require_film_suffix(path)
    films = films_of(film, progress=progress)
    if not path.suffix:
        with staged(path, force=force, permissions_of=inputs) as staging:
            for ending, frames in films.items():
                for number, pixels in enumerate(frames, start=1):
                    name = f"frame-{number:04d}{ending}.png"
                    extras = Extras(xmp=_xmp(film, note) if number == 1 else None)
                    staging.open(name).write(encode(pixels, Format.PNG, extras=extras))
                    staging.complete(name)
        return [path]
    paths = [path.with_stem(path.stem + ending) for ending in films]
    with staged(path.parent, force=force, permissions_of=inputs) as staging:
        streams = [staging.open(each.name) for each in paths]
        for stream, frames in zip(streams, films.values(), strict=True):
            write_frames(film, frames, stream, path.suffix.lower(), note=note)
    return paths


def films_of(film: Film, *, progress: Progress = no_progress) -> dict[str, Iterator[np.ndarray]]:
    """Return the frames of the film and, if they are written, of its masks, by the end of their file's stem."""
    films = {"": _frames(film, film.frame, progress, masks=False)}
    if film.masks:
        films[MASK_ENDING] = _frames(film, film.mask, progress, masks=True)
    return films


def write_frames(
    film: Film, frames: Iterator[np.ndarray], stream: BinaryIO, suffix: str, *, note: Note | None = None
) -> None:
    """Write frames, uint8 (h, w, 3), to a stream that can be read and written, as a file of the suffix."""
    if suffix == ".mp4":
        _mp4(film, frames, stream)
    else:
        _animation(film, frames, stream, suffix, xmp=_xmp(film, note))


def _frames(
    film: Film, draw: Callable[[int], np.ndarray], progress: Progress, *, masks: bool
) -> Iterator[np.ndarray]:
    passes = 2 if film.masks else 1
    for number in range(film.count):
        progress((masks + number / film.count) / passes, "Writing the film")
        pixels = draw(number)
        yield np.repeat(pixels[..., None] * np.uint8(255), 3, axis=2) if masks else pixels


def _xmp(film: Film, note: Note | None) -> bytes | None:
    return xmp.updated(None, note=note, frame=Frame(width=film.shape[1], height=film.shape[0]))


def _animation(
    film: Film, frames: Iterator[np.ndarray], stream: BinaryIO, suffix: str, *, xmp: bytes | None
) -> None:
    """Write a WebP or GIF animation. libvips takes its frames below each other, a few rows at a time."""
    height = film.shape[0]
    tall, waiting = _tall_png(film, frames), bytearray()
    failed: list[BaseException] = []

    def read(size: int) -> bytes:
        try:
            while len(waiting) < size and not failed and (more := next(tall, None)) is not None:
                waiting.extend(more)
        except BaseException as error:  # noqa: BLE001  (raised below; libvips, which calls this, cannot pass it on)
            failed.append(error)
        part = bytes(waiting[:size])
        del waiting[:size]
        return part

    source, target = vips().SourceCustom(), vips().TargetCustom()
    source.on_read(read)
    target.on_write(stream.write)
    options: dict[str, Any] = {}
    if suffix == ".webp":
        options = {"Q": _QUALITY, "effort": _EFFORT, "keep": vips().enums.ForeignKeep.XMP}
    try:
        image = vips().Image.new_from_source(source, "", access="sequential").copy()
        types = vips().GValue
        image.set_type(types.gint_type, "page-height", height)
        image.set_type(
            types.array_int_type, "delay", delays_ms(film.count, film.fps, 10 if suffix == ".gif" else 1)
        )
        image.set_type(types.gint_type, "loop", 0)
        if xmp is not None:
            image.set_type(types.blob_type, "xmp-data", xmp)
        image.write_to_target(target, suffix, **options)
    except vips().Error:
        if not failed:
            raise
    if failed:
        raise failed[0]


def _tall_png(film: Film, frames: Iterator[np.ndarray]) -> Iterator[bytes]:
    """Yield the parts of a PNG, not compressed, with all frames below each other, as libvips reads them."""
    height, width = film.shape
    chunk = containers.png_chunk
    header = struct.pack(">IIBBBBB", width, height * film.count, 8, 2, 0, 0, 0)
    yield b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    stored = zlib.compressobj(0)
    for pixels in frames:
        rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each begins with its filter: 0, none
        yield chunk(b"IDAT", stored.compress(rows.tobytes()) + stored.flush(zlib.Z_SYNC_FLUSH))
    yield chunk(b"IDAT", stored.flush()) + chunk(b"IEND", b"")


def _mp4(film: Film, frames: Iterator[np.ndarray], stream: BinaryIO) -> None:
    import av

    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=film.fps, options={"crf": _CRF})
        video.height, video.width = film.shape
        video.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
