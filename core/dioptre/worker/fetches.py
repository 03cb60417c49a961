"""Networks that are not installed: what there is, and downloading one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dioptre.models.listing import networks
from dioptre.models.registry import is_installed

from . import libraries


def listed() -> list[dict[str, Any]]:
    """Every network, as the message `networks` has it. Needs no NumPy: it answers at once after a start."""
    return [asdict(network) for network in networks()]


def fetch(network_id: str, progress: Callable[[float, str], None]) -> None:
    """Download, check and install a network; harmless when it is here already.

    Raises UsageError for a network that cannot be downloaded, FetchError, and what `progress` raises.
    """
    progress(0.0, "Connecting")
    libraries.load()
    from dioptre.models.adding import add_by_name, fetchable

    entry = fetchable(network_id)
    if not is_installed(entry):
        add_by_name(entry, progress=progress)
