"""Recipes for the command line and for both editors, whose pixels are compared: pictures, orders and results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dioptre import photo as files
from dioptre.cli.main import run
from dioptre.photo.encode.encoding import encode
from dioptre.photo.picture import Format
from dioptre_link.presets import presets
from dioptre_link.recipe import VERSION, Recipe
from tests.plugin.gimp import conftest as gimp
from tests.plugin.krita import conftest as krita

ROOT = Path(__file__).resolve().parents[2]
SIZE = (240, 160)
SMALL = (96, 64)  # Size of pictures for recipes that enlarge them.
PHOTOS = {"pet": "chelsea", "landscape": "chelsea", "print": "chelsea", "product": "coffee", "old-scan": "coffee"}
SELECTION = (60, 40, 80, 50)
OPERATIONS: dict[str, dict[str, Any]] = {
    "depth": {},
    "lens_blur": {"max_radius": 9.0, "blades": 7, "highlight_boost": 0.4},
    "portrait": {"f_number": 1.8, "focus": [130.0, 60.0]},
    "white_balance": {"temperature": 4300.0, "tint": 30},
    "super_resolution": {"scale": 3},
    "repair_depth": {"mode": "fill"},
}
DEPTH_AND_BLUR = [
    {"operation": "depth", "options": {}},
    {"operation": "white_balance", "options": {"temperature": 4300.0}},
    {"operation": "lens_blur", "options": {"max_radius": 9.0}},
]
SEVERAL_STEPS = ("product-8", "product-16", "old-scan-8", "old-scan-16", "depth-and-blur-8")
MOST_APART = 2  # Maximum difference in code values: rounded floats depend on the order in which threads sum.
NEEDS_DEPTH = ("lens_blur", "repair_depth")


@dataclass(frozen=True, kw_only=True)
class Order:
    """One recipe to run on one picture.

    Attributes:
        name: Unique name, with the bit depth.
        called: Name of the recipe.
        bits: Bits per channel, 8 or 16.
        size: Width and height in pixels.
        photo: Name of the file with the raw code values.
        depth: Name of the file with the depth map's raw code values; "" for none.
        selection: Selected rectangle (x, y, width, height), or None.
        steps: Steps of the recipe.
    """

    name: str
    called: str
    bits: int
    size: tuple[int, int]
    photo: str
    depth: str
    selection: tuple[int, int, int, int] | None
    steps: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that the scripts inside the editors read."""
        return {key: getattr(self, key) for key in ("name", "bits", "size", "photo", "depth", "selection", "steps")}

    @property
    def last(self) -> str:
        """Operation of the last step."""
        return str(self.steps[-1]["operation"])


@dataclass(frozen=True, kw_only=True)
class Made:
    """Output of a runner.

    Attributes:
        codes: Code values of the pixels, (H, W, C).
        steps: Steps that the runner recorded.
        updated: Code values after Update; None for the command line.
    """

    codes: np.ndarray
    steps: list[dict[str, Any]]
    updated: np.ndarray | None = None


def orders(folder: Path) -> Iterator[Order]:
    """Yield every recipe at both bit depths, and write the pictures' pixels into `folder`."""
    recipes = {name: recipe.to_dict()["steps"] for name, recipe in presets().items()}
    for name, options in OPERATIONS.items():
        recipes[name] = [{"operation": name, "options": options}]
    recipes["depth-and-blur"] = DEPTH_AND_BLUR
    for name, steps in recipes.items():
        steps = Recipe.from_dict({"version": VERSION, "steps": steps}).to_dict()["steps"]
        last = steps[-1]["operation"]
        size = SMALL if last == "super_resolution" else SIZE
        for bits in (8, 16):
            stem = f"{name}-{bits}"
            _photo(folder / stem, PHOTOS.get(name, "astronaut"), size, bits)
            yield Order(
                name=stem,
                called=name,
                bits=bits,
                size=size,
                photo=f"{stem}.photo",
                depth=f"{stem}.depth" if last in NEEDS_DEPTH and len(steps) == 1 else "",
                selection=SELECTION if last == "repair_depth" else None,
                steps=steps,
            )


