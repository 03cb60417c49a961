"""The full precision of depth layers that an 8-bit document cannot hold, beside the document.

For each such layer two files in Dioptre's cache folder, named by the SHA-256 of what the layer shows: the exact
disparity, and what the layer showed when it was made. The worker takes the exact value wherever the layer still
shows what it showed then, so painting changes the depth only where it was painted.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from dioptre_link.buffers import Buffer
from dioptre_link.cache import keep_newest
from dioptre_link.paths import cache_dir

from . import pixels
from .host import Gimp

PARASITE = "dioptre-depth"
_KEY = re.compile("[0-9a-f]{64}")
LIMIT_BYTES = 4 << 30  # about 25 depth maps of 24 megapixels; what was used longest ago goes first


@dataclass(frozen=True)
class Kept:
    """The two files of one depth layer."""

    exact: Path
    shown: Path

    def fits(self, layer: Gimp.Drawable) -> bool:
        """Whether both are there and of the layer's size: it may have been scaled or cropped since."""
        count = layer.get_width() * layer.get_height()
        sizes = ((self.exact, pixels.DEPTH), (self.shown, pixels.DEPTH_SHOWN))
        try:
            return all(path.stat().st_size == count * kind.wire.pixel_bytes for path, kind in sizes)
        except OSError:
            return False


def content_hash(layer: Gimp.Drawable) -> str:
    """SHA-256 of a grey layer's size and content, as sRGB-encoded 16-bit values."""
    digest = hashlib.sha256(f"{layer.get_width()}x{layer.get_height()} ".encode("ascii"))
    for band in pixels.read_bands(layer, pixels.DEPTH_SHOWN):
        digest.update(band)
    return digest.hexdigest()


def keep(image: Gimp.Image, layer: Gimp.Drawable, exact: Buffer) -> str:
    """Keep the disparity that `layer` was filled from, where the layer cannot hold it; returns its content hash."""
    key = content_hash(layer)
    if not pixels.is_eight_bit(image):
        return key
    kept = find(key)
    folder = kept.exact.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _beside(kept.exact) as part:
        shutil.copyfile(exact.path, part)
    with _beside(kept.shown) as part, part.open("wb") as file:
        for band in pixels.read_bands(layer, pixels.DEPTH_SHOWN):
            file.write(band)
    keep_newest(folder, limit_bytes=LIMIT_BYTES)
    return key


def remember(image: Gimp.Image, layer: Gimp.Layer, exact: Buffer) -> str:
    """As `keep`, for a layer that is in the document."""
    key = keep(image, layer, exact)
    mark(layer, key)
    return key


def mark(layer: Gimp.Layer, key: str) -> None:
    """Write on the layer itself what it showed when it was made: a copy in another document knows it, too."""
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    layer.attach_parasite(Gimp.Parasite.new(PARASITE, flags, key.encode("ascii")))


def made_hash(layer: Gimp.Layer) -> str:
    """The content hash of the layer as it was made; "" when Dioptre did not make it."""
    parasite = layer.get_parasite(PARASITE)
    key = bytes(parasite.get_data()).decode("ascii", "replace") if parasite is not None else ""
    return key if _KEY.fullmatch(key) else ""


def find(key: str) -> Kept:
    """Where the files of the layer with this content hash are, or would be."""
    folder = cache_dir() / "depth"
    return Kept(folder / f"{key}.exact", folder / f"{key}.shown")


class _beside:  # noqa: N801  (used as a function)
    """A file that takes its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")

    def __enter__(self) -> Path:
        return self._part

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)
