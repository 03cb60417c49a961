"""Write all files of a run, or none if an error occurs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dioptre.imaging.layers import Layer, LayerOnDemand, Progress, Result, Rows, no_progress
from dioptre.runtime import release_after
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import Role

from . import notes, problems
from .atomic import staged
from .density import dpi_at
from .depth_map import encoded_depth
from .openraster import write_openraster_to
from .picture import Format, Picture
from .rendition import Rendition, rendition
from .save import encoded_picture, format_of, suffix_like
from .sheet import Panel, encoded_sheet, no_larger_than_needed

_DEPTH_FORMATS = {"png": Format.PNG, "tiff": Format.TIFF}
_PLANES = (Role.DEPTH, Role.CONFIDENCE, Role.SELECTION)  # roles of layers that hold values rather than colours


def write_result(
    result: Result,
    picture: Picture,
    folder: Path,
    stem: str,
    *,
    force: bool,
    recipe: Mapping[str, Any],
    inputs: Sequence[Path] = (),
    on_message: Callable[[str], None] | None = None,
    progress: Progress = no_progress,
) -> list[Path]:
    """Write the files of a run to `folder`, each named `stem`-operation plus a distinguishing suffix.

    For photo.jpg and the operation portrait: photo-portrait.jpg (the flat result, in the input's format and bit
    depth), photo-portrait.ora (all layers, with the original at the bottom), photo-portrait-depth.png (16 bits),
    photo-portrait-depth.tif (float), photo-portrait-sheet.jpg (before, depth, after) and photo-portrait.json (the
    recipe). Files that do not apply, such as depth files without a depth map, are left out. The operation depth
    writes its depth map to photo-depth.png and .tif. A selection is written to photo-select-subject-mask.png
    (16 bits), and a cut-out to photo-select-subject.png.

    Args:
        result: the result to write. If an error occurs, nothing is written.
        picture: the picture from which the result was computed.
        folder: the output folder.
        stem: the start of the file names.
        force: replace existing files.
        recipe: the recipe as `dioptre.recipes` returns it; its last step is part of the file names.
        inputs: other input files; only users who can read all inputs can read the result.
        on_message: called with each sentence about a property that the formats cannot store.
        progress: called with the fraction done and the phase.

    Returns:
        The paths of the files.

    Raises:
        FileExists: a file already exists and `force` is off, or a result would replace the input file.
        UnwritableFile: a file cannot be written.
    """
    name = _operation(recipe)
    base = f"{stem}-{name.replace('_', '-')}" if name else stem
    note = notes.make(operation=name, models=result.models, recipe=recipe)
    flat = flat_of(result)
    depth = _first(result, Role.DEPTH)
    mask = mask_of(result)
    depth_base = base if name == "depth" else f"{base}-depth"
    names = _names(base, picture, flat=flat, mask=mask, depth=depth, depth_base=depth_base)
    shown = rendition_of_result(result, picture)
    with staged(folder, force=force, permissions_of=(picture.path, *inputs)) as staging:
        for file in names.values():
            _spare_input(folder / file, picture.path)
        streams = {part: staging.open(file) for part, file in names.items() if part != "recipe"}
        streams["recipe"] = staging.open(names["recipe"])  # published last, because it is opened last
        if flat is not None:
            progress(0.0, "Writing the picture")
            kind = format_of(folder / names["flat"])
            encoded, messages = encoded_picture(flat.pixels, kind, like=picture, note=note, rendition=shown)
            streams["flat"].write(encoded)
            staging.complete(names["flat"])
            del encoded
            release_after((flat.shape[0], flat.shape[1]))
            if on_message is not None:
                for message in messages:
                    on_message(message)
        progress(0.25, "Writing the layers")
        stack = [ordinary(layer, shown) for layer in _stack(result, picture)]
        dpi = dpi_at(picture, stack[0].shape)
        write_openraster_to(streams["layers"], stack, recipe=recipe, resolution_dpi=dpi)
        staging.complete(names["layers"])
        if mask is not None:
            progress(0.75, "Writing the mask")
            streams["mask"].write(encoded_depth(mask.pixels, Format.PNG))
            staging.complete(names["mask"])
        if depth is not None:
            progress(0.8, "Writing the depth map")
            for part, kind in _DEPTH_FORMATS.items():
                streams[part].write(encoded_depth(depth.pixels, kind))
                staging.complete(names[part])
        progress(0.9, "Writing the preview sheet")
        streams["sheet"].write(
            encoded_sheet(_panels(picture, flat, depth=depth, mask=mask, name=name, shown=shown))
        )
        staging.complete(names["sheet"])
        listed = {file: staging.size_and_sha256(file) for part, file in names.items() if part != "recipe"}
        streams["recipe"].write(_recipe_text(recipe, listed))
    progress(1.0, "Done")
    return [folder / file for file in names.values()]


def _names(
    base: str, picture: Picture, *, flat: Layer | None, mask: Layer | None, depth: Layer | None, depth_base: str
) -> dict[str, str]:
    """Return the name of each file of a run."""
    names = {}
    if flat is not None:
        names["flat"] = base + (suffix_like(picture) if flat.role is Role.RESULT else ".png")
    names |= {"layers": f"{base}.ora", "sheet": f"{base}-sheet.jpg", "recipe": f"{base}.json"}
    if mask is not None:
        names["mask"] = f"{base}-mask.png"
    if depth is not None:
        names |= {"png": f"{depth_base}.png", "tiff": f"{depth_base}.tif"}
    return names


def _recipe_text(recipe: Mapping[str, Any], listed: Mapping[str, tuple[int, str]]) -> bytes:
    text = json.dumps({**recipe, "files": files_entry(listed)}, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def files_entry(listed: Mapping[str, tuple[int, str]]) -> dict[str, dict[str, int | str]]:
    """Return the recipe's entry with the size in bytes and the sha256 of each file, for later verification."""
    return {name: {"bytes": size, "sha256": digest} for name, (size, digest) in listed.items()}


