"""`dioptre doctor`: look for what is wrong and say how to mend it."""

from __future__ import annotations

import json

import click

from .findings import examine

_SIGNS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of words.")
def command(as_json: bool) -> int:
    """Look for what is wrong with this installation; changes nothing."""
    errors = 0
    for finding in examine():
        errors += finding.level == "error"
        if as_json:
            click.echo(json.dumps(finding.to_dict()))
        else:
            click.echo(f"{_SIGNS[finding.level]} {finding.code}: {finding.message}")
            if finding.fix:
                click.echo(f"        Fix: {finding.fix}")
    if as_json:
        click.echo(json.dumps({"type": "result", "errors": errors}))
    elif not errors:
        click.echo("No errors found.")
    return 1 if errors else 0
