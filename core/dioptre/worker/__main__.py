"""Entry point `python -m dioptre.worker`, which the editors' plug-ins start."""

from __future__ import annotations

import argparse
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


def serve(*, idle_minutes: float = IDLE_MINUTES, warm: bool = True, with_port: bool = False) -> NoReturn:
    """Run as the user's worker, then end this process (with status 3 if another worker is running).

    Args:
        idle_minutes: end after this time without jobs.
        warm: load networks and compile programs before the first job.
        with_port: also listen on a port of 127.0.0.1, for clients that cannot use the Unix socket.
    """
    guard_output()
    runtime.prepare()
    wanted = with_port or os.environ.get("DIOPTRE_WORKER_PORT", "") not in ("", "0")
    status = work(run=_run, warm_up=warm_up.steps() if warm else (), idle_s=idle_minutes * 60, with_port=wanted)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # exits without waiting for a job that is still computing


def _run(name: str, options: Mapping[str, Any], inputs: Inputs, progress: Progress) -> Result:
    from dioptre.recipes.follow import follow_described

    return follow_described(name, options, inputs, progress=progress)


def _main() -> NoReturn:
    parser = argparse.ArgumentParser(prog="dioptre.worker", description="Run jobs for the editors' plug-ins.")
    parser.add_argument("--idle-minutes", type=float, default=IDLE_MINUTES)
    parser.add_argument("--no-warm-up", action="store_true")
    parser.add_argument("--with-port", action="store_true")
    options = parser.parse_args()
    serve(idle_minutes=options.idle_minutes, warm=not options.no_warm_up, with_port=options.with_port)


if __name__ == "__main__":
    _main()
