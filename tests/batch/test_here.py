"""The processes of this machine that a batch hands its pictures to."""

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
    assert caplog.text == ""  # a callback that raises is logged, to the screen where nothing is set up
