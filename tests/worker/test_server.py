"""No client message can crash the server, hang it or make its memory grow."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dioptre.worker import server
from dioptre_link import wire
from dioptre_link.client import _connect
from dioptre_link.errors import DioptreError
from dioptre_link.start import Rendezvous

ENOUGH_S = 60.0
PIXELS = {
    "file": "c1.raw",
    "width": 2,
    "height": 2,
    "dtype": "u8",
    "channels": 4,
    "order": "rgb",
    "encoding": "srgb",
}
MESSAGES = (
    {"type": "hello", "protocol": wire.PROTOCOL, "token": "t", "client": "again"},
    {"type": "share", "nonce": "n", "answer_file": "answer", "answer": "a"},
    {"type": "store", "name": "photo", "input": "picture", "pixels": PIXELS},
    {"type": "store", "name": "depth", "input": "disparity", "pixels": {**PIXELS, "channels": 1, "dtype": "f32"}},
    {"type": "forget", "name": "photo"},
    {"type": "submit", "job": 1, "operation": "fake", "options": {}, "inputs": {"picture": PIXELS}},
    {"type": "submit", "job": 2, "operation": "fake", "options": {}, "inputs": {"picture": {"stored": "photo"}}},
    {"type": "submit", "job": 3, "operation": "nothing", "options": {}, "inputs": {}},
    {"type": "cancel", "job": 1},
    {"type": "ready", "setup": "another", "operations": ["fake"]},
    {
        "type": "follow",
        "job": 4,
        "steps": [{"operation": "fake"}],
        "inputs": {"picture": PIXELS},
        "all_layers": True,
    },
)


JOB = {"type": "submit", "job": 1, "operation": "fake", "options": {}}


class Speaker:
    """A badly behaved client."""

    def __init__(self, rendezvous: Rendezvous) -> None:
        connected = rendezvous.connect()
        assert connected is not None
        self.socket = connected
        self.socket.settimeout(ENOUGH_S)
        self.file = self.socket.makefile("rb")
        self.say({"type": "hello", "protocol": wire.PROTOCOL, "token": rendezvous.token, "client": "test"})
        self.hello = self.hear()

    def say(self, message) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.sendall(line + b"\n")

    def hear(self) -> dict:
        line = self.file.readline()
        return wire.decode(line.rstrip(b"\n"), sender="worker") if line else {"type": "closed"}

    def settle(self) -> None:
        """Begin without a common folder, which the worker permits, and write a picture to its own."""
        (Path(self.hello["folder"]) / "c1.raw").write_bytes(bytes(16))
        self.say({"type": "share", "nonce": "", "answer_file": None, "answer": ""})
        assert self.hear() == {"type": "shared", "ok": False}

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def job_succeeds(rendezvous: Rendezvous) -> bool:
    """Return whether a well-behaved client is served."""
    speaker = Speaker(rendezvous)
    speaker.settle()
    speaker.say(MESSAGES[5])
    heard = []
    while not heard or heard[-1] not in ("result", "error", "closed"):
        heard.append(speaker.hear()["type"])
    speaker.close()
    return heard[-1] == "result"


@pytest.mark.parametrize("seed", range(2))
def test_fuzzed_and_disordered_messages(serve, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send 6,000 messages per seed: valid ones in any order, and damaged ones. Each job ends exactly once."""
    monkeypatch.setattr("dioptre.worker.session.MAX_STRIKES", 10**9)
    serving = serve()
    chance = random.Random(seed)
    sent, results, refused = 0, 0, 0
    while sent < 6000:
        speaker = Speaker(serving.rendezvous)
        if chance.random() < 0.9:
            speaker.settle()
        lines = []
        for job in range(10, 10 + chance.randint(1, 400)):
            message = dict(chance.choice(MESSAGES))
            if "job" in message:
                message["job"] = chance.choice((job, job - 1))
            line = json.dumps(message).encode()
            lines.append(_damaged(line, chance) if chance.random() < 0.05 else line)
        with suppress(ConnectionError):
            speaker.say(b"\n".join(lines))
            if chance.random() < 0.8:
                speaker.socket.shutdown(socket.SHUT_WR)
                heard = _drain(speaker)
                results += heard.count("result")
                refused += heard.count("error")
        speaker.close()
        sent += len(lines)
    assert job_succeeds(serving.rendezvous)
    assert results > 20  # Enough messages are valid for the fuzzing to reach the code behind the checks.
    assert refused > 500


def _drain(speaker: Speaker) -> list[str]:
    """Return the types of all messages until the connection ends."""
    heard: list[str] = []
    ended: list[int] = []
    with suppress(ConnectionError):
        while (message := speaker.hear())["type"] != "closed":
            heard.append(message["type"])
            if message["type"] in ("result", "cancelled"):
                ended.append(message["job"])
    assert len(ended) == len(set(ended))
    return heard


