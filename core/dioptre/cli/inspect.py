"""The command `dioptre inspect`: show how a file was created and by which networks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import DioptreError

from . import log
from .reporting import reporter, say

if TYPE_CHECKING:
    from dioptre.files import Note

_SOURCE_TYPES = {  # IPTC's digital source types, described in plain English
    "algorithmicallyEnhanced": "altered by an algorithm, content unchanged",
    "compositeWithTrainedAlgorithmicMedia": "partly made up by a trained algorithm",
    "trainedAlgorithmicMedia": "made up by a trained algorithm",
    "digitalCapture": "as a camera took it",
    "digitisedFromNegativeOnFilm": "scanned from film",
}


@click.command(name="inspect")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False), metavar="FILE..."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(paths: tuple[Path, ...], as_json: bool) -> int:
    """Show how Dioptre made a file: its operations and options, networks and input.

    Reads the metadata of pictures that Dioptre wrote, .ora files and recipes. Changes nothing.
    """
    log.start(verbose=False)
    from dioptre import files
    from dioptre.files.apart import reader as decoder

    failed = 0
    for path in paths:
        try:
            note = files.inspect(path, describe=decoder().describe)
        except DioptreError as error:
            failed += 1
            reporter(as_json=as_json).error(error, name=str(path) if as_json else "")
            continue
        if as_json:
            say(
                json.dumps(
                    {
                        "type": "inspection",
                        "input": str(path),
                        "made_by_dioptre": note is not None,
                        **(_fields(note) if note else {}),
                    }
                )
            )
        else:
            for line in (str(path), *(f"  {line}" for line in _words(note))):
                say(line)
    return 1 if failed else 0


def _fields(note: Note) -> dict[str, Any]:
    return {
        "software": note.software,
        "when": note.when,
        "operation": note.operation,
        "source_type": note.source_type,
        "models": dict(note.models),
        "recipe": dict(note.recipe),
    }


def _words(note: Note | None) -> Iterator[str]:
    if note is None:
        yield "Dioptre noted nothing in it: made by something else, or its metadata was removed."
        return
    yield f"Made by:   {note.software}{f', {note.when}' if note.when else ''}"
    term = note.source_type.rpartition("/")[2]
    if term:
        yield f"IPTC says: {_SOURCE_TYPES.get(term, term)} ({term})"
    steps = note.recipe.get("steps")
    if isinstance(steps, list) and steps:
        for number, step in enumerate(steps, start=1):
            yield f"Step {number}:    {_step(step)}"
    elif note.operation:
        yield f"Step:      {_title(note.operation)}; the file had no room for its options"
    for name, checksum in note.models.items():
        yield f"Network:   {name}, sha256 {checksum}"
    if origin := note.recipe.get("input_sha256"):
        yield f"Made from: the file with sha256 {origin}"


def _step(step: Any) -> str:
    if not isinstance(step, Mapping):
        return "damaged"
    name, options = str(step.get("operation", "")), step.get("options")
    changed = _changed(name, options if isinstance(options, Mapping) else {})
    return f"{_title(name)}{f', with {changed}' if changed else ', with its defaults'}"


def _title(name: str) -> str:
    return f"{OPERATIONS[name].title} ({name})" if name in OPERATIONS else name


def _changed(name: str, options: Mapping[str, Any]) -> str:
    """List the options that differ from their defaults, as text."""
    defaults = OPERATIONS[name].defaults() if name in OPERATIONS else {}
    different = {key: value for key, value in options.items() if defaults.get(key) != value}
    return ", ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in different.items())
