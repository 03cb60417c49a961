"""Only the owner can connect, and no other user can lock the owner out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dioptre.worker import server

from .test_server import ENOUGH_S, job_succeeds

CROWD = 3 * server.MAX_WAITING

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


@pytest.mark.parametrize("over", ["port", "socket"])
def test_a_crowd_of_silent_strangers_locks_nobody_out(serve, over: str) -> None:
    """Any local user can open connections to a port and stay silent."""
    rendezvous = serve(on_port=over == "port").rendezvous
    with ExitStack() as stack:
        for _ in range(CROWD):
            stranger = rendezvous.connect()
            assert stranger is not None
            stack.enter_context(stranger)
        assert job_succeeds(rendezvous)


def test_processes_of_others_are_sent_away(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    rendezvous = serve().rendezvous
    assert job_succeeds(rendezvous)
    monkeypatch.setattr(server, "peer_uid", lambda connection: os.getuid() + 1)
    connected = rendezvous.connect()
    assert connected is not None
    with connected:
        connected.settimeout(ENOUGH_S)
        with suppress(ConnectionError):
            connected.sendall(b"{")
            assert connected.recv(100) == b""
    monkeypatch.undo()


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system does not say")
def test_the_system_names_the_user_of_a_process(tmp_path: Path) -> None:
    path = tmp_path / "s"
    as_root = os.getuid() == 0
    become = "os.setuid(65534);" if as_root else ""
    code = f"import os, socket; s = socket.socket(socket.AF_UNIX); s.connect('s'); {become} s.recv(1)"
    if as_root:  # A real intruder, who connects as another user.
        code = f"import os, socket; {become} s = socket.socket(socket.AF_UNIX); s.connect('s'); s.recv(1)"
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        listener.settimeout(ENOUGH_S)
        with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as other:
            connection, _ = listener.accept()
            with connection:
                assert server.peer_uid(connection) == (65534 if as_root else os.getuid())
            other.wait(ENOUGH_S)
