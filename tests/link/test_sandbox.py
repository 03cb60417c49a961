"""Starting the worker outside a Flatpak, simulated by a program that does what flatpak-spawn does.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from dioptre_link import start
from dioptre_link.client import Worker
from dioptre_link.start import WorkerMissingError

ENOUGH_S = 30.0
WORKER = [os.environ.get("DIOPTRE_TEST_PYTHON", sys.executable), str(Path(__file__).with_name("fake_worker.py"))]
INFO = "[Application]\nname=org.gimp.GIMP\nruntime=runtime/org.gnome.Platform/x86_64/48\n"
# The session's own environment outside the start, and nothing else of the caller's.
SPAWN = """#!/bin/sh
[ -n "$DBUS_SESSION_BUS_ADDRESS" ] || { echo "Can't find bus: no address" >&2; exit 1; }
[ "$1" = --host ] || exit 64
shift
set -- -- "$@"
shift
ours=
while case "$1" in --env=*) true;; *) false;; esac; do ours="$ours ${1#--env=}"; shift; done
exec env -i HOME="$HOME" PATH="$PATH" SPAWNED=1 PYTHONPATH=@PYTHONPATH@ $ours "$@"
"""
REFUSING = """#!/bin/sh
echo "Portal call failed: GDBus.Error:org.freedesktop.DBus.Error.ServiceUnknown: not provided" >&2
exit 1
"""


@unittest.skipIf(sys.platform == "win32", "Flatpak is for Linux")
class Flatpak(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="dioptre-flatpak-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "info").write_text(INFO, encoding="utf-8")
        info = mock.patch.object(start, "INFO", self.folder / "info")
        info.start()
        self.addCleanup(info.stop)
        cleared = {name: value for name, value in os.environ.items() if not name.startswith("DIOPTRE_")}
        variables = {
            **cleared,
            "DIOPTRE_HOME": str(self.folder / "home"),
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/flatpak/bus",
            "LD_LIBRARY_PATH": "/app/lib",
            "PATH": f"{self.folder}:{os.environ['PATH']}",
        }
        environment = mock.patch.dict(os.environ, variables, clear=True)
        environment.start()
        self.addCleanup(environment.stop)

    def spawn_is(self, script: str) -> None:
        path = self.folder / "flatpak-spawn"
        core = str(Path(start.__file__).parents[1])
        path.write_text(script.replace("@PYTHONPATH@", core), encoding="utf-8")
        path.chmod(0o755)

    def wait_for_the_end(self) -> None:
        end = time.monotonic() + ENOUGH_S
        while start.is_running():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_the_worker_runs_outside(self) -> None:
        self.spawn_is(SPAWN)
        with Worker("sandbox", command=WORKER) as worker:
            worker.connect()
            found = start.Rendezvous.read()
            assert found is not None
            variables = Path(f"/proc/{found.pid}/environ").read_bytes().split(b"\0")
            worker.shut_down()
        self.assertIn(b"SPAWNED=1", variables)
        self.assertIn(f"DIOPTRE_DATA_DIR={self.folder}/home/data".encode(), variables)
        self.assertFalse([each for each in variables if each.startswith((b"LD_LIBRARY_PATH", b"DBUS_"))])
        self.wait_for_the_end()

    def test_a_refusal_names_the_permission(self) -> None:
        self.spawn_is(REFUSING)
        with self.assertRaisesRegex(WorkerMissingError, "Flatpak sandbox does not allow") as caught:
            start.find_or_start(command=WORKER)
        self.assertIn("--talk-name=org.freedesktop.Flatpak org.gimp.GIMP`", str(caught.exception.hint))

    def test_after_a_refusal_the_python_that_uv_brought_runs_inside(self) -> None:
        self.spawn_is(REFUSING)
        python = self.folder / "home/data/python/cpython/bin/python3"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{WORKER[0]}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        with Worker("sandbox", command=[str(python), WORKER[1]]) as worker:
            worker.connect()
            worker.shut_down()
        self.wait_for_the_end()

    def test_the_python_of_an_extension_runs_inside(self) -> None:
        self.spawn_is(SPAWN)
        python = self.folder / "app/extensions/Dioptre/environment/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{WORKER[0]}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        within = mock.patch.object(start, "APP", self.folder / "app")
        with within, Worker("sandbox", command=[str(python), WORKER[1]]) as worker:
            worker.connect()
            found = start.Rendezvous.read()
            assert found is not None
            variables = Path(f"/proc/{found.pid}/environ").read_bytes().split(b"\0")
            worker.shut_down()
        self.assertNotIn(b"SPAWNED=1", variables)
        self.wait_for_the_end()

    def test_another_failure_is_the_workers(self) -> None:
        self.spawn_is(SPAWN)
        with self.assertRaisesRegex(WorkerMissingError, "stopped while starting"):
            start.find_or_start(command=[sys.executable, "-c", "raise SystemExit('broken')"])

    def test_the_python_outside_may_be_a_link_to_nothing_inside(self) -> None:
        python = self.folder / "home/data/environment/bin/python"
        python.parent.mkdir(parents=True)
        python.symlink_to("/nowhere/python3.13")
        self.assertEqual(start.environment_python(), python)
        with mock.patch.object(start, "INFO", self.folder / "none"), self.assertRaises(WorkerMissingError):
            start.environment_python()

    def test_without_a_sandbox_nothing_changes(self) -> None:
        self.spawn_is(SPAWN)
        with mock.patch.object(start, "INFO", self.folder / "none"):
            self.assertIsNone(start.on_host(["python"], {}))
            self.assertIsNone(start.flatpak_app())
