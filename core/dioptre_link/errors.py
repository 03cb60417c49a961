"""The base class of every error that is shown to a user."""

from __future__ import annotations

from typing import Any

from .language import Message, translated


class DioptreError(Exception):
    """An error with a stable code, one clear sentence, and a hint about what to do.

        raise DioptreError("The layer “{name}” is locked.", hint="Unlock it first.", name=layer.name)

    If `values` are given, message and hint are templates; they are translated where they are shown to the user.
    Errors cross the wire between worker and editor unchanged: see `to_dict` and `from_dict`.
    """

    code = "failed"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **values: Any) -> None:
        self.message = Message(message, **values) if values else message
        self.hint = Message(hint, **values) if values and hint else hint
        super().__init__(self.message)
        if code is not None:
            self.code = code

    @property
    def shown(self) -> str:
        """Message and hint in the user's language."""
        return f"{translated(self.message)} {translated(self.hint)}".strip()

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}

    @staticmethod
    def from_dict(fields: dict[str, str]) -> DioptreError:
        return DioptreError(fields["message"], hint=fields.get("hint", ""), code=fields.get("code", "failed"))


def unexpected(error: Exception, sentence: str, *, log: object) -> DioptreError:
    """Return the error to show for an unexpected exception, which is a bug in Dioptre.

    Args:
        error: the unexpected exception.
        sentence: its message.
        log: the log file with the details.
    """
    return DioptreError(
        "Something went wrong inside Dioptre: {kind}: {sentence}",
        hint="The details are in {log}.",
        code="internal",
        kind=type(error).__name__,
        sentence=sentence,
        log=log,
    )


class UsageError(DioptreError):
    """The request is invalid: an unknown option or a value out of range. Exit code 2."""

    code = "usage"


class RefusedError(DioptreError):
    """Dioptre cannot work on the editor's document in its present state."""

    code = "refused"


class Cancelled(DioptreError):  # noqa: N818  (named as the state it reports)
    """The user cancelled the job. Exit code 130."""

    code = "cancelled"

    def __init__(self, message: str = "Cancelled.", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
