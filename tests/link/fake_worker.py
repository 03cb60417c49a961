"""A real worker for tests of the client, whose only operation, `fake`, does whatever its options request.

Run as a program: `python fake_worker.py [IDLE_S]`.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from dioptre import runtime
from dioptre.worker.lifetime import work
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import Input, Memory, Operation, Options, Point, Role, option

MODES = ("echo", "raise", "memory", "usage", "exit", "nan", "nan_once", "black", "values", "stuck")


@dataclass(frozen=True, kw_only=True)
class FakeOptions(Options):
    mode: str = option("echo", label="mode", help="mode.", choices=MODES)
    seconds: float = option(0.0, label="seconds", help="seconds.")
    point: Point | None = option(None, label="point", help="point.")
    radius: float = option(8.0, label="radius", help="radius.", unit="px")


FAKE = Operation(
    name="fake",
    title="Fake",
    help="For tests.",
    options=FakeOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY, Input.SELECTION),
    outputs=(Role.RESULT, Role.DEPTH),
    memory=Memory(fixed_mib=0, bytes_per_pixel=60),
)

_runs = []


def run(name, options, inputs, progress):
    """Return the picture as the result, and the disparity (1 if there is none) as the depth."""
    import numpy as np

    from dioptre.contract import Layer, Result
    from dioptre_link.errors import UsageError

    assert name == "fake"
    _runs.append(options)
    mode, picture = options["mode"], inputs.picture
    depth = np.ones(picture.shape[:2], np.float32) if inputs.disparity is None else inputs.disparity
    if mode == "stuck":
        time.sleep(options["seconds"])
    else:
        end = time.monotonic() + options["seconds"]
        progress(0.0, "Computing")
        while (left := end - time.monotonic()) > 0:
            progress(1 - left / max(options["seconds"], 1e-6), "Computing")
            time.sleep(0.01)
    if mode == "raise":
        raise KeyError("no such thing")
    if mode == "memory":
        raise MemoryError
    if mode == "usage":
        raise UsageError("Not like this.", hint="Like that.")
    if mode == "exit":
        os._exit(9)
    if mode == "nan" or (mode == "nan_once" and len(_runs) % 2):
        picture = np.full_like(picture, np.nan)
    if mode == "black":
        picture = np.zeros_like(picture)
    values = {"point": options["point"], "radius": options["radius"], "size": list(picture.shape[:2])}
    if mode == "values":
        values["not_json"] = float("nan")
    layers = (
        Layer(name="Fake", role=Role.RESULT, pixels=picture),
        Layer(name="Depth", role=Role.DEPTH, pixels=depth, visible=False),
    )
    return Result(layers=layers, values=values, messages=("Done.",), models={"none": "0" * 64})


if __name__ == "__main__":
    runtime.prepare()
    OPERATIONS["fake"] = FAKE
    idle_s = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    status = work(run=run, warm_up=(), idle_s=idle_s)
    os._exit(status)
