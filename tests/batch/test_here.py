"""The local processes to which a batch hands its pictures."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from dioptre.batch.here import _Lane
from dioptre_link.errors import Cancelled


def test_a_task_cancelled_before_its_process_began_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    lane, inner, answer = _Lane(threads=1), Future(), Future()
    answer.set_running_or_notify_cancel()
    inner.add_done_callback(lambda done: lane._pass_on(answer, done))
    inner.cancel()
    assert isinstance(answer.exception(timeout=0), Cancelled)
    assert lane.idle
    assert caplog.text == ""  # An exception in a callback would be logged, by default to the screen.
