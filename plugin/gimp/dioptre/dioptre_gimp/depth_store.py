"""Cache for the full precision of depth layers in 8-bit documents, and the metres of depth layers.

Each such layer has two files in Dioptre's cache folder, named by the SHA-256 of the layer's content: the exact
disparity, and the layer's content when it was created. The worker uses the exact value for every pixel that still
has its original content, so painting changes the depth only where the user painted.

The metres are a parasite of the layer, which GIMP copies with the layer, also to another document.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from dioptre_link.buffers import Buffer
from dioptre_link.cache import keep_newest
from dioptre_link.metres import DepthMetres
from dioptre_link.paths import cache_dir

from . import pixels
from .host import Gimp

PARASITE, METRES = "dioptre-depth", "dioptre-depth-metres"
_FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
_KEY = re.compile("[0-9a-f]{64}")
# Size limit of the cache: about 25 depth maps of 24 megapixels. The least recently used are deleted first.
LIMIT_BYTES = 4 << 30


@dataclass(frozen=True)
class Kept:
    """The two cache files of one depth layer."""

    exact: Path
    shown: Path

    def fits(self, layer: Gimp.Drawable) -> bool:
        """Return whether both files exist and fit the layer's size, which may have changed in the meantime."""
        count = layer.get_width() * layer.get_height()
        sizes = ((self.exact, pixels.DEPTH), (self.shown, pixels.DEPTH_SHOWN))
        try:
            return all(path.stat().st_size == count * kind.wire.pixel_bytes for path, kind in sizes)
        except OSError:
            return False


def content_hash(layer: Gimp.Drawable) -> str:
    """Return the SHA-256 of a grey layer's size and content, read as sRGB-encoded 16-bit values."""
    digest = hashlib.sha256(f"{layer.get_width()}x{layer.get_height()} ".encode("ascii"))
    for band in pixels.read_bands(layer, pixels.DEPTH_SHOWN):
        digest.update(band)
    return digest.hexdigest()


def keep(image: Gimp.Image, layer: Gimp.Drawable, exact: Buffer) -> str:
    """Cache the exact disparity of `layer` if the document has only 8 bits.

    Args:
        image: The document, which determines the precision.
        layer: A layer filled from `exact`.
        exact: The disparity in full precision.

    Returns:
        The layer's content hash.
    """
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
    """Cache the exact disparity like `keep`, and mark the layer, which is already in the document."""
    key = keep(image, layer, exact)
    mark(layer, key)
    return key


def mark(layer: Gimp.Layer, key: str) -> None:
    """Store the content hash on the layer itself, so that a copy in another document keeps it."""
    layer.attach_parasite(Gimp.Parasite.new(PARASITE, _FLAGS, key.encode("ascii")))


def mark_metres(layer: Gimp.Layer, metres: DepthMetres | None) -> None:
    """Store the metres of a depth layer on the layer itself, or remove those that it had."""
    if metres is not None:
        data = json.dumps(metres.to_dict()).encode("utf-8")
        layer.attach_parasite(Gimp.Parasite.new(METRES, _FLAGS, data))
    elif layer.get_parasite(METRES) is not None:
        layer.detach_parasite(METRES)


def metres_of(layer: Gimp.Layer) -> DepthMetres | None:
    """Return the metres that a depth layer, or the layer that it is a copy of, had when Dioptre created it."""
    parasite = layer.get_parasite(METRES)
    try:
        fields = json.loads(bytes(parasite.get_data())) if parasite is not None else None
    except (ValueError, RecursionError):
        return None
    return DepthMetres.from_dict(fields) if isinstance(fields, dict) else None


def made_hash(layer: Gimp.Layer) -> str:
    """Return the content hash that the layer had when Dioptre created it, or "" for any other layer."""
    parasite = layer.get_parasite(PARASITE)
    key = bytes(parasite.get_data()).decode("ascii", "replace") if parasite is not None else ""
    return key if _KEY.fullmatch(key) else ""


def find(key: str) -> Kept:
    """Return the paths of the cache files for this content hash, whether or not they exist."""
    folder = cache_dir() / "depth"
    return Kept(folder / f"{key}.exact", folder / f"{key}.shown")


class _beside:  # noqa: N801  (used as a function)
    """Context manager for a temporary file that is renamed to `path` once it is complete."""

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
