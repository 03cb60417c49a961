"""GIMP's Flatpak extension: its manifest's commands make it in a sandbox, and the worker runs from it in another.

The sandboxes are bubblewrap's, as Flatpak's are, with this system's files in place of the runtime's. The
extension lies where Flatpak mounts it, and its packages are those that `packages.py` lists for this Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ENOUGH_S = 900.0
MANIFEST = "packaging/flatpak/org.gimp.GIMP.Plugin.Dioptre.json"
INFO = "[Application]\nname=org.gimp.GIMP\nruntime=runtime/org.gnome.Platform/x86_64/50\n"
OWN = ("app", "dev", "proc", "run", "sys")  # folders of a sandbox that are not this system's
CLIENT = """
import os, sys
sys.path.insert(0, "/app/extensions/plug-ins/dioptre")
from dioptre_link import paths, start
from dioptre_link.client import Worker
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat
print(start.flatpak_app(), start.worker_command()[0], paths.data_dir())
rows = b"".join(bytes((x, y, (x + y) // 2)) for y in range(192) for x in range(256))
with Worker("flatpak") as worker:
    with worker.new_buffer(256, 192, PixelFormat("u8", channels=3)) as picture:
        picture.write_rows(0, rows)
        result = worker.submit("depth", {}, {"picture": picture}, preview_px=256).wait()
    depth = next(layer for layer in result.layers if layer.role is Role.DEPTH).buffer.read_rows(0, 192)
    print(len(set(memoryview(depth).cast("f"))) > 100, start.Rendezvous.read().pid < 1000)
    result.delete()
    worker.shut_down()
"""


def sandbox(*options: str) -> list[str]:
    """Return the command that runs a program with this system's files, without a network and with another /app."""
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--dev", "/dev", "--proc", "/proc", "--dir", "/run/tmp"]
    line += ["--clearenv", "--setenv", "LANG", "C.UTF-8", "--setenv", "TMPDIR", "/run/tmp"]
    for path in sorted(Path("/").iterdir()):
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), str(path)]
        elif path.name not in OWN:
            line += ["--ro-bind", str(path), str(path)]
    return [*line, *options]


@pytest.fixture
def source(checkout: Path, tmp_path: Path) -> Path:
    """A copy of the checkout with the packages of the manifest, as flatpak-builder lays them out."""
    if "DIOPTRE_TEST_FLATPAK" not in os.environ:
        pytest.skip("no programs of Flatpak; tests/flatpak/run provides them")
    source = tmp_path / "source"
    shutil.copytree(checkout, source, ignore=shutil.ignore_patterns(".git", "__pycache__", "tests", "training"))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    listed = source / "packaging/flatpak/packages.py"
    subprocess.run([sys.executable, str(listed), version], check=True)
    sources = json.loads(listed.with_suffix(".json").read_text(encoding="utf-8"))
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    fetch += ["--no-build-isolation", "--dest", str(source / "packages"), *(each["url"] for each in sources)]
    subprocess.run(fetch, check=True)
    for each in sources:
        content = (source / each["dest"] / each["url"].rpartition("/")[2]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
    return source


@pytest.fixture
def app(source: Path, tmp_path: Path) -> Path:
    """The folder /app of GIMP with the extension, made by the manifest's commands without a network."""
    manifest = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    prefix = manifest["build-options"]["prefix"]
    app = tmp_path / "app"
    destination = app / Path(prefix).relative_to("/app")
    destination.mkdir(parents=True)
    (app / "extensions/plug-ins").mkdir()
    options = ["--bind", str(app), "/app", "--bind", str(source), "/run/build/dioptre"]
    options += ["--chdir", "/run/build/dioptre", "--setenv", "FLATPAK_DEST", prefix]
    options += ["--setenv", "PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin"]
    (module,) = manifest["modules"]
    for command in module["build-commands"]:
        made = subprocess.run(
            [*sandbox(*options), "sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        assert made.returncode == 0, f"{command}\n{made.stdout.decode()}"
    for each in (destination / "plug-ins").iterdir():  # as "merge-dirs" of GIMP's extension point
        (app / "extensions/plug-ins" / each.name).symlink_to(f"../Dioptre/plug-ins/{each.name}")
    return app


def test_the_worker_runs_from_the_extension_without_permission(app: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "info").write_text(INFO, encoding="utf-8")
    options = ["--ro-bind", str(app), "/app", "--bind", str(home), "/run/home"]
    options += ["--ro-bind", str(tmp_path / "info"), "/.flatpak-info", "--setenv", "HOME", "/run/home"]
    spawn = Path(os.environ["DIOPTRE_TEST_FLATPAK"]) / "libexec/flatpak-xdg-utils"
    options += ["--setenv", "PATH", f"{spawn}:/usr/bin:/bin", "--setenv", "LD_LIBRARY_PATH", "/app/lib"]
    command = [*sandbox(*options), sys.executable, "-B", "-I", "-c", CLIENT]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=ENOUGH_S, text=True, check=True)
    environment = "/app/extensions/Dioptre/environment"
    assert done.stdout.splitlines() == [
        f"org.gimp.GIMP {environment}/bin/python /run/home/.local/share/dioptre",
        "True True",
    ]
    assert list((app / "extensions/Dioptre/environment").rglob("jax/__pycache__/*.pyc"))
