"""Time jobs on photos of several sizes inside GIMP, from the procedure call to the new layers; gimp.py starts this.

SIZES holds the megapixels, separated by commas, and may be empty to run no jobs. PHOTO is the photograph to scale.
OUT is the folder that receives gimp.json.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio

TICKS = os.sysconf("SC_CLK_TCK")
GIMP, WORKER = "gimp-console", "dioptre.worker"
BLUR: dict[str, Any] = {"max_radius": 60.0, "focal_disparity": 0.8}


def process(name: str) -> int | None:
    """Return the id of the process whose command contains `name`, or None."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(name in part for part in command[:4]):
                return int(entry.name)
    return None


def running(name: str) -> int:
    """Return the id of the process whose command contains `name`."""
    number = process(name)
    if number is None:
        raise SystemExit(f"{name} is not running")
    return number


def cpu_s(number: int) -> float:
    """Return the CPU seconds that all threads of a process have used so far."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_bytes(number: int) -> int:
    """Return the largest resident set size of a process since the last `forget_peaks`."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def forget_peaks() -> None:
    """Reset the recorded memory peaks of GIMP and the worker."""
    for number in filter(None, (process(GIMP), process(WORKER))):
        Path(f"/proc/{number}/clear_refs").write_text("5")


def photo(megapixels: float, *, as_float: bool) -> Any:
    """Load the photograph, scaled to this many megapixels, as 8-bit or as float with alpha."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(os.environ["PHOTO"]))
    scale = (megapixels * 1e6 / (image.get_width() * image.get_height())) ** 0.5
    image.scale(round(image.get_width() * scale), round(image.get_height() * scale))
    if as_float:
        image.convert_precision(Gimp.Precision.FLOAT_NON_LINEAR)
        image.get_layers()[0].add_alpha()
    return image


def call(name: str, image: Any, layer: Any, **options: Any) -> bool:
    """Call a procedure without a dialog and return whether it succeeded."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    for key, value in options.items():
        config.set_property(key.replace("_", "-"), value)
    answer = procedure.run(config)
    return answer.index(0) == Gimp.PDBStatusType.SUCCESS


def timed(what: str, megapixels: float, name: str, *, as_float: bool = False, **options: Any) -> dict[str, Any]:
    """Run one job on a new photograph and return a row with its times and memory peaks."""
    image = photo(megapixels, as_float=as_float)
    layer = image.get_layers()[0]
    if name == "dioptre-lens-blur":
        call("dioptre-depth", image, layer)
    forget_peaks()
    number = process(WORKER)
    before, began = (cpu_s(number) if number else 0.0), time.monotonic()
    if not call(name, image, layer, **options):
        raise SystemExit(f"{name} failed")
    row: dict[str, Any] = {"what": what, "megapixels": megapixels, "wall_s": round(time.monotonic() - began, 2)}
    row["worker_cpu_s"] = round(cpu_s(running(WORKER)) - before, 2)
    row["gimp_peak_mb"], row["worker_peak_mb"] = (round(peak_bytes(running(name)) / 1e6) for name in (GIMP, WORKER))
    row["load"] = round(os.getloadavg()[0], 1)
    image.delete()
    return row


def start() -> dict[str, Any]:
    """Time a call that is refused immediately, to measure only the start of the plug-in."""
    image = photo(0.1, as_float=False)
    began = time.monotonic()
    call("dioptre-update", image, image.get_layers()[0])
    image.delete()
    return {"what": "start of the plug-in", "wall_s": round(time.monotonic() - began, 2)}


def make_document() -> None:
    """Save a document as start.xcf, to be opened before the dialog is shown."""
    image = photo(2, as_float=False)
    file = Gio.File.new_for_path(str(Path(os.environ["OUT"], "start.xcf")))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    image.delete()


make_document()
rows = [start() for _ in range(3)]
sizes = [float(size) for size in os.environ["SIZES"].split(",") if size]
if sizes:
    rows.append(timed("portrait, no worker yet", 2, "dioptre-portrait"))
    rows.append(
        timed("pixels out and in, float RGBA", max(sizes), "dioptre-white-balance", as_float=True, strength=0.0)
    )
for size in sizes:
    rows.append(timed("depth", size, "dioptre-depth"))
    rows.append(timed("lens blur", size, "dioptre-lens-blur", **BLUR))
    rows.append(timed("portrait", size, "dioptre-portrait"))
Path(os.environ["OUT"], "gimp.json").write_text(json.dumps(rows), encoding="utf-8")
