"""Plan a batch: find the pictures of a folder, name their results, and check which results exist."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dioptre.photo import Format
from dioptre.photo.formats import FORMATS, PICTURE_SUFFIXES
from dioptre.photo.outputs import LAYERED, Outputs, kind_of
from dioptre.recipes.follow import with_networks_named
from dioptre.recipes.on_file import sha256_of
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.recipe import Recipe, WrittenFile, result_base

_THUMBNAIL = ".thm"  # a JPEG that a camera puts beside a film
PREVIEWS = "contact-sheet"  # folder with the small pictures, next to the contact sheet itself
# Folders in which network drives, operating systems and archives keep thumbnails, deleted files and attributes.
_SYSTEM_FOLDER = re.compile(
    r"@eadir|@recycle|@recently-snapshot|\.@__thumb|#recycle|#snapshot|\$recycle\.bin|recycler|\.trash.*|__macosx"
    r"|\.?thumbs|\.?thumbnails|system volume information|lost\+found|\.(spotlight|documentrevisions)-v100",
    re.IGNORECASE,
)
_LONGEST_ENDING = "_qs8x6a0.0001234.jpeg"  # of the names in `dioptre.photo.outputs`: that of a quilt
_MARK = 8  # number of hexadecimal digits of a hash that distinguishes names


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

    def outputs(self, recipe: Recipe) -> Outputs:
        """Return the files for this picture."""
        return Outputs(recipe=recipe, source=self.source, folder=self.folder, stem=self.stem)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The pictures that a folder contains.

    Attributes:
        items: the pictures of the batch, sorted by name.
        left_out: number of pictures in system folders, such as the thumbnails of a network drive, by folder name.
        unread: folders that cannot be read.
    """

    items: Sequence[Item]
    left_out: Counter[str]
    unread: Sequence[Path] = ()


