"""Read Sweet Home 3D's furniture libraries (*.sh3f): zip files of OBJ models, textures and a catalogue."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

OUTDOORS = frozenset(["Exterior", "Vehicles", "Characters"])
_TEXTURE_PX = 256
# Smallest opacity of a part; more transparent ones are left out, because glass shows two depths.
_LEAST_OPAQUE = 0.6


@dataclass(frozen=True, kw_only=True)
class Model:
    """A piece of furniture in the catalogue.

    Attributes:
        size_m: Actual width, height and depth, in metres.
        turn: (3, 3) matrix that puts the model upright.
    """

    name: str
    category: str
    size_m: np.ndarray
    turn: np.ndarray
    archive: Path

    @property
    def outdoors(self) -> bool:
        """Whether the model belongs outdoors."""
        return self.category in OUTDOORS

    @property
    def person(self) -> bool:
        """Whether the model is a person."""
        return self.category == "Characters" or self.name.startswith("reallusion/")


@dataclass(frozen=True, kw_only=True)
class Part:
    """The triangles of a model that share one material.

    Attributes:
        triangles: (n, 3, 3) in metres, standing on y = 0.
        uv: (n, 3, 2) texture coordinates, or None without a texture.
        colour: (3,) linear, 0 to 1.
        texture: (h, w, 3) uint8, or None.
    """

    triangles: np.ndarray
    uv: np.ndarray | None
    colour: np.ndarray
    texture: np.ndarray | None


class Library:
    """All models of the libraries in a folder; meshes are read on first use."""

    def __init__(self, folder: Path, *, largest_bytes: int = 3_000_000) -> None:
        self.models: list[Model] = []
        self._meshes: dict[str, list[Part]] = {}
        self._archives: dict[Path, zipfile.ZipFile] = {}
        for path in sorted(folder.rglob("*.sh3f")):
            archive = self._archives[path] = zipfile.ZipFile(path)
            for fields in _catalogue(archive):
                name = fields.get("model", "").lstrip("/")
                if not name.endswith(".obj") or archive.getinfo(name).file_size > largest_bytes:
                    continue
                if fields.get("doorOrWindow") == "true" or fields.get("category") == "Staircases":
                    continue
                self.models.append(
                    Model(
                        name=name,
                        category=fields.get("category", ""),
                        size_m=np.array([float(fields[side]) for side in ("width", "height", "depth")]) / 100,
                        turn=np.array(fields.get("modelRotation", "1 0 0 0 1 0 0 0 1").split(), float).reshape(
                            3, 3
                        ),
                        archive=path,
                    )
                )

    def mesh(self, model: Model) -> list[Part]:
        """Return the parts of a model; an empty list when the model cannot be read."""
        if model.name not in self._meshes:
            try:
                self._meshes[model.name] = list(_parts(self._archives[model.archive], model))
            except (ValueError, KeyError, IndexError, OSError):
                self._meshes[model.name] = []
        return self._meshes[model.name]


def _catalogue(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for line in archive.read("PluginFurnitureCatalog.properties").decode("latin-1").splitlines():
        key, _, value = line.partition("=")
        name, _, number = key.strip().partition("#")
        entries.setdefault(number, {})[name] = value.strip()
    return list(entries.values())


def _parts(archive: zipfile.ZipFile, model: Model) -> Iterator[Part]:
    folder = PurePosixPath(model.name).parent
    points: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: dict[str, list[tuple[tuple[int, int], ...]]] = {}
    materials: dict[str, dict[str, Any]] = {}
    current = ""
    for line in archive.read(model.name).decode("latin-1").splitlines():
        key, *words = line.split() or [""]
        if key == "v":
            points.append([float(x) for x in words[:3]])
        elif key == "vt":
            uvs.append([float(x) for x in words[:2]])
        elif key == "f":
            corners = [w.split("/") for w in words]
            ids = [(int(c[0]), int(c[1]) if len(c) > 1 and c[1] else 0) for c in corners]
            fan = [(ids[0], ids[k], ids[k + 1]) for k in range(1, len(ids) - 1)]
            faces.setdefault(current, []).extend(fan)
        elif key == "usemtl":
            current = " ".join(words)
        elif key == "mtllib":
            materials.update(_materials(archive, str(folder / " ".join(words))))
    vertices = np.array(points) @ model.turn.T
    low, high = vertices.min(0), vertices.max(0)
    foot = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    vertices = (vertices - foot) * model.size_m / np.maximum(high - low, 1e-6)
    table = np.array(uvs or [[0.0, 0.0]])
    for name, corners_of in faces.items():
        material = materials.get(name, {})
        if material.get("opaque", 1.0) < _LEAST_OPAQUE:
            continue
        index = np.array(corners_of)
        textured = bool((index[..., 1] != 0).all())
        index = np.where(index > 0, index - 1, index + np.array([len(vertices), len(table)]))
        texture = None
        if textured and "map" in material:
            image = Image.open(io.BytesIO(archive.read(str(folder / material["map"])))).convert("RGB")
            image.thumbnail((_TEXTURE_PX, _TEXTURE_PX))
            texture = np.asarray(image)
        yield Part(
            triangles=vertices[index[..., 0]],
            uv=None if texture is None else table[index[..., 1]],
            colour=np.array(material.get("colour", (0.6, 0.6, 0.6))),
            texture=texture,
        )


def _materials(archive: zipfile.ZipFile, path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    current: dict[str, Any] = {}
    for words in (line.split() for line in archive.read(path).decode("latin-1").splitlines()):
        if words[:1] == ["newmtl"]:
            current = found[" ".join(words[1:])] = {}
        elif words[:1] == ["Kd"]:
            current["colour"] = [float(x) for x in words[1:4]]
        elif words[:1] == ["d"]:
            current["opaque"] = float(words[-1])
        elif words[:1] == ["map_Kd"]:
            current["map"] = words[-1]
    return found
