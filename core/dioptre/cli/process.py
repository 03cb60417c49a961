"""Process files: load them, follow the recipe, write the results. Imported only when needed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from dioptre import photo, runtime
from dioptre.caching.choice import step_cache
from dioptre.contract import part_of
from dioptre.photo import apart, problems
from dioptre.photo.encode import EXR, require_openexr, require_unmixed
from dioptre.photo.outputs import Form, Outputs
from dioptre.photo.publish import check_free
from dioptre.photo.results import spare_input
from dioptre.recipes.apply import runner_of
from dioptre.recipes.elsewhere import Elsewhere, may_compute
from dioptre.recipes.on_file import NO_PLANES, Followed, Planes, follow_on_file
from dioptre_link import presets
from dioptre_link.catalogue import film
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.language import Message
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
    require_different([source.stem for source in sources], sources)
    if exr:
        require_openexr()

    def process(source: Path) -> None:
        outputs = Outputs(recipe=chosen, source=source, folder=folder, stem=source.stem, exr=exr)
        run(outputs, force=force, report=report, planes=planes, worker=worker)

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


def run(
    outputs: Outputs,
    *,
    force: bool,
    report: Reporter,
    planes: Planes = NO_PLANES,
    references: tuple[np.ndarray, ...] = (),
    metric: bool = False,
    normals: bool = False,
    worker: bool = True,
) -> None:
    """Follow the recipe on one picture, write the planned files and report them.

    Args:
        outputs: the recipe, the picture, and the files.
        force: replace existing files.
        planes: the picture's depth map and selection.
        references: pictures whose common light is used, as in `dioptre.contract.Inputs`.
        metric: write the depth in metres; for a single file.
        normals: write surface normals instead of depth; for a single file.
        worker: let the worker compute if it can.

    Raises:
        UsageError: an option is invalid, or the file does not hold the metres or the normals.
        DioptreError: the picture failed.
    """
    if metric or normals:
        _require_values(outputs, metric=metric, normals=normals)
    chosen, source = outputs.recipe, outputs.source
    for path in outputs.paths:  # check now, not after minutes of computing
        _require_writable(path, force=force)
        for given in (source, *planes.files):
            spare_input(path, given)
    if outputs.is_folder:
        options = chosen.steps[-1].options
        require_unmixed(outputs.paths[0].parent, count=film.count_of(options), masks=options[film.MASKS])
    report.begin(str(source))
    started = time.perf_counter()
    log.LOGGER.info("begin %s", source)
    worker = worker and not normals
    job = _follow(outputs, planes=planes, report=report, references=references, worker=worker)
    messages = [*job.messages, *(_about_metres(job) if metric else ())]
    made = _normals(job) if normals else None
    if made is not None:
        messages += (Message("Source of the normals: {source}.", source=made.source), *made.messages)
    report.progress(_FOLLOWED, "Writing the result")
    written = photo.write_result(
        job.result,
        job.picture,
        replace(outputs, recipe=job.recipe),
        force=force,
        inputs=planes.files,
        metric=metric,
        normals=None if made is None else made.vectors,
        on_message=messages.append,
        progress=part_of(report.progress, _FOLLOWED, 1.0),
    )
    report.result(str(source), written, values=job.result.values, messages=messages)
    log.LOGGER.info("done %s in %.1f s", source, time.perf_counter() - started)


def _require_values(outputs: Outputs, *, metric: bool, normals: bool) -> None:
    """Raise UsageError if the file does not hold the metres or the normals that are asked for."""
    if outputs.recipe.depth_in_file:
        raise UsageError("--depth-in-file writes the picture.", hint="Leave out --metric and --normals.")
    if normals and Path(outputs.result()).suffix.lower() not in (".png", EXR):
        raise UsageError("--normals needs a file name that ends in .png or .exr.", hint="Specify -o normals.png.")
    if metric and outputs.form is Form.LAYERS:
        raise UsageError(
            "An .ora file cannot hold metres.", hint="Use a file name that ends in .tif, .png or .exr."
        )


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
    outputs: Outputs, *, planes: Planes, report: Reporter, references: tuple[np.ndarray, ...], worker: bool
) -> Followed:
    runtime.prepare_if_needed()
    apart.reader().start()
    chosen, there = outputs.recipe, None
    if worker and not references and may_compute(chosen):
        there = Elsewhere(chosen, otherwise=partial(_get_ready, chosen))
    else:
        Thread(target=_get_ready, args=(chosen,)).start()  # imports JAX while the file is decoded
    return follow_on_file(
        chosen,
        outputs.source,
        planes=planes,
        references=references,
        kind=outputs.kind,
        all_layers=outputs.form is None,
        cache=step_cache(),
        there=there,
        progress=part_of(report.progress, 0.0, _FOLLOWED),
    )


def _get_ready(chosen: Recipe) -> None:
    """Import what the recipe's steps need. Errors are left to the steps, which import the same."""
    with suppress(Exception), runtime.IMPORTING:
        for step in chosen.steps:
            runner_of(step.operation)
        import_module("dioptre.caching.names").computing_setup()


def require_different(names: Iterable[object], sources: Iterable[Path]) -> None:
    """Raise UsageError if the results of two pictures would have the same name."""
    seen: dict[object, Path] = {}
    for name, source in zip(names, sources, strict=True):
        if (other := seen.setdefault(name, source)) is not source:
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
