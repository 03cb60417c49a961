"""Pack photographs with masks of their subjects into small files for a machine without network access.

    python -m training.subject.whole.pack PACK.npz [--pairs DIR] [--voc PICTURES MASKS] [--horses DIR] \
        [--people DIR] [--stamps DIR] [--scenes DIR --without LIST]

Pictures are stored as WebP of at most 448 pixels, masks as PNG with the values OUTSIDE, INSIDE and UNKNOWN, and
cut-outs as WebP with alpha. The sources are described in README.md. A fifth of the pairs is marked as held out.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

from training.lists import listed
from training.subject.masks import Named, horses, people, voc
from training.subject.outlines import subject

OUTSIDE, INSIDE, UNKNOWN = 0, 1, 2
STAMP, SCENE = "stamp", "scene"
STAMP_PX = 224
"""Side of the square of a cut-out."""

_LONGEST_PX, _QUALITY = 448, 65
_DRAWN = ("symbols", "cartoon", "clipart")  # folders of Tux Paint's stamps that hold no photographs
_AREA = (0.03, 0.9)  # limits of the share of a picture that its subject covers
_TOUCHES_PX = 4  # living things this close to the subject belong to it: a rider, a second person
_MOST_UNKNOWN = 0.35


@dataclass(frozen=True, kw_only=True)
class Packed:
    """One picture of a pack: its name "source/name", the encoded picture and mask, and whether it is held out."""

    name: str
    picture: bytes
    mask: bytes = b""
    held_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Data:
    """Decoded packs.

    Attributes:
        names: "source/name" of each picture.
        sources: the source of each.
        held_out: (n,) whether it is for measuring only.
        pictures: (n, s, s, 3) uint8, squeezed to a square.
        labels: (n, s, s) uint8, OUTSIDE, INSIDE or UNKNOWN.
        stamps: (m, t, t, 4) uint8, cut-outs with alpha.
    """

    names: list[str]
    sources: np.ndarray
    held_out: np.ndarray
    pictures: np.ndarray
    labels: np.ndarray
    stamps: np.ndarray


def packed(name: str, picture: Image.Image, label: np.ndarray, *, held_out: bool = False) -> Packed:
    """Encode a picture and its label, which may have another size with the same aspect ratio."""
    picture = picture.convert("RGB")
    picture.thumbnail((_LONGEST_PX, _LONGEST_PX), Image.Resampling.LANCZOS)
    planes = [_plane(label == value, picture.size) > 127 for value in (INSIDE, UNKNOWN)]
    small = np.where(planes[1], UNKNOWN, planes[0]).astype(np.uint8)
    return Packed(
        name=name,
        picture=_encoded(picture, "WEBP"),
        mask=_encoded(Image.fromarray(small), "PNG"),
        held_out=held_out,
    )


def pairs(folder: Path) -> Iterator[Packed]:
    """Yield NAME.webp with NAME_mask.webp of each source's subfolder; frames of one clip are held out together."""
    for file in sorted(folder.glob("*/*_mask.webp")):
        source, stem = file.parent.name, file.stem.removesuffix("_mask")
        clip = re.sub(r"_\d+$", "", stem) if source == "davis" else stem
        held_out = int(hashlib.sha256(f"{source}/{clip}".encode()).hexdigest(), 16) % 5 == 0
        with Image.open(file) as mask, Image.open(file.with_name(f"{stem}.webp")) as picture:
            label = (np.asarray(mask.convert("L")) > 127).astype(np.uint8)
            yield packed(f"{source}/{stem}", picture, label, held_out=held_out)


def animals(pictures: Path, masks: Path) -> Iterator[Packed]:
    """Yield VOC's photographs with one living subject, with what is alive and touches it."""
    for name, load in voc(pictures, masks):
        masked = load()
        if not len(masked.masks):
            continue
        chosen = subject(masked.masks, alive=masked.alive, behind=masked.behind)
        if chosen is None or not chosen[2]:
            continue
        main, unknown, _ = chosen
        near = binary_dilation(main, iterations=_TOUCHES_PX)
        for mask in masked.masks[masked.alive]:
            main = main | mask if (mask & near).any() else main
        label = np.where(main, INSIDE, np.where(unknown | masked.unsaid, UNKNOWN, OUTSIDE))
        if _AREA[0] < main.mean() < _AREA[1] and (label == UNKNOWN).mean() < _MOST_UNKNOWN:
            with Image.open(masked.file) as picture:
                yield packed(f"voc/{name}", picture, label)


def singles(source: str, named: Iterable[Named]) -> Iterator[Packed]:
    """Yield photographs whose mask holds one subject."""
    for name, load in named:
        masked = load()
        label = masked.masks[0].astype(np.uint8)
        if _AREA[0] < label.mean() < _AREA[1]:
            with Image.open(masked.file) as picture:
                yield packed(f"{source}/{name}", picture, label)


