"""One thing that `doctor` inspected."""

from __future__ import annotations

from dataclasses import asdict, dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`code` is stable and names a section of docs/troubleshooting.md; `fix` is empty where nothing is to be done.

    level: "ok", "warning" (it works, with limits) or "error" (something will not work).
    """

    code: str
    level: str
    message: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"type": "finding", **asdict(self)}
