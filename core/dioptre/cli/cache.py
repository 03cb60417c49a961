"""`dioptre cache`: what is kept of pictures seen before, deleting it, and keeping nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from dioptre.caching import choice
from dioptre_link.errors import DioptreError

from .reporting import say

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")


@click.group(invoke_without_command=True)
@_AS_JSON
@click.pass_context
def group(context: click.Context, *, as_json: bool) -> None:
    """Show how much is kept of pictures seen before; clear it, or switch it off.

    Depth and subject of a picture are kept, so that no network looks at the same pixels twice.
    """
    if context.invoked_subcommand is not None:
        return
    usage = choice.usage()
    if as_json:
        folder = str(choice.folder())
        _write({"on": choice.is_on(), "results": usage.count, "bytes": usage.nbytes, "folder": folder})
        return
    limit = f"{choice.LIMIT_BYTES / 1e9:.1f} GB"
    say(f"{usage.count} results, {usage.nbytes / 1e6:.1f} MB of at most {limit}, in {choice.folder()}.")
    say("Depth and subjects are kept." if choice.is_on() else "Nothing is kept.")


group.name = "cache"


@group.command()
@_AS_JSON
def clear(*, as_json: bool) -> None:
    """Delete everything that is kept."""
    before = choice.clear()
    left = choice.usage()
    if left.count:
        raise DioptreError(
            "{count} files in {folder} could not be deleted.",
            hint="Close the programs that use them, or delete the folder yourself.",
            count=left.count,
            folder=choice.folder(),
        )
    if as_json:
        _write({"type": "result", "results": before.count, "bytes": before.nbytes})
    else:
        say(f"Deleted {before.count} results, {before.nbytes / 1e6:.1f} MB.")


@group.command()
def off() -> None:
    """Keep nothing from now on, and delete what is kept."""
    choice.switch(on=False)
    say("Nothing is kept.")


@group.command()
def on() -> None:
    """Keep depth and subjects."""
    choice.switch(on=True)
    if choice.is_on():
        say("Depth and subjects are kept.")
    else:
        say(f"The environment variable {choice.VARIABLE} still says that nothing is kept.")


def _write(fields: dict[str, Any]) -> None:
    say(json.dumps(fields))
