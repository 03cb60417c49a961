"""Prints the number of trials, by kind, after the tests, and makes what a trial logged printable."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .trials import SEED, TRIED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of trials and outcomes."""
    if not TRIED:
        return
    terminalreporter.section(f"faults tried, seed {SEED}")
    for (fault, where, outcome), times in sorted((+TRIED).items()):
        terminalreporter.write_line(f"{times:7} {fault}, {where}: {outcome}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates of hostile inputs in captured logs, which xdist cannot send as they are."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report
