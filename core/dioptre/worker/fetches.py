"""List networks and download those that are not installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dioptre.models.registry import is_installed, networks

from . import libraries


def listed() -> list[dict[str, Any]]:
    """Return all networks in the format of the message `networks`; works before NumPy is loaded."""
    return [asdict(network) for network in networks()]


def fetch(network_id: str, progress: Callable[[float, str], None]) -> None:
    """Download, check and install a network; do nothing if it is installed already.

    Raises:
        UsageError: the network cannot be downloaded.
        FetchError: the download failed.
        Cancelled: `progress` raised it.
    """
    progress(0.0, "Connecting")
    libraries.load()
    from dioptre.models.adding import add_by_name, fetchable

    entry = fetchable(network_id)
    if not is_installed(entry):
        add_by_name(entry, progress=progress)
