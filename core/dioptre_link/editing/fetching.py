"""*Download (43 MB)*: what a dialog offers while a choice names a network that is not installed.

    store.set(states.listed(store.state, worker.networks()))    # short; not from the editor's own thread
    offer = fetching.offer_of(store.state)                      # None: nothing to show beside the choice
    if offer is not None and offer.fraction is None:
        show(offer.button, offer.words)                         # the button starts the download:
    steps = fetching.fetch(worker, network)                     # Steps, with `fetching.began`, `stepped`, `failed`
    store.set(fetching.fetched(store.state, networks))          # phase WAITING again: ask for a preview

The state refuses OK (`can_make`) and marks the preview (`Phase.MISSING`) meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..client import Worker
from ..errors import Cancelled, DioptreError
from ..language import Message
from ..networks import Network
from ..operation import Kind, Operation, Parameter
from . import state as states
from .events import Step, Steps, follow
from .state import Fetch, State


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What to show below a choice. All texts are English, or templates.

    network: to fetch when the button is pressed. parameter: the option whose choice names it. button: the button's
    text, "" for none. words: the licence, the step of the download, or why it failed. hint: what to do then.
    doubts: what is not settled about the licence. fraction: of the download; None while there is none, else show a
    bar and Cancel.
    """

    network: Network
    parameter: str
    button: str = ""
    words: str = ""
    hint: str = ""
    doubts: str = ""
    fraction: float | None = None


def offer_of(state: State) -> Offer | None:
    """What to offer for the options as they are; a download under way is shown whatever is chosen meanwhile."""
    fetch = state.fetch
    network = fetch.network if fetch is not None and fetch.running else state.missing
    if network is None or (parameter := _parameter_of(state.operation, network)) is None:
        return None
    if fetch is not None and fetch.running:
        return Offer(network=network, parameter=parameter.name, words=fetch.phase, fraction=fetch.fraction)
    title = Message(parameter.shown_choice(network.id))
    if not network.can_be_fetched:
        return Offer(
            network=network,
            parameter=parameter.name,
            words=Message("“{network}” is not installed and cannot be downloaded.", network=title),
            hint="Choose another one.",
        )
    tried = fetch if fetch is not None and fetch.network.id == network.id else None
    return Offer(
        network=network,
        parameter=parameter.name,
        button=Message("Download ({size} MB)", size=network.download_mb),
        words=tried.message if tried else Message("Licence: {licence}", licence=network.licence),
        hint=tried.hint if tried else "",
        doubts=network.licence_doubts,
    )


def needs(state: State) -> Message | None:
    """Why there is no preview, for a sign over it; None where no network is missing."""
    network = state.missing
    parameter = None if network is None else _parameter_of(state.operation, network)
    if network is None or parameter is None:
        return None
    return Message("“{network}” is not installed", network=Message(parameter.shown_choice(network.id)))


def fetch(worker: Worker, network: Network, *, poll_s: float = 0.0) -> Steps[tuple[Network, ...]]:
    """Download and install a network; returns the list of all. Closing the steps cancels the download.

    Raises what the download fails with. Only call it when the user pressed the button: it opens an internet
    connection.
    """
    yield from follow(worker.fetch_network(network.id), poll_s=poll_s)
    return worker.networks()


def began(state: State, network: Network) -> State:
    """The user pressed the button."""
    return replace(state, fetch=Fetch(network=network))


def stepped(state: State, step: Step) -> State:
    """The download is under way."""
    if state.fetch is None or not state.fetch.running:
        return state
    return replace(state, fetch=replace(state.fetch, fraction=step.fraction, phase=step.phase))


def fetched(state: State, networks: tuple[Network, ...]) -> State:
    """The network is installed."""
    return states.listed(replace(state, fetch=None), networks)


def failed(state: State, error: DioptreError) -> State:
    """The download ended without the network; after a cancel the offer stands as before."""
    if state.fetch is None or isinstance(error, Cancelled):
        return replace(state, fetch=None)
    return replace(state, fetch=replace(state.fetch, message=error.message, hint=error.hint))


def carried(state: State, earlier: State) -> State:
    """The state of another operation in the same dialog, with what is known of networks."""
    return states.listed(replace(state, fetch=earlier.fetch), earlier.networks)


def _parameter_of(operation: Operation, network: Network) -> Parameter | None:
    choices = (one for one in operation.parameters if one.kind is Kind.CHOICE)
    return next((one for one in choices if network.id in one.choices), None)
