"""The numbers of trials by kind, after the tests."""

from __future__ import annotations

import pytest

from .trials import SEED, TRIED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried and how it ended: the long run's table."""
    if not TRIED:
        return
    terminalreporter.section(f"faults tried, seed {SEED}")
    for (fault, where, outcome), times in sorted((+TRIED).items()):
        terminalreporter.write_line(f"{times:7} {fault}, {where}: {outcome}")
