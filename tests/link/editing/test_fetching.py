"""The Download button: the offer to download the chosen network, and how it changes during the download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.client import Progress, Result
from dioptre_link.editing import fetching
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image, Shown, Step
from dioptre_link.editing.state import Phase
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.networks import Network

ENLARGE = OPERATIONS["super_resolution"]
PHOTOS = Network(
    id="realesrgan-x4plus",
    title="Real-ESRGAN",
    kind="super-resolution",
    installed=False,
    download_bytes=43_400_000,
    licence="BSD-3-Clause",
    licence_doubts="The pictures' licences are unknown.",
)
HERE = (replace(PHOTOS, installed=True),)
PICTURE = Image(width=1, height=1, channels=1, data=b"\0")


def chosen(network: Network = PHOTOS) -> states.State:
    """Return the state after a preview was shown and the user chose a network that is not installed."""
    state = states.listed(states.arrived(states.reading(states.opened(ENLARGE)), Shown(after=PICTURE)), (network,))
    assert fetching.offer_of(state) is None
    return states.changed(state, "model", network.id)


@pytest.mark.parametrize(("networks", "phase"), [((PHOTOS,), Phase.MISSING), (HERE, Phase.WAITING)])
def test_a_layer_that_has_been_read_waits_for_its_network_alone(
    networks: tuple[Network, ...], phase: Phase
) -> None:
    opened = states.opened(ENLARGE, {"model": PHOTOS.id})
    state = states.read(states.listed(states.reading(opened), networks))
    assert (state.phase, state.fraction) == (phase, 0.0)


def test_a_missing_network_is_offered_with_size_and_licence() -> None:
    state = chosen()
    offer = fetching.offer_of(state)
    assert offer == fetching.Offer(
        network=PHOTOS,
        parameter="model",
        button="Download (43 MB)",
        words="Licence: BSD-3-Clause",
        doubts=PHOTOS.licence_doubts,
    )
    assert (state.phase, state.can_make, state.busy, state.out_of_date) == (Phase.MISSING, False, False, True)
    assert fetching.needs(state) == "“Restore photos (Real-ESRGAN ×4+)” is not installed"


def test_a_network_that_refines_is_offered_with_its_cost_and_then_used() -> None:
    finer = replace(PHOTOS, id="is-net", kind="subject", licence="Apache-2.0", licence_doubts="")
    state = states.listed(states.opened(OPERATIONS["portrait"]), (finer,))
    state = states.arrived(states.reading(state), Shown(after=PICTURE))
    offer = fetching.offer_of(state)
    assert offer is not None
    assert (offer.parameter, offer.button) == ("not_subject", "Download (43 MB)")
    assert "3 s longer" in offer.words
    assert (state.phase, state.can_make, state.out_of_date) == (Phase.READY, True, False)  # nothing waits for it
    state = fetching.stepped(fetching.began(state, finer), Step(fraction=0.5, phase="Downloading"))
    assert fetching.failed(state, Cancelled()).phase is Phase.READY
    state = fetching.fetched(state, (replace(finer, installed=True),))
    assert state.phase is Phase.WAITING
    assert fetching.offer_of(state) is None


def test_nothing_is_offered_where_all_is_here_or_nothing_is_known() -> None:
    for networks in (HERE, ()):
        state = states.changed(states.listed(states.reading(states.opened(ENLARGE)), networks), "model", PHOTOS.id)
        assert fetching.offer_of(state) is None
        assert fetching.needs(state) is None
        assert state.can_make


def test_another_choice_takes_the_offer_away() -> None:
    state = states.changed(chosen(), "model", "default")
    assert fetching.offer_of(state) is None
    assert (state.phase, state.can_make) == (Phase.WAITING, True)


def test_the_list_may_come_while_the_preview_is_awaited() -> None:
    state = states.arrived(states.reading(states.opened(ENLARGE)), Shown(after=PICTURE))
    state = states.changed(state, "model", PHOTOS.id)
    assert state.phase is Phase.WAITING
    state = states.listed(state, (PHOTOS,))
    assert state.phase is Phase.MISSING
    # The preview belongs to the earlier options.
    assert states.arrived(state, Shown(after=PICTURE)).phase is Phase.MISSING
    assert states.listed(state, HERE).phase is Phase.WAITING  # Another program has installed the network.


def test_a_download_shows_its_progress_and_ends_in_a_preview() -> None:
    state = fetching.began(chosen(), PHOTOS)
    state = fetching.stepped(state, Step(fraction=0.5, phase="Downloading: 21 of 43 MB"))
    offer = fetching.offer_of(state)
    assert offer is not None
    assert (offer.button, offer.words, offer.fraction) == ("", "Downloading: 21 of 43 MB", 0.5)
    assert not state.can_make
    elsewhere = fetching.offer_of(states.changed(state, "model", "default"))
    assert elsewhere is not None
    assert elsewhere.fraction == 0.5
    state = fetching.fetched(state, HERE)
    assert fetching.offer_of(state) is None
    assert (state.phase, state.can_make) == (Phase.WAITING, True)


def test_a_failed_download_says_why_and_can_be_tried_again() -> None:
    began = fetching.began(chosen(), PHOTOS)
    state = fetching.failed(began, DioptreError("There is no connection.", hint="Try again."))
    offer = fetching.offer_of(state)
    assert offer is not None
    assert (offer.button, offer.words, offer.hint, offer.fraction) == (
        "Download (43 MB)",
        "There is no connection.",
        "Try again.",
        None,
    )
    assert fetching.stepped(state, Step(fraction=0.9, phase="late")) == state
    assert fetching.offer_of(fetching.failed(began, Cancelled())) == fetching.offer_of(chosen())


def test_a_network_that_nobody_publishes_has_no_button() -> None:
    offer = fetching.offer_of(chosen(replace(PHOTOS, download_bytes=0)))
    assert offer is not None
    assert (offer.button, offer.fraction) == ("", None)
    assert "cannot be downloaded" in offer.words
    assert offer.hint


def test_another_operation_knows_the_networks_and_shows_no_offer() -> None:
    state = fetching.carried(states.opened(OPERATIONS["portrait"]), fetching.began(chosen(), PHOTOS))
    assert fetching.offer_of(state) is None
    on_canvas = states.showed_on_canvas(state, on=True)
    assert fetching.carried(states.opened(ENLARGE), on_canvas).on_canvas
    back = fetching.offer_of(fetching.carried(states.opened(ENLARGE), state))
    assert back is not None
    assert back.fraction == 0.0


class PretendedJob:
    """A fake download whose `poll` returns `events` in order."""

    def __init__(self, events: list[Any]) -> None:
        self.events: Iterator[Any] = iter(events)
        self.cancelled = False

    def poll(self, _timeout_s: float) -> Any:
        return next(self.events)

    def cancel(self) -> None:
        self.cancelled = True


class PretendedWorker:
    def __init__(self, job: PretendedJob) -> None:
        self.job, self.fetched = job, ""

    def fetch_network(self, network_id: str) -> PretendedJob:
        self.fetched = network_id
        return self.job

    def networks(self) -> tuple[Network, ...]:
        return HERE


def test_the_steps_end_with_the_new_list() -> None:
    worker = PretendedWorker(PretendedJob([Progress(0.5, "Downloading: 21 of 43 MB"), Result((), {}, (), {})]))
    steps = fetching.fetch(worker, PHOTOS)  # type: ignore[arg-type]
    assert next(steps) == Step(fraction=0.5, phase="Downloading: 21 of 43 MB", waiting=True)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert (end.value.value, worker.fetched) == (HERE, PHOTOS.id)


def test_closing_the_steps_cancels_the_download() -> None:
    worker = PretendedWorker(PretendedJob([None]))
    steps = fetching.fetch(worker, PHOTOS)  # type: ignore[arg-type]
    next(steps)
    steps.close()
    assert worker.job.cancelled
