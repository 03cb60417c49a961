"""Write all files of a run, or none if an error occurs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.contract import (
    FieldOfView,
    Layer,
    LayerOnDemand,
    Progress,
    Result,
    Rows,
    inverse_distance,
    no_progress,
    part_of,
)
from dioptre.runtime import release_after
from dioptre_link.catalogue import operation
from dioptre_link.catalogue.focus import FOCAL_DISPARITY
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

from . import problems
from .depth_files import encoded_depth, encoded_metres, encoded_normals, metres
from .encode import films, openexr
from .encode.depth_in_jpeg import DepthInFile
from .encode.encoding import Encoders
from .encode.openraster import LayerFiles, canvas
from .encode.rendition import Rendition, rendition
from .encode.saving import encoded_picture, format_of
from .encode.sheet import Panel, encoded_sheet, no_larger_than_needed
from .metadata import field_of_view, xmp
from .metadata.density import dpi_at
from .outputs import Form, Outputs
from .picture import Format, Picture
from .publish import Staging, staged

_PLANES = (
    Role.DEPTH,
    Role.CONFIDENCE,
    Role.SELECTION,
    Role.MASK,
)  # roles of layers that hold values rather than colours


def write_result(
    result: Result,
    picture: Picture,
    outputs: Outputs,
    *,
    force: bool,
    inputs: Sequence[Path] = (),
    metric: bool = False,
    normals: np.ndarray | None = None,
    on_message: Callable[[str], None] = lambda _: None,
    progress: Progress = no_progress,
) -> list[Path]:
    """Write the files of a run: the only one, or a set named after the photo, the operation and the parts.

    For photo.jpg and the operation portrait: photo-portrait.jpg (the flat result, in the input's format and bit
    depth), photo-portrait.ora (all layers, with the original at the bottom), photo-portrait-depth.png (16 bits),
    photo-portrait-depth.tif (float), photo-portrait-sheet.jpg (before, depth, after) and photo-portrait.json (the
    recipe). Files that do not apply, such as depth files without a depth map, are left out. The operation depth
    writes its depth map to photo-depth.png and .tif. A selection is written to photo-select-subject-mask.png
    (16 bits), and a cut-out to photo-select-subject.png.

    Args:
        result: the result to write. If an error occurs, nothing is written.
        picture: the picture from which the result was computed.
        outputs: the files; their recipe, as it was run, is one of them.
        force: replace existing files.
        inputs: other input files; only users who can read all inputs can read the result.
        metric: write the only file's depth in metres.
        normals: unit vectors for each pixel, which the only file holds instead of depth, or with it (.exr).
        on_message: called with each sentence about a property that the formats cannot store.
        progress: called with the fraction done and the phase.

    Returns:
        The paths of the files.

    Raises:
        FileExists: a file already exists and `force` is off, or a result would replace the input file.
        UnwritableFile: a file cannot be written.
    """
    recipe, inputs = outputs.recipe, (picture.path, *inputs)
    last, content = recipe.steps[-1], recipe.to_dict()
    note = None if recipe.private else xmp.make_note(operation=last.operation, models=result.models, recipe=content)
    names = outputs.names((picture.height, picture.width))
    if outputs.form is Form.FILM and result.film is not None:
        path = outputs.folder / names[Form.FILM.value]
        return films.save_film(
            result.film, path, note=note, force=force, inputs=inputs, on_message=on_message, progress=progress
        )
    parts = _Parts(result, picture, outputs)
    names = {part: file for part, file in names.items() if parts.depth is not None or part not in ("png", "tiff")}
    with staged(outputs.folder, force=force, permissions_of=inputs) as staging:
        for file in names.values():
            spare_input(outputs.folder / file, picture.path)
        output = _Output(staging, names)
        for message in _write_parts(parts, output, note=note, recipe=content, progress=progress):
            on_message(message)
        if (exr := Form.EXR.value) in names:
            output.write(exr, exr_of(result, picture, normals=normals))
        if (plane := Form.PLANE.value) in names:
            suffix = Path(names[plane]).suffix
            output.write(plane, _encoded_plane(result, suffix, metric=metric, normals=normals))
        if "recipe" in names:
            listed = {file: staging.size_and_sha256(file) for part, file in names.items() if part != "recipe"}
            output.write("recipe", _recipe_text(content, listed))
    progress(1.0, "Done")
    return [outputs.folder / file for file in names.values()]


def _encoded_plane(result: Result, suffix: str, *, metric: bool, normals: np.ndarray | None) -> bytes:
    """Encode the normals, or else the metres, the relative depth or the mask."""
    if normals is not None:
        return encoded_normals(normals)
    plane = plane_of(result).pixels
    if metric:
        return encoded_metres(inverse_distance(plane, result.values["depth_range_per_m"]), suffix)
    return encoded_depth(plane, suffix)


class _Parts:
    """The parts of a result that are written.

    Attributes:
        picture: the picture from which the result was computed.
        stack: all layers, topmost first.
        flat: the layer that is written as a picture; None if there is none.
        further: more pictures in its file.
        depth: the depth map; None if there is none.
        inside: the depth that is put into the file of the flat result; None for none.
        mask: the mask of a selection; None if nothing was selected.
        shown: the rendition for ordinary screens; None without a gain map, or if `flat` is the only file.
        film: the film, which is written instead of the flat layer; None if the result is none.
        title: that of the last step's operation.
    """

    def __init__(self, result: Result, picture: Picture, outputs: Outputs) -> None:
        last, with_depth = operation(outputs.recipe.steps[-1].operation), outputs.recipe.depth_in_file
        self.picture, self.title, self.film = picture, last.title, result.film
        self.stack = _stack(result, picture, places=last.places)
        self.flat = flat_of(result) or (original_layer(picture, visible=True) if with_depth else None)
        self.further = further_of(result)
        self.depth, self.mask = _first(result, Role.DEPTH), mask_of(result)
        self.inside = depth_in_file(result) if with_depth else None
        self.shown = None if outputs.form is Form.PICTURE else rendition_of_result(result, picture)


class _Output:
    """The files of a run, open for writing, by part."""

    def __init__(self, staging: Staging, names: Mapping[str, str]) -> None:
        self.names, self._staging = names, staging
        self.streams = {part: staging.open(file) for part, file in names.items()}  # the recipe is published last

    def write(self, part: str, content: bytes) -> None:
        self.streams[part].write(content)
        self.complete(part)

    def complete(self, part: str) -> None:
        self._staging.complete(self.names[part])


def _write_parts(
    parts: _Parts, output: _Output, *, note: xmp.Note | None, recipe: Mapping[str, Any], progress: Progress
) -> tuple[str, ...]:
    """Encode all parts beside each other and write them in order, all but the recipe's own file.

    Returns:
        A sentence about each property of the flat result that its format cannot store.
    """
    messages: tuple[str, ...] = ()
    depth, mask = parts.depth, parts.mask
    flat_file = layers = exact_depth = page = None

    def write_plane(layer: Layer, png: bytes) -> None:
        part = "mask" if layer is mask else "png" if layer is depth else ""
        if part in output.names:
            output.write(part, png)

    if Form.FILM.value in output.names and parts.film is not None:
        made = films.films_of(parts.film, progress=part_of(progress, 0.0, 0.9))
        for part, frames in zip((Form.FILM.value, "masks"), made.values(), strict=False):
            films.write_frames(parts.film, frames, output.streams[part], films.USUAL, note=note)
            output.complete(part)
    with Encoders(canvas(parts.stack)) as encoders:
        if (picture := Form.PICTURE.value) in output.names and parts.flat is not None:
            kind = format_of(Path(output.names[picture]), several=bool(parts.further))
            flat_file = encoders.start(partial(_encoded, parts.flat, kind, parts, note=note))
        if (layered := Form.LAYERS.value) in output.names:
            layers = LayerFiles([ordinary(layer, parts.shown) for layer in parts.stack], encoders)
        if "tiff" in output.names and depth is not None:
            exact_depth = encoders.start(lambda: encoded_depth(depth.pixels, ".tif"))
        if "sheet" in output.names:
            page = encoders.start(lambda: encoded_sheet(_panels(parts)))
        if flat_file is not None:
            progress(0.0, "Writing the picture")
            content, messages = flat_file.result()
            output.write(picture, content)
            del content, flat_file
        if layers is not None:
            progress(0.25, "Writing the layers")
            dpi = dpi_at(parts.picture, parts.stack[0].shape)
            layers.write_to(output.streams[layered], recipe=recipe, resolution_dpi=dpi, on_png=write_plane)
            output.complete(layered)
        if exact_depth is not None:
            progress(0.8, "Writing the depth map")
            output.write("tiff", exact_depth.result())
        if page is not None:
            progress(0.9, "Writing the preview sheet")
            output.write("sheet", page.result())
    return messages


def _encoded(flat: Layer, kind: Format, parts: _Parts, *, note: xmp.Note | None) -> tuple[bytes, tuple[str, ...]]:
    """Encode the flat result; see `encoded_picture`."""
    encoded = encoded_picture(
        flat.pixels,
        kind,
        like=parts.picture,
        note=note,
        rendition=parts.shown,
        depth=parts.inside,
        further=parts.further,
    )
    release_after((flat.shape[0], flat.shape[1]))
    return encoded


def _recipe_text(recipe: Mapping[str, Any], listed: Mapping[str, tuple[int, str]]) -> bytes:
    text = json.dumps({**recipe, "files": files_entry(listed)}, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def files_entry(listed: Mapping[str, tuple[int, str]]) -> dict[str, dict[str, int | str]]:
    """Return the recipe's entry with the size in bytes and the sha256 of each file, for later verification."""
    return {name: {"bytes": size, "sha256": digest} for name, (size, digest) in listed.items()}


