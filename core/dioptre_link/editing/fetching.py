"""The offer to download a network that is selected in a dialog but not installed, or that would refine a result.

    store.set(states.listed(store.state, worker.networks()))    # a short request; not on the editor's main thread
    offer = fetching.offer_of(store.state)                      # None: nothing to show next to the choice
    if offer is not None and offer.fraction is None:
        show(offer.button, offer.words)                         # the button starts the download:
    steps = fetching.fetch(worker, network)                     # Steps, with `fetching.began`, `stepped`, `failed`
    store.set(fetching.fetched(store.state, networks))          # phase WAITING again: request a preview

Until a selected network is installed, the state disables OK (`can_make`) and marks the preview (`Phase.MISSING`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..client import Worker
from ..errors import Cancelled, DioptreError
from ..language import Message
from ..networks import Network, refining_network
from ..operation import Operation, Parameter
from . import state as states
from .events import Step, Steps, follow
from .state import Fetch, Phase, State


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The offer to show below a choice. All texts are in English; some are templates.

    Attributes:
        network: the network that the button downloads.
        parameter: the option whose choice names the network, or which the network refines.
        button: text of the button; "" for no button.
        words: what the network brings and costs, and its licence; or the current phase of the download, or the
            reason why it failed.
        hint: what the user can do if it failed.
        doubts: unresolved questions about the licence.
        fraction: progress of the download, shown as a bar with a Cancel button; None if there is no download.
    """

    network: Network
    parameter: str
    button: str = ""
    words: str = ""
    hint: str = ""
    doubts: str = ""
    fraction: float | None = None


def offer_of(state: State) -> Offer | None:
    """Return the offer for the current options; a running download is shown regardless of the current choice."""
    fetch = state.fetch
    missing = state.missing or refining_network(state.networks, state.operation)
    network = fetch.network if fetch is not None and fetch.running else missing
    if network is None or (parameter := _parameter_of(state.operation, network)) is None:
        return None
    offer = Offer(network=network, parameter=parameter.name)
    if fetch is not None and fetch.running:
        return replace(offer, words=fetch.phase, fraction=fetch.fraction)
    if not network.can_be_fetched:
        title = Message(parameter.shown_choice(network.id))
        words = Message("“{network}” is not installed and cannot be downloaded.", network=title)
        return replace(offer, words=words, hint=Message("Choose another network."))
    tried = fetch if fetch is not None and fetch.network.id == network.id else None
    words = Message("Licence: {licence}", licence=network.licence)
    if parameter.refined_by:
        words = Message(
            "Optional network for finer outlines of hair and thin things; a new photo takes about 3 s longer. "
            "Licence: {licence}",
            licence=network.licence,
        )
    return replace(
        offer,
        button=Message("Download ({size} MB)", size=network.download_mb),
        words=tried.message if tried else words,
        hint=tried.hint if tried else "",
        doubts=network.licence_doubts,
    )


def needs(state: State) -> Message | None:
    """Return the text to display in place of the preview if a network is missing, else None."""
    network = state.missing
    parameter = None if network is None else _parameter_of(state.operation, network)
    if network is None or parameter is None:
        return None
    return Message("“{network}” is not installed", network=Message(parameter.shown_choice(network.id)))


def fetch(worker: Worker, network: Network, *, poll_s: float = 0.0) -> Steps[tuple[Network, ...]]:
    """Download and install a network, and return the updated list of networks.

    Closing the generator cancels the download. Call this only when the user has pressed the button: it opens an
    internet connection.

    Raises:
        DioptreError: the download failed.
    """
    yield from follow(worker.fetch_network(network.id), poll_s=poll_s)
    return worker.networks()


def began(state: State, network: Network) -> State:
    """Start a download: the user pressed the button."""
    return replace(state, fetch=Fetch(network=network))


def stepped(state: State, step: Step) -> State:
    """Record the progress of the download."""
    if state.fetch is None or not state.fetch.running:
        return state
    return replace(state, fetch=replace(state.fetch, fraction=step.fraction, phase=step.phase))


def fetched(state: State, networks: tuple[Network, ...]) -> State:
    """End the download: the network is installed. The preview is computed again if the network refines it."""
    refined = state.fetch is not None and state.fetch.network == refining_network(state.networks, state.operation)
    phase = Phase.WAITING if refined and state.phase is Phase.READY else state.phase
    return states.listed(replace(state, fetch=None, phase=phase), networks)


def failed(state: State, error: DioptreError) -> State:
    """Record why the download failed; after a cancellation, show the original offer again."""
    if state.fetch is None or isinstance(error, Cancelled):
        return replace(state, fetch=None)
    return replace(state, fetch=replace(state.fetch, message=error.message, hint=error.hint))


def carried(state: State, earlier: State) -> State:
    """Carry the known networks, a running download and the canvas's switch over to another operation's state."""
    kept = replace(state, fetch=earlier.fetch, on_canvas=earlier.on_canvas)
    return states.listed(kept, earlier.networks)


def _parameter_of(operation: Operation, network: Network) -> Parameter | None:
    named = (one for one in operation.parameters if network.id in (*one.choices, one.refined_by))
    return next(named, None)
