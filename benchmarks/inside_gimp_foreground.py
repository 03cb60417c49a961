"""Select foregrounds inside GIMP from given regions; foreground_select.py starts this.

For each NAME.RULE.png in /shared, writes NAME.RULE.mask, the selection as 32-bit floats, and the seconds taken.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio

SHARED = Path("/shared")


def opened(path: Path) -> Gimp.Image:
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(path)))


def main() -> None:
    """Select the foreground of every picture."""
    seconds: dict[str, float] = {}
    for path in sorted(SHARED.glob("*.*.png")):
        image, regions = opened(SHARED / f"{path.stem.rpartition('.')[0]}.png"), opened(path)
        start = time.perf_counter()
        layer, given = image.get_layers()[0], regions.get_layers()[0]
        if not layer.foreground_extract(Gimp.ForegroundExtractMode.MATTING, given):
            raise SystemExit(f"GIMP cannot extract {path.name}")
        seconds[path.stem] = time.perf_counter() - start
        buffer = image.get_selection().get_buffer()
        pixels = buffer.get(buffer.get_extent(), 1.0, "Y float", Gegl.AbyssPolicy.NONE)
        (SHARED / f"{path.stem}.mask").write_bytes(pixels)
        image.delete()
        regions.delete()
    (SHARED / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


main()