def survey(folder: Path, output: Path, chosen: Recipe) -> Survey:
    """Find the pictures in `folder` and its subfolders, except hidden ones, and name their results.

    A RAW photo is left out if another picture next to it has the same name, such as the camera's own JPEG. If
    pictures share a stem (photo.jpg, photo.tif), the names of their results include the suffix. A name that would
    be too long, or that another result has, is shortened and ends in a hash of the picture's name.

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
    left_out: Counter[str] = Counter()
    unread: list[Path] = []
    every = list(_pictures(folder, without=output.resolve(), left_out=left_out, unread=unread))
    found = sorted(without_developed(every), key=lambda path: path.relative_to(folder).as_posix())
    if not found:
        raise DioptreError(
            "{folder} contains no pictures.",
            hint="Dioptre reads JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, HEIC, GIF and RAW.",
            folder=folder,
        )
    ending = result_base("", chosen.steps[-1].operation) + _LONGEST_ENDING
    stems = _stems(found, longest=_longest_name(output) - len(ending))
    named = [
        Item(
            name=path.relative_to(folder).as_posix(),
            source=path,
            folder=output / path.relative_to(folder).parent,
            stem=stems[path],
        )
        for path in found
    ]
    return Survey(items=named, left_out=left_out, unread=unread)


def _stems(paths: Sequence[Path], *, longest: int) -> dict[Path, str]:
    """Return a stem of at most `longest` bytes for each path, different from all others in the same folder.

    Names that differ only in case or in Unicode's composition count as the same, as on many drives.
    """

    def key(path: Path, stem: str) -> str:
        return unicodedata.normalize("NFC", f"{path.parent}/{stem}").casefold()

    count = Counter(key(path, path.stem) for path in paths)
    stems: dict[Path, str] = {}
    taken: set[str] = set()
    for path in sorted(paths, key=lambda path: count[key(path, path.stem)]):  # whole stems are given first
        own = path.stem if count[key(path, path.stem)] == 1 else f"{path.stem}-{path.suffix[1:].lower()}"
        stem, digest = own, hashlib.sha256(os.fsencode(path.name)).hexdigest()
        while len(os.fsencode(stem)) > longest or key(path, stem) in taken:
            stem = f"{_cut(own, longest - _MARK - 1)}-{digest[:_MARK]}"
            digest = hashlib.sha256(digest.encode()).hexdigest()
        taken.add(key(path, stem))
        stems[path] = stem
    return stems


def _cut(text: str, longest: int) -> str:
    while len(os.fsencode(text)) > longest:
        text = text[:-1]
    return text


def _longest_name(folder: Path) -> int:
    """Return the greatest length in bytes of a file's name in a folder that need not exist yet."""
    there = next((parent for parent in (folder, *folder.absolute().parents) if parent.exists()), folder)
    try:
        return os.pathconf(there, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows: 255 UTF-16 units, which take at least as many bytes
        return 255


class State(Enum):
    """The state of a picture's result in the output folder."""

    MISSING = "missing"  # there is no result, or it belongs to another picture or recipe
    DAMAGED = "damaged"  # the result belongs to this picture and recipe, but was changed later
    FINISHED = "finished"


def state(item: Item, chosen: Recipe, *, sha256: str, everything: bool) -> State:
    """Return the state of the result of this picture and recipe.

    The recipe next to a result lists the files that belong to it, with sizes and SHA-256. If the recipe names
    networks, their checksums must match too.
    """
    there = _recorded(item, chosen)
    if there is None or there.input_sha256 != sha256:
        return State.MISSING
    same = with_networks_named(there).steps == with_networks_named(chosen).steps
    same = same and all(there.models.get(name) == checksum for name, checksum in chosen.models.items())
    result, layered = _result(item, chosen, there), item.outputs(chosen).base + LAYERED
    if not same or not there.files or result is None or (everything and not (item.folder / layered).is_file()):
        return State.MISSING
    wanted = {result.name, layered, *there.files} if everything else {result.name}
    whole = all(_is_as_written(item.folder, name, there.files.get(name)) for name in wanted)
    return State.FINISHED if whole else State.DAMAGED


def _recorded(item: Item, chosen: Recipe) -> Recipe | None:
    """Return the recipe next to this picture's result; None if there is none, or it is damaged."""
    try:
        return Recipe.read(item.outputs(chosen).beside)
    except DioptreError:
        return None


def _is_as_written(folder: Path, name: str, file: WrittenFile | None) -> bool:
    path = folder / name
    try:
        if file is None or path.parent != folder or not path.is_file():
            return False
        return path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256
    except (OSError, DioptreError):
        return False


def result_of(item: Item, chosen: Recipe) -> Path | None:
    """Return the path of this item's result, a picture, a film or a depth map; None if there is none.

    The name of a quilt depends on the picture's shape; the recipe beside the result states it.
    """
    return _result(item, chosen, _recorded(item, chosen))


def _result(item: Item, chosen: Recipe, there: Recipe | None) -> Path | None:
    """Return the path of this item's result, given the recipe next to it."""
    names = [] if there is None else list(there.files)
    with suppress(DioptreError):  # of a photo that cannot be read
        names.insert(0, item.outputs(chosen).result())
    for path in (item.folder / name for name in names):
        if path.parent == item.folder and os.path.isfile(path):  # noqa: PTH113  (pathlib may raise an error)
            return path
    return None


def preview_paths(output: Path, item: Item) -> tuple[Path, Path]:
    """Return the paths of this item's small pictures for the contact sheet: before and after."""
    folder = output / PREVIEWS / item.folder.relative_to(output)
    return folder / f"{item.stem}-before.jpg", folder / f"{item.stem}-after.jpg"


def is_picture(path: Path) -> bool:
    """Return whether a file is a picture by its name or by its content, except a film's thumbnail."""
    suffix = path.suffix.lower()
    if suffix == _THUMBNAIL:
        return False
    try:
        return suffix in PICTURE_SUFFIXES or kind_of(path) is not None
    except DioptreError:
        return False


def without_developed(paths: Sequence[Path]) -> list[Path]:
    """Return the pictures without the RAW photos beside which another picture of the same name lies."""
    raw = FORMATS[Format.RAW].suffixes
    developed = {path.with_suffix("") for path in paths if path.suffix.lower() not in raw}
    return [p for p in paths if p.suffix.lower() not in raw or p.with_suffix("") not in developed]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder of another user
        return False


def _pictures(folder: Path, *, without: Path, left_out: Counter[str], unread: list[Path]) -> Iterator[Path]:
    """Yield the pictures in a folder and its subfolders; see `Survey` for `left_out` and `unread`."""
    folders = [(folder, folder.resolve(), "")]  # the last is the name of the system folder that each is in
    while folders:
        place, real, system = folders.pop()
        try:
            with os.scandir(place) as entries:
                found = list(entries)
        except OSError:
            unread.append(place)
            continue
        for entry in found:
            is_system = _SYSTEM_FOLDER.fullmatch(entry.name) is not None
            if entry.name.startswith(".") and not is_system:
                continue
            if _is_folder(entry):
                if not entry.is_symlink() and real / entry.name != without:  # a link may form a loop
                    inside = system or (entry.name if is_system else "")
                    folders.append((place / entry.name, real / entry.name, inside))
            elif is_picture(place / entry.name):
                if system:
                    left_out[system] += 1
                else:
                    yield place / entry.name
