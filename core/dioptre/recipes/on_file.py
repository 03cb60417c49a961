"""Run a recipe on a photo file: load it, run the steps, and collect the result with its messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from dioptre import photo
from dioptre.contract import NO_STEP_CACHE, Inputs, Layer, Progress, Result, StepCache, no_progress
from dioptre.photo import apart, problems
from dioptre.photo.decode import Decoding
from dioptre.photo.metadata import field_of_view
from dioptre.photo.outputs import require_suitable
from dioptre.runtime import own_settings
from dioptre_link.catalogue import operation
from dioptre_link.catalogue.depth import may_use_cameras
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Input, Role
from dioptre_link.recipe import Recipe

from . import apply
from .elsewhere import Elsewhere
from .follow import follow, with_networks_named

_LOADED = 0.03  # fraction of the progress that loading takes
_RELEASED_PIXELS = 16_000_000  # larger originals are freed during the steps and read again at the end


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A picture and the result of a recipe on it, ready to be written.

    Attributes:
        picture: the input picture.
        result: the result of the recipe (see `follow`).
        recipe: the recipe as it was run, with the networks that were used and the input's sha256.
        messages: sentences for the user, from reading the file and from the steps.
    """

    picture: photo.Picture
    result: Result
    recipe: Recipe
    messages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LayerFile:
    """A file with a layer to place in a photo.

    Attributes:
        path: the file; its transparency is that of the layer.
        at: (x, y) of the layer's centre in the photo; None for the middle.
        width: width of the layer in pixels of the photo; None for its own, or that of the photo if it is wider.
    """

    path: Path
    at: tuple[float, float] | None = None
    width: int | None = None


