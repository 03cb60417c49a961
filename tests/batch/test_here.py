"""The local processes to which a batch hands its pictures."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future

import pytest

from dioptre import runtime
from dioptre.batch import here
from dioptre.batch.here import _Lane
from dioptre_link.errors import Cancelled


def test_a_task_cancelled_before_its_process_began_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    lane, inner, answer = _Lane(threads=1), Future(), Future()
    answer.set_running_or_notify_cancel()
    inner.add_done_callback(lambda done: lane._pass_on(answer, done))
    inner.cancel()
    assert isinstance(answer.exception(timeout=0), Cancelled)
    assert lane.idle
    assert caplog.text == ""  # An exception in a callback would be logged, by default to the screen.


@pytest.mark.parametrize("processes", [1, 3])
def test_processes_share_a_part_of_the_cards_memory(processes: int) -> None:
    """XLA reads the variables when it opens the card. Processes inherit those that their parent has set."""
    code = (
        "import os, sys\nfrom dioptre.batch import work\n"
        f"work.prepare(threads=1, processes={processes})\nassert 'jax' not in sys.modules\n"
        "print(os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'], os.environ['XLA_PYTHON_CLIENT_MEM_FRACTION'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    preallocates, fraction = done.stdout.split()
    assert preallocates == "false"
    assert float(fraction) * processes == pytest.approx(runtime.CARD_FRACTION, abs=0.002)
    assert runtime.CARD_FRACTION < 0.75  # JAX's own limit leaves an editor on a small card too little


def test_a_task_keeps_the_threads_of_its_process() -> None:
    """XLA reads the variable when it is loaded, which happens during the first task."""
    code = (
        "import os\nfrom pathlib import Path\nfrom dioptre.batch import work\nwork.prepare(threads=1)\n"
        "task = work.Task(name='a', stem='a', source=Path('none.jpg'), sha256='', recipe={})\n"
        "assert isinstance(work.make(task), work.Failed)\nprint(os.environ['NPROC'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("packages", "driver", "environment", "expected"),
    [
        (True, True, {}, True),
        (True, True, {"JAX_PLATFORMS": "cuda,cpu"}, True),
        (False, True, {}, False),
        (True, False, {}, False),
        (True, True, {"JAX_PLATFORMS": "cpu"}, False),
        (True, True, {"CUDA_VISIBLE_DEVICES": ""}, False),
    ],
)
def test_fewer_processes_are_used_where_jax_will_use_a_card(
    packages: bool, driver: bool, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime, "has_card_packages", lambda: packages)
    monkeypatch.setattr(runtime, "has_card_driver", lambda: driver)
    monkeypatch.setattr(here, "cores", lambda: 16)
    assert runtime.expects_card() is expected
    assert here.usual_processes() == (2 if expected else 16)