def _stack(result: Result, picture: Picture, *, places: bool) -> list[Layer]:
    """Return the layers of a result, with the original at the bottom if the sizes match.

    Args:
        result: the result.
        picture: the original.
        places: whether the operation puts layers over the original, which are kept without the picture of both.
    """
    layers = [layer for layer in result.layers if not (places and layer.role is Role.RESULT)]
    if any(layer.shape[:2] != picture.shape[:2] for layer in layers):
        return layers
    covered = any(layer.visible and layer.role not in _PLANES for layer in layers)
    return [*layers, original_layer(picture, visible=places or not covered)]


def original_layer(picture: Picture, *, visible: bool) -> Layer:
    """Return the picture as the bottom layer; it is read only when it is written."""
    return LayerOnDemand(
        name="Original",
        role=Role.BACKGROUND,
        shape=picture.shape,
        begin=picture.reader,
        made_of=(),
        visible=visible,
    )


def flat_of(result: Result) -> Layer | None:
    """Return the edited picture of a result, or the cut-out of a selection; None if there is neither."""
    if _first(result, Role.SELECTION) is None:
        return _first(result, Role.RESULT)
    return _first(result, Role.SUBJECT)


def further_of(result: Result) -> tuple[np.ndarray, ...]:
    """Return the pictures of a result that belong into the same file as that of `flat_of`."""
    return tuple(layer.pixels for layer in result.layers if layer.role is Role.RESULT)[1:]


