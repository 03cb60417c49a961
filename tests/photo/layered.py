"""Write layered files, and read them independently, with Pillow."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from dioptre.contract import Layer
from dioptre.photo import replacing
from dioptre.photo.encode.encoding import Encoders
from dioptre.photo.encode.openraster import LayerFiles, canvas
from dioptre_link.operation import Role


@dataclass
class Layered:
    """The content of an .ora file: its size, its layers (topmost first), its recipe, its resolution if stated."""

    width: int
    height: int
    layers: list[Layer]
    recipe: dict[str, Any]
    resolution_dpi: tuple[float, float] | None


def write_layers(layers: Sequence[Layer], path: Path, *, inputs: Sequence[Path] = (), **options: Any) -> None:
    """Write a layered file; `options` are those of `LayerFiles.write_to`."""
    with replacing(path, force=False, permissions_of=inputs) as stream, Encoders(canvas(layers)) as encoders:
        LayerFiles(layers, encoders).write_to(stream, **options)


def read_layers(path: Path) -> Layered:
    """Read a file whose layers all start at the top left."""
    with zipfile.ZipFile(path) as archive:
        root = ElementTree.fromstring(archive.read("stack.xml"))
        recipe = archive.read("dioptre/recipe.json") if "dioptre/recipe.json" in archive.namelist() else b"{}"
        layers = []
        for layer in root.findall("stack/layer"):
            with archive.open(layer.get("src", "")) as file:
                codes = np.asarray(Image.open(file))
            pixels = codes.astype(np.float32) / (255 if codes.ndim == 3 else 65535)
            shown = layer.get("visibility") == "visible"
            role = Role(layer.get("dioptre-role"))
            layers.append(Layer(name=layer.get("name", ""), role=role, pixels=pixels, visible=shown))
    dpi = (float(root.get("xres", 0)), float(root.get("yres", 0)))
    return Layered(
        int(root.get("w", 0)), int(root.get("h", 0)), layers, json.loads(recipe), dpi if all(dpi) else None
    )
