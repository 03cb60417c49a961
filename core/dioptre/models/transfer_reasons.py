"""Reasons why a download fails, as text for the user, from the exceptions of a transfer and from pip's output."""

from __future__ import annotations

import http.client
import ssl

from dioptre_link.language import Message, system_reason

OFFLINE = Message("there is no connection")
SLOW = Message("the connection is too slow")
LOST = Message("the connection was lost")
UNTRUSTED = Message("the server's certificate is not trusted")

_OF_EXCEPTIONS: tuple[tuple[type[Exception], Message], ...] = (  # the first match counts
    (ssl.SSLCertVerificationError, UNTRUSTED),
    (TimeoutError, SLOW),
    (ConnectionRefusedError, OFFLINE),
    (http.client.IncompleteRead, LOST),
    (ConnectionError, LOST),
)
# Texts in pip's output, and their meanings. pip's own last error often says only that no distribution matched.
_OF_PIP = (
    ("Name or service not known", OFFLINE),
    ("Temporary failure in name resolution", OFFLINE),
    ("Failed to establish a new connection", OFFLINE),
    ("Network is unreachable", OFFLINE),
    ("No space left on device", Message("the disk is full")),
    ("timed out", SLOW),
    ("IncompleteRead", LOST),
    ("IncompleteDownload", LOST),
    ("Connection broken", LOST),
    ("Connection aborted", LOST),
    ("CERTIFICATE_VERIFY_FAILED", UNTRUSTED),
    ("No matching distribution", Message("the package index does not have this package")),
)


def reason_of(error: object) -> str:
    """Return the reason for an exception of a connection."""
    for kind, reason in _OF_EXCEPTIONS:
        if isinstance(error, kind):
            return reason
    if isinstance(error, OSError) and error.errno is not None:
        return OFFLINE if error.errno < 0 else system_reason(error)  # getaddrinfo's errors are negative
    return str(error).rstrip(".")


def reason_in_pip_output(output: str) -> str:
    """Return the first error in pip's output that is meaningful to a user, without its full stop."""
    for sign, reason in _OF_PIP:
        if sign in output:
            return reason
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors == ["Exception:"]:  # pip's traceback follows; its last line gives the cause
        errors = [lines[-1].partition(": ")[2] or lines[-1]]
    return errors[0].rstrip(".") if errors else Message("pip failed")
