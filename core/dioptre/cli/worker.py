"""The command `dioptre worker`: start the editors' worker manually if a sandboxed editor cannot start it."""

from __future__ import annotations

import click

from dioptre_link.catalogue import OPERATIONS

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
@click.option("--stop", is_flag=True, help="Stop the running worker after its current jobs.")
@click.option("--begin", is_flag=True, hidden=True, help="Start a worker in the background and end.")
@click.option("--check", is_flag=True, hidden=True, help="Load what jobs need, and end: the installer's last step.")
def command(*, idle_minutes: float, stop: bool, begin: bool, check: bool) -> int:
    """Run jobs for the editors' plug-ins until idle.

    Plug-ins start the worker automatically. Start it yourself only if an editor runs in a sandbox (Flatpak, snap).
    """
    if stop:
        return _stop()
    if begin:
        return _begin()
    if check:
        return _check()
    from dioptre_link.start import is_running

    if not is_running():
        from dioptre.worker.__main__ import serve

        serve(idle_minutes=idle_minutes)
    say("The worker is already running.")
    return 0


def _begin() -> int:
    """Start a worker as an editor does; its warm-up compiles what the first preview would have to wait for."""
    from dioptre_link.start import find_or_start

    _, connection = find_or_start()
    connection.close()
    return 0


def _check() -> int:
    """Import what jobs import and compute something, so that errors appear here rather than in an editor."""
    from dioptre import runtime

    runtime.prepare_if_needed()
    import jax.numpy as jnp
    import rich.progress  # noqa: F401
    import tensorstore  # noqa: F401

    from dioptre import photo  # noqa: F401
    from dioptre.models import loaded  # noqa: F401
    from dioptre.recipes.apply import runner_of
    from dioptre.worker.warm_up import load_libraries

    load_libraries()
    for name in OPERATIONS:
        runner_of(name)
    jnp.zeros(1).block_until_ready()
    return 0


def _stop() -> int:
    from dioptre_link.client import Worker
    from dioptre_link.start import WorkerMissingError

    worker = Worker("dioptre worker --stop")
    try:
        worker.connect(may_start=False)
    except WorkerMissingError:
        say("No worker is running.")
        return 0
    worker.shut_down(when_idle=True)
    say("The worker will stop after its current jobs.")
    return 0
