"""On a picture of 24 megapixels, operations use no more memory than estimated before they begin."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dioptre.recipes import memory

SIZE = (4000, 6000)
# In ascending order of memory, because one process runs them all and its peak never falls.
OPERATIONS = ("white_balance", "repair_depth", "depth")
SPARE = 1.25  # Allowed excess over the estimate: with more cores, more threads and tiles need memory at once.

_CODE = """
import sys
from pathlib import Path
from dioptre import runtime

runtime.prepare()
import numpy as np
from dioptre.contract import Inputs
from dioptre.recipes.apply import apply

height, width = {size}
ramp = np.linspace(0, 1, width, dtype=np.float32)
picture = np.empty((height, width, 3), np.float32)
for row in range(height):
    picture[row, :, 0], picture[row, :, 1], picture[row, :, 2] = ramp, row / height, 1 - ramp
for name in {operations}:
    options, others = {{}}, {{}}
    if name == "repair_depth":
        options = {{"mode": "fill"}}
        selection = np.zeros((height, width), np.float32)
        selection[1000:1400, 1000:1500] = 1
        others = {{"disparity": picture[..., 1].copy(), "selection": selection}}
    apply(name, options, Inputs(picture=picture, **others))
    del options, others
    held = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(name, int(held[0].split()[1]) << 10, flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not tell a process' peak")
def test_the_peak_lies_within_what_is_reckoned() -> None:
    code = _CODE.format(size=SIZE, operations=OPERATIONS)
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, check=True, timeout=500
    )
    picture = SIZE[0] * SIZE[1] * 12
    peaks = dict(line.split() for line in done.stdout.splitlines())
    assert tuple(peaks) == OPERATIONS
    for name, peak in peaks.items():
        assert int(peak) - picture <= SPARE * memory.need_bytes(name, {}, SIZE), name
