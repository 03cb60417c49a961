"""Process files: load them, follow the recipe, write the results. Imported only when needed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from dioptre import photo, runtime
from dioptre.caching.choice import step_cache
from dioptre.contract import inverse_distance, part_of
from dioptre.photo import apart, problems
from dioptre.photo.depth_files import encoded_depth, encoded_metres, encoded_normals
from dioptre.photo.encode import EXR, FIRST_FRAME, require_openexr, require_unmixed, save_film
from dioptre.photo.metadata import Note, make_note
from dioptre.photo.outputs import Form, OutputFile, Outputs, form_of
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
from dioptre.recipes.elsewhere import Elsewhere, may_compute
from dioptre.recipes.on_file import Followed, LayerFile, follow_on_file
from dioptre_link import presets
from dioptre_link.catalogue import film, operation
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, Step

from . import log
from .reporting import Reporter

if TYPE_CHECKING:
    from dioptre.features.depth import Normals

_FOLLOWED = 0.9  # fraction of the progress bar for running the recipe; the rest is for writing files


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

    def __post_init__(self) -> None:
        if self.depth_unit is not None and self.depth is None:
            raise UsageError("--depth-unit needs a depth map.", hint="Specify one with --depth FILE.")

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
    worker: bool = True,
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
        worker: let the worker compute if it can.

    Raises:
        UsageError: an option is invalid, or two pictures would write the same files.
        DioptreError: at least one picture failed.
    """
    _require_different_names(sources)
    if exr:
        require_openexr()

    def process(source: Path) -> None:
        outputs = Outputs(recipe=chosen, source=source, folder=folder, stem=source.stem, exr=exr)
        for name in outputs.names().values():  # check now, not after minutes of computing
            _require_writable(folder / name, force=force)
        with _measured(source, report):
            job = _follow(
                source, chosen, planes=planes, report=report, kind=outputs.kind, all_layers=True, worker=worker
            )
            messages = list(job.messages)
            written = photo.write_result(
                job.result,
                job.picture,
                replace(outputs, recipe=job.recipe),
                force=force,
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
    worker: bool = True,
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
        worker: let the worker compute if it can.
    """
    output = OutputFile.planned(chosen, file, source)
    if metric or normals:
        _require_values(chosen, output, metric=metric, normals=normals)
    _require_writable(output.path / FIRST_FRAME if output.is_folder else output.path, force=force)
    if output.is_folder:
        options = chosen.steps[-1].options
        require_unmixed(output.path, count=film.count_of(options), masks=options[film.MASKS])
    inputs = (source, *planes.files)
    for given in inputs:
        spare_input(output.path, given)
    with _measured(source, report):
        job = _follow(
            source,
            chosen,
            planes=planes,
            report=report,
            references=references,
            kind=output.kind,
            worker=worker and not normals,
        )
        report.progress(_FOLLOWED, "Writing the result")
        output = output.sized((job.picture.height, job.picture.width))
        written, messages = [output.path], list(job.messages)
        if job.result.film is not None:
            written = save_film(
                job.result.film,
                output.path,
                note=_note(job),
                force=force,
                inputs=inputs,
                on_message=messages.append,
                progress=part_of(report.progress, _FOLLOWED, 1.0),
            )
        elif output.form is Form.LAYERS:
            _write_layers(job, output.path, force=force, inputs=inputs)
        elif output.form is Form.PICTURE:
            flat = flat_of(job.result) or job.picture
            messages += photo.save(
                flat.pixels,
                output.path,
                like=job.picture,
                note=_note(job),
                depth=depth_in_file(job.result) if chosen.depth_in_file else None,
                further=further_of(job.result),
                force=force,
                inputs=inputs,
            )
        else:
            encoded, more = _encoded_planes(job, output.path.suffix.lower(), metric=metric, normals=normals)
            messages += more
            with photo.replacing(output.path, force=force, permissions_of=inputs) as stream:
                stream.write(encoded)
        report.result(str(source), written, values=job.result.values, messages=messages)


def _require_values(chosen: Recipe, output: OutputFile, *, metric: bool, normals: bool) -> None:
    """Raise UsageError if the file does not hold the metres or the normals that are asked for."""
    if chosen.depth_in_file:
        raise UsageError("--depth-in-file writes the picture.", hint="Leave out --metric and --normals.")
    if normals and output.path.suffix.lower() not in (".png", EXR):
        raise UsageError("--normals needs a file name that ends in .png or .exr.", hint="Specify -o normals.png.")
    if metric and output.form is Form.LAYERS:
        raise UsageError(
            "An .ora file cannot hold metres.", hint="Use a file name that ends in .tif, .png or .exr."
        )


def _note(job: Followed) -> Note | None:
    """Return the record for the metadata of a result."""
    if job.recipe.private:
        return None
    last, content = job.recipe.steps[-1], job.recipe.to_dict()
    return make_note(operation=last.operation, models=job.result.models, recipe=content)


def _write_layers(job: Followed, file: Path, *, force: bool, inputs: Sequence[Path]) -> None:
    """Write the layers of a result, with the photo below them if the sizes match."""
    layers, picture = job.result.layers, job.picture
    places = operation(job.recipe.steps[-1].operation).places
    layers = tuple(layer for layer in layers if not (places and layer.role is Role.RESULT))
    original = original_layer(picture, visible=places or form_of(job.recipe) is Form.PLANE)
    below = () if layers[0].shape[:2] != original.shape[:2] else (original,)
    shown = rendition_of_result(job.result, picture)
    photo.write_openraster(
        [ordinary(layer, shown) for layer in (*layers, *below)],
        file,
        recipe=job.recipe.to_dict(),
        resolution_dpi=photo.dpi_at(picture, layers[0].shape),
        force=force,
        permissions_of=inputs,
    )


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
    worker: bool,
) -> Followed:
    runtime.prepare_if_needed()
    apart.reader().start()
    there = None
    if worker and not references and may_compute(chosen):
        there = Elsewhere(chosen, otherwise=partial(_get_ready, chosen))
    else:
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
        there=there,
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
