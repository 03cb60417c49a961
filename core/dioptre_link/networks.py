"""The networks that the worker knows, as an editor shows them: which are installed, and what fetching one takes.

    for network in worker.networks():               # a short request; not from the editor's own thread
        if network.can_be_fetched:                  # offer "Download (43 MB)" with network.licence beside it
            job = worker.fetch_network(network.id)  # a Job: poll it, show its Progress, cancel it
            job.wait()                              # a Result without layers; the network can be used at once

A network belongs to an option whose choices name it: `missing_network` finds the one that a choice needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .operation import Kind, Operation

_MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network.

    kind: what it does, e.g. "super-resolution". installed: whether it can be used now. download_bytes: what
    fetching it transfers; 0 for a network that cannot be fetched. licence: of its weights, an SPDX name.
    licence_doubts: what is not settled about it, in sentences.
    """

    id: str
    title: str
    kind: str
    installed: bool
    download_bytes: int
    licence: str
    licence_doubts: str

    @property
    def can_be_fetched(self) -> bool:
        return not self.installed and self.download_bytes > 0

    @property
    def download_mb(self) -> int:
        """Whole megabytes, as a button names them."""
        return max(1, round(self.download_bytes / _MB)) if self.download_bytes else 0


def missing_network(
    networks: Iterable[Network], operation: Operation, options: Mapping[str, Any]
) -> Network | None:
    """The network that a choice in `options` names and that is not installed; None where all are here."""
    missing = {network.id: network for network in networks if not network.installed}
    chosen = (options.get(one.name) for one in operation.parameters if one.kind is Kind.CHOICE)
    return next((missing[choice] for choice in chosen if choice in missing), None)
