"""`python -m dioptre.worker`: what an editor's plug-in starts."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dioptre import runtime

from . import warm_up
from .lifetime import work

if TYPE_CHECKING:
    from dioptre.imaging.layers import Inputs, Progress, Result

IDLE_MINUTES = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse `arguments`, be the worker, return the exit status."""
    parser = argparse.ArgumentParser(prog="dioptre worker", description="Run jobs for the editors' plug-ins.")
    parser.add_argument(
        "--idle-minutes", type=float, default=IDLE_MINUTES, help="end after so long without work (%(default)s)"
    )
    parser.add_argument("--no-warm-up", action="store_true", help="do not load networks before the first job")
    options = parser.parse_args(arguments)
    runtime.prepare()
    steps = () if options.no_warm_up else warm_up.steps()
    return work(run=_run, warm_up=steps, idle_s=options.idle_minutes * 60)


def _run(name: str, options: Mapping[str, Any], inputs: Inputs, progress: Progress) -> Result:
    from dioptre.recipes.apply import apply

    return apply(name, options, inputs, progress=progress)


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # a job that is still computing is not waited for
