"""Pack photographs with masks of their subjects, cut-outs and backgrounds into one file.

    python -m training.subject.whole.pack PACK.npz [--pairs DIR …] [--cutouts DIR] [--voc PICTURES MASKS] \
        [--horses DIR] [--people DIR] [--stamps DIR] [--scenes DIR … --without LIST]

Pictures are stored as WebP of at most 672 pixels, masks as PNG with the values OUTSIDE, INSIDE and UNKNOWN, and
cut-outs as WebP with alpha. The sources are described in README.md. A sixth of the pairs and of the cut-outs is
marked as held out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, binary_fill_holes

from training.lists import listed
from training.subject.masks import Named, horses, people, voc
from training.subject.outlines import subject

OUTSIDE, INSIDE, UNKNOWN = 0, 1, 2
STAMP, SCENE, CUTOUT = "stamp", "scene", "cutout"
_LONGEST_PX, _QUALITY = 672, 88
_HELD_OUT = 6  # one in so many
_DRAWN = ("symbols", "cartoon", "clipart")  # folders of Tux Paint's stamps that hold no photographs
_PERSON = 15  # VOC's class; its masks of people leave out what they hold, ride and lead
_FILLED = ("people", "human", "couples")  # sources whose masks have holes where something is held
_AREA = (0.03, 0.9)  # limits of the share of a picture that its subject covers
_TOUCHES_PX = 4  # living things this close to the subject belong to it: a rider, a second person
_MOST_UNKNOWN = 0.35


@dataclass(frozen=True, kw_only=True)
class Packed:
    """One picture of a pack.

    Attributes:
        name: "source/name".
        picture: the encoded picture.
        mask: its encoded mask, if it has one.
        kind: what a cut-out shows.
        held_out: whether it is for measuring only.
    """

    name: str
    picture: bytes
    mask: bytes = b""
    kind: str = ""
    held_out: bool = False

    @property
    def source(self) -> str:
        return self.name.split("/")[0]


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
        with Image.open(file) as mask, Image.open(file.with_name(f"{stem}.webp")) as picture:
            inside = np.asarray(mask.convert("L")) > 127
            label = inside.astype(np.uint8)
            if source in _FILLED:
                label[binary_fill_holes(inside) & ~inside] = UNKNOWN
            yield packed(f"{source}/{stem}", picture, label, held_out=_is_held_out(f"{source}/{clip}"))


def cutouts(folder: Path) -> Iterator[Packed]:
    """Yield the cut-outs with alpha of a folder with index.tsv; those of a shop, or of a kind, stay together."""
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        group = row["name"].split("__")[0] if row["name"].startswith("shop/") else row["kind"]
        with Image.open(folder / f"{row['name']}.webp") as image:
            cut = image.convert("RGBA")
        yield Packed(
            name=f"{CUTOUT}/{row['name']}",
            picture=_encoded(cut, "WEBP"),
            kind=row["kind"],
            held_out=_is_held_out(f"{CUTOUT}/{group}"),
        )


def _is_held_out(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % _HELD_OUT == 0


def animals(pictures: Path, masks: Path) -> Iterator[Packed]:
    """Yield VOC's photographs of animals without people, with what is alive and touches the subject."""
    for name, load in voc(pictures, masks):
        masked = load()
        if not len(masked.masks) or _PERSON in masked.classes:
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
                yield packed(f"animals/{name}", picture, label)


def singles(source: str, named: Iterable[Named]) -> Iterator[Packed]:
    """Yield photographs whose mask holds one subject."""
    for name, load in named:
        masked = load()
        label = masked.masks[0].astype(np.uint8)
        if source in _FILLED:
            label[binary_fill_holes(masked.masks[0]) & ~masked.masks[0]] = UNKNOWN
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
        yield Packed(name=f"{STAMP}/{file.stem}", picture=_encoded(cut, "WEBP"))


def scenes(folder: Path, names: frozenset[str] | None) -> Iterator[Packed]:
    """Yield the photographs of a folder, or those that a list names as having no subject, as backgrounds."""
    for file in sorted(
        path for path in folder.rglob("*") if path.is_file() and (names is None or path.name in names)
    ):
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
        kinds=np.array([row.kind for row in rows]),
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
        kind, held_out = str(arrays["kinds"][index]), bool(arrays["held_out"][index])
        yield Packed(name=str(name), kind=kind, held_out=held_out, **parts)


def _plane(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(
        plane.resize(size, Image.Resampling.BOX if plane.width > size[0] else Image.Resampling.BILINEAR)
    )


def _encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, quality=_QUALITY, method=2)
    return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[])
    parser.add_argument("--voc", type=Path, nargs=2, help="pictures and masks")
    parser.add_argument("--scenes", type=Path, nargs="+", default=[], help="only those of the list --without")
    for name in ("cutouts", "horses", "people", "stamps", "without"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    rows = [row for folder in options.pairs for row in pairs(folder)]
    rows += cutouts(options.cutouts) if options.cutouts else []
    named = {row.name.split("/")[1] for row in rows if row.source == "voc"}  # with other masks
    rows += (row for row in animals(*options.voc) if row.name.split("/")[1] not in named) if options.voc else ()
    rows += singles("horses", horses(options.horses)) if options.horses else []
    rows += singles("human", people(options.people)) if options.people else []
    rows += stamps(options.stamps) if options.stamps else []
    names = listed(options.without) if options.without else None
    rows += (row for folder in options.scenes for row in scenes(folder, names))
    write(options.pack, rows)


if __name__ == "__main__":
    main()
