"""`dioptre worker`: the editors' worker, started by hand where a sandboxed editor cannot start it."""

from __future__ import annotations

import click

from dioptre_link.client import Worker
from dioptre_link.start import WorkerMissingError, is_running

from .reporting import say

_IDLE_MINUTES = 15.0


@click.command(name="worker")
@click.option(
    "--idle-minutes",
    type=click.FloatRange(min=0.01),
    default=_IDLE_MINUTES,
    show_default=True,
    help="Idle time before it stops.",
)
@click.option("--no-warm-up", is_flag=True, help="Load networks only when the first job needs them.")
@click.option(
    "--with-port", is_flag=True, help="Also listen on a port, for editors that cannot use the Unix socket."
)
@click.option("--stop", is_flag=True, help="Stop the running worker after its current jobs.")
def command(*, idle_minutes: float, no_warm_up: bool, with_port: bool, stop: bool) -> int:
    """Run jobs for the editors' plug-ins until idle.

    Plug-ins start the worker automatically. Start it yourself only if an editor runs in a sandbox (Flatpak, snap).
    """
    if stop:
        return _stop()
    if not is_running():
        from dioptre.worker.__main__ import serve

        serve(idle_minutes=idle_minutes, warm=not no_warm_up, with_port=with_port)
    say("The worker is already running.")
    return 0


def _stop() -> int:
    worker = Worker("dioptre worker --stop")
    try:
        worker.connect(may_start=False)
    except WorkerMissingError:
        say("No worker is running.")
        return 0
    worker.shut_down(when_idle=True)
    say("The worker will stop after its current jobs.")
    return 0
