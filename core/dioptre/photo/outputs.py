"""Which files a run writes, and in which formats: stated once, from the recipe and the photo's file."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from dioptre_link.catalogue import depth as estimation
from dioptre_link.catalogue import film, operation, spatial
from dioptre_link.catalogue.selection import LAYER, RESULT
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, result_base

from .decode import opened
from .depth_files import require_plane_suffix
from .encode import films, openexr
from .encode.depth_in_jpeg import require_jpeg
from .encode.saving import format_of, require_size, suffix_like
from .formats import recognise
from .picture import Format

LAYERED = ".ora"
_START = 1 << 12  # number of leading bytes from which a format is recognised


class Form(Enum):
    """What the file of a result holds."""

    PICTURE = "picture"
    PLANE = "plane"  # a depth map, or the mask of a selection
    FILM = "film"
    LAYERS = "layers"
    EXR = "exr"  # layers and distances


def form_of(recipe: Recipe) -> Form:
    """Return whether a recipe makes a picture, a plane or a film."""
    last = recipe.steps[-1]
    if last.operation == film.OPERATION.name:
        return Form.FILM
    shows = Role.RESULT in operation(last.operation).outputs or last.options.get(RESULT) == LAYER
    return Form.PICTURE if shows or recipe.depth_in_file else Form.PLANE


def kind_of(file: Path) -> Format | None:
    """Return the format that the first bytes of a file show; None for most RAW photos and for other files.

    Raises:
        MissingFile, UnreadableFile
    """
    with opened(file) as stream:
        return recognise(stream.read(_START))


def suffix_for(source: Path) -> str:
    """Return the suffix of a result in the format of its photo, or in one that can be written.

    Raises:
        MissingFile, UnreadableFile
    """
    return suffix_like(source, kind_of(source))


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files that a run writes into one folder: a set that its recipe completes, or one file.

    Attributes:
        recipe: the recipe.
        source: the photo.
        folder: the folder.
        stem: start of the names, usually that of the photo.
        everything: whether the layers, the depth and a sheet are written, too.
        exr: whether a file with all layers and the distances is written, too.
        form: what the only file holds; None for a set.
        file: the name of the only file, or of the folder for the frames of a film; None to name it as in a set.
    """

    recipe: Recipe
    source: Path
    folder: Path
    stem: str
    everything: bool = True
    exr: bool = False
    form: Form | None = None
    file: str | None = None

    @staticmethod
    def planned(recipe: Recipe, target: Path, source: Path) -> Outputs:
        """Return the only file for the result of a recipe.

        Args:
            recipe: the recipe.
            target: the file, or an existing folder in which it is named after the photo and the last step.
            source: the photo.

        Raises:
            UsageError: the file's suffix does not suit the result.
            UnwritableFile: no such file can be written, or the format lacks what the result needs.
            MissingFile, UnreadableFile: the format of the photo cannot be found out.
        """
        last, form = recipe.steps[-1], form_of(recipe)
        in_folder = form is not Form.FILM and target.is_dir()
        folder, file = (target, None) if in_folder else (target.parent, target.name)
        planned = Outputs(recipe=recipe, source=source, folder=folder, stem=source.stem, form=form, file=file)
        if form is Form.FILM:
            films.require_film_suffix(target)
            return planned
        if in_folder and form is Form.PLANE and Role.SELECTION in operation(last.operation).outputs:
            planned = replace(planned, file=planned.mask)
        name, needed = planned.folder / planned.result(), spatial.suffix_of(last.operation, last.options)
        suffix = name.suffix.lower()
        if needed is not None and suffix not in (needed, LAYERED):
            raise UsageError(
                "This layout needs a file name that ends in {suffix}.",
                hint="Specify -o {file}.",
                suffix=needed,
                file=name.with_suffix(needed),
            )
        if suffix in (openexr.SUFFIX, LAYERED) and not recipe.depth_in_file:
            planned = replace(planned, form=Form.LAYERS if suffix == LAYERED else Form.EXR)
        if planned.form is Form.EXR:
            openexr.require_openexr()
        if planned.form is Form.PLANE:
            require_plane_suffix(name)
        if planned.form is Form.PICTURE:
            format_of(name, several=needed is not None)
        return planned

    @property
    def base(self) -> str:
        """The start of the names, with the operation."""
        return result_base(self.stem, self.recipe.steps[-1].operation)

    @property
    def mask(self) -> str:
        """The name of the mask of a selection."""
        return f"{self.base}-mask.png"

    @property
    def beside(self) -> Path:
        """The recipe's own file, written last, which lists the others."""
        return self.folder / f"{self.base}.json"

    def result(self, size: tuple[int, int] | None = None) -> str:
        """Return the name of the only file, or of the picture, film, mask or depth map.

        Args:
            size: height and width of the photo. Without them, the name of a quilt is not finished: it states the
                shape of the views.

        Raises:
            MissingFile, UnreadableFile: the format of the photo cannot be found out.
        """
        if self.file is not None:
            return self.file
        last, form = self.recipe.steps[-1], form_of(self.recipe)
        suffix = films.USUAL if form is Form.FILM else spatial.suffix_of(last.operation, last.options)
        if suffix is None:
            without_colour = form is Form.PLANE or Role.SELECTION in operation(last.operation).outputs
            suffix = ".png" if without_colour else suffix_for(self.source)
        return self.base + spatial.ending_of(last.operation, last.options, size) + suffix

    @property
    def kind(self) -> Format | None:
        """The format of the result; None if it is not a picture."""
        if (self.form or form_of(self.recipe)) is not Form.PICTURE:
            return None
        last = self.recipe.steps[-1]
        return format_of(Path(self.result()), several=spatial.suffix_of(last.operation, last.options) is not None)

    def names(self, size: tuple[int, int] | None = None) -> dict[str, str]:
        """Return the name of each file by its part, the result first and the recipe last; see `result`.

        A run without depth, whose recipe has a step that could have made some, writes no file for it.
        """
        if self.form is not None:
            return {self.form.value: self.result(size)}
        form, base = form_of(self.recipe), self.base
        steps = [operation(step.operation) for step in self.recipe.steps]
        names = {}
        if form is not Form.PLANE or not self.everything:
            names[form.value] = self.result(size)
        if form is Form.FILM and self.recipe.steps[-1].options[film.MASKS]:
            names["masks"] = base + films.MASK_ENDING + films.USUAL
        if self.everything:
            names |= {Form.LAYERS.value: base + LAYERED, "sheet": f"{base}-sheet.jpg"}
            if Role.SELECTION in steps[-1].outputs:
                names["mask"] = self.mask
            if any(Role.DEPTH in step.outputs for step in steps) and not steps[-1].only_files:
                depth = base if steps[-1] is estimation.OPERATION else f"{base}-depth"
                names |= {"png": f"{depth}.png", "tiff": f"{depth}.tif"}
        if self.exr:
            names[Form.EXR.value] = base + openexr.SUFFIX
        return {**names, "recipe": self.beside.name}

    @property
    def is_folder(self) -> bool:
        """Whether the only file is a folder for the frames of a film."""
        return self.form is Form.FILM and not Path(self.result()).suffix

    @property
    def paths(self) -> list[Path]:
        """The files, as far as they are known before the photo is read; of the frames of a film, the first."""
        first = (films.FIRST_FRAME,) if self.is_folder else ()
        return [self.folder.joinpath(name, *first) for name in self.names().values()]


def require_suitable(recipe: Recipe, kind: Format | None, size: tuple[int, int]) -> None:
    """Raise what can be said against a result before it is computed.

    Args:
        recipe: the recipe.
        kind: format of the file for the result; None if it is not a picture.
        size: height and width of the photo in pixels.

    Raises:
        UnwritableFile: the format cannot hold a picture as large as the result, or its depth.
        UsageError: there is no depth for the file.
    """
    described = [(operation(step.operation), step.options) for step in recipe.steps]
    last, options = described[-1]
    if recipe.depth_in_file:
        makes_depth = any(Role.DEPTH in each.outputs for each, _ in described)
        if last.only_files or Role.SELECTION in last.outputs or not makes_depth:
            raise UsageError(
                "This result has no picture with depth, so no depth can be put into its file.",
                hint="Use --depth-in-file with depth, lens-blur or portrait, or add one of them to the recipe.",
            )
    if kind is not None:
        if recipe.depth_in_file:
            require_jpeg(kind)
        scale = math.prod(each.scale(chosen) for each, chosen in described)
        height, width = spatial.size_of(last.name, options, (round(size[0] * scale), round(size[1] * scale)))
        require_size(kind, width=width, height=height)
