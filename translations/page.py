"""Write all messages that users see to docs/dev/messages.md, so that they can be reviewed as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

PAGE = Path(__file__).resolve().parent.parent / "docs" / "dev" / "messages.md"
HEAD = """\
# Messages

Every message, option, help text and finding that users see, with its error code and its translations. This page is
generated from the source: change a message where it is raised, then run `python -m translations.collect`. The help
of the commands is on the page [Command line](../command-line.md).
"""
AREAS = {  # Source folder → heading; the longest matching folder applies.
    "core/dioptre_link/catalogue": "Operations and options",
    "core/dioptre_link/recipes": "Presets",
    "core/dioptre_link/editing": "Both editors",
    "plugin/gimp": "GIMP",
    "plugin/krita": "Krita",
    "core/dioptre/cli": "Command line",
    "core/dioptre/batch": "Batch",
    "core/dioptre/photo": "Files",
    "core/dioptre/features": "Computation",
    "core/dioptre": "Computation",
    "core/dioptre/checkpoints": "Networks and weights",
    "core/dioptre/models": "Networks and weights",
    "core/dioptre/editors": "Doctor: the editors",
    "core/dioptre/worker": "Worker and connection",
    "core/dioptre_link": "Worker and connection",
}


class Message(Protocol):
    """A message as `translations.collect` returns it: its text, the code of its error, and its source file."""

    @property
    def text(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def where(self) -> str: ...


def page(messages: Sequence[Message], translations: Mapping[str, Mapping[str, str]]) -> str:
    """Return the page as Markdown.

    Args:
        messages: All messages, in the order in which to list them.
        translations: For each language code, the translation of each message's text.
    """
    parts = [HEAD]
    for heading in dict.fromkeys(AREAS.values()):
        rows = [_row(each, translations) for each in messages if _heading(each.where) == heading]
        if rows:
            titles = ["English", *translations, "code"]
            parts.append(
                f"## {heading}\n\n{_line(titles)}\n{_line(['---'] * len(titles))}\n" + "\n".join(rows) + "\n"
            )
    return "\n".join(parts)


def _heading(where: str) -> str:
    return AREAS[max((folder for folder in AREAS if where.startswith(folder)), key=len)]


def _row(message: Message, translations: Mapping[str, Mapping[str, str]]) -> str:
    words = [message.text, *(texts.get(message.text, "") for texts in translations.values()), message.code]
    return _line([_cell(each) for each in words])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    for sign in "<[*_`":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped
