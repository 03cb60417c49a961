"""A silent, damaged or hostile worker causes clear errors in the client, never a hang or another exception.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
import unittest
from contextlib import suppress
from unittest import mock

from dioptre_link import client, connection, files, jobs, start, wire
from dioptre_link.client import Worker, WorkerLostError, WorkerSilentError
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat, WireError

ENOUGH_S = 60.0
U8 = PixelFormat("u8")
PIXELS = {
    "file": "w1-0.raw",
    "width": 2,
    "height": 2,
    "dtype": "u8",
    "channels": 4,
    "order": "rgb",
    "encoding": "srgb",
}
RESULT = {
    "type": "result",
    "layers": [{"name": "A", "role": "result", "visible": True, "pixels": PIXELS}],
    "values": {},
    "messages": [],
    "models": {},
}


class WithBadWorker(unittest.TestCase):
    """Base class for tests that define a worker's behaviour after its greeting. Its files are in `self.folder`."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="dioptre-bad-")
        self.addCleanup(holder.cleanup)
        environment = mock.patch.dict(os.environ, {"DIOPTRE_HOME": holder.name})
        environment.start()
        self.addCleanup(environment.stop)
        self.folder = start.private_dir(start.exchange_dir() / "f")
        (self.folder / "nonce").write_text("n", encoding="ascii")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        lock = start.worker_lock_file().open("a+b")
        self.addCleanup(lock.close)
        self.assertTrue(files.lock(lock.fileno()))
        fields = {"port": self.listener.getsockname()[1], "token": "t", "pid": 1, "protocol": wire.PROTOCOL}
        rendezvous = {**fields, "version": "0", "unix_socket": ""}
        start.rendezvous_file().write_text(json.dumps(rendezvous), encoding="utf-8")

    def serve(self, behave, *, shared: bool = True, greet: bool = True) -> Worker:
        """Return a client whose worker greets and then runs `behave(file, send)` once."""

        def serving() -> None:
            connection, _ = self.listener.accept()
            with suppress(OSError), connection, connection.makefile("rb") as file:

                def send(message) -> None:
                    line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
                    connection.sendall(line)

                file.readline()
                if greet:
                    hello = {"type": "hello", "protocol": wire.PROTOCOL, "version": "0", "pid": 1}
                    send({**hello, "folder": str(self.folder), "nonce_file": "nonce", "log": ""})
                    file.readline()
                    send({"type": "shared", "ok": shared})
                behave(file, send)

        thread = threading.Thread(target=serving, daemon=True)
        thread.start()
        worker = Worker("test")

        def finish() -> None:
            worker.close()
            thread.join(ENOUGH_S)
            self.assertFalse(thread.is_alive())

        self.addCleanup(finish)
        return worker

    def job(self, worker: Worker) -> jobs.Job:
        with worker.new_buffer(2, 2, U8) as buffer:
            buffer.write_rows(0, bytes(16))
            return worker.submit("fake", {}, {"picture": buffer})


class Silence(WithBadWorker):
    def test_no_greeting(self) -> None:
        with mock.patch.object(connection, "REPLY_TIMEOUT_S", 0.2):
            worker = self.serve(lambda file, send: file.readline(), greet=False)
            with self.assertRaises(WorkerSilentError):
                worker.connect(timeout_s=5)

    def test_no_progress(self) -> None:
        with mock.patch.object(jobs, "SILENCE_S", 0.3):
            job = self.job(self.serve(lambda file, send: file.read()))
            with self.assertRaisesRegex(WorkerSilentError, "not answered"):
                job.wait()
            self.assertTrue(job.done)

    def test_no_answer_to_store(self) -> None:
        with mock.patch.object(connection, "LOADING_TIMEOUT_S", 0.2):
            worker = self.serve(lambda file, send: file.read())
            with worker.new_buffer(2, 2, U8) as buffer, self.assertRaises(WorkerSilentError):
                worker.store("photo", "picture", buffer)

    def test_a_worker_that_loads_its_libraries_may_take_longer(self) -> None:
        def late(file, send) -> None:
            file.readline()
            time.sleep(0.6)
            send({"type": "stored", "name": "photo"})
            file.read()

        worker = self.serve(late)
        with worker.new_buffer(2, 2, U8) as buffer, mock.patch.object(connection, "REPLY_TIMEOUT_S", 0.2):
            self.assertEqual(worker.store("photo", "picture", buffer).name, "photo")


