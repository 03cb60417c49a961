"""The export of a photo with its depth: texts and file names of both editors."""

from __future__ import annotations

from pathlib import Path

from ..errors import RefusedError
from ..language import Message

TITLE = Message("Export with depth")
HELP = Message("Write a JPEG that contains the depth layer, so that phones and other programs can refocus it.")
OFFER = Message("Estimate it now? It becomes a hidden layer, which Edit depth shows.")
PATTERN = "*.jpg"


def suggested(opened: str | None, ending: str = "depth.jpg") -> Path:
    """Return the file to suggest for what is made of a picture that was opened from `opened`."""
    near = Path(opened) if opened else Path.home() / "photo"
    return near.with_name(f"{near.stem}-{ending}")


def saved(name: str, file: Path) -> Message:
    """Return the message that the picture called `name` was written with its depth to `file`."""
    return Message("Saved “{name}” with its depth as {file}.", name=name, file=str(file))


def with_suffix(file: Path) -> Path:
    """Return a chosen file, with a JPEG's suffix if the user entered none.

    Raises:
        RefusedError: a file of that name exists, which the user was not asked about.
    """
    if file.suffix:
        return file
    named = file.with_suffix(".jpg")
    if named.exists():
        raise RefusedError("{file} exists already.", hint="Enter its whole name to replace it.", file=named.name)
    return named
