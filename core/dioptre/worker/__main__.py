"""`python -m dioptre.worker`: what an editor's plug-in starts."""

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
    from dioptre.imaging.layers import Inputs, Progress, Result

IDLE_MINUTES = 15.0


def serve(*, idle_minutes: float = IDLE_MINUTES, warm: bool = True, with_port: bool = False) -> NoReturn:
    """Be the user's worker; ends this process, with status 3 when another worker is running.

    with_port: listen on a port of 127.0.0.1 too, for clients that the Unix socket does not reach.
    """
    guard_output()
    runtime.prepare()
    wanted = with_port or os.environ.get("DIOPTRE_WORKER_PORT", "") not in ("", "0")
    status = work(run=_run, warm_up=warm_up.steps() if warm else (), idle_s=idle_minutes * 60, with_port=wanted)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # a job that is still computing is not waited for


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
