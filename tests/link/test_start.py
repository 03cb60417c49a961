"""Finding the worker, and valid and invalid rendezvous files.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from dioptre_link import files, paths, start
from dioptre_link.start import Rendezvous, WorkerMissingError

FIELDS = {"port": 1234, "token": "t", "pid": 7, "protocol": 1, "version": "0.1", "unix_socket": "worker.sock"}


class WithHome(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="dioptre-start-")
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        cleared = {name: value for name, value in os.environ.items() if not name.startswith("DIOPTRE_")}
        environment = mock.patch.dict(os.environ, {**cleared, "DIOPTRE_HOME": folder.name}, clear=True)
        environment.start()
        self.addCleanup(environment.stop)


class RendezvousFile(WithHome):
    def test_round_trip(self) -> None:
        start.private_dir(start.meeting_dir())
        start.rendezvous_file().write_text(json.dumps(FIELDS), encoding="utf-8")
        self.assertEqual(Rendezvous.read(), Rendezvous(**FIELDS))

    def test_anything_else_is_none(self) -> None:
        self.assertIsNone(Rendezvous.read())
        for change in (
            {"port": 0, "unix_socket": ""},
            {"port": -1},
            {"port": 65536},
            {"port": "1234"},
            {"port": True},
            {"token": None},
            {"unix_socket": "../worker.sock"},
            {"unix_socket": "/tmp/worker.sock"},
        ):
            self.assertIsNone(Rendezvous.from_dict({**FIELDS, **change}), change)
        for name in FIELDS:
            self.assertIsNone(Rendezvous.from_dict({key: FIELDS[key] for key in FIELDS if key != name}))
        for other in (None, [], "x", 1):
            self.assertIsNone(Rendezvous.from_dict(other))
        start.private_dir(start.meeting_dir())
        for text in ("", "{", "[]", "\0"):
            start.rendezvous_file().write_text(text, encoding="utf-8")
            self.assertIsNone(Rendezvous.read())

    def test_a_file_alone_is_no_worker(self) -> None:
        start.private_dir(start.meeting_dir())
        start.rendezvous_file().write_text(json.dumps(FIELDS), encoding="utf-8")
        self.assertFalse(start.is_running())
        with start.worker_lock_file().open("a+b") as file:
            self.assertTrue(files.lock(file.fileno()))
            self.assertTrue(start.is_running())
        self.assertFalse(start.is_running())


class Environment(WithHome):
    def test_python_is_the_environments_or_the_chosen_one(self) -> None:
        with self.assertRaisesRegex(WorkerMissingError, "not installed"):
            start.environment_python()
        with mock.patch.dict(os.environ, {"DIOPTRE_PYTHON": "/some/python"}):
            self.assertEqual(start.worker_command(), [str(Path("/some/python")), "-I", "-m", "dioptre.worker"])
        python = self.home / "data" / "environment" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
        if sys.platform != "win32":
            self.assertEqual(start.environment_python(), python)

    def test_only_allowed_variables_get_in(self) -> None:
        given = {
            "PATH": "/bin",
            "HOME": "/h",
            "LC_CTYPE": "C.UTF-8",
            "XDG_DATA_HOME": "/d",
            "DIOPTRE_HOME": "/x",
            "PYTHONHOME": "/p",
            "LD_PRELOAD": "x.so",
            "GI_TYPELIB_PATH": "/g",
            "QT_PLUGIN_PATH": "/q",
        }
        kept = start.clean_environment(given)
        self.assertLessEqual({"PATH", "HOME", "LC_CTYPE", "XDG_DATA_HOME", "DIOPTRE_HOME"}, kept.keys())
        self.assertFalse({"PYTHONHOME", "LD_PRELOAD", "GI_TYPELIB_PATH", "QT_PLUGIN_PATH"} & kept.keys())
        self.assertEqual(kept["DIOPTRE_DATA_DIR"], str(paths.data_dir()))

    def test_a_plug_ins_copy_knows_the_python_that_installed_it(self) -> None:
        copy = self.home / "copy"
        copy.mkdir()
        (copy / "folders.json").write_text('{"python": "/pipx/python"}', encoding="utf-8")
        with mock.patch.object(paths, "__file__", str(copy / "paths.py")):
            python = Path("/pipx/python")
            self.assertEqual(paths.chosen_python(), python)
            with mock.patch.object(Path, "exists", lambda path: path == python):
                self.assertEqual(start.environment_python(), python)


class Spawned(WithHome):
    @unittest.skipUnless(sys.platform == "win32", "asks Windows for its console")
    def test_no_console_window_opens(self) -> None:
        """The environment's python.exe starts another Python, which opens a console unless it inherits one."""
        asks = (
            "import ctypes, pathlib, sys; window = ctypes.windll.kernel32.GetConsoleWindow(); "
            "pathlib.Path(sys.argv[1]).write_text(str(bool(ctypes.windll.user32.IsWindowVisible(window))))"
        )
        start.private_dir(start.meeting_dir())
        answer = self.home / "answer"
        process = start._spawn([sys.executable, "-I", "-c", asks, str(answer)])
        self.assertEqual(process.wait(60), 0, start.start_log_file().read_text(encoding="utf-8", errors="replace"))
        self.assertEqual(answer.read_text(encoding="utf-8"), "False")


class Folders(WithHome):
    def test_order_of_precedence(self) -> None:
        self.assertEqual(paths.data_dir(), self.home / "data")
        with mock.patch.dict(os.environ, {"DIOPTRE_DATA_DIR": "/chosen"}):
            self.assertEqual(paths.data_dir(), Path("/chosen"))
            self.assertEqual(paths.log_dir(), self.home / "log")

    def test_a_plug_ins_copy_knows_where_it_was_installed(self) -> None:
        copy = self.home / "copy"
        copy.mkdir()
        (copy / "folders.json").write_text('{"data": "/installed/data", "log": 1}', encoding="utf-8")
        del os.environ["DIOPTRE_HOME"]
        with mock.patch.object(paths, "__file__", str(copy / "paths.py")):
            self.assertEqual(paths.data_dir(), Path("/installed/data"))
            self.assertNotEqual(paths.log_dir(), Path("/installed/data"))
            self.assertIn("dioptre", [part.lower() for part in paths.cache_dir().parts[-2:]])
