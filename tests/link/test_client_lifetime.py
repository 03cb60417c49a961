"""A client and a real worker process: starting, stopping, crashes, versions, and clients without the token.

Uses only unittest, so that a bare Python 3.10 can run it, too: see `worker_home`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from dioptre_link import client, start, wire
from dioptre_link.client import Progress, VersionError, Worker, WorkerLostError
from dioptre_link.errors import Cancelled
from dioptre_link.start import WorkerMissingError

from .worker_home import ENOUGH_S, PYTHON, WIDTH, Home, filled, picture_bytes, stop_worker, wait_until

KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL  # On Windows, SIGTERM ends a process at once.


class Lifetime(Home):
    def tearDown(self) -> None:
        stop_worker()

    @unittest.skipIf(sys.platform == "win32", "POSIX permissions")
    def test_private_files(self) -> None:
        worker = self.worker()
        worker.connect()
        self.assertEqual(start.rendezvous_file().stat().st_mode & 0o777, 0o600)
        with filled(worker, picture_bytes()) as picture:
            for folder in (start.meeting_dir(), start.exchange_dir(), picture.path.parent):
                self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
            self.assertEqual(picture.path.stat().st_mode & 0o777, 0o600)
            self.assertEqual(start.log_file().stat().st_mode & 0o777, 0o600)

    def test_a_killed_worker_is_told_and_the_next_job_starts_another(self) -> None:
        worker = self.worker()
        picture = filled(worker, picture_bytes())
        job = worker.submit("fake", {"seconds": 60}, {"picture": picture})
        wait_until(lambda: isinstance(job.poll(), Progress))
        stored = worker.store("photo", "picture", picture)
        old = start.Rendezvous.read()
        os.kill(old.pid, KILL)
        with self.assertRaisesRegex(WorkerLostError, "stopped unexpectedly") as caught:
            job.wait()
        self.assertIn(str(start.log_file()), caught.exception.hint)
        with self.assertRaises(WorkerLostError):
            worker.submit("fake", {}, {"picture": picture})
        with self.assertRaises(WorkerLostError):
            worker.submit("fake", {}, {"picture": stored})
        picture.delete()
        with filled(worker, picture_bytes()) as again:
            worker.submit("fake", {}, {"picture": again}).wait().delete()
        self.assertNotEqual(start.Rendezvous.read().pid, old.pid)

    def test_a_crash_inside_a_job(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture, self.assertRaises(WorkerLostError):
            worker.submit("fake", {"mode": "exit"}, {"picture": picture}).wait()
        with filled(worker, picture_bytes()) as picture:
            worker.submit("fake", {}, {"picture": picture}).wait().delete()

    def test_clients_starting_at_once_get_one_worker(self) -> None:
        def started() -> int:
            log = start.log_file()
            return log.read_text(encoding="utf-8").count("lifetime: Worker 0") if log.exists() else 0

        before = started()
        workers = [self.worker() for _ in range(6)]
        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(Worker.connect, workers))
        self.assertEqual(started(), before + 1)

    def test_idle_stop_leaves_nothing_and_a_new_one_starts(self) -> None:
        worker = self.worker(idle_s=0.3)
        with filled(worker, picture_bytes()) as picture:
            worker.submit("fake", {}, {"picture": picture}).wait().delete()
        wait_until(lambda: not start.is_running())
        self.assertFalse(start.rendezvous_file().exists())
        self.assertEqual(list(start.exchange_dir().iterdir()), [])
        with filled(worker, picture_bytes()) as picture:
            worker.submit("fake", {}, {"picture": picture}).wait().delete()

    def test_a_long_job_is_not_idle(self) -> None:
        worker = self.worker(idle_s=0.2)
        with filled(worker, picture_bytes()) as picture:
            first = start.Rendezvous.read().pid
            result = worker.submit("fake", {"seconds": 1.5}, {"picture": picture}).wait()
            self.assertEqual(result.layers[0].buffer.pixels.width, WIDTH)
            self.assertEqual(start.Rendezvous.read().pid, first)
            result.delete()

    def test_shut_down_when_idle_lets_jobs_end(self) -> None:
        worker, other = self.worker(), self.worker()
        with filled(worker, picture_bytes()) as picture:
            job = worker.submit("fake", {"seconds": 1.0}, {"picture": picture})
            other.connect()
            other.shut_down(when_idle=True)
            result = job.wait()
            self.assertEqual(result.messages, ("Done.",))
            result.delete()
        worker.close()
        wait_until(lambda: not start.is_running())
        self.assertFalse(start.rendezvous_file().exists())

    def test_a_stale_rendezvous_file_is_no_obstacle(self) -> None:
        worker = self.worker()
        worker.connect()
        old = start.rendezvous_file().read_text(encoding="utf-8")
        worker.shut_down()
        wait_until(lambda: not start.is_running())
        with socket.create_server(("127.0.0.1", 0)) as somebody_else:
            fields = {**json.loads(old), "port": somebody_else.getsockname()[1]}
            for stale in (old, json.dumps(fields), "", "{}", "[1]", old.replace('"port": ', '"port": -')):
                start.rendezvous_file().write_text(stale, encoding="utf-8")
                self.assertFalse(start.is_running())
                with self.assertRaises(WorkerMissingError):
                    worker.connect(may_start=False)
            worker.connect()

    def test_without_an_environment_it_says_so(self) -> None:
        with self.assertRaisesRegex(WorkerMissingError, "not installed"):
            Worker("test").connect()
        with self.assertRaisesRegex(WorkerMissingError, "could not be started"):
            Worker("test", command=[str(self.home / "no-python")]).connect()
        failing = [PYTHON, "-c", "raise SystemExit('No module named dioptre')"]
        with self.assertRaisesRegex(WorkerMissingError, "stopped while starting") as caught:
            Worker("test", command=failing).connect()
        self.assertIn("No module named dioptre", caught.exception.hint)
        sleeping = [PYTHON, "-c", "import time; time.sleep(5)"]
        with self.assertRaisesRegex(WorkerMissingError, "did not start within"):
            Worker("test", command=sleeping).connect(timeout_s=0.3)

    def test_waiting_for_the_start_can_be_given_up(self) -> None:
        def give_up() -> None:
            raise Cancelled

        sleeping = [PYTHON, "-c", "import time; time.sleep(5)"]
        with self.assertRaises(Cancelled):
            Worker("test", command=sleeping).connect(on_wait=give_up)

    def test_the_editors_environment_does_not_get_in(self) -> None:
        hostile = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "LD_LIBRARY_PATH": "/nowhere", "LC_ALL": "C"}
        with mock.patch.dict(os.environ, hostile):
            clean = start.clean_environment(os.environ)
            self.assertFalse({"PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"} & clean.keys())
            self.assertEqual(clean["LC_ALL"], "C")
            self.worker().connect()


class Versions(Home):
    def tearDown(self) -> None:
        stop_worker()

    def test_an_old_plug_in_is_told(self) -> None:
        self.worker().connect()
        with mock.patch.object(client, "PROTOCOL", wire.PROTOCOL - 1):
            with self.assertRaisesRegex(VersionError, "plug-in is too old") as caught:
                self.worker().connect()
            self.assertIn("install.py", caught.exception.hint)

    def test_an_old_worker_makes_way(self) -> None:
        self.worker().connect()
        old = start.Rendezvous.read()
        newer = mock.patch.object(client, "PROTOCOL", wire.PROTOCOL + 1)
        with newer, self.assertRaisesRegex(VersionError, "worker is too old"):
            # The environment is old, too, so the replacement worker has the same version as the old one.
            self.worker().connect()
        self.assertNotEqual(start.Rendezvous.read().pid, old.pid)


class Strangers(Home):
    def lines(self, first: bytes) -> bytes:
        rendezvous = start.Rendezvous.read()
        with rendezvous.connect() as stranger:
            stranger.settimeout(ENOUGH_S)
            answer = b""
            try:
                stranger.sendall(first)
                while part := stranger.recv(4096):
                    answer += part
            except ConnectionError:
                pass
            return answer

    def test_without_the_token_nothing_is_told(self) -> None:
        worker = self.worker()
        worker.connect()
        hello = {"type": "hello", "protocol": wire.PROTOCOL, "client": "stranger"}
        token = start.Rendezvous.read().token
        for wrong in ("", token[:-1], token + "0", token.upper() + "é", "\0"):
            self.assertEqual(self.lines(wire.encode({**hello, "token": wrong})), b"")
        for line in (
            b"\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b'{"type":"shutdown","when_idle":false}\n',
            b"x" * (3 << 20),
        ):
            self.assertEqual(self.lines(line), b"")
        with filled(worker, picture_bytes()) as picture:
            worker.submit("fake", {}, {"picture": picture}).wait().delete()

    def test_the_wrong_version_with_the_token_is_told_in_words(self) -> None:
        self.worker().connect()
        token = start.Rendezvous.read().token
        answer = self.lines(wire.encode({"type": "hello", "protocol": 99, "token": token, "client": "GIMP 4"}))
        message = wire.decode(answer.rstrip(b"\n"), sender="worker")
        self.assertEqual(message["code"], "version")
        self.assertIn("the worker is too old", message["message"])

    def test_many_silent_strangers_do_not_keep_others_out(self) -> None:
        worker = self.worker()
        worker.connect()
        rendezvous = start.Rendezvous.read()
        silent = [rendezvous.connect() for _ in range(80)]
        try:
            other = self.worker()
            other.connect()
        finally:
            for each in silent:
                each.close()
