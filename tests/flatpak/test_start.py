"""A client in a Flatpak sandbox that starts the worker outside it, with Flatpak's own programs.

`flatpak-spawn`, the session helper that runs its commands and the filter of the session bus are genuine. The
sandbox is bubblewrap's, as Flatpak's is, but no editor from Flatpak runs in it. `tests/flatpak/run` provides the
programs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dioptre_link import start

FLATPAK = "org.freedesktop.Flatpak"
ENOUGH_S = 120.0
INFO = "[Application]\nname=org.gimp.GIMP\nruntime=runtime/org.gnome.Platform/x86_64/48\n"
SERVICE = f"[D-BUS Service]\nName={FLATPAK}\nExec={{program}}\n"
HIDDEN = ("/dev", "/proc", "/run", "/sys")
CLIENT = """
import os, sys
from dioptre_link.client import Worker
from dioptre_link.errors import DioptreError
from dioptre_link.start import flatpak_app
from dioptre_link.wire import PixelFormat
print(flatpak_app(), flush=True)
try:
    with Worker("flatpak", command=sys.argv[1:]) as worker:
        worker.connect()
        with worker.new_buffer(64, 48, PixelFormat("u8")) as picture:
            picture.write_rows(0, bytes(range(256)) * 48)
            result = worker.submit("fake", {}, {"picture": picture}, colour_format=PixelFormat("u8")).wait()
        assert result.layers[0].buffer.read_rows(0, 48) == bytes(range(256)) * 48
        result.delete()
        print("done", flush=True)
        sys.stdin.readline()
        worker.shut_down()
except DioptreError as error:
    print(error, error.hint)
"""


@contextmanager
def session_bus(folder: Path, programs: Path) -> Iterator[str]:
    """Run a session bus that starts Flatpak's session helper on demand; yield the bus's address."""
    services = folder / "share/dbus-1/services"
    services.mkdir(parents=True)
    helper = programs / "libexec/flatpak-session-helper"
    (services / f"{FLATPAK}.service").write_text(SERVICE.format(program=helper), encoding="utf-8")
    run = folder / "run"
    run.mkdir(mode=0o700)
    kept = {name: os.environ[name] for name in ("HOME", "PATH")}
    variables = {**kept, "XDG_DATA_HOME": str(folder / "share"), "XDG_RUNTIME_DIR": str(run), "OUTSIDE": "1"}
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"]
    command.append(f"--address=unix:path={folder / 'bus'}")
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as bus:
        assert bus.stdout is not None
        try:
            yield bus.stdout.readline().strip()
        finally:
            bus.terminate()


@contextmanager
def filtered_bus(address: str, path: Path, programs: Path, *allowed: str) -> Iterator[str]:
    """Run Flatpak's proxy, which lets the sandbox talk only to the `allowed` names; yield its address."""
    ready, signal = os.pipe()
    command = [str(programs / "bin/xdg-dbus-proxy"), f"--fd={signal}", address, str(path), "--filter"]
    command += [f"--talk={name}" for name in allowed]
    with subprocess.Popen(command, pass_fds=[signal]) as proxy:
        os.close(signal)
        try:
            assert os.read(ready, 1), "the proxy ended"
            yield f"unix:path={path}"
        finally:
            os.close(ready)
            proxy.terminate()


def sandbox(info: Path, spawn: Path, bus: str) -> list[str]:
    """Return the command that runs a program in a sandbox with the system's files but Flatpak's description."""
    options = ["bwrap", "--unshare-all", "--die-with-parent", "--dev", "/dev", "--proc", "/proc"]
    for path in sorted(Path("/").iterdir()):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif str(path) not in HIDDEN:
            options += ["--bind", str(path), str(path)]
    options += ["--ro-bind", str(info), "/.flatpak-info"]
    options += ["--setenv", "DBUS_SESSION_BUS_ADDRESS", bus, "--setenv", "LD_LIBRARY_PATH", "/app/lib"]
    return [*options, "--setenv", "PATH", f"{spawn.parent}:{os.environ['PATH']}"]


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def in_flatpak(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> Iterator[Start]:
    """A function that starts the client in a sandbox, which may talk to the named services on the session's bus."""
    if (given := os.environ.get("DIOPTRE_TEST_FLATPAK")) is None:
        pytest.skip("no programs of Flatpak; tests/flatpak/run provides them")
    programs = Path(given)
    for name in [each for each in os.environ if each.startswith("DIOPTRE_")]:
        monkeypatch.delenv(name)
    worker = [sys.executable, str(checkout / "tests/link/fake_worker.py")]
    with ExitStack() as stack:  # A short path, because a socket's may have 107 characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flatpak-")))
        monkeypatch.setenv("DIOPTRE_HOME", str(folder / "home"))
        (folder / "info").write_text(INFO, encoding="utf-8")
        address = stack.enter_context(session_bus(folder, programs))

        def begin(*allowed: str) -> subprocess.Popen[str]:
            bus = stack.enter_context(filtered_bus(address, folder / "filtered", programs, *allowed))
            inside = sandbox(folder / "info", programs / "libexec/flatpak-xdg-utils/flatpak-spawn", bus)
            command = [*inside, sys.executable, "-B", "-I", "-c", CLIENT, *worker]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            return stack.enter_context(process)

        yield begin


def test_the_worker_starts_outside_the_sandbox_and_serves_it(in_flatpak: Start) -> None:
    client = in_flatpak(FLATPAK)
    assert client.stdout is not None
    assert client.stdout.readline() == "org.gimp.GIMP\n"
    assert client.stdout.readline() == "done\n"
    found = start.Rendezvous.read()
    assert found is not None
    process = Path(f"/proc/{found.pid}")  # The process number is that of this side.
    assert b"fake_worker.py" in (process / "cmdline").read_bytes()
    assert not (process / "root/.flatpak-info").exists()
    variables = (process / "environ").read_bytes().split(b"\0")
    assert b"OUTSIDE=1" in variables
    assert f"DIOPTRE_DATA_DIR={start.meeting_dir().parent}".encode() in variables
    assert not [each for each in variables if each.startswith(b"LD_LIBRARY_PATH")]
    client.communicate("end\n", timeout=ENOUGH_S)
    assert client.returncode == 0
    end = time.monotonic() + ENOUGH_S
    while start.is_running():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_without_the_permission_the_message_names_the_command(in_flatpak: Start) -> None:
    shown, _ = in_flatpak("org.freedesktop.portal.Desktop").communicate(timeout=ENOUGH_S)
    assert "Flatpak sandbox does not allow" in shown
    assert f"flatpak override --user --talk-name={FLATPAK} org.gimp.GIMP" in shown
    assert not start.rendezvous_file().exists()
