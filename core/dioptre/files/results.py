"""Write everything that a run made: all of it, or nothing."""

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

_PLANES = (Role.DEPTH, Role.CONFIDENCE, Role.SELECTION)  # values, not a picture


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
    """Write the files of a run into `folder`, each called `stem`-operation with a suffix of its own.

    For photo.jpg and the operation portrait: photo-portrait.jpg (the flat result, in the input's format and
    depth), photo-portrait.ora (all layers, the original below), photo-portrait-depth.png (16 bits),
    photo-portrait-depth.tif (float), photo-portrait-sheet.jpg (before, depth, after) and photo-portrait.json
    (the recipe). Where a result has no depth, or nothing but depth, the others are written. The depth of the
    operation depth itself is photo-depth.png and .tif. A selection is photo-select-subject-mask.png (16 bits), a
    cut-out photo-select-subject.png.

    picture: what the result was made from. recipe: as `dioptre.recipes` writes it; its last step names the files.
    inputs: other files that it was made from; who may not read one of them may not read the result.
    on_message: called with what the formats could not keep.

    Returns the paths. Raises FileExists, UnwritableFile; then nothing was written.
    """
    name = _operation(recipe)
    base = f"{stem}-{name.replace('_', '-')}" if name else stem
    note = notes.make(operation=name, models=result.models, recipe=recipe)
    flat = flat_of(result)
    depth = _first(result, Role.DEPTH)
    mask = mask_of(result)
    depth_base = base if name == "depth" else f"{base}-depth"
    shown = rendition_of_result(result, picture)
    with staged(folder, force=force, permissions_of=(picture.path, *inputs)) as staging:
        names = {}
        if flat is not None:
            names["flat"] = base + (suffix_like(picture) if flat.role is Role.RESULT else ".png")
        names |= {"layers": f"{base}.ora", "sheet": f"{base}-sheet.jpg", "recipe": f"{base}.json"}
        if mask is not None:
            names |= {"mask": f"{base}-mask.png"}
        if depth is not None:
            names |= {"png": f"{depth_base}.png", "tiff": f"{depth_base}.tif"}
        for file in names.values():
            _spare_input(folder / file, picture.path)
        streams = {part: staging.open(file) for part, file in names.items() if part != "recipe"}
        streams["recipe"] = staging.open(names["recipe"])  # the last to be published
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
            for part, kind in (("png", Format.PNG), ("tiff", Format.TIFF)):
                streams[part].write(encoded_depth(depth.pixels, kind))
                staging.complete(names[part])
        progress(0.9, "Writing the preview sheet")
        streams["sheet"].write(
            encoded_sheet(_panels(picture, flat, depth=depth, mask=mask, name=name, shown=shown))
        )
        staging.complete(names["sheet"])
        listed = {file: staging.size_and_sha256(file) for part, file in names.items() if part != "recipe"}
        text = json.dumps({**recipe, "files": files_entry(listed)}, indent=2, ensure_ascii=False) + "\n"
        streams["recipe"].write(text.encode("utf-8", "backslashreplace"))
    progress(1.0, "Done")
    return [folder / file for file in names.values()]


def files_entry(listed: Mapping[str, tuple[int, str]]) -> dict[str, dict[str, int | str]]:
    """What a recipe says of the files beside it, from their sizes in bytes and sha256: whether they are whole."""
    return {name: {"bytes": size, "sha256": digest} for name, (size, digest) in listed.items()}


def _operation(recipe: Mapping[str, Any]) -> str:
    steps = recipe.get("steps") or [{}]
    return str(steps[-1].get("operation", "")) or str(recipe.get("operation", ""))


def _stack(result: Result, picture: Picture) -> list[Layer]:
    """The result's layers, and the original below them all where it has their size."""
    sizes = {layer.shape[:2] for layer in result.layers}
    if sizes != {picture.shape[:2]}:
        return list(result.layers)
    alone = not any(layer.visible and layer.role not in _PLANES for layer in result.layers)
    return [*result.layers, original_layer(picture, visible=alone)]


def original_layer(picture: Picture, *, visible: bool) -> Layer:
    """The picture itself as the lowest layer, read when it is written."""
    return LayerOnDemand(
        name="Original",
        role=Role.BACKGROUND,
        shape=picture.shape,
        begin=picture.reader,
        made_of=(),
        visible=visible,
    )


def flat_of(result: Result) -> Layer | None:
    """The picture of a result: of what an operation did to it, or of a part that was cut out; None without one."""
    if _first(result, Role.SELECTION) is None:
        return _first(result, Role.RESULT)
    return _first(result, Role.SUBJECT)


def mask_of(result: Result) -> Layer | None:
    """The mask of a selection; None where nothing was selected."""
    return _first(result, Role.SELECTION)


def _first(result: Result, role: Role) -> Layer | None:
    return next((layer for layer in result.layers if layer.role is role), None)


def rendition_of_result(result: Result, picture: Picture) -> Rendition | None:
    """How to show a result of a picture with a gain map on ordinary screens; None where the picture has none."""
    if picture.gain_map is None:
        return None
    flat = _first(result, Role.RESULT)
    return rendition(picture, picture.pixels if flat is None else flat.pixels)


def ordinary(layer: Layer, shown: Rendition | None) -> Layer:
    """The layer as ordinary screens show it, since OpenRaster has no light above white; itself without `shown`."""
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
    """Refuse to replace the very file that the result was made from, forced or not."""
    try:
        same = output.samefile(original)
    except OSError:
        return
    if same:
        raise problems.FileExists(
            "{file} is the input file.", hint="Choose another output folder.", file=problems.shown(output)
        )