def depth_in_file(result: Result) -> DepthInFile:
    """Return the depth of a result with a depth layer, as it is put into the file of a picture."""
    depth, sure = _first(result, Role.DEPTH), _first(result, Role.CONFIDENCE)
    assert depth is not None  # recipes without depth are refused before they run
    limits, place = result.values.get("depth_range_per_m"), result.values.get("focus_at")
    return DepthInFile(
        disparity=depth.pixels,
        range_per_m=None if limits is None else (limits[0], limits[1]),
        confidence=None if sure is None else sure.pixels,
        focal_disparity=result.values.get(FOCAL_DISPARITY),
        focus_at=None if place is None else (place[0], place[1]),
    )


def exr_of(result: Result, picture: Picture, *, normals: np.ndarray | None = None) -> bytes:
    """Encode the layers of a result, the original and its distances as an OpenEXR file; see `encoded_exr`.

    Args:
        result: the result.
        picture: the picture from which it was computed.
        normals: unit vectors for each pixel; None for none.

    Raises:
        UnwritableFile: the package OpenEXR is not installed.
    """
    size = result.layers[0].shape[:2]  # channels of another size cannot be in the same part
    depth, limits = _first(result, Role.DEPTH), result.values.get("depth_range_per_m")
    distance = None
    if depth is not None and depth.shape == size:
        relative = openexr.relative_distance
        distance = metres(inverse_distance(depth.pixels, limits)) if limits else relative(depth.pixels)
    view = field_of_view(picture.source.exif, picture.shape)
    if (focal := result.values.get("focal_length_equivalent_mm")) is not None:
        view = FieldOfView.of_equivalent(focal, source="")
    return openexr.encoded_exr(
        [layer for layer in result.layers if layer.shape[:2] == size],
        picture=picture.pixels if picture.shape[:2] == size else None,
        distance=distance,
        metric=bool(limits),
        focal_px=None if view is None else view.focal_px((size[0], size[1])),
        normals=normals,
    )


