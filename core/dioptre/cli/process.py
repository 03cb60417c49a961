"""Process files: load them, follow the recipe, write the results. Imported only when needed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from dioptre import photo, runtime
from dioptre.caching.choice import step_cache
from dioptre.contract import inverse_distance, part_of
from dioptre.photo import apart, problems
from dioptre.photo.depth_files import encoded_depth, encoded_metres, encoded_normals, require_plane_suffix
from dioptre.photo.encode import EXR, FIRST_FRAME, format_of, require_film_suffix, require_openexr, save_film
from dioptre.photo.metadata import make_note
from dioptre.photo.publish import check_free
from dioptre.photo.results import (
    depth_in_file,
    exr_of,
    flat_of,
    further_of,
    ordinary,
    original_layer,
    rendition_of_result,
    spare_input,
)
from dioptre.recipes.apply import runner_of
from dioptre.recipes.on_file import Followed, LayerFile, follow_on_file
from dioptre_link import presets
from dioptre_link.catalogue import film, operation, spatial
from dioptre_link.catalogue.selection import LAYER, RESULT
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, Step, result_base

from . import log
from .reporting import Reporter

if TYPE_CHECKING:
    from dioptre.features.depth import Normals

_FOLLOWED = 0.9  # fraction of the progress bar for running the recipe; the rest is for writing files
_LAYERED = ".ora"


def recipe(file: Path | None, *, otherwise: Sequence[str], preset: str | None = None) -> Recipe:
    """Return the recipe in `file`, or else a preset, or else the operations `otherwise` with their defaults."""
    if preset is not None:
        if file is not None:
            raise UsageError("--recipe and --preset cannot be combined.", hint="Use only one of them.")
        return presets.preset(preset)
    if file is None:
        return Recipe(steps=tuple(Step(operation=name) for name in otherwise))
    return Recipe.read(file)


@dataclass(frozen=True, kw_only=True)
class Planes:
    """Files with planes of the picture.

    Attributes:
        depth: depth map; None to estimate it.
        depth_unit: unit of its distances, as in `photo.read_depth`.
        selection: selection; None for everything.
        layer: a layer to place in the picture; None for none.
    """

    depth: Path | None = None
    depth_unit: str | None = None
    selection: Path | None = None
    layer: LayerFile | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are given."""
        layer = None if self.layer is None else self.layer.path
        return tuple(path for path in (self.depth, self.selection, layer) if path is not None)


NO_PLANES = Planes()


def every(
    sources: Sequence[Path],
    chosen: Recipe,
    *,
    folder: Path,
    force: bool,
    report: Reporter,
    planes: Planes = NO_PLANES,
    exr: bool = False,
) -> None:
    """Apply the recipe to each picture and write all of its result files into `folder`.

    If a picture fails, this is reported and the others continue; the error of a single picture is raised.

    Args:
        sources: the pictures.
        chosen: the recipe.
        folder: folder for the results.
        force: replace existing files.
        planes: depth map and selection of a single picture.
        exr: also write all layers to an OpenEXR file.

    Raises:
        UsageError: an option is invalid, or two pictures would write the same files.
        DioptreError: at least one picture failed.
    """
    name = chosen.steps[-1].operation
    _require_different_names(sources)
    if exr:
        require_openexr()

    def process(source: Path) -> None:
        for suffix in ("ora", "json", *(["exr"] if exr else [])):  # check now, not after minutes of computing
            _require_writable(folder / f"{result_base(source.stem, name)}.{suffix}", force=force)
        with _measured(source, report):
            job = _follow(source, chosen, planes=planes, report=report, all_layers=True)
            messages = list(job.messages)
            written = photo.write_result(
                job.result,
                job.picture,
                folder,
                source.stem,
                force=force,
                recipe=job.recipe.to_dict(),
                exr=exr,
                inputs=planes.files,
                on_message=messages.append,
                progress=lambda fraction, phase: report.progress(_FOLLOWED + fraction * (1 - _FOLLOWED), phase),
            )
            report.result(str(source), written, values=job.result.values, messages=messages)

    if len(sources) == 1:
        process(sources[0])
    else:
        each(sources, process, report)


def each(sources: Sequence[Path], process: Callable[[Path], None], report: Reporter) -> None:
    """Process each picture; a failure is reported, and the other pictures are processed all the same.

    Raises:
        UsageError: an option is invalid, which concerns all pictures.
        DioptreError: at least one picture failed.
    """
    failed = 0
    for source in sources:
        try:
            process(source)
        except (Cancelled, UsageError):
            raise
        except DioptreError as error:
            failed += 1
            log.LOGGER.info("%s failed: %s", source, error, exc_info=True)
            report.error(error, name=str(source))
    if failed:
        raise DioptreError(
            "{failed} of {count} pictures failed.", hint="See the reasons above.", failed=failed, count=len(sources)
        )


