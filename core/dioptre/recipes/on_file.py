"""A recipe on a photograph's file: load it, follow the recipe, say what came out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from dioptre import files
from dioptre.files import apart, problems
from dioptre.files.exif_lens import field_of_view
from dioptre.files.load import Decoding
from dioptre.imaging.layers import Inputs, Progress, Result, no_progress
from dioptre.imaging.step_cache import NO_STEP_CACHE, StepCache
from dioptre_link.catalogue import operation
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Input
from dioptre_link.recipe import Recipe

from . import guard
from .follow import follow
from .networks import with_networks_named

_LOADED = 0.03  # share of the progress
_RELEASED_PIXELS = 16_000_000  # from here on the original is let go between the steps, and read again to be written


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A picture with what was made from it, ready to be written.

    recipe: the recipe as it was followed, with the networks that took part and the input's sha256.
    messages: sentences for the user, of reading and of following.
    """

    picture: files.Picture
    result: Result
    recipe: Recipe
    messages: tuple[str, ...]


def follow_on_file(
    chosen: Recipe,
    source: Path,
    *,
    depth: Path | None = None,
    selection: Path | None = None,
    references: tuple[np.ndarray, ...] = (),
    cache: StepCache = NO_STEP_CACHE,
    progress: Progress = no_progress,
) -> Followed:
    """Load `source` and follow the recipe on it; `depth` and `selection` are grey pictures for its first step.

    references, cache: as in `Inputs`.

    JAX is imported on the way: `runtime.prepare` comes before. Raises what reading and following raise.
    """
    progress(0.0, "Loading")
    reader = apart.reader()

    def check() -> None:
        progress(0.0, "Loading")  # raises when the user gives up

    decoding = partial(reader.decoding, check=check)
    picture = files.load(source, decoding=decoding)
    first = operation(chosen.steps[0].operation)
    if depth is None and Input.DISPARITY in first.inputs:
        raise UsageError(
            "{title} needs a depth map.", hint="Specify one with --depth FILE.", title=Message(first.title)
        )
    planes = [_plane(file, picture, decoding) for file in (depth, selection)]
    messages = (*picture.messages, *(message for _, said in planes for message in said))
    disparity, selected = (plane for plane, _ in planes)
    embedded = None
    if disparity is None and _wants_embedded(chosen):
        embedded = reader.read_embedded_depth(source, check=check)
        if sha256_of(source) != picture.sha256:
            raise problems.changed(source)
    first_inputs = [
        Inputs(
            picture=picture.pixels,
            disparity=disparity,
            selection=selected,
            embedded=embedded,
            field_of_view=field_of_view(picture.source.exif, picture.pixels.shape),
            references=references,
            cache=cache,
        )
    ]
    if len(chosen.steps) > 1 and picture.width * picture.height >= _RELEASED_PIXELS:
        picture = files.PictureOnDemand(picture, decoding=reader.decoding)
    del disparity, selected, planes

    def share(fraction: float, phase: str) -> None:
        progress(_LOADED + fraction * (1 - _LOADED), phase)

    result = follow(chosen, first_inputs.pop, progress=share)
    _check(picture, result)
    for name, checksum in result.models.items():
        if chosen.models.get(name, checksum) != checksum:
            messages += (f"The recipe was created with different weights for {name}; the result may differ.",)
    written = replace(
        chosen,
        steps=with_networks_named(chosen).steps,
        models=result.models,
        input_sha256=picture.sha256,
        files={},
        dioptre_version=version("dioptre"),
        depth_range_per_m=result.values.get("depth_range_per_m"),
    )
    return Followed(picture=picture, result=result, recipe=written, messages=(*messages, *result.messages))


def _plane(
    file: Path | None, picture: files.Picture, decoding: Decoding
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """A grey picture of this size, and what there is to say of it."""
    if file is None:
        return None, ()
    return files.read_depth(file, width=picture.width, height=picture.height, decoding=decoding)


def _check(picture: files.Picture | files.PictureOnDemand, result: Result) -> None:
    if (found := guard.fault(lambda: picture.pixels, result)) is not None:
        raise guard.BadResultError(
            "The computation failed: {found}.",
            hint="Run 'dioptre doctor' to check this machine and its weights.",
            found=found,
        )


def _wants_embedded(chosen: Recipe) -> bool:
    return any(step.options.get("depth_source", "estimate") != "estimate" for step in chosen.steps)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes. Raises MissingFile, UnreadableFile."""
    with files.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
