"""The command `dioptre doctor`: find problems and suggest fixes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptre_link.language import translated

from .reporting import say, shown

if TYPE_CHECKING:
    from dioptre.editors.plugin_folder import Finding

_SIGNS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
_PATH = click.Path(path_type=Path, readable=False)


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "--report", type=_PATH, metavar="FILE", help="Also write a .zip for a bug report, without private data."
)
@click.option("--force", is_flag=True, help="Replace that file if it exists.")
def command(as_json: bool, report: Path | None, force: bool) -> int:
    """Diagnose problems with this installation without changing anything.

    Each finding has a code, explained in docs/troubleshooting.md, and a fix if there is a problem.
    """
    from dioptre.photo.publish import check_free

    from .findings import examine

    if report is not None:
        check_free(report, force=force)
    findings: list[Finding] = []
    for finding in examine():
        findings.append(finding)
        if as_json:
            say(json.dumps({"type": "finding", **finding._asdict()}))
        else:
            say(f"{_SIGNS[finding.level]} {finding.code}: {shown(finding.message)}")
            if finding.fix:
                say(f"        {translated('Fix')}: {shown(finding.fix)}")
    errors = sum(finding.level == "error" for finding in findings)
    if report is not None:
        from .report import write_report

        parts = write_report(report, findings, force=force)
        if not as_json:
            say(translated(f"{report} contains {', '.join(parts)}. Check its contents before you send it."))
    if as_json:
        written = {} if report is None else {"files": [str(report)]}
        say(json.dumps({"type": "result", "errors": errors, **written}))
    elif not errors:
        say(translated("No errors found."))
    return 1 if errors else 0
