"""From files to files: load, follow the recipe, write. Imported only when there is something to do."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from dioptre import files, runtime
from dioptre.files import notes, problems
from dioptre.files.atomic import check_free
from dioptre.files.save import format_of
from dioptre.imaging.layers import Inputs, Layer, Result
from dioptre.recipes.follow import follow
from dioptre.recipes.recipe import Recipe, RecipeError, Step
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.operations import Input, Role, operation

from . import log
from .reporting import Reporter

_MAX_RECIPE_BYTES = 1 << 20  # a recipe has a few hundred; more is not one
_LOADED, _FOLLOWED = 0.03, 0.9  # shares of the progress; writing is the rest
_LAYERED = ".ora"


def recipe(file: Path | None, *, otherwise: Sequence[str]) -> Recipe:
    """The recipe in `file`, or without one the operations `otherwise` with their defaults."""
    if file is None:
        return Recipe(steps=tuple(Step(operation=name) for name in otherwise))
    hint = "Give a .json file that Dioptre wrote, or one of your own."
    try:
        if file.stat().st_size > _MAX_RECIPE_BYTES:
            raise RecipeError(f"{file} is too large for a recipe.", hint=hint)
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RecipeError(f"The recipe {file} cannot be read: {reason}.", hint=hint) from error
    return Recipe.from_json(text, origin=str(file))


def every(
    sources: Sequence[Path], chosen: Recipe, *, folder: Path, depth: Path | None, force: bool, told: Reporter
) -> int:
    """Follow the recipe on each picture and write all files of each into `folder`; return the exit code.

    One picture's failure is reported and does not stop the others; with a single picture it is raised.
    """
    name = chosen.steps[-1].operation.replace("_", "-")
    _require_different_names(sources)
    failed = 0
    for source in sources:
        try:
            for suffix in ("ora", "json"):  # before minutes are spent
                _require_writable(folder / f"{source.stem}-{name}.{suffix}", force=force)
            with _measured(source, told):
                job = _follow(source, chosen, depth=depth, told=told)
                messages = list(job.messages)
                written = files.write_result(
                    job.result,
                    job.picture,
                    folder,
                    source.stem,
                    force=force,
                    recipe=job.recipe.to_dict(),
                    on_message=messages.append,
                    progress=lambda fraction, phase: told.progress(_FOLLOWED + fraction * (1 - _FOLLOWED), phase),
                )
                told.result(str(source), written, values=job.result.values, messages=messages)
        except (Cancelled, UsageError):
            raise
        except DioptreError as error:
            if len(sources) == 1:
                raise
            failed += 1
            log.LOGGER.info("%s failed: %s", source, error, exc_info=True)
            told.error(error, name=str(source))
    if failed:
        raise DioptreError(f"{failed} of {len(sources)} pictures failed.", hint="The reasons are above.")
    return 0


def one(source: Path, chosen: Recipe, *, file: Path, depth: Path | None, force: bool, told: Reporter) -> None:
    """Follow the recipe on one picture and write one file, of the kind that its suffix says."""
    only_depth = operation(chosen.steps[-1].operation).outputs == (Role.DEPTH,)
    if file.suffix.lower() != _LAYERED:
        _require_format(file, depth=only_depth)
    _require_writable(file, force=force)
    with _measured(source, told):
        job = _follow(source, chosen, depth=depth, told=told)
        messages = list(job.messages)
        told.progress(_FOLLOWED, "Writing the result")
        layers = job.result.layers
        content = job.recipe.to_dict()
        if file.suffix.lower() == _LAYERED:
            original = Layer(name="Original", role=Role.BACKGROUND, pixels=job.picture.pixels, visible=only_depth)
            below = () if layers[0].pixels.shape[:2] != job.picture.pixels.shape[:2] else (original,)
            dpi = job.picture.source.resolution_dpi
            files.write_openraster([*layers, *below], file, recipe=content, resolution_dpi=dpi, force=force)
        elif only_depth:
            files.write_depth(layers[0].pixels, file, force=force)
        else:
            pixels = next(layer.pixels for layer in layers if layer.role is Role.RESULT)
            name = chosen.steps[-1].operation
            note = notes.make(operation=name, models=job.result.models, recipe=content)
            messages += files.save(pixels, file, like=job.picture, note=note, force=force)
        told.result(str(source), [file], values=job.result.values, messages=messages)


@contextmanager
def reporting(told: Reporter) -> Iterator[Reporter]:
    """Take the progress bar away whatever happens, before an error is reported."""
    try:
        yield told
    finally:
        told.close()


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A picture with what was made from it, ready to be written."""

    picture: files.Picture
    result: Result
    recipe: Recipe
    messages: tuple[str, ...]


def _follow(source: Path, chosen: Recipe, *, depth: Path | None, told: Reporter) -> _Job:
    told.progress(0.0, "Loading")
    runtime.prepare_if_needed()
    picture = files.load(source)
    disparity, messages = None, picture.messages
    if depth is not None:
        disparity, more = files.read_depth(depth, width=picture.width, height=picture.height)
        messages += more
    elif Input.DISPARITY in operation(chosen.steps[0].operation).inputs:
        raise UsageError(
            f"{operation(chosen.steps[0].operation).title} needs a depth picture.",
            hint="Give one with --depth FILE.",
        )
    result = follow(
        chosen,
        Inputs(picture=picture.pixels, disparity=disparity),
        progress=lambda fraction, phase: told.progress(_LOADED + fraction * (_FOLLOWED - _LOADED), phase),
    )
    for name, checksum in result.models.items():
        if chosen.models.get(name, checksum) != checksum:
            messages += (f"The recipe was made with other weights of {name}; the result may differ.",)
    made = replace(chosen, models=result.models, input_sha256=_sha256(source), dioptre_version=version("dioptre"))
    return _Job(picture=picture, result=result, recipe=made, messages=(*messages, *result.messages))


@contextmanager
def _measured(source: Path, told: Reporter) -> Iterator[None]:
    told.begin(str(source))
    started = time.perf_counter()
    log.LOGGER.info("begin %s", source)
    yield
    log.LOGGER.info("done %s in %.1f s", source, time.perf_counter() - started)


def _require_different_names(sources: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        other = seen.setdefault(source.stem, source)
        if other is not source:
            raise UsageError(
                f"{other} and {source} would write the same files.", hint="Run them into different folders."
            )


def _require_writable(file: Path, *, force: bool) -> None:
    """Raise what writing `file` would raise, as far as it can be known before there is anything to write."""
    check_free(file, force=force)
    there = next(parent for parent in file.absolute().parents if parent.exists())
    if not there.is_dir():
        raise problems.writing(NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), file)
    if not os.access(there, os.W_OK | os.X_OK):
        raise problems.writing(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), file)


def _require_format(file: Path, *, depth: bool) -> None:
    kind = format_of(file)
    if depth and kind not in (files.Format.PNG, files.Format.TIFF):
        raise problems.UnwritableFile(
            f"A depth map is not written as {kind.value}, which would lose its precision.",
            hint="End the name in .png (16-bit), .tif (float) or .ora (layers).",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
