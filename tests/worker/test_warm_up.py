"""The worker's warm-up before the first job spares the user compilation times."""

import subprocess
import sys

MOVED_SLIDERS = """
from dataclasses import replace
from dioptre import runtime
runtime.prepare()
import jax
import numpy as np
from dioptre.imaging.layers import Inputs
from dioptre.recipes.apply import apply
from dioptre.worker import warm_up
from dioptre_link.catalogue import OPERATIONS

warm_up.step_of(OPERATIONS["lens_blur"])(lambda fraction, phase: None)
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, *_, **__: compiled.append(name) if name.endswith("backend_compile_duration") else None
)
rng = np.random.default_rng(0)
for size in ((213, 320), (320, 240), (427, 640), (512, 341)):
    disparity = np.zeros(size, np.float32)
    disparity[size[0] // 3 :, size[1] // 4 :] = np.linspace(0.4, 1, size[1] - size[1] // 4, dtype=np.float32)
    inputs = Inputs(picture=rng.uniform(0, 1, (*size, 3)).astype(np.float32), disparity=disparity)
    for options in (
        {"focal_disparity": 0.7},
        {"focal_disparity": 0.1, "f_number": 1.2, "highlight_boost": 0.7},
        {"focal_disparity": 1.0, "f_number": 4.0, "blades": 7, "focus_range": 0.2},
    ):
        apply("lens_blur", options, inputs)
        apply("lens_blur", options, replace(inputs, draft=True))
print(len(compiled))
"""


def test_a_moved_slider_waits_for_no_compiler():
    """This runs in a separate process, because other tests may have compiled the programs in this one."""
    done = subprocess.run([sys.executable, "-c", MOVED_SLIDERS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "0"
