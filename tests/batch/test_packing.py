"""A worker's answer is either an outcome or a clear error."""

from __future__ import annotations

import json
import struct
from random import Random

import pytest

from dioptre.batch.many import BadOutcomeError, packed, unpacked
from dioptre.batch.work import Failed, Made
from tests.faults.trials import mutated

MADE = Made(
    files={"a-portrait.jpg": b"picture", "a-portrait.json": b"{}"},
    before=b"before",
    after=b"",
    models={"depth": "0" * 64},
    values={"temperature_k": 5000.0},
    messages=("One.",),
)


@pytest.mark.parametrize("outcome", [MADE, Failed(code="a", message="b", hint="c")])
def test_outcomes_come_back(outcome: Made | Failed) -> None:
    assert unpacked(packed(outcome)) == outcome


def test_damaged_answers_are_refused_or_of_the_right_kind() -> None:
    whole = packed(MADE)
    for number in range(300):
        try:
            outcome = unpacked(mutated(whole, Random(number)))
        except BadOutcomeError:
            continue
        assert isinstance(outcome, Made | Failed)


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "a/b.jpg", "..", "", ".ssh", "C:\\a", "a\\b", "a\0b"])
def test_results_lie_where_the_batch_puts_them(name: str) -> None:
    content = {"files": [name], "models": {}, "values": {}, "messages": [], "sizes": [0, 0, 0]}
    head = json.dumps(content).encode()
    with pytest.raises(BadOutcomeError):
        unpacked(struct.pack(">Q", len(head)) + head)


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\0" * 8, struct.pack(">Q", 200_000) + b"[" * 200_000])
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(BadOutcomeError):
        unpacked(data)
