"""The one root of every error that a user may see."""

from __future__ import annotations

from typing import Any

from .language import Message


class DioptreError(Exception):
    """An error with a stable code, one clear sentence and a hint at what to do.

        raise DioptreError("The layer “{name}” is locked.", hint="Unlock it first.", name=layer.name)

    message and hint are templates where `values` are given; the translation happens where a user reads them.
    It crosses the wire between worker and editor unchanged: see `to_dict` and `from_dict`.
    """

    code = "failed"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **values: Any) -> None:
        self.message = Message(message, **values) if values else message
        self.hint = Message(hint, **values) if values and hint else hint
        super().__init__(self.message)
        if code is not None:
            self.code = code

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}

    @staticmethod
    def from_dict(fields: dict[str, str]) -> DioptreError:
        return DioptreError(fields["message"], hint=fields.get("hint", ""), code=fields.get("code", "failed"))


def unexpected(error: Exception, sentence: str, *, log: object) -> DioptreError:
    """A fault of Dioptre's own. sentence: what `error` says. log: the file with the details."""
    return DioptreError(
        "Something went wrong inside Dioptre: {kind}: {sentence}",
        hint="The details are in {log}.",
        code="internal",
        kind=type(error).__name__,
        sentence=sentence,
        log=log,
    )


class UsageError(DioptreError):
    """The request itself is wrong: an unknown option, a value out of range. Exit code 2."""

    code = "usage"


class RefusedError(DioptreError):
    """An editor's document, or the state it is in, is nothing that Dioptre can work on."""

    code = "refused"


class Cancelled(DioptreError):  # noqa: N818  (named as the state it reports)
    """The user cancelled the job. Exit code 130."""

    code = "cancelled"

    def __init__(self, message: str = "Cancelled.", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
