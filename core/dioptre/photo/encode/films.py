"""Write films frame by frame, so that memory holds few frames: WebP and GIF with libvips, MP4 with FFmpeg."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dioptre.contract import Film, Progress, no_progress
from dioptre_link.catalogue.film import SUFFIXES, delays_ms
from dioptre_link.language import Message

from .. import problems
from ..matrix_profile import srgb_profile
from ..metadata import containers, xmp
from ..metadata.exif import Frame
from ..metadata.xmp import Note
from ..picture import Extras, Format
from ..publish import InputFiles, staged
from ..vips import vips
from .encoding import encode

USUAL = ".webp"
"""Suffix of films in folders of results: any installation writes it, with the recipe inside."""
_FRAME = "frame-{:04d}{}.png"
FIRST_FRAME = _FRAME.format(1, "")
"""Name of the first frame in a folder."""
_GIF_FPS = 50  # many viewers show a shorter frame than 0.02 s for 0.1 s
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


def require_unmixed(folder: Path, *, count: int, masks: bool) -> None:
    """Raise FileExists if a folder has frames that a film with `count` frames does not replace."""
    names = {_FRAME.format(1 + number, end) for number in range(count) for end in ("", MASK_ENDING)[: 1 + masks]}
    if left := sorted({file.name for file in folder.glob("frame-[0-9]*.png")} - names):
        raise problems.FileExists(
            "{folder} contains frames of another film, such as {name}.",
            hint="Delete them, or choose another folder: films are not mixed.",
            folder=problems.shown(folder),
            name=problems.shown(Path(left[0])),
        )


def save_film(
    film: Film,
    path: Path,
    *,
    note: Note | None = None,
    force: bool = False,
    inputs: InputFiles = (),
    on_message: Callable[[str], None] = lambda _: None,
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
        on_message: called with a sentence if the format cannot hold all frames.
        progress: called with the fraction done and the phase; raises Cancelled to stop.

    Returns:
        The paths of the files, or the folder.

    Raises:
        FileExists, UnwritableFile
    """
    require_film_suffix(path)
    if path.suffix.lower() == ".gif" and film.fps > _GIF_FPS:
        film = _slower(film)
        on_message(Message("A GIF shows at most 50 frames per second, so the film has fewer frames."))
    films = films_of(film, progress=progress)
    if not path.suffix:
        require_unmixed(path, count=film.count, masks=film.masks)
        with staged(path, force=force, permissions_of=inputs) as staging:
            for ending, frames in films.items():
                for number, pixels in enumerate(frames, start=1):
                    name = _FRAME.format(number, ending)
                    extras = Extras(icc=srgb_profile(), xmp=_xmp(film, note) if number == 1 else None)
                    staging.open(name).write(encode(pixels, Format.PNG, extras=extras))
                    staging.complete(name)
        return [path]
    paths = [path.with_stem(path.stem + ending) for ending in films]
    with staged(path.parent, force=force, permissions_of=inputs) as staging:
        streams = [staging.open(each.name) for each in paths]
        for stream, frames in zip(streams, films.values(), strict=True):
            write_frames(film, frames, stream, path.suffix.lower(), note=note)
    return paths


def _slower(film: Film) -> Film:
    """Return a film of the same length at GIF's rate."""
    count = round(film.count * _GIF_FPS / film.fps)
    chosen = np.linspace(0, film.count - 1, count).round().astype(int).tolist()
    frame, mask = (lambda number, draw=draw: draw(chosen[number]) for draw in (film.frame, film.mask))
    return replace(film, count=count, fps=_GIF_FPS, frame=frame, mask=mask)


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
    watched = _Watched(stream)
    try:
        if suffix == ".mp4":
            _mp4(film, frames, watched)
        else:
            _animation(film, frames, watched, suffix, xmp=_xmp(film, note))
    except Exception:
        if watched.error is None:
            raise
    if watched.error is not None:
        raise watched.error


class _Watched:
    """A stream for libvips and PyAV, which do not pass errors on, such as that of a full disk: it keeps them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.error: BaseException | None = None
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, part: Any) -> int:  # whatever is like bytes: libvips passes a buffer of cffi
        try:
            return self._stream.write(part)
        except OSError as error:
            self.error = error
            return -1


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
    film: Film, frames: Iterator[np.ndarray], stream: _Watched, suffix: str, *, xmp: bytes | None
) -> None:
    """Write a WebP or GIF animation. libvips takes its frames below each other, a few rows at a time."""
    height = film.shape[0]
    tall, waiting = _tall_png(film, frames), bytearray()

    def read(size: int) -> bytes:
        try:
            while len(waiting) < size and (more := next(tall, None)) is not None:
                waiting.extend(more)
        except BaseException as error:  # noqa: BLE001  (raised when libvips, which calls this, returns)
            stream.error = error
        part = bytes(waiting[:size])
        del waiting[:size]
        return part

    source, target = vips().SourceCustom(), vips().TargetCustom()
    source.on_read(read)
    target.on_write(stream.write)
    options: dict[str, Any] = {}
    if suffix == ".webp":
        options = {"Q": _QUALITY, "effort": _EFFORT, "keep": vips().enums.ForeignKeep.XMP}
    image = vips().Image.new_from_source(source, "", access="sequential").copy()
    types = vips().GValue
    image.set_type(types.gint_type, "page-height", height)
    image.set_type(types.array_int_type, "delay", delays_ms(film.count, film.fps, 10 if suffix == ".gif" else 1))
    image.set_type(types.gint_type, "loop", 0)
    if xmp is not None:
        image.set_type(types.blob_type, "xmp-data", xmp)
    image.write_to_target(target, suffix, **options)


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


def _mp4(film: Film, frames: Iterator[np.ndarray], stream: _Watched) -> None:
    """Write H.264 in the colours of BT.709, which the file states, because players guess them by the size."""
    import av
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=film.fps, options={"crf": _CRF})
        video.height, video.width = film.shape
        video.pix_fmt = "yuv420p"
        video.color_range, video.colorspace = ColorRange.MPEG, Colorspace.ITU709
        colours: Any = {"dst_color_range": video.color_range, "dst_colorspace": video.colorspace}
        video.color_primaries, video.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(video.encode(frame.reformat(format="yuv420p", **colours)))
        container.mux(video.encode(None))