@dataclass(frozen=True, kw_only=True)
class Planes:
    """Files with planes of a photo.

    Attributes:
        depth: a grey picture with the depth for the first step; None to estimate it.
        depth_unit: "m" or "mm" if it contains distances in this unit; None: what the file states.
        selection: a grey picture with the selection for the first step; None for everything.
        layer: a layer to place in the photo; None for none.
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


def follow_on_file(
    chosen: Recipe,
    source: Path,
    *,
    planes: Planes = NO_PLANES,
    references: tuple[np.ndarray, ...] = (),
    kind: photo.Format | None = None,
    all_layers: bool = False,
    cache: StepCache = NO_STEP_CACHE,
    there: Elsewhere | None = None,
    progress: Progress = no_progress,
) -> Followed:
    """Load a photo and run a recipe on it.

    This may import JAX, so call `runtime.prepare` first.

    Args:
        chosen: the recipe.
        source: the photo.
        planes: the photo's depth, selection and layer.
        references: as in `Inputs`.
        kind: format of the file for the result; None if it is not a picture.
        all_layers: as in `Inputs`.
        cache: as in `Inputs`.
        there: the worker, which runs the recipe if it can; None: this process does.
        progress: called with the fraction done and the phase.

    Raises:
        UsageError: the first step needs a depth map and none was given, or an option is invalid.
        UnwritableFile: the format cannot hold a picture as large as the result.
        DioptreError: a file cannot be read, or a step failed.
        BadResultError: the result is not a valid picture.
    """
    progress(0.0, "Loading")

    def check() -> None:
        progress(0.0, "Loading")  # raises an exception if the user has cancelled

    decoding = partial(apart.reader().decoding, check=check)
    wanted = planes.depth is None and any(may_use_cameras(step.options) for step in chosen.steps)
    picture = photo.load(source, decoding=partial(decoding, depth=wanted))
    view = field_of_view(picture.source.exif, picture.pixels.shape)
    if chosen.private:
        picture = picture.without_metadata()
    last = operation(chosen.steps[-1].operation)
    if last.only_files and not last.places:  # it shows other views than the photo
        picture = replace(picture, source=replace(picture.source, reframed=True))
    require_suitable(chosen, kind, (picture.height, picture.width))
    first = operation(chosen.steps[0].operation)
    if planes.depth is None and Input.DISPARITY in first.inputs:
        raise UsageError(
            "{title} needs a depth map.", hint="Specify one with --depth FILE.", title=Message(first.title)
        )
    read = partial(photo.read_depth, width=picture.width, height=picture.height, decoding=decoding)
    given = None if planes.depth is None else read(planes.depth, unit=planes.depth_unit)
    selected = None if planes.selection is None else read(planes.selection, selection=True)
    messages = [*picture.messages, *(message for plane in (given, selected) if plane for message in plane.messages)]
    first_inputs = [
        Inputs(
            picture=picture.pixels,
            disparity=None if given is None else given.disparity,
            range_per_m=None if given is None else given.range_per_m,
            selection=None if selected is None else selected.disparity,
            embedded=picture.depth,
            field_of_view=view,
            layer=None if planes.layer is None else _layer(planes.layer, picture, decoding),
            references=references,
            all_layers=all_layers and len(chosen.steps) == 1,  # only the last step's layers are read
            cache=cache,
        )
    ]
    released = len(chosen.steps) > 1 and picture.width * picture.height >= _RELEASED_PIXELS
    if released:
        picture = replace(picture, pixels=np.empty((0, 0, 3), np.float32))
    own = given if chosen.depth_in_file else None
    del given, selected

    def share(fraction: float, phase: str) -> None:
        progress(_LOADED + fraction * (1 - _LOADED), phase)

    ran = None if there is None else there.follow(chosen, first_inputs[0], share)
    if ran is not None:
        result = ran.result
        first_inputs.clear()
    else:
        with own_settings():
            result = follow(chosen, first_inputs.pop, progress=share)
    if released:
        again = photo.load(source, decoding=decoding)
        if again.sha256 != picture.sha256:
            raise problems.changed(source)
        picture = replace(picture, pixels=again.pixels)
    if own is not None and not any(layer.role is Role.DEPTH for layer in result.layers):
        added = Layer(name="Depth", role=Role.DEPTH, pixels=own.disparity, visible=False)
        values = {"depth_range_per_m": own.range_per_m, **result.values}
        result = replace(result, layers=(*result.layers, added), values=values)
    _check(picture, result)
    written = _as_run(chosen, result, input_sha256=picture.sha256, precision=None if ran is None else ran.precision)
    messages.extend(_differences(chosen, written))
    return Followed(
        picture=picture, result=result, recipe=written, messages=(*chosen.notes, *messages, *result.messages)
    )


def _differences(chosen: Recipe, written: Recipe) -> list[str]:
    """Return messages about weights or a precision that differ from those in the recipe."""
    messages: list[str] = []
    for name, checksum in written.models.items():
        if chosen.models.get(name, checksum) != checksum:
            messages.append(f"The recipe was created with different weights for {name}; the result may differ.")
    if chosen.precision and written.precision not in ("", chosen.precision):
        messages.append(
            Message(
                "The recipe's depth was estimated in {recorded}, but this installation uses {used}; "
                "the depth may differ by about 1/255.",
                recorded=chosen.precision,
                used=written.precision,
            )
        )
    return messages


def _as_run(chosen: Recipe, result: Result, *, input_sha256: str, precision: str | None) -> Recipe:
    """Return the recipe with the networks, their precision (None: this process's), the input and the version."""
    if not result.models:
        precision = ""
    elif precision is None:
        from dioptre.models.precision import recorded_precision  # imports JAX, as the networks did

        precision = recorded_precision(result.models)
    return replace(
        chosen,
        steps=with_networks_named(chosen).steps,
        models=result.models,
        precision=precision,
        input_sha256=input_sha256,
        files={},
        dioptre_version=version("dioptre"),
        depth_range_per_m=result.values.get("depth_range_per_m"),
        invented=result.values.get("invented", ()),
    )


def _layer(file: LayerFile, picture: photo.Picture, decoding: Decoding) -> np.ndarray:
    """Read a layer with transparency, laid out at the photo's size."""
    from dioptre.features.place import laid_out  # imports JAX, while the photo's own steps do

    pixels = photo.load(file.path, decoding=decoding).pixels
    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=2)
    made = laid_out(pixels, (picture.height, picture.width), at=file.at, width=file.width)
    if not made[..., 3].any():
        raise UsageError(
            "No part of the layer lies in the photo, or it is transparent.",
            hint="Choose another place with --at, another --size, or another layer.",
        )
    return made


def _check(picture: photo.Picture, result: Result) -> None:
    if (found := apply.fault(lambda: picture.pixels, result)) is not None:
        raise apply.BadResultError(
            "The computation failed: {found}.",
            hint="Run 'dioptre doctor' to check this machine and its weights.",
            found=found,
        )


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes as hexadecimal text.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read.
    """
    with photo.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
