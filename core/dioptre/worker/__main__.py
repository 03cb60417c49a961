"""Entry point `python -m dioptre.worker`, which the editors' plug-ins start."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from dioptre import runtime
from dioptre_link.printable import guard_output

from . import warm_up
from .lifetime import work

if TYPE_CHECKING:
    from dioptre.contract import Inputs, Progress, Result

IDLE_MINUTES = 15.0


FOR_COMMANDS = "--for-commands"  # as in `recipes.elsewhere`


def serve(*, idle_minutes: float = IDLE_MINUTES, warm: bool = True, for_commands: bool = False) -> NoReturn:
    """Run as the user's worker, then end this process (with status 3 if another worker is running).

    Args:
        idle_minutes: end after this time without jobs.
        warm: load networks and compile programs before the first job.
        for_commands: but not before an editor comes.
    """
    guard_output()
    runtime.prepare()
    steps = warm_up.steps() if warm else ()
    status = work(run=_run, warm_up=steps, idle_s=idle_minutes * 60, for_commands=for_commands)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # exits without waiting for a job that is still computing


def _run(name: str, options: Mapping[str, Any], inputs: Inputs, progress: Progress) -> Result:
    from dioptre.recipes.follow import follow_described

    return follow_described(name, options, inputs, progress=progress)


if __name__ == "__main__":
    serve(for_commands=FOR_COMMANDS in sys.argv)
