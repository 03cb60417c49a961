"""Authentication of clients: they must send the worker's token and, on the Unix socket, run as the same user.

The Unix socket is in a folder that only its owner can access, and the system reports the user of the process at the
other end. Any local user can connect to a port, so clients that have not sent their first line yet must not block
others: when the limit is reached, the client that has been silent longest is disconnected. Each listener has its
own limit.
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

HELLO_TIMEOUT_S = 10.0  # time limit for a client's first message, which genuine clients send immediately
MAX_WAITING = 32  # maximum number of connections per listener that have not sent the token yet

_log = logging.getLogger(__name__)


class Door:
    """A listener's connections that are not authenticated yet."""

    def __init__(self, token: str, *, own_processes_only: bool) -> None:
        self._token = token.encode("ascii")
        self._own_only = own_processes_only
        self._waiting: dict[asyncio.StreamWriter, None] = {}

    async def hello(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        """Return a client's first message if its token is valid; None if not, without telling the client why."""
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
    """Return whether the process at the other end of a socket runs as this user; True if the system cannot tell."""
    uid = peer_uid(writer.get_extra_info("socket"))
    return uid is None or uid == os.getuid()


def peer_uid(connection: Any) -> int | None:
    """Return the user ID of the process at the other end of a Unix socket (or its wrapper); None if unknown."""
    try:
        if sys.platform == "linux":
            _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return int(uid)
        if sys.platform == "darwin":
            local_peercred, sol_local = 1, 0  # from sys/un.h; struct xucred starts with its version and the user ID
            _, uid = struct.unpack_from("2I", connection.getsockopt(sol_local, local_peercred, 76))
            return int(uid)
    except OSError:
        return -1  # the process has already exited
    return None