def stamps(folder: Path) -> Iterator[Packed]:
    """Yield Tux Paint's photographic stamps."""
    for file in sorted(folder.rglob("*.png")):
        with Image.open(file) as image:
            cut = image.convert("RGBA")
        alpha = np.asarray(cut)[..., 3]
        if any(word in str(file.parent) for word in _DRAWN) or (alpha > 0).mean() > 0.97 or alpha.mean() < 13:
            continue
        cut = cut.crop(cut.getchannel("A").getbbox())
        cut.thumbnail((STAMP_PX, STAMP_PX), Image.Resampling.LANCZOS)
        yield Packed(name=f"{STAMP}/{file.stem}", picture=_encoded(cut, "WEBP"))


def scenes(folder: Path, without: Path) -> Iterator[Packed]:
    """Yield the photographs of a folder that a list names as having no subject, as backgrounds."""
    names = listed(without)
    for file in sorted(path for path in folder.rglob("*") if path.name in names):
        with Image.open(file) as picture:
            yield packed(f"{SCENE}/{file.stem}", picture, np.zeros((8, 8), np.uint8))


def write(file: Path, rows: Iterable[Packed]) -> None:
    """Write a pack."""
    rows = list(rows)
    arrays = {
        part: np.frombuffer(b"".join(getattr(row, part) for row in rows), np.uint8) for part in ("picture", "mask")
    }
    sizes = {f"{part}_size": np.array([len(getattr(row, part)) for row in rows]) for part in arrays}
    np.savez(
        file,
        allow_pickle=False,
        names=np.array([row.name for row in rows]),
        held_out=np.array([row.held_out for row in rows]),
        **arrays,
        **sizes,
    )


def unpacked(file: Path) -> Iterator[Packed]:
    """Yield the pictures of a pack."""
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    ends = {part: np.cumsum(arrays[f"{part}_size"]) for part in ("picture", "mask")}
    for index, name in enumerate(arrays["names"]):
        parts = {
            part: arrays[part][end[index] - arrays[f"{part}_size"][index] : end[index]].tobytes()
            for part, end in ends.items()
        }
        yield Packed(name=str(name), held_out=bool(arrays["held_out"][index]), **parts)


def read(files: list[Path], side: int) -> Data:
    """Decode packs, each picture and mask squeezed to a square."""
    rows = [row for file in files for row in unpacked(file)]
    with ThreadPoolExecutor() as pool:
        planes = list(pool.map(_decoded, rows, [side] * len(rows)))
    is_stamp = np.array([row.name.startswith(f"{STAMP}/") for row in rows])
    kept = np.flatnonzero(~is_stamp)
    return Data(
        names=[rows[index].name for index in kept],
        sources=np.array([rows[index].name.split("/")[0] for index in kept]),
        held_out=np.array([rows[index].held_out for index in kept], bool),
        pictures=np.stack([planes[index][..., :3] for index in kept]),
        labels=np.stack([planes[index][..., 3] for index in kept]),
        stamps=np.stack([planes[index] for index in np.flatnonzero(is_stamp)]),
    )


def _decoded(row: Packed, side: int) -> np.ndarray:
    """Return a cut-out (t, t, 4), or a picture with its label as the fourth channel (s, s, 4)."""
    with Image.open(io.BytesIO(row.picture)) as image:
        if row.name.startswith(f"{STAMP}/"):
            square = Image.new("RGBA", (STAMP_PX, STAMP_PX))
            square.paste(image.convert("RGBA"), ((STAMP_PX - image.width) // 2, (STAMP_PX - image.height) // 2))
            return np.asarray(square)
        picture = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))
    with Image.open(io.BytesIO(row.mask)) as stored:
        label = np.asarray(stored)
    inside, unknown = (_plane(label == value, (side, side)) > 127 for value in (INSIDE, UNKNOWN))
    return np.concatenate([picture, np.where(unknown, UNKNOWN, inside).astype(np.uint8)[..., None]], axis=-1)


def _plane(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(
        plane.resize(size, Image.Resampling.BOX if plane.width > size[0] else Image.Resampling.BILINEAR)
    )


def _encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, quality=_QUALITY)
    return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--voc", type=Path, nargs=2, help="pictures and masks")
    for name in ("pairs", "horses", "people", "stamps", "scenes", "without"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    rows: list[Packed] = []
    rows += pairs(options.pairs) if options.pairs else []
    rows += animals(*options.voc) if options.voc else []
    rows += singles("horses", horses(options.horses)) if options.horses else []
    rows += singles("human", people(options.people)) if options.people else []
    rows += stamps(options.stamps) if options.stamps else []
    rows += scenes(options.scenes, options.without) if options.scenes else []
    write(options.pack, rows)


if __name__ == "__main__":
    main()
