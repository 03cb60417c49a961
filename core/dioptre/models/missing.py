"""The error of a network that users can add but have not added.

Importing this module does not import JAX.
"""

from __future__ import annotations

from dioptre.checkpoints.card import WeightsError
from dioptre_link.language import Message

from .registry import Entry


class NetworkMissingError(WeightsError):
    """A network that users can add is not installed.

    The hint names a command. For networks that can be downloaded, the worker replaces it for editors.

    Attributes:
        can_be_fetched: whether the network can be downloaded.
    """

    code = "network-missing"

    def __init__(self, entry: Entry) -> None:
        super().__init__("The network “{title}” is not installed.", hint=how_to_add(entry), title=entry.title)
        self.can_be_fetched = bool(entry.package)


def how_to_add(entry: Entry) -> Message:
    """Return the sentence that tells users how to add a network."""
    return Message("Add it with: dioptre models add {network}", network=entry.id)
