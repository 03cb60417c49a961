"""The list of networks as shown in an editor: which ones are installed, and the download sizes of the others.

    for network in worker.networks():               # a short request; not on the editor's main thread
        if network.can_be_fetched:                  # offer "Download (43 MB)" along with network.licence
            job = worker.fetch_network(network.id)  # a Job: poll it, show its Progress, cancel it
            job.wait()                              # a Result without layers; the network is ready for use

A network is selected by an option that lists it among its choices; `missing_network` returns a selected network
that is not installed. A network that refines an option is used as soon as it is installed; `refining_network`
returns one that can be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .operation import Kind, Operation

_MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network known to the worker.

    Attributes:
        id: identifier, as in the choices of options.
        title: name for the user.
        kind: what the network does, such as "super-resolution".
        installed: whether it is ready for use.
        download_bytes: size of the download; 0 if the network cannot be downloaded.
        licence: SPDX name of the licence of its weights.
        licence_doubts: sentences about unresolved questions of the licence.
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
        """Whether the network is missing but can be downloaded."""
        return not self.installed and self.download_bytes > 0

    @property
    def download_mb(self) -> int:
        """Size of the download in whole megabytes, as shown on a button."""
        return max(1, round(self.download_bytes / _MB)) if self.download_bytes else 0


def missing_network(
    networks: Iterable[Network], operation: Operation, options: Mapping[str, Any]
) -> Network | None:
    """Return the network that is selected in `options` but not installed; None if nothing is missing."""
    missing = {network.id: network for network in networks if not network.installed}
    chosen = (options.get(one.name) for one in operation.parameters if one.kind is Kind.CHOICE)
    return next((missing[choice] for choice in chosen if choice in missing), None)


def refining_network(networks: Iterable[Network], operation: Operation) -> Network | None:
    """Return the network that would refine the operation's results if it were added; None if there is none."""
    refining = {one.refined_by for one in operation.parameters}
    return next((one for one in networks if one.id in refining and one.can_be_fetched), None)