def _damaged(line: bytes, chance: random.Random) -> bytes:
    data = bytearray(line)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.choice(b'{}[]",:0\xff\\\x00\n')
    return bytes(data[: chance.randint(1, len(data))]) if chance.random() < 0.3 else bytes(data)


def test_out_of_order_is_answered_in_words(serve) -> None:
    speaker = Speaker(serve().rendezvous)
    for message in (MESSAGES[0], MESSAGES[5]):
        speaker.say(message)
        answer = speaker.hear()
        assert (answer["type"], answer["code"]) == ("error", "protocol")
        assert "unexpected" in answer["message"]
    speaker.settle()
    speaker.say(MESSAGES[1])
    assert speaker.hear()["code"] == "protocol"
    speaker.close()


def test_who_talks_nonsense_too_long_is_shown_the_door(serve) -> None:
    serving = serve()
    speaker = Speaker(serving.rendezvous)
    with suppress(ConnectionError):
        for _ in range(100):
            speaker.say(b"nonsense")
    answers = 0
    with suppress(ConnectionError):
        while speaker.hear()["type"] == "error":
            answers += 1
    assert answers <= 32
    speaker.close()
    assert job_succeeds(serving.rendezvous)


def test_one_client_too_many_is_told_the_limit(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 2)
    rendezvous = serve().rendezvous
    served = [Speaker(rendezvous) for _ in range(2)]
    assert [each.hello["type"] for each in served] == ["hello", "hello"]
    with pytest.raises(DioptreError, match="already serves 2 windows") as refused:
        _connect(lambda **_: (rendezvous, rendezvous.connect()), "one too many", timeout_s=9, on_wait=None)
    assert refused.value.code == "too-many-clients"
    served[0].close()
    end = time.monotonic() + ENOUGH_S
    while (last := Speaker(rendezvous)).hello["type"] != "hello":
        last.close()
        assert time.monotonic() < end
        time.sleep(0.05)
    last.close()
    served[1].close()


def test_endless_lines_take_bounded_memory(serve) -> None:
    serving = serve()
    before = psutil.Process().memory_info().rss
    for _ in range(8):
        speaker = Speaker(serving.rendezvous)
        with suppress(ConnectionError):
            for _ in range(64):
                speaker.socket.sendall(b"x" * (1 << 20))
        speaker.close()
    assert psutil.Process().memory_info().rss - before < 64 << 20
    assert job_succeeds(serving.rendezvous)


def test_who_does_not_read_takes_bounded_memory(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress for a client that never reads is dropped instead of queued."""
    monkeypatch.setattr("dioptre.worker.session.PROGRESS_EVERY_S", 0.0)
    told = threading.Semaphore(0)

    def chatty(name, options, inputs, progress):
        while True:  # This runs until the client disconnects, which cancels the job.
            progress(0.5, "x" * 100_000)
            told.release()

    serving = serve(chatty)
    before = psutil.Process().memory_info().rss
    speaker = Speaker(serving.rendezvous)
    speaker.settle()
    speaker.say(MESSAGES[5])
    for _ in range(2_000):  # 200 MB if everything were stored.
        assert told.acquire(timeout=ENOUGH_S)
    assert psutil.Process().memory_info().rss - before < 32 << 20
    speaker.close()


def listening() -> list[tuple[str, int]]:
    every = psutil.Process().net_connections("tcp")
    return [(each.laddr.ip, each.laddr.port) for each in every if each.status == psutil.CONN_LISTEN]


def test_only_this_machine_is_listened_to(serve) -> None:
    serving = serve(on_port=True)
    assert listening() == [("127.0.0.1", serving.rendezvous.port)]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_no_port_is_open_where_there_is_a_socket(serve) -> None:
    serving = serve()
    assert serving.rendezvous.port == 0
    assert listening() == []
    assert job_succeeds(serving.rendezvous)


def test_nothing_is_warmed_up_while_a_client_keeps_a_picture(serve) -> None:
    """The next slider of an open dialog must not wait for warm-up, which continues after the dialog has closed."""
    kept, warmed = threading.Event(), threading.Event()

    def step(progress) -> None:
        kept.wait(ENOUGH_S)
        progress(0.5, "")
        warmed.set()

    speaker = Speaker(serve(warm_up=(step,)).rendezvous)
    speaker.settle()
    speaker.say({"type": "store", "name": "photo", "input": "picture", "pixels": PIXELS})
    assert speaker.hear()["type"] == "stored"
    kept.set()
    speaker.say({**JOB, "inputs": {"picture": {"stored": "photo"}}})
    while speaker.hear()["type"] != "result":
        pass
    assert not warmed.is_set()
    speaker.close()
    assert warmed.wait(ENOUGH_S)