def one(
    source: Path,
    chosen: Recipe,
    *,
    file: Path,
    force: bool,
    report: Reporter,
    planes: Planes = NO_PLANES,
    references: tuple[np.ndarray, ...] = (),
    metric: bool = False,
    normals: bool = False,
) -> None:
    """Apply the recipe to one picture and write one file, in the format of its suffix, or into a folder.

    Args:
        source: the picture.
        chosen: the recipe.
        file: the result, or a folder for it.
        force: replace an existing file.
        planes: the picture's depth map and selection.
        references: pictures whose common light is used, as in `dioptre.contract.Inputs`.
        metric: write the depth in metres.
        normals: write surface normals instead of depth.
    """
    last = chosen.steps[-1]
    only_depth = Role.RESULT not in operation(last.operation).outputs and last.options.get(RESULT) != LAYER
    makes_depth = only_depth and Role.DEPTH in operation(last.operation).outputs
    metric = makes_depth and metric
    if chosen.depth_in_file and (metric or normals):
        raise UsageError("--depth-in-file writes the picture.", hint="Leave out --metric and --normals.")
    only_depth = only_depth and not chosen.depth_in_file
    kind = photo.Format.PNG  # for layers, which are PNG files
    needed = spatial.suffix_of(last.operation, last.options)
    films = last.operation == film.OPERATION.name
    if file.is_dir() and not films:
        described = operation(last.operation)
        selects = Role.SELECTION in described.outputs
        stem = result_base(source.stem, described.name) + ("-mask" if selects and only_depth else "")
        ending = needed or (".jpg" if chosen.depth_in_file else source.suffix)
        if selects or only_depth:  # a picture with transparency, or values
            ending = ".png"
        file = file / f"{stem}{ending}" if needed else in_folder(file, stem, ending)
    suffix = file.suffix.lower()
    if needed is not None and suffix not in (needed, _LAYERED):
        raise UsageError(
            "This layout needs a file name that ends in {suffix}.",
            hint="Specify -o {file}.",
            suffix=needed,
            file=file.with_suffix(needed),
        )
    if films:
        require_film_suffix(file)
    elif suffix == EXR and not chosen.depth_in_file:
        require_openexr()
    elif suffix != _LAYERED or chosen.depth_in_file:
        if only_depth:
            require_plane_suffix(file)
        else:
            kind = format_of(file, several=needed is not None)
    if normals and suffix not in (".png", EXR):
        raise UsageError("--normals needs a file name that ends in .png or .exr.", hint="Specify -o normals.png.")
    _require_writable(file / FIRST_FRAME if films and not suffix else file, force=force)
    inputs = (source, *planes.files)
    for given in inputs:
        spare_input(file, given)
    with _measured(source, report):
        job = _follow(source, chosen, planes=planes, report=report, references=references, kind=kind)
        messages = list(job.messages)
        report.progress(_FOLLOWED, "Writing the result")
        layers = job.result.layers
        content, written = job.recipe.to_dict(), [file]
        note = None
        if not chosen.private:
            note = make_note(operation=last.operation, models=job.result.models, recipe=content)
        if job.result.film is not None:
            written = save_film(
                job.result.film,
                file,
                note=note,
                force=force,
                inputs=inputs,
                progress=part_of(report.progress, _FOLLOWED, 1.0),
            )
        elif suffix == _LAYERED:
            places = operation(last.operation).places
            layers = tuple(layer for layer in layers if not (places and layer.role is Role.RESULT))
            original = original_layer(job.picture, visible=only_depth or places)
            below = () if layers[0].shape[:2] != original.shape[:2] else (original,)
            dpi = photo.dpi_at(job.picture, layers[0].shape)
            shown = rendition_of_result(job.result, job.picture)
            photo.write_openraster(
                [ordinary(layer, shown) for layer in (*layers, *below)],
                file,
                recipe=content,
                resolution_dpi=dpi,
                force=force,
                permissions_of=inputs,
            )
        elif suffix == EXR or only_depth:
            encoded, more = _encoded_planes(job, suffix, metric=metric, normals=normals)
            with photo.replacing(file, force=force, permissions_of=inputs) as stream:
                stream.write(encoded)
            messages += more
        else:
            flat = flat_of(job.result) or job.picture
            messages += photo.save(
                flat.pixels,
                file,
                like=job.picture,
                note=note,
                depth=depth_in_file(job.result) if chosen.depth_in_file else None,
                further=further_of(job.result),
                force=force,
                inputs=inputs,
            )
        report.result(str(source), written, values=job.result.values, messages=messages)


