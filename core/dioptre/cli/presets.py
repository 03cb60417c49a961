"""The command `dioptre presets`: list or print the recipes that come with Dioptre."""

from __future__ import annotations

import json

import click

from .reporting import say


@click.command(name="presets")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(name: str | None, as_json: bool) -> None:
    """List the presets, or print the preset NAME as a recipe that you can change and pass to --recipe."""
    from dioptre_link.presets import preset, presets

    if name is not None:
        say(preset(name).to_json().rstrip("\n"), lines=True)
        return
    for each, recipe in presets().items():
        steps = [step.operation for step in recipe.steps]
        if as_json:
            fields = {"name": each, "title": recipe.title, "description": recipe.description}
            say(json.dumps({"type": "preset", **fields, "steps": steps}))
        else:
            say(f"{each:13} {recipe.title}. {recipe.description}")
