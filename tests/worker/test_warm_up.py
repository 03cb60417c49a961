"""The worker's warm-up before the first job spares the user compilation times."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dioptre import programs
from dioptre.contract import Result
from dioptre.features.background import clean_background, shift_map
from dioptre.worker import warm_up
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import UsageError

MOVED_SLIDERS = """
from dataclasses import replace
from dioptre import runtime
runtime.prepare()
import jax
import numpy as np
from dioptre.contract import Inputs
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


def test_every_length_of_a_clean_backgrounds_arrays_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = set()

    def expand(_picture, _cells, _choices, label, **_):
        lengths.add(len(label))
        return label, np.float32(0)

    def only_fill(_name, _options, inputs, **_):
        clean_background(inputs.picture, inputs.subject, inputs.subject)
        return Result(layers=())

    monkeypatch.setattr(shift_map, "expand", expand)
    monkeypatch.setattr("dioptre.recipes.apply.apply", only_fill)
    portrait = OPERATIONS["portrait"]
    for run in portrait.warm_up:
        if run.subject:
            warm_up._run(portrait, run, lambda _fraction, _phase: None)
    assert lengths == {*shift_map._CELL_LENGTHS}


def test_a_picture_without_a_subject_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise UsageError("No single subject was found.", hint="Click the object to select.")

    monkeypatch.setattr("dioptre.recipes.apply.apply", refuse)
    warm_up.step_of(OPERATIONS["select_subject"])(lambda _fraction, _phase: None)


def test_the_options_of_every_warm_up_are_valid() -> None:
    for operation in OPERATIONS.values():
        for run in operation.warm_up:
            operation.check(run.options)


def test_what_only_compiles_runs_once_on_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its programs stay on the disk, so a new worker would only waste time, unless its code is new."""
    ran = []
    monkeypatch.setattr(programs, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(warm_up, "_run", lambda operation, run, _progress: ran.append((operation.name, run)))
    for _ in range(2):
        for step in warm_up.steps()[1:]:
            step(lambda _fraction, _phase: None)
    for operation in OPERATIONS.values():
        for run in operation.warm_up:
            assert ran.count((operation.name, run)) == (1 if run.once else 2)
    monkeypatch.setattr(programs, "code_digest", lambda: "another")
    before = len(ran)
    for step in warm_up.steps()[1:]:
        step(lambda _fraction, _phase: None)
    assert len(ran) - before == sum(len(operation.warm_up) for operation in OPERATIONS.values())


def test_a_run_that_was_interrupted_is_not_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "cache_dir", lambda: tmp_path)

    def interrupted() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        programs.once("shapes", interrupted)
    ran = []
    programs.once("shapes", lambda: ran.append(1))
    assert ran
