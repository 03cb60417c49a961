"""Prints the number of trials, by kind, after the tests."""

from __future__ import annotations

import pytest

from .trials import SEED, TRIED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of trials and outcomes."""
    if not TRIED:
        return
    terminalreporter.section(f"faults tried, seed {SEED}")
    for (fault, where, outcome), times in sorted((+TRIED).items()):
        terminalreporter.write_line(f"{times:7} {fault}, {where}: {outcome}")