def _photo(stem: Path, example: str, size: tuple[int, int], bits: int) -> None:
    """Write an example at this size and a depth map, as raw code values and as PNG files for the command line.

    Args:
        stem: Path of the files without a suffix.
        example: Name of the example picture.
        size: Width and height in pixels.
        bits: Bits per channel, 8 or 16.
    """
    kind: Any = np.uint8 if bits == 8 else np.uint16
    picture = Image.open(ROOT / "examples" / f"{example}.jpg").convert("RGB")
    exact = np.stack(
        [np.asarray(one.convert("F").resize(size, Image.Resampling.BICUBIC)) for one in picture.split()]
    )
    codes = np.rint(np.clip(exact.transpose(1, 2, 0) / 255, 0, 1) * np.iinfo(kind).max).astype(kind)
    y, x = np.mgrid[: size[1], : size[0]]
    near = (140 * y / size[1] + 90 * (x > size[0] / 2) + 20 * x / size[0]).astype(kind) * (1 if bits == 8 else 257)
    stem.with_suffix(".photo").write_bytes(codes.tobytes())
    stem.with_suffix(".depth").write_bytes(near.tobytes())
    stem.with_suffix(".png").write_bytes(encode(codes, Format.PNG))
    Path(f"{stem}-near.png").write_bytes(encode(near[..., None], Format.PNG))


def on_command_line(order: Order, folder: Path) -> Made:
    """Run a recipe with `dioptre run --recipe`.

    Raises:
        SystemExit: The command failed.
    """
    source = folder / order.photo.replace(".photo", ".png")
    recipe = folder / "followed.json"
    recipe.write_text(json.dumps({"version": VERSION, "steps": order.steps}), encoding="utf-8")
    out = folder / "out"
    command = ["run", str(source), "-o", str(out), "--recipe", str(recipe), "--force"]
    if order.depth:
        command += ["--depth", str(folder / f"{source.stem}-near.png")]
    if order.selection is not None:
        x, y, width, height = order.selection
        selected = np.zeros((*order.size[::-1], 1), np.uint8)
        selected[y : y + height, x : x + width] = 255
        (folder / "selection.png").write_bytes(encode(selected, Format.PNG))
        command += ["--selection", str(folder / "selection.png")]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
        failed = run(command) != 0
    if failed:
        raise SystemExit(f"{order.name} failed: {said.getvalue()}")
    base = f"{source.stem}-{order.last.replace('_', '-')}"
    written = json.loads((out / f"{base}.json").read_text(encoding="utf-8"))
    whole = 2**order.bits - 1
    if order.last in ("depth", "repair_depth"):
        name = f"{base}.tif" if order.last == "depth" else f"{base}-depth.tif"
        exact = files.read_depth(out / name, width=order.size[0], height=order.size[1]).disparity
        return Made(codes=np.rint(exact[..., None] * whole), steps=written["steps"])
    return Made(codes=np.rint(files.load(out / f"{base}.png").pixels * whole), steps=written["steps"])


def in_editor(editor: gimp.Gimp | krita.Krita, wanted: list[Order], folder: Path) -> dict[str, Made]:
    """Run all recipes in a real editor and return each order's output by the order's name.

    Raises:
        SystemExit: A check inside the editor failed.
    """
    name = "gimp" if isinstance(editor, gimp.Gimp) else "krita"
    for order in wanted:
        for file in filter(None, (order.photo, order.depth)):
            (editor.out / file).write_bytes((folder / file).read_bytes())
    (editor.out / "orders.json").write_text(json.dumps([order.to_dict() for order in wanted]), encoding="utf-8")
    if isinstance(editor, gimp.Gimp):
        found = editor.values("recipes.py")
    else:
        checks = editor.checks("recipes.py")
        if any(checks.values()):
            raise SystemExit("\n".join(checks.values()))
        found = json.loads((editor.out / "followed.json").read_text(encoding="utf-8"))
    made = {}
    for order in wanted:
        facts = found[order.name]
        floats = name == "krita" and facts["channels"] == 1
        kind: Any = np.float32 if floats else np.uint8 if order.bits == 8 else np.uint16
        shape = (*facts["size"][::-1], facts["channels"])

        def codes(suffix: str, order: Order = order, kind: Any = kind, shape: Any = shape) -> np.ndarray:
            values = np.fromfile(editor.out / f"{name}-{order.name}{suffix}", kind).reshape(shape)
            return np.rint(values * (2**order.bits - 1)) if kind is np.float32 else values.astype(np.float64)

        updated = codes(".updated") if facts["updated"] else None
        made[order.name] = Made(codes=codes(".pixels"), steps=facts["steps"] or order.steps, updated=updated)
    return made


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """Return the largest difference between the colour channels of two pictures, in code values."""
    channels = min(one.shape[2], other.shape[2], 3)
    if one.shape[:2] != other.shape[:2]:
        raise SystemExit(f"{one.shape} and {other.shape}")
    return int(np.abs(one[..., :channels] - other[..., :channels]).max())


def check_same(name: str, wanted: Made, got: Made) -> None:
    """Check an editor's result of a recipe of several steps against the command line's, also after Update."""
    assert got.steps == wanted.steps
    assert got.updated is not None
    most = MOST_APART * (1 if name.endswith("-8") else 257)
    assert apart(got.codes, wanted.codes) <= most
    assert apart(got.updated, wanted.codes) <= most
