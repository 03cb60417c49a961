"""Several threads can load NumPy and JAX for the first time simultaneously."""

from __future__ import annotations

import subprocess
import sys

_RACE = """
import sys, threading
from dioptre.worker.warm_up import load_libraries
failed, ready = [], threading.Barrier(4)
def load():
    ready.wait()
    try:
        load_libraries()
    except BaseException as error:
        failed.append(repr(error))
threads = [threading.Thread(target=load) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert "jax" in sys.modules
sys.exit("; ".join(failed) or 0)
"""


def test_threads_may_come_first_together() -> None:
    done = subprocess.run([sys.executable, "-c", _RACE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
