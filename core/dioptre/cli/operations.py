"""The commands that write results: `run` for portraits and recipes, and one for each operation; and `presets`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from dioptre_link.catalogue import OPERATIONS, film, portrait
from dioptre_link.catalogue import depth as depth_map
from dioptre_link.editing import traits
from dioptre_link.errors import UsageError
from dioptre_link.operation import Input, Kind, Operation, Parameter, Role

from . import log
from .options import (
    GroupedCommand,
    ParameterType,
    common_options,
    content_options,
    given,
    parameter_options,
    settings,
    with_contents,
    worker_option,
)
from .reporting import reporter, say

DEFAULT = portrait.OPERATION.name  # the operation that `run` applies without a recipe
_PATH = click.Path(path_type=Path, readable=False)  # files are checked later, when they are read


_depth_unit = click.option(
    "--depth-unit",
    type=click.Choice(("auto", "m", "mm")),
    default="auto",
    show_default=True,
    callback=lambda _context, _option, chosen: None if chosen == "auto" else chosen,
    help="Unit of the distances in the depth map. auto: what its file states; otherwise, white is near.",
)


def commands() -> Iterator[click.Command]:
    """Yield `run` and its alias, then the operations in the order of the catalogue."""
    default = OPERATIONS[DEFAULT]
    yield _run_command(default, command="run", short_help=default.help)
    yield _run_command(default, command=default.command, short_help="The same as 'run'.")
    for operation in OPERATIONS.values():
        if operation.in_series:
            yield _white_balance_command(operation)
        elif operation.name != DEFAULT:
            yield _operation_command(operation)


def _run_command(portrait: Operation, *, command: str, short_help: str) -> click.Command:
    @click.command(name=command, cls=GroupedCommand, short_help=short_help)
    @click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="IN...")
    @click.option(
        "-o",
        "--output",
        default="dioptre-out",
        show_default=True,
        type=_PATH,
        metavar="DIR",
        help="Folder for the results.",
    )
    @click.option("--recipe", type=_PATH, metavar="FILE", help="Recipe to apply instead of portrait blur.")
    @click.option(
        "--preset", metavar="NAME", help="Preset to apply instead of portrait blur; see 'dioptre presets'."
    )
    @click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Change an option of the recipe.")
    @click.option(
        "--depth", type=_PATH, metavar="FILE", help="Depth map to use: white is near. For a single input."
    )
    @_depth_unit
    @click.option(
        "--selection", type=_PATH, metavar="FILE", help="Selection: white is selected. For a single input."
    )
    @click.option(
        "--exr", is_flag=True, help="Also write all layers and the distances as one .exr, for compositing."
    )
    @parameter_options(portrait.parameters)
    @content_options
    @common_options
    @worker_option
    def run(
        *,
        inputs: tuple[Path, ...],
        output: Path,
        recipe: Path | None,
        preset: str | None,
        pairs: tuple[str, ...],
        depth: Path | None,
        depth_unit: str | None,
        selection: Path | None,
        exr: bool,
        as_json: bool,
        verbose: bool,
        force: bool,
        worker: bool,
        **options: Any,
    ) -> None:
        """Blur the background of portraits, or apply a recipe to one or more pictures.

        Writes a layered file, a flat result, the depth, a preview sheet and the recipe for each picture.
        """
        changes = {**given(portrait, options), **settings(pairs)}
        _require_single(inputs, depth=depth, selection=selection)
        log.start(verbose=verbose)
        _begin(worker=worker)
        from dioptre.recipes.on_file import Planes

        from . import process

        planes = Planes(depth=depth, depth_unit=depth_unit, selection=selection)
        chosen = process.recipe(recipe, preset=preset, otherwise=(portrait.name,)).with_options(changes)
        with process.reporting(reporter(as_json=as_json)) as report:
            process.every(
                inputs,
                with_contents(chosen, options),
                folder=output,
                planes=planes,
                exr=exr,
                force=force,
                report=report,
                worker=worker,
            )

    return run


def _operation_command(operation: Operation) -> click.Command:

    def make(
        *,
        source: Path,
        output: Path,
        as_json: bool,
        verbose: bool,
        force: bool,
        worker: bool,
        depth: Path | None = None,
        depth_unit: str | None = None,
        selection: Path | None = None,
        metric: bool = False,
        normals: bool = False,
        layer: Path | None = None,
        layer_at: tuple[float, float] | None = None,
        layer_width: int | None = None,
        **options: Any,
    ) -> None:
        log.start(verbose=verbose)
        _begin(worker=worker and not operation.framed_by)
        from dioptre.photo.outputs import Outputs
        from dioptre.recipes.on_file import LayerFile, Planes

        from . import process

        if metric and normals:
            raise UsageError("--metric and --normals cannot be combined.", hint="Run the command twice.")
        if traits.enlarges(operation) and source.suffix.lower() == ".ora":
            raise UsageError(
                "{source} has layers, which the command does not enlarge.",
                hint="Open it in GIMP or Krita, where Super-resolution enlarges all layers.",
                source=source,
            )
        steps: tuple[str, ...] = (operation.name,)
        if depth is None and Input.DISPARITY in operation.inputs:
            steps = (depth_map.OPERATION.name, *steps)
        chosen = process.recipe(None, otherwise=steps).with_options(given(operation, options))
        with process.reporting(reporter(as_json=as_json)) as report:
            process.run(
                Outputs.planned(with_contents(chosen, options), output, source),
                planes=Planes(
                    depth=depth,
                    depth_unit=depth_unit,
                    selection=selection,
                    layer=None if layer is None else LayerFile(path=layer, at=layer_at, width=layer_width),
                ),
                force=force,
                report=report,
                metric=metric,
                normals=normals,
                worker=worker,
            )

    make.__doc__ = operation.help
    if Role.DEPTH in operation.outputs and Role.SELECTION not in operation.outputs:
        make = content_options(make)
    options = [one for one in operation.parameters if one.name != operation.framed_by]
    function = _with_inputs(parameter_options(options)(common_options(worker_option(make))), operation)
    function = click.option("-o", "--output", required=True, type=_PATH, metavar="OUT", help=_outputs(operation))(
        function
    )
    if operation.places:
        sides = click.IntRange(1, 65535)
        function = click.option("--size", "layer_width", type=sides, metavar="PX", help=_SIZE)(function)
        function = click.option("--at", "layer_at", type=ParameterType(_AT), help=_AT.help)(function)
        function = click.argument("layer", type=_PATH, metavar="LAYER")(function)
    function = click.argument("source", type=_PATH, metavar="IN")(function)
    return click.command(name=operation.command, cls=GroupedCommand)(function)


def _with_inputs(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    """Add the options for the form of a depth map and for the planes that the operation reads."""
    if _makes_depth(operation):
        text = "Write metres (.tif, .pfm, .npy, .exr) or millimetres (.png) instead of values from 0 to 1."
        function = click.option("--metric", is_flag=True, help=text)(function)
        text = (
            "Write surface normals (.png, 16 bit; red right, green up, blue towards the camera) instead of depth, "
            "or with it (.exr)."
        )
        function = click.option("--normals", is_flag=True, help=text)(function)
    if Input.DISPARITY in (*operation.inputs, *operation.optional_inputs):
        otherwise = "none" if traits.enlarges(operation) else "estimated"
        text = f"Depth map, white is near. [default {otherwise}]"
        function = click.option("--depth", type=_PATH, metavar="FILE", help=text)(_depth_unit(function))
    if Input.SELECTION in operation.inputs or operation.limitable:
        text = "Selection, a grey picture: white is selected. [default everything]"
        function = click.option("--selection", type=_PATH, metavar="FILE", help=text)(function)
    return function


def _white_balance_command(operation: Operation) -> click.Command:
    @click.command(name=operation.command, cls=GroupedCommand, short_help=operation.help)
    @click.argument("sources", nargs=-1, required=True, type=_PATH, metavar="IN...")
    @click.option("-o", "--output", required=True, type=_PATH, metavar="OUT", help=f"{_outputs(operation)}")
    @click.option("--depth", type=_PATH, metavar="FILE", help="Depth map: white is near. For a single input.")
    @click.option(
        "--selection", type=_PATH, metavar="FILE", help="Selection: white is selected. For a single input."
    )
    @click.option("--reference", type=_PATH, metavar="FILE", help=_REFERENCE)
    @parameter_options(operation.parameters)
    @common_options
    @worker_option
    def white_balance(
        *,
        sources: tuple[Path, ...],
        output: Path,
        depth: Path | None,
        selection: Path | None,
        reference: Path | None,
        as_json: bool,
        verbose: bool,
        force: bool,
        worker: bool,
        **options: Any,
    ) -> None:
        """Estimate the colour of the light and remove the colour cast.

        Several pictures, or a folder of pictures, form a series: pictures in similar light are balanced alike.
        """
        _require_single(sources, depth=depth, selection=selection)
        log.start(verbose=verbose)
        _begin(worker=worker and len(sources) == 1)
        from dioptre.recipes.on_file import Planes

        from . import process, series

        with process.reporting(reporter(as_json=as_json)) as report:
            series.balance(
                sources,
                given(operation, options),
                output=output,
                reference=reference,
                planes=Planes(depth=depth, selection=selection),
                force=force,
                report=report,
                worker=worker,
            )

    return white_balance


def _begin(*, worker: bool) -> None:
    """Begin to start the worker, if it will compute, before the command imports what it needs itself."""
    if worker:
        from dioptre.recipes.elsewhere import start_early

        start_early()


def _require_single(sources: tuple[Path, ...], **files: Path | None) -> None:
    """Raise UsageError if a file of one picture is given, but several pictures."""
    name = next((f"--{option}" for option, file in files.items() if file is not None), None)
    if name is not None and (len(sources) > 1 or sources[0].is_dir()):
        raise UsageError(
            "{name} can be used only with a single picture.", hint="Process them one by one.", name=name
        )


_AT = Parameter(
    name="at", kind=Kind.POINT, label="Place", help="Centre of the layer in the photo. [default the middle]"
)
_SIZE = "Width of the layer in pixels of the photo. [default its own, at most the photo's]"
_REFERENCE = (
    "Balance all pictures for the light in this one, such as a photo of a grey card. --neutral is a point in it."
)


@click.command(name="presets")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def presets(name: str | None, as_json: bool) -> None:
    """List the presets, or print the preset NAME as a recipe that you can change and pass to --recipe."""
    from dioptre_link.presets import preset, presets

    if name is not None:
        say(preset(name).to_json().rstrip("\n"), lines=True)
        return
    for each, recipe in presets().items():
        if as_json:
            fields = {"name": each, "title": recipe.title, "description": recipe.description}
            say(json.dumps({"type": "preset", **fields, "steps": [step.operation for step in recipe.steps]}))
        else:
            say(f"{each:13} {recipe.title}. {recipe.description}")


def _makes_depth(operation: Operation) -> bool:
    """Return whether the operation computes depth from a picture, and nothing else."""
    return set(operation.outputs) <= {Role.DEPTH, Role.CONFIDENCE} and Input.DISPARITY not in operation.inputs


def _outputs(operation: Operation) -> str:
    if operation.name == film.OPERATION.name:
        return "File for the film: .mp4, .webp or .gif; a name without a suffix is a folder for PNG frames."
    if traits.selects(operation):
        text = "File for the mask: .png (16 bit), .tif, .pfm, .npy (float), .ora or .exr; with --result layer for "
        text += "the cut-out picture."
    elif set(operation.outputs) <= {Role.DEPTH, Role.CONFIDENCE}:
        text = "File for the depth: .png (16 bit), .tif, .pfm or .npy (float), or .ora or .exr (with the picture)."
    else:
        text = "File for the result: .ora or .exr for layers, else .jpg, .png, .tif, .webp, .heic, .avif or .jxl."
    return f"{text} {'For several pictures, a folder' if operation.in_series else 'Or an existing folder'}."
