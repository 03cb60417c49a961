"""Connect to a running or newly started worker, and replace a worker of an older version."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from . import start
from .connection import Connection
from .errors import DioptreError
from .jobs import VersionError, WorkerLostError, WorkerSilentError
from .wire import PROTOCOL

ENDING_S = 10.0  # how long to wait for a worker that is shutting down to release its port, socket and lock


def connect(
    find: Callable[..., tuple[start.Rendezvous, socket.socket]],
    client: str,
    *,
    timeout_s: float,
    on_wait: Callable[[], None] | None,
) -> Connection:
    """Connect to a running or newly started worker, and replace a worker of an older version.

    Args:
        find: returns a worker's rendezvous and a connected socket.
        client: name and version of the client.
        timeout_s: how long to wait in total.
        on_wait: called while waiting; may raise an exception to give up.

    Raises:
        VersionError: the versions of the protocol do not match.
        WorkerLostError: the worker ended or did not answer.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    replaced = False
    while True:
        left = max(0.0, deadline - time.monotonic())
        rendezvous, connected = find(timeout_s=left)
        connection = Connection(connected)
        try:
            if rendezvous.protocol != PROTOCOL:
                raise _mismatch(rendezvous)
            connection.handshake(client, rendezvous)
        except VersionError as error:
            connection.fail(error)
            if rendezvous.protocol > PROTOCOL or replaced:
                raise
            replaced = True  # after an update, a worker of the old version may still be running
            _retire(rendezvous, deadline, on_wait)
        except WorkerSilentError:
            raise
        except WorkerLostError as error:  # the worker was just ending (idle, shut down or crashed), so try again
            connection.fail(error)
            if time.monotonic() > min(deadline, began + ENDING_S):
                raise
            time.sleep(start.POLL_S)
        except DioptreError as error:
            connection.fail(error)
            raise
        else:
            return connection


def _retire(rendezvous: start.Rendezvous, deadline: float, on_wait: Callable[[], None] | None) -> None:
    """Ask an older version's worker to exit when idle; the messages are the same in every protocol version."""
    connected = rendezvous.connect()
    if connected is not None:
        connection = Connection(connected)
        with suppress(DioptreError):
            hello = {"protocol": rendezvous.protocol, "token": rendezvous.token, "client": "update"}
            connection.send({"type": "hello", **hello})
            connection.send({"type": "shutdown", "when_idle": True})
        connection.fail(WorkerLostError("replaced"))
    while time.monotonic() < deadline:
        gone = rendezvous.connect()
        if gone is None:
            return
        gone.close()
        if on_wait is not None:
            on_wait()
        time.sleep(start.POLL_S)


def _mismatch(rendezvous: start.Rendezvous) -> VersionError:
    older = "worker" if rendezvous.protocol < PROTOCOL else "plug-in"
    return VersionError(
        "This plug-in and the running Dioptre worker (version {version}) do not match: the {older} is too old "
        "(protocol {here} here, {there} there).",
        hint="Run `python3 install.py` again and restart the editor.",
        version=rendezvous.version,
        older=older,
        here=PROTOCOL,
        there=rendezvous.protocol,
    )