def in_folder(folder: Path, stem: str, suffix: str) -> Path:
    """Return the path of a result in a folder, with .png instead of a suffix whose format cannot be written."""
    file = folder / f"{stem}{suffix}"
    try:
        format_of(file)
    except problems.UnwritableFile:
        return folder / f"{stem}.png"
    return file


def _encoded_planes(job: Followed, suffix: str, *, metric: bool, normals: bool) -> tuple[bytes, tuple[str, ...]]:
    """Encode the depth, the metres or the normals, or all of them and the layers as .exr; return messages, too."""
    values, plane = job.result.values, job.result.layers[0].pixels
    messages = _about_metres(job) if metric else ()
    made = _normals(job) if normals else None
    if made is not None:
        messages += (Message("Source of the normals: {source}.", source=made.source), *made.messages)
    if suffix == EXR:
        return exr_of(job.result, job.picture, normals=None if made is None else made.vectors), messages
    if made is not None:
        return encoded_normals(made.vectors), messages
    if metric:
        return encoded_metres(inverse_distance(plane, values["depth_range_per_m"]), suffix), messages
    return encoded_depth(plane, suffix), messages


def _about_metres(job: Followed) -> tuple[str, ...]:
    """Return messages about the source of the metres; raise DioptreError if they are not known."""
    values = job.result.values
    if values.get("depth_range_per_m") is None:
        raise DioptreError(
            "The depth of this picture in metres is not known.",
            hint="Add a network that estimates metres: dioptre models add moge-2-vits-normal",
            code="no-metres",
        )
    focal, source = values.get("focal_length_equivalent_mm"), values["metric_source"]
    if focal is None:
        return (f"Source of the metres: {source}.",)
    origin = values["focal_length_source"]
    return (f"Source of the metres: {source}. Source of the angle of view ({focal:g} mm): {origin}.",)


def _normals(job: Followed) -> Normals:
    """Return the normals that the network estimates, or else those of the depth."""
    from dioptre.features.depth import network_normals, normals_of_depth  # imports JAX

    values, picture = job.result.values, job.picture.pixels
    model = values.get("depth_model")
    estimated = None if model is None else network_normals(picture, model=model)
    return normals_of_depth(job.result.layers[0].pixels, values) if estimated is None else estimated


@contextmanager
def reporting(report: Reporter) -> Iterator[Reporter]:
    """Remove the progress bar before any error is reported; at the end, raise an error if output was lost."""
    try:
        yield report
    finally:
        report.close()
    report.require_heard()


def _follow(
    source: Path,
    chosen: Recipe,
    *,
    planes: Planes,
    report: Reporter,
    references: tuple[np.ndarray, ...] = (),
    kind: photo.Format | None = None,
    all_layers: bool = False,
) -> Followed:
    runtime.prepare_if_needed()
    apart.reader().start()
    Thread(target=_get_ready, args=(chosen,)).start()  # imports JAX while the file is decoded
    return follow_on_file(
        chosen,
        source,
        depth=planes.depth,
        depth_unit=planes.depth_unit,
        selection=planes.selection,
        layer=planes.layer,
        references=references,
        kind=kind,
        all_layers=all_layers,
        cache=step_cache(),
        progress=lambda fraction, phase: report.progress(fraction * _FOLLOWED, phase),
    )


def _get_ready(chosen: Recipe) -> None:
    """Import what the recipe's steps need. Errors are left to the steps, which import the same."""
    with suppress(Exception), runtime.IMPORTING:
        for step in chosen.steps:
            runner_of(step.operation)
        import_module("dioptre.caching.names").computing_setup()


@contextmanager
def _measured(source: Path, report: Reporter) -> Iterator[None]:
    report.begin(str(source))
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
                "{other} and {source} would produce the same files.",
                hint="Use a different output folder for each.",
                other=other,
                source=source,
            )


def _require_writable(file: Path, *, force: bool) -> None:
    """Raise those errors of writing `file` that can be detected before there is anything to write."""
    check_free(file, force=force)
    there = next(parent for parent in file.absolute().parents if parent.exists())
    if not there.is_dir():
        raise problems.writing(NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), file)
    if not os.access(there, os.W_OK | os.X_OK):
        raise problems.writing(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), file)
