"""Measure the peak memory of each operation, including reading and writing files, without the picture itself.

    python -m benchmarks.memory [--megapixels 12 100] [--only depth …] [-o FILE]

Every operation runs in a separate process, as the command line runs it: it reads a JPEG, computes, and writes all
its files. The figure is the most memory that the process ever held (VmHWM on Linux), minus 12 bytes for each pixel
of the picture; Python, JAX and the networks are included. For an enlargement of the whole picture the result is
subtracted too: the result has the stated number of pixels, and the picture a quarter of that.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.frame import EXAMPLES, publish

EXAMPLE = EXAMPLES / "coffee.jpg"
RECIPE = {
    "version": 1,
    "steps": [
        {"operation": "white_balance", "options": {}},
        {"operation": "portrait", "options": {}},
    ],
}
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "depth": ("depth", "PICTURE", "-o", "OUT/depth.png", "--depth-source", "estimate"),
    "lens-blur": ("lens-blur", "PICTURE", "--depth", "DEPTH", "--focal-disparity", "0.8", "-o", "OUT/blurred.jpg"),
    "portrait": ("run", "PICTURE", "-o", "OUT"),
    "white-balance": ("white-balance", "PICTURE", "-o", "OUT/balanced.jpg"),
    "repair-depth": ("repair-depth", "PICTURE", "--depth", "DEPTH", "--selection", "SELECTION", "-o", "OUT/d.png"),
    "recipe": ("run", "PICTURE", "--recipe", "RECIPE", "-o", "OUT"),
}
PART_PX = (1000, 1500)
BYTES_PER_PIXEL = 12
GIB = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", nargs="+", type=float, default=[12, 100])
    parser.add_argument("--only", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--inside", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    if arguments.inside:
        name, folder = arguments.inside
        (pictures if name == "pictures" else ROWS[name])(Path(folder))
        print(json.dumps({"peak": peak_bytes(), "cpu_s": round(sum(os.times()[:2]), 1)}))
        return
    rows = []
    for megapixels in arguments.megapixels:
        with tempfile.TemporaryDirectory() as folder:
            inside("pictures", Path(folder), DIOPTRE_MEGAPIXELS=str(megapixels))
            for name in arguments.only:
                rows.append(measured(name, Path(folder), megapixels))
                print(
                    "{name:24} {megapixels:6.1f} MP  {above_gib:5.2f} GiB  {cpu_s:6.1f} CPU s".format_map(rows[-1])
                )
    publish({"rows": rows}, arguments.output)


def measured(name: str, folder: Path, megapixels: float) -> dict[str, Any]:
    """Run one row in its own process and return its peak memory and CPU seconds."""
    made = inside(name, folder)
    pixels = megapixels * 1e6 * (1.25 if name == "super-resolution-whole" else 1)
    return {
        "name": name,
        "megapixels": megapixels,
        "peak_gib": round(made["peak"] / GIB, 2),
        "above_gib": round((made["peak"] - pixels * BYTES_PER_PIXEL) / GIB, 2),
        "cpu_s": made["cpu_s"],
    }


def inside(name: str, folder: Path, **environment: str) -> dict[str, Any]:
    """Run one row in its own process and return the figures that it prints."""
    (folder / "out").mkdir(exist_ok=True)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.memory", "--inside", name, str(folder)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for file in (folder / "out").iterdir():
        file.unlink()
    return json.loads(done.stdout.splitlines()[-1])


def peak_bytes() -> int:
    """Return the largest amount of memory, in bytes, that this process has held.

    `getrusage` is not used because it includes the peak of the parent process.

    Raises:
        SystemExit: The system does not report the peak, which only Linux does.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    raise SystemExit("this system does not say how much memory a process has held")


def pictures(folder: Path) -> None:
    """Write the input files: photographs of the requested size and a quarter of it, a depth map and a selection."""
    import numpy as np
    from PIL import Image

    pixels = float(os.environ["DIOPTRE_MEGAPIXELS"]) * 1e6
    height, width = round((pixels * 3 / 4) ** 0.5), round((pixels * 4 / 3) ** 0.5)
    with Image.open(EXAMPLE) as image:
        whole = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    whole.save(folder / "picture.jpg", quality=90)
    whole.resize((width // 2, height // 2)).save(folder / "quarter.jpg", quality=90)
    slope = np.linspace(0, 65535, height).astype(np.uint16)
    Image.fromarray(np.repeat(slope[:, None], width, axis=1)).save(folder / "depth.png", compress_level=1)
    selection = Image.new("L", (width, height))
    selection.paste(255, (width // 4, height // 4, width // 2, height // 2))
    selection.save(folder / "selection.png", compress_level=1)
    (folder / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")


def command(name: str) -> Callable[[Path], None]:
    """Return a function that runs one command of `COMMANDS` on the files of a folder."""

    def run(folder: Path) -> None:
        from dioptre.cli.main import run as dioptre

        places = {
            "PICTURE": folder / "picture.jpg",
            "DEPTH": folder / "depth.png",
            "SELECTION": folder / "selection.png",
            "RECIPE": folder / "recipe.json",
        }
        words = [str(places.get(word, word)).replace("OUT", str(folder / "out")) for word in COMMANDS[name]]
        code = dioptre(words)
        if code:
            raise SystemExit(f"dioptre {' '.join(words)} ended with {code}")

    return run


def load(folder: Path) -> None:
    """Read the picture, to measure reading alone."""
    from dioptre import photo

    photo.load(folder / "picture.jpg")


def super_resolution_part(folder: Path) -> None:
    """Enlarge a tile of a large picture, as an editor does with a selection."""
    from dioptre import photo, runtime

    runtime.prepare()
    from dioptre.contract import Inputs
    from dioptre.recipes.apply import apply

    picture = photo.load(folder / "picture.jpg").pixels
    apply("super_resolution", {"scale": 2}, Inputs(picture=picture[: PART_PX[0], : PART_PX[1]]))


def super_resolution_whole(folder: Path) -> None:
    """Enlarge the whole quarter-size picture by a factor of 2."""
    from dioptre.cli.main import run as dioptre

    dioptre(["super-resolution", str(folder / "quarter.jpg"), "--scale", "2", "-o", str(folder / "out" / "x2.jpg")])


ROWS: Mapping[str, Callable[[Path], None]] = {
    "load": load,
    **{name: command(name) for name in COMMANDS},
    "super-resolution-part": super_resolution_part,
    "super-resolution-whole": super_resolution_whole,
}

if __name__ == "__main__":
    main()
