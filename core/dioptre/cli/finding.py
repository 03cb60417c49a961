"""The result of a check by `doctor`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A result of a check.

    Attributes:
        code: stable code, explained in a section of docs/troubleshooting.md.
        level: "ok", "warning" (works with limitations) or "error" (something will not work).
        message: a sentence for the user.
        fix: what to do; empty if nothing needs to be done.
    """

    code: str
    level: str
    message: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"type": "finding", **asdict(self)}