def _operation(recipe: Mapping[str, Any]) -> str:
    steps = recipe.get("steps") or [{}]
    return str(steps[-1].get("operation", "")) or str(recipe.get("operation", ""))


def _stack(result: Result, picture: Picture) -> list[Layer]:
    """Return the layers of a result, with the original at the bottom if the sizes match."""
    sizes = {layer.shape[:2] for layer in result.layers}
    if sizes != {picture.shape[:2]}:
        return list(result.layers)
    alone = not any(layer.visible and layer.role not in _PLANES for layer in result.layers)
    return [*result.layers, original_layer(picture, visible=alone)]


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


def mask_of(result: Result) -> Layer | None:
    """Return the mask of a selection; None if nothing was selected."""
    return _first(result, Role.SELECTION)


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


def _panels(
    picture: Picture,
    flat: Layer | None,
    *,
    depth: Layer | None,
    mask: Layer | None,
    name: str,
    shown: Rendition | None,
) -> list[Panel]:
    original, flat = original_layer(picture, visible=True), None if flat is None else ordinary(flat, shown)
    if shown is not None:
        original = ordinary(original, rendition(picture, picture.pixels))
    opaque = picture.shape[2] == 3
    before = no_larger_than_needed(picture.shape, original.reader()) if opaque else original.pixels
    panels = [Panel(caption="Before", pixels=before)]
    if depth is not None:
        panels.append(Panel(caption="Depth (white is near)", pixels=depth.pixels))
    if mask is not None:
        panels.append(Panel(caption="Selected (white)", pixels=mask.pixels))
    if flat is not None:
        title = OPERATIONS[name].title if name in OPERATIONS else ""
        panels.append(Panel(caption=f"After: {title}" if title else "After", pixels=flat.pixels))
    return panels


def _spare_input(output: Path, original: Path) -> None:
    """Refuse to replace the file from which the result was computed, even with `force`."""
    try:
        same = output.samefile(original)
    except OSError:
        return
    if same:
        raise problems.FileExists(
            "{file} is the input file.", hint="Choose another output folder.", file=problems.shown(output)
        )
