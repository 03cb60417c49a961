"""A client and a real worker process with a fake operation: jobs, stored pictures, errors and threads.

Uses only unittest, so that a bare Python 3.10 can run it, too: see `worker_home`.
"""

from __future__ import annotations

import array
import functools
import os
import shutil
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

from dioptre_link import start
from dioptre_link.client import Progress, Result, WorkerLostError
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat

from .worker_home import ENOUGH_S, HEIGHT, PLANE, U8, WIDTH, Home, filled, picture_bytes, wait_until


def _note(phases: list[str], progress: Progress) -> None:
    phases.append(progress.phase)


class Jobs(Home):
    def test_pixels_go_round_and_all_is_told(self) -> None:
        phases: list[str] = []
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            job = worker.submit("fake", {"point": (3, 4)}, {"picture": picture}, colour_format=U8)
            result = job.wait(on_progress=functools.partial(_note, phases))
        self.assertEqual([layer.role for layer in result.layers], [Role.RESULT, Role.DEPTH])
        self.assertEqual([layer.visible for layer in result.layers], [True, False])
        self.assertEqual(result.layers[0].buffer.read_rows(0, HEIGHT), picture_bytes())
        self.assertEqual(result.values["point"], [3, 4])
        self.assertEqual(result.messages, ("Done.",))
        self.assertEqual(result.models, {"none": "0" * 64})
        waiting = "Waiting for other work to end"
        known = {waiting, "Preparing", "Reading the picture", "Computing", "Transferring the layers"}
        self.assertLessEqual(set(phases), known)
        paths = [layer.buffer.path for layer in result.layers]
        result.delete()
        self.assertFalse(any(path.exists() for path in paths))

    def test_formats_come_back_as_asked(self) -> None:
        worker = self.worker()
        grey = array.array("f", [0.0, 0.25, 0.5, 1.0] * (WIDTH * HEIGHT // 4)).tobytes()
        with filled(worker, grey, PLANE) as disparity, filled(worker, picture_bytes()) as picture:
            inputs = {"picture": picture, "disparity": disparity}
            bgr = PixelFormat("u16", channels=4, order="bgr")
            result = worker.submit("fake", {}, inputs, colour_format=bgr, depth_dtype="u8").wait()
        colour, depth = (layer.buffer for layer in result.layers)
        self.assertEqual((colour.pixels.format, depth.pixels.format), (bgr, PixelFormat("u8", channels=1)))
        self.assertEqual(depth.read_rows(0, 1)[:4], bytes([0, 64, 128, 255]))
        blue, green, red, alpha = array.array("H", colour.read_rows(0, 1)[:8])
        self.assertEqual([red, green, blue, alpha], [257 * value for value in picture_bytes()[:4]])
        result.delete()

    @unittest.skipIf(sys.platform == "win32", "POSIX descriptors")
    def test_a_program_with_many_open_files(self) -> None:
        import resource

        limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, most), most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, most))
        with ExitStack() as opened:
            for _ in range(1100):
                opened.enter_context(open(os.devnull, "rb"))  # noqa: PTH123  (many, and quickly)
            worker = self.worker()
            with filled(worker, picture_bytes()) as picture:
                worker.submit("fake", {}, {"picture": picture}).wait().delete()
                self.assertGreater(worker.fileno(), 1023)
            worker.close()
            with self.assertRaises(WorkerLostError):
                worker.fileno()

    def test_bands_cover_the_picture(self) -> None:
        worker = self.worker()
        data = picture_bytes()
        with worker.new_buffer(WIDTH, HEIGHT, U8) as picture:
            for first, rows in picture.bands(band_bytes=5 * WIDTH * 4):
                picture.write_rows(first, data[first * WIDTH * 4 : (first + rows) * WIDTH * 4])
            self.assertEqual(picture.read_rows(0, HEIGHT), data)
            with picture.map() as mapped:
                self.assertEqual(mapped[:], data)
                mapped[:4] = b"abcd"
            self.assertEqual(picture.read_rows(0, 1)[:4], b"abcd")
            for first, wrong in ((0, b"abc"), (-1, data), (1, data), (HEIGHT, data[: WIDTH * 4])):
                with self.assertRaises(ValueError):
                    picture.write_rows(first, wrong)
            with self.assertRaises(ValueError):
                picture.read_rows(1, HEIGHT)

    def test_polling_never_waits(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            job = worker.submit("fake", {"seconds": 0.5}, {"picture": picture})
            self.assertGreaterEqual(worker.fileno(), 0)
            polls, events, end = [], [], time.monotonic() + ENOUGH_S
            while not (events and isinstance(events[-1], Result)):
                self.assertLess(time.monotonic(), end)
                began = time.monotonic()
                event = job.poll()
                polls.append(time.monotonic() - began)
                if event is None:
                    time.sleep(0.005)
                else:
                    events.append(event)
        # The median is robust against pauses of this process on a busy machine.
        self.assertLess(median(polls), 0.05)
        fractions = [event.fraction for event in events if isinstance(event, Progress)]
        self.assertEqual(fractions, sorted(fractions))
        self.assertIsNone(job.poll())
        events[-1].delete()

    def test_cancel_is_immediate_and_frees_the_worker(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            job = worker.submit("fake", {"seconds": 60}, {"picture": picture})
            wait_until(lambda: isinstance(job.poll(), Progress))
            began = time.monotonic()
            job.cancel()
            with self.assertRaises(Cancelled):
                job.wait()
            worker.submit("fake", {}, {"picture": picture}).wait().delete()
            self.assertLess(time.monotonic() - began, 30.0)  # This is half of the job's duration.
            self.assertTrue(job.done)
            job.cancel()  # A second cancel does nothing.

    def test_cancel_from_on_progress(self) -> None:
        class EnoughError(Exception):
            pass

        def stop(progress: Progress) -> None:
            raise EnoughError

        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            with self.assertRaises(EnoughError):
                worker.submit("fake", {"seconds": 60}, {"picture": picture}).wait(on_progress=stop)
            worker.submit("fake", {}, {"picture": picture}).wait().delete()

    def test_closing_cancels(self) -> None:
        first, second = self.worker(), self.worker()
        with filled(second, picture_bytes()) as picture, filled(first, picture_bytes()) as lost:
            job = first.submit("fake", {"seconds": 60}, {"picture": lost})
            wait_until(lambda: isinstance(job.poll(), Progress))
            folder = next(path for path in start.exchange_dir().iterdir() if path != picture.path.parent)
            first.close()
            with self.assertRaises(WorkerLostError):
                job.wait()
            second.submit("fake", {}, {"picture": picture}).wait().delete()
            if sys.platform != "win32":
                wait_until(lambda: not folder.exists())
        wait_until(lambda: not folder.exists())  # On Windows, the worker deletes it after `lost` is closed.

    def test_what_will_be_asked_for_may_be_said(self) -> None:
        worker = self.worker()
        worker.expect("portrait")
        worker.expect("nothing of the kind")  # An unknown operation must not end the connection.
        pid = start.Rendezvous.read().pid
        with filled(worker, picture_bytes()) as picture:
            result = worker.submit("fake", {}, {"picture": picture}).wait()
        self.assertEqual(result.messages, ("Done.",))
        self.assertEqual(start.Rendezvous.read().pid, pid)
        result.delete()

    def test_a_newer_request_supersedes_the_older(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            jobs = [
                worker.submit("fake", {"seconds": 30}, {"picture": picture}, supersede="preview") for _ in range(5)
            ]
            last = worker.submit("fake", {}, {"picture": picture}, supersede="preview")
            last.wait().delete()
            for job in jobs:
                with self.assertRaisesRegex(Cancelled, "newer"):
                    job.wait()

    def test_stored_pictures_and_previews(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as buffer:
            picture = worker.store("photo", "picture", buffer)
        half = WIDTH // 2
        options = {"point": (10, 20), "radius": 8}
        keep = {Role.DEPTH: "depth"}
        result = worker.submit("fake", options, {"picture": picture}, preview_px=half, keep=keep).wait()
        self.assertEqual(result.values, {"point": [5, 10], "radius": 4, "size": [HEIGHT // 2, half]})
        self.assertEqual(result.layers[0].buffer.pixels.width, half)
        result.delete()
        inputs = {"picture": picture, "disparity": worker.stored("depth")}
        result = worker.submit("fake", {}, inputs, preview_px=half, roles=[Role.RESULT]).wait()
        self.assertEqual([layer.role for layer in result.layers], [Role.RESULT])
        result.delete()
        with self.assertRaisesRegex(DioptreError, "32 x 24"):
            worker.submit("fake", {}, inputs).wait()
        worker.forget(picture)
        with self.assertRaisesRegex(DioptreError, "has no picture named"):
            worker.submit("fake", {}, {"picture": picture}).wait()

    def test_a_preview_waits_for_no_timer(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes(512, 384), size=(512, 384)) as buffer:
            picture = worker.store("photo", "picture", buffer)
        times = []
        for _ in range(5):
            began = time.monotonic()
            worker.submit("fake", {}, {"picture": picture}, preview_px=256, colour_format=U8).wait().delete()
            times.append(time.monotonic() - began)
        self.assertLess(min(times), 0.5)

    def test_errors_are_told_in_words(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            for options, code, words in (
                ({"mode": "raise"}, "internal", "KeyError"),
                ({"mode": "memory"}, "out-of-memory", "memory"),
                ({"mode": "usage"}, "usage", "Not like this."),
                ({"mode": "nan"}, "bad-result", "NaN or infinite"),
                ({"mode": "black"}, "bad-result", "black"),
                ({"mode": "values"}, "internal", ""),
                ({"mode": "no such mode"}, "usage", "not one of the choices"),
                ({"no_such_option": 1}, "usage", "no option"),
            ):
                with self.subTest(options=options), self.assertRaisesRegex(DioptreError, words) as caught:
                    worker.submit("fake", options, {"picture": picture}).wait()
                self.assertEqual(caught.exception.code, code)
            self.assertIn("KeyError", start.log_file().read_text(encoding="utf-8"))
            with self.assertRaisesRegex(DioptreError, "no operation"):
                worker.submit("fakes", {}, {"picture": picture}).wait()
            with self.assertRaisesRegex(DioptreError, "needs a picture"):
                worker.submit("fake", {}, {}).wait()
            with self.assertRaises(DioptreError):
                worker.submit("fake", {"seconds": float("nan")}, {"picture": picture})
            worker.submit("fake", {"mode": "nan_once"}, {"picture": picture}).wait().delete()

    @unittest.skipIf(sys.platform == "win32", "an open file cannot be deleted there")
    def test_pixels_that_are_not_there(self) -> None:
        worker = self.worker()
        picture = filled(worker, picture_bytes())
        picture.path.unlink()
        with self.assertRaises(DioptreError):
            worker.submit("fake", {}, {"picture": picture}).wait()
        picture.delete()

    @unittest.skipIf(sys.platform == "win32", "an open file cannot be replaced there")
    def test_links_and_short_files_are_refused(self) -> None:
        worker = self.worker()
        secret = self.home / "secret.raw"
        secret.write_bytes(picture_bytes())
        picture = filled(worker, picture_bytes())
        picture.path.unlink()
        picture.path.symlink_to(secret)
        with self.assertRaisesRegex(DioptreError, "not in the exchange folder"):
            worker.submit("fake", {}, {"picture": picture}).wait()
        picture.path.unlink()
        picture.path.write_bytes(b"too short")
        with self.assertRaisesRegex(DioptreError, "has 9 bytes"):
            worker.submit("fake", {}, {"picture": picture}).wait()
        picture.path.unlink()
        os.mkfifo(picture.path)
        with self.assertRaises(DioptreError):
            worker.submit("fake", {}, {"picture": picture}).wait()
        picture.delete()

    def test_not_finite_pixels_are_replaced_and_told(self) -> None:
        worker = self.worker()
        values = array.array("f", [0.5] * (WIDTH * HEIGHT * 4))
        values[5], values[9] = float("nan"), float("inf")
        with filled(worker, values.tobytes(), PixelFormat()) as picture:
            result = worker.submit("fake", {}, {"picture": picture}).wait()
        self.assertIn("NaN or infinite", result.messages[-1])
        back = array.array("f", result.layers[0].buffer.read_rows(0, 1))
        self.assertEqual([back[4], back[5], back[9]], [0.5, 0.0, 65504.0])
        result.delete()

    def test_a_full_disk_is_told(self) -> None:
        worker = self.worker()
        worker.connect()
        huge = shutil.disk_usage(self.home).free // (1 << 20) + 4096
        with self.assertRaises(DioptreError) as caught:
            worker.new_buffer(1 << 17, min((1 << 18), huge * 2), U8)
        self.assertIn(caught.exception.code, ("disk-full", "protocol"))


class Threads(Home):
    def test_jobs_of_many_threads(self) -> None:
        def one(number: int) -> bytes:
            worker = self.worker()
            data = bytes([number * 9]) * (WIDTH * HEIGHT * 4)
            with filled(worker, data) as picture:
                result = worker.submit("fake", {}, {"picture": picture}, colour_format=U8).wait()
            back = result.layers[0].buffer.read_rows(0, HEIGHT)
            result.delete()
            worker.close()
            return back

        with ThreadPoolExecutor(4) as pool:
            for number, back in enumerate(pool.map(one, range(12))):
                self.assertEqual(back, bytes([number * 9]) * (WIDTH * HEIGHT * 4))

    def test_cancel_from_another_thread(self) -> None:
        worker = self.worker()
        with filled(worker, picture_bytes()) as picture:
            job = worker.submit("fake", {"seconds": 60}, {"picture": picture})
            timer = threading.Timer(0.2, job.cancel)
            timer.start()
            with self.assertRaises(Cancelled):
                job.wait()
            timer.join()
