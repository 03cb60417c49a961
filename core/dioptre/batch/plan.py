"""Plan a batch: find the pictures of a folder, name their results, and check which results exist."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dioptre.files import apart, problems
from dioptre.files.openraster_reading import bounded, opened_archive
from dioptre.recipes.networks import with_networks_named
from dioptre.recipes.on_file import sha256_of
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.recipe import Recipe, RecipeError, WrittenFile
from dioptre_link.regular import read_regular

from .work import result_base

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".jxl", ".gif"}
)
RAW_SUFFIXES = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".raf", ".rw2", ".orf", ".pef", ".srw", ".x3f", ".iiq", ".3fr"}
)
_READ_SUFFIXES = SUFFIXES | RAW_SUFFIXES
_MAX_RECIPE = 1 << 20  # size limit for a recipe, in bytes; the recipe of a result has a few thousand
PREVIEWS = "contact-sheet"  # folder with the small pictures, next to the contact sheet itself


@dataclass(frozen=True, kw_only=True)
class Item:
    """A picture of a batch.

    Attributes:
        name: path relative to the folder of the batch, with slashes.
        source: path of the picture.
        folder: folder for its results.
        stem: start of the names of its results.
    """

    name: str
    source: Path
    folder: Path
    stem: str

    def base(self, recipe: Recipe) -> str:
        """Return the start of the file names of this picture's results."""
        return result_base(self.stem, recipe.steps[-1].operation)


def items(folder: Path, output: Path) -> list[Item]:
    """Return the pictures in `folder` and its subfolders, except hidden ones, sorted by name.

    A RAW photo is left out if another picture next to it has the same name, such as the camera's own JPEG. If
    pictures share a stem (photo.jpg, photo.tif), the names of their results include the suffix.

    Raises:
        UsageError: the folder does not exist, or results would be mixed with the originals.
        DioptreError: there are no pictures.
    """
    if not folder.is_dir():
        raise UsageError(
            "The folder {folder} does not exist.",
            hint="Specify the folder that contains the pictures.",
            folder=folder,
        )
    if output.exists() and output.resolve() == folder.resolve():
        raise UsageError("The results would be mixed with the originals.", hint="Choose another folder with -o.")
    every = list(_pictures(folder, without=output.resolve()))
    developed = {path.with_suffix("") for path in every if path.suffix.lower() in SUFFIXES}
    every = [path for path in every if path.suffix.lower() in SUFFIXES or path.with_suffix("") not in developed]
    found = sorted(every, key=lambda path: path.relative_to(folder).as_posix())
    if not found:
        raise DioptreError(
            "{folder} contains no pictures.",
            hint="Dioptre reads JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, HEIC, GIF and RAW.",
            folder=folder,
        )
    stems = Counter(path.with_suffix("") for path in found)
    return [
        Item(
            name=path.relative_to(folder).as_posix(),
            source=path,
            folder=output / path.relative_to(folder).parent,
            stem=path.stem if stems[path.with_suffix("")] == 1 else f"{path.stem}-{path.suffix[1:].lower()}",
        )
        for path in found
    ]


class State(Enum):
    """The state of a picture's result in the output folder."""

    MISSING = "missing"  # there is no result, or it belongs to another picture or recipe
    DAMAGED = "damaged"  # the result belongs to this picture and recipe, but was changed later
    FINISHED = "finished"


def state(item: Item, chosen: Recipe, *, sha256: str, everything: bool) -> State:
    """Return the state of the result of this picture and recipe.

    The recipe next to a result lists the files that belong to it, with sizes and SHA-256. Recipes written
    by older versions of Dioptre do not, so the result is decoded instead. If the recipe names networks, their
    checksums must match too.
    """
    base = item.base(chosen)
    try:
        there = Recipe.from_json(read_regular(item.folder / f"{base}.json", most=_MAX_RECIPE).decode("utf-8"))
    except (OSError, ValueError, RecipeError):
        return State.MISSING
    same = there.input_sha256 == sha256
    same = same and with_networks_named(there).steps == with_networks_named(chosen).steps
    same = same and all(there.models.get(name) == checksum for name, checksum in chosen.models.items())
    result = result_of(item, chosen)
    layered = item.folder / f"{base}.ora"
    if not same or result is None or (everything and not layered.is_file()):
        return State.MISSING
    if not there.files:
        whole = _decodes(result) and (not everything or _unpacks(layered))
    else:
        wanted = {result.name, layered.name, *there.files} if everything else {result.name}
        whole = all(_is_as_written(item.folder, name, there.files.get(name)) for name in wanted)
    return State.FINISHED if whole else State.DAMAGED


def _is_as_written(folder: Path, name: str, file: WrittenFile | None) -> bool:
    path = folder / name
    try:
        if file is None or path.parent != folder or not path.is_file():
            return False
        return path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256
    except (OSError, DioptreError):
        return False


def _decodes(path: Path) -> bool:
    try:
        with apart.reader().decoding(path, max_megapixels=math.inf):
            return True
    except (problems.DamagedPicture, problems.NotAPicture):
        return False
    except DioptreError:
        return True  # the result is too large to decode with the memory available, but not damaged


def _unpacks(path: Path) -> bool:
    try:
        with opened_archive(path, max_megapixels=math.inf) as (archive, budget):
            for entry in archive.infolist():
                bounded(archive, entry, entry.file_size, budget)
    except DioptreError:
        return False
    return True


def result_of(item: Item, chosen: Recipe) -> Path | None:
    """Return the path of this item's result, a picture or a depth map; None if there is none."""
    base = item.base(chosen)
    for suffix in sorted({*SUFFIXES, item.source.suffix}):
        if (path := item.folder / f"{base}{suffix}").is_file():
            return path
    return None


def preview_paths(output: Path, item: Item) -> tuple[Path, Path]:
    """Return the paths of this item's small pictures for the contact sheet: before and after."""
    name = item.name.replace("/", "--")
    return output / PREVIEWS / f"{name}-before.jpg", output / PREVIEWS / f"{name}-after.jpg"


def _pictures(folder: Path, *, without: Path) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return  # skip subfolders that cannot be read
    for path in entries:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.is_symlink() and path.resolve() != without:  # a link may form a loop
                yield from _pictures(path, without=without)
        elif path.suffix.lower() in _READ_SUFFIXES:
            yield path