class Nonsense(WithBadWorker):
    def answered(self, *messages) -> jobs.Result:
        """Return the result of a job that is answered with `messages`; the job number is filled in."""

        def behave(file, send) -> None:
            line = file.readline()
            while b'"submit"' not in line:
                line = file.readline()
            number = json.loads(line)["job"]
            for message in messages:
                if isinstance(message, dict) and "job" in message:
                    message = {**message, "job": number if message["job"] == "own" else message["job"]}
                send(message)
            file.read()

        return self.job(self.serve(behave)).wait()

    def test_each_kind_is_refused_in_words(self) -> None:
        (self.folder / "w1-0.raw").write_bytes(b"short")
        own = {"job": "own"}
        for messages in (
            (b"nonsense\n",),
            (b"x" * (wire.MAX_MESSAGE_BYTES + 10),),
            ({"type": "result"},),
            ({**RESULT, "job": 999},),
            ({**RESULT, **own, "layers": [{"name": "A"}]},),
            ({"type": "submit", **own},),
        ):
            with self.subTest(messages=str(messages)[:60]), self.assertRaises(WireError):
                self.answered(*messages)

    def test_results_that_are_not_there(self) -> None:
        own = {"job": "own"}
        with self.assertRaisesRegex(DioptreError, "cannot be used"):
            self.answered({**RESULT, **own})
        (self.folder / "w1-0.raw").write_bytes(b"short")
        with self.assertRaisesRegex(DioptreError, "5 bytes"):
            self.answered({**RESULT, **own})

    @unittest.skipIf(sys.platform == "win32", "symbolic links need a privilege there")
    def test_links_in_the_folder_are_not_followed(self) -> None:
        secret = self.folder.parent / "secret"
        secret.write_bytes(bytes(16))
        (self.folder / "w1-0.raw").symlink_to(secret)
        with self.assertRaises(DioptreError):
            self.answered({**RESULT, "job": "own"})
        self.assertTrue(secret.exists())

    def test_a_folder_that_is_not_shared_is_named(self) -> None:
        worker = self.serve(lambda file, send: file.read(), shared=False)
        with self.assertRaisesRegex(DioptreError, "cannot write to Dioptre's folder"):
            worker.connect()
        (self.folder / "nonce").unlink()
        worker = self.serve(lambda file, send: file.read())
        with self.assertRaisesRegex(DioptreError, "cannot write to Dioptre's folder"):
            worker.connect()

    def test_fuzz(self) -> None:
        chance = random.Random(3)
        valid = [
            {"type": "progress", "job": 2, "fraction": 0.5, "phase": "x"},
            {"type": "shared", "ok": True},
            {"type": "stored", "name": "photo"},
            {"type": "cancelled", "job": 2, "reason": ""},
            {"type": "error", "job": 2, "code": "x", "message": "m", "hint": "h"},
            {**RESULT, "job": 2},
        ]
        for _ in range(150):
            lines = []
            for _ in range(chance.randint(1, 20)):
                line = bytearray(json.dumps(chance.choice(valid[:1] * 5 + valid)).encode())
                if chance.random() < 0.3:
                    line[chance.randrange(len(line))] = chance.randrange(256)
                lines.append(bytes(line) + b"\n")
            with self.assertRaises(DioptreError):
                self.answered(b"".join(lines), b"end\n")


class Ending(WithBadWorker):
    def test_it_ends_at_once_each_time(self) -> None:
        def accept_and_close() -> None:
            with suppress(OSError):
                while True:
                    self.listener.accept()[0].close()

        threading.Thread(target=accept_and_close, daemon=True).start()
        with mock.patch.object(client, "ENDING_S", 0.3), self.assertRaises(WorkerLostError):
            Worker("test").connect()
        with suppress(OSError):  # Windows refuses it for a socket that only listens.
            self.listener.shutdown(socket.SHUT_RDWR)
