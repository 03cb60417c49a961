"""Who may come in: processes of this user that show the token, each listener with a count of its own.

The Unix socket lies in a folder that only its owner can enter, and the system names the process at the other end.
Any local user can connect to a port, so the clients that wait there for their first line never keep out others: the
one that has waited longest makes way.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket
import struct
import sys
from typing import Any

from dioptre_link.wire import decode_hello

HELLO_TIMEOUT_S = 10.0  # a client of ours says hello at once
MAX_WAITING = 32  # connections of one listener that have not shown the token yet

_log = logging.getLogger(__name__)


class Door:
    """One listener's connections until they have shown the token."""

    def __init__(self, token: str, *, own_processes_only: bool) -> None:
        self._token = token.encode("ascii")
        self._own_only = own_processes_only
        self._waiting: dict[asyncio.StreamWriter, None] = {}

    async def hello(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        """The first message of a client that shows the token; None for a stranger, who learns nothing."""
        if self._own_only and not _is_own(writer):
            _log.warning("A connection of another user was closed")
            return None
        if len(self._waiting) >= MAX_WAITING:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.transport.abort()
        self._waiting[writer] = None
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), HELLO_TIMEOUT_S)
        finally:
            self._waiting.pop(writer, None)
        message = decode_hello(line)
        if message is None or not hmac.compare_digest(message["token"].encode("utf-8"), self._token):
            _log.warning("A connection without the right token was closed")
            return None
        return message


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """Whether the process at the other end of a Unix socket is this user's; true where the system cannot say."""
    uid = peer_uid(writer.get_extra_info("socket"))
    return uid is None or uid == os.getuid()


def peer_uid(connection: Any) -> int | None:
    """The user of the process at the other end of a Unix socket, also asyncio's; None where nobody knows."""
    try:
        if sys.platform == "linux":
            _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return int(uid)
        if sys.platform == "darwin":
            local_peercred, sol_local = 1, 0  # sys/un.h; struct xucred begins with its version and the uid
            _, uid = struct.unpack_from("2I", connection.getsockopt(sol_local, local_peercred, 76))
            return int(uid)
    except OSError:
        return -1  # the process has already exited
    return None