def mask_of(result: Result) -> Layer | None:
    """Return the mask of a selection; None if nothing was selected."""
    return _first(result, Role.SELECTION)


def plane_of(result: Result) -> Layer:
    """Return the mask of a selection, or else the depth map, of a result without a picture."""
    plane = mask_of(result) or _first(result, Role.DEPTH)
    if plane is None:
        raise DioptreError(
            "The recipe produces neither a picture nor a depth map.", hint="Change the last step of the recipe."
        )
    return plane


def _first(result: Result, role: Role) -> Layer | None:
    return next((layer for layer in result.layers if layer.role is role), None)


def rendition_of_result(result: Result, picture: Picture) -> Rendition | None:
    """Return the rendition of a result for ordinary screens; None if the picture has no gain map."""
    if picture.gain_map is None:
        return None
    flat = _first(result, Role.RESULT)
    return rendition(picture, picture.pixels if flat is None else flat.pixels)


def ordinary(layer: Layer, shown: Rendition | None) -> Layer:
    """Return a layer rendered for ordinary screens, because OpenRaster cannot store light above white."""
    if shown is None or len(layer.shape) == 2:
        return layer

    def begin() -> Rows:
        read = layer.reader()
        return lambda rows: shown.shown(read(rows), first=rows.indices(layer.shape[0])[0], shape=layer.shape)

    return LayerOnDemand(
        name=layer.name,
        role=layer.role,
        shape=layer.shape,
        begin=begin,
        made_of=layer.made_of(),
        visible=layer.visible,
    )


def _panels(parts: _Parts) -> list[Panel]:
    picture, shown = parts.picture, parts.shown
    original, flat = original_layer(picture, visible=True), parts.flat and ordinary(parts.flat, shown)
    if shown is not None:
        original = ordinary(original, rendition(picture, picture.pixels))
    opaque = picture.shape[2] == 3
    before = no_larger_than_needed(picture.shape, original.reader()) if opaque else original.pixels
    panels = [Panel(caption="Before", pixels=before)]
    if parts.depth is not None:
        panels.append(Panel(caption="Depth (white is near)", pixels=parts.depth.pixels))
    if parts.mask is not None:
        panels.append(Panel(caption="Selected (white)", pixels=parts.mask.pixels))
    if flat is not None and flat.role is not Role.BACKGROUND:
        panels.append(Panel(caption=f"After: {parts.title}", pixels=flat.pixels))
    return panels


def spare_input(output: Path, original: Path) -> None:
    """Refuse to replace an input with the result, even with `force`.

    Args:
        output: the result's file.
        original: a file from which it is computed.

    Raises:
        FileExists: both are the same file.
    """
    try:
        same = output.samefile(original)
    except OSError:
        return
    if same:
        raise problems.FileExists(
            "{file} is the input file.", hint="Choose another output file or folder.", file=problems.shown(output)
        )
