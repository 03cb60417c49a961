"""The command `dioptre cache`: show, clear, or turn off the cache of depth and subjects."""

from __future__ import annotations

import json
from typing import Any

import click

from dioptre.caching import choice
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message, translated

from .reporting import say

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.group(invoke_without_command=True)
@_AS_JSON
@click.pass_context
def group(context: click.Context, *, as_json: bool) -> None:
    """Show how much is cached, clear the cache, or turn it off.

    The depth and the subject of each picture are cached, so that the networks process a picture only once.
    """
    if context.invoked_subcommand is not None:
        return
    usage = choice.usage()
    if as_json:
        folder = str(choice.folder())
        _write({"on": choice.is_on(), "results": usage.count, "bytes": usage.nbytes, "folder": folder})
        return
    limit = f"{choice.LIMIT_BYTES / 1e6:,.0f}"
    say(f"{usage.count} cached results in {choice.folder()}: {usage.nbytes / 1e6:.1f} of at most {limit} MB.")
    say(
        "The cache is on: the depth and the subject of each picture are kept."
        if choice.is_on()
        else "The cache is off."
    )


group.name = "cache"


@group.command()
@_AS_JSON
def clear(*, as_json: bool) -> None:
    """Delete all cached results."""
    before = choice.clear()
    left = choice.usage()
    if left.count:
        raise DioptreError(
            "Some files in {folder} could not be deleted ({count} left).",
            hint="Close the programs that use them, or delete the folder yourself.",
            count=left.count,
            folder=choice.folder(),
        )
    if as_json:
        _write({"type": "result", "results": before.count, "bytes": before.nbytes})
    else:
        size = f"{before.nbytes / 1e6:.1f}"
        one = Message("Deleted 1 result, {size} MB.", size=size)
        several = Message("Deleted {count} results, {size} MB.", count=before.count, size=size)
        say(translated(one if before.count == 1 else several))


@group.command()
def off() -> None:
    """Turn the cache off and delete its contents."""
    choice.switch(on=False)
    say("The cache is off.")


@group.command()
def on() -> None:
    """Turn the cache on."""
    choice.switch(on=True)
    if choice.is_on():
        say("The cache is on: the depth and the subject of each picture are kept.")
    else:
        say(f"The environment variable {choice.VARIABLE} still turns the cache off.")


def _write(fields: dict[str, Any]) -> None:
    say(json.dumps(fields))
