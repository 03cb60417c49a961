"""The command line lets the worker compute, with equal results and errors, or computes itself where it has to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre import runtime
from dioptre.cli.main import run
from dioptre.recipes import elsewhere
from dioptre.recipes.elsewhere import may_compute
from dioptre_link import start
from dioptre_link.client import Worker
from dioptre_link.errors import DioptreError
from dioptre_link.recipe import Recipe, Step
from dioptre_link.start import log_file
from dioptre_link.wire import PixelFormat

from ..editors.phone import write_phone_photo

ENOUGH_S = 300.0
COMMAND = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background processes ignore it
seen = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
atexit.register(lambda: os.write(seen, b"jax" if "jax" in sys.modules else b"nothing"))
from dioptre.__main__ import main
from dioptre.recipes import elsewhere
elsewhere.START_S = elsewhere.BEGIN_S = float(os.environ.pop("PATIENCE_S"))
main()
"""
SERVE = "from dioptre.worker.__main__ import serve; serve(warm=False, for_commands=True)"
FAKE = """
import os, sys, time, types
module = types.ModuleType("dioptre.worker.following")
def followed(folder, message, prefix, progress):
    progress(0.5, "Working")
    while {waits}:
        progress(0.5, "Working")
        time.sleep(0.01)
    os._exit(1)
module.followed = followed
sys.modules[module.__name__] = module
"""
LINE = ("lens-blur", "--focus", "70,50")  # needs no network
BLUR = Recipe(steps=(Step(operation="lens_blur"),))


@pytest.fixture(scope="module")
def home(checkout: Path) -> Iterator[Path]:
    """A home with the bundled weights, whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="d"))
    shutil.copytree(checkout / "weights", folder / "data" / "weights")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def private_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of this module's worker, instead of one for each test."""
    monkeypatch.setenv("DIOPTRE_HOME", str(home))
    return home


@contextmanager
def serving(home: Path, code: str = SERVE) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in `home`."""
    environment = {**os.environ, "DIOPTRE_HOME": str(home)}
    with subprocess.Popen([sys.executable, "-I", "-c", code], env=environment) as process:
        try:
            until((home / "data" / "worker" / "worker.json").exists)
            yield process
        finally:
            process.kill()
    (home / "data" / "worker" / "worker.json").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def worker(home: Path) -> Iterator[None]:
    """The user's worker."""
    with serving(home):
        yield


def until(holds) -> None:
    end = time.monotonic() + ENOUGH_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def jobs(how: str = " s") -> int:
    """Return how many recipes of command lines the worker has run."""
    lines = log_file().read_text(encoding="utf-8").splitlines() if log_file().exists() else ()
    return sum("steps on" in line and line.endswith(how) for line in lines)


@contextmanager
def begun(*arguments: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command that may use the worker, and waits for it however busy the machine is."""
    environment = {**os.environ, elsewhere.VARIABLE: "0", "PATIENCE_S": str(ENOUGH_S), **variables}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-c", COMMAND, f"{folder}/imported", *map(str, arguments)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str, bool]:
    """Return a command's exit code, output and errors, and whether it imported JAX."""
    out, err = process.communicate(timeout=ENOUGH_S)
    imported = Path(process.args[4]).read_text(encoding="ascii")
    return process.returncode, out, err, imported == "jax"


def there(*arguments: object, **variables: str) -> tuple[int, str, str, bool]:
    with begun(*arguments, **variables) as process:
        return ended(process)


def here(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def answer(out: str) -> dict:
    """Return what a command's last line says about its result."""
    line = json.loads(out.splitlines()[-1])
    return {name: value for name, value in line.items() if name != "files"}


def content(file: Path) -> object:
    """Return what two equal runs write to a file; pictures contain the time."""
    if file.suffix == ".json":
        recipe = json.loads(file.read_text(encoding="utf-8"))
        return {name: value for name, value in recipe.items() if name != "files"}
    if file.suffix in (".jpg", ".png"):
        return np.asarray(Image.open(file)).tobytes()
    return file.read_bytes()


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with a photo, its depth map, a selection, and a photo with the camera's own depth."""
    rng = np.random.default_rng(1)
    down, across = np.mgrid[0:96, 0:144].astype(np.float32)
    colours = np.stack([across / 144, down / 96, 0.5 + 0.3 * np.sin(across / 5) * np.cos(down / 7)], axis=-1)
    colours += rng.normal(0, 0.02, colours.shape)
    Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8)).save(tmp_path / "photo.jpg", quality=95)
    near = np.hypot(across - 70, down - 50) < 30
    Image.fromarray(np.where(near, 50000, across * 100).astype(np.uint16)).save(tmp_path / "depth.png")
    Image.fromarray(((down > 40) * 255).astype(np.uint8)).save(tmp_path / "selection.png")
    write_phone_photo(tmp_path / "phone.jpg")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("lens-blur", "photo.jpg", "--depth", "depth.png", "--focus", "70,50", "-o", "out.ora"),
        ("haze", "photo.jpg", "--depth", "depth.png", "--selection", "selection.png", "-o", "out.png"),
        ("depth", "phone.jpg", "--no-refine", "--metric", "-o", "out.tif"),
        ("white-balance", "photo.jpg", "-o", "out.ora"),
        ("run", "photo.jpg", "-o", "."),
    ],
    ids=["blur", "selection", "camera's depth", "white balance", "portrait"],
)
def test_results_are_equal_to_the_bit(
    arguments: tuple[str, ...], worker: None, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    made = {}
    for way in ("here", "there"):
        (scene / way).mkdir()
        monkeypatch.chdir(scene / way)
        inputs = {name: f"../{name}" for name in arguments if (scene / name).is_file()}
        line = (*(inputs.get(name, name) for name in arguments), "--json")
        before = jobs()
        if way == "here":
            code, out, err = here(capsys, *line)
        else:
            code, out, err, with_jax = there(*line)
            assert jobs() == before + 1
            assert not with_jax
        assert (code, err) == (0, "")
        made[way] = answer(out), {path.name: content(path) for path in (scene / way).iterdir()}
    assert made["here"] == made["there"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("lens-blur", "photo.jpg", "--depth", "depth.png", "--focus", "900,9", "-o", "out.png"),
        ("depth", "photo.jpg", "--depth-source", "embedded", "-o", "out.png"),
        ("depth", "photo.jpg", "--depth-model", "moge-2-vits-normal", "-o", "out.png"),
    ],
    ids=["usage", "no depth", "no network"],
)
def test_errors_are_equal(
    arguments: tuple[str, ...], worker: None, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.chdir(scene)
    *told, with_jax = there(*arguments)
    assert not with_jax
    assert tuple(told) == here(capsys, *arguments)
    assert told[0] == (2 if "--focus" in arguments else 1)


def test_two_commands_at_once_are_both_right(
    worker: None, scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.chdir(scene)
    line = (*LINE, "--depth", "depth.png", "photo.jpg", "-o")
    assert here(capsys, *line, "here.tif")[0] == 0
    with begun(*line, "a.tif") as first, begun(*line, "b.tif") as second:
        assert ended(first)[0] == ended(second)[0] == 0
    expected = np.asarray(Image.open("here.tif"))
    assert all((np.asarray(Image.open(name)) == expected).all() for name in ("a.tif", "b.tif"))


@pytest.mark.parametrize(
    ("option", "variables"),
    [((), {elsewhere.VARIABLE: "1"}), (("--no-worker",), {}), ((), {"DIOPTRE_MAX_MEGAPIXELS": "99"})],
    ids=["variable", "option", "other settings"],
)
def test_it_can_be_left_out(option: tuple[str, ...], variables: dict[str, str], worker: None, scene: Path) -> None:
    before = jobs()
    line = (*LINE, "--depth", scene / "depth.png", scene / "photo.jpg", "-o", scene / "out.png", *option)
    code, _, err, with_jax = there(*line, **variables)
    assert (code, err, with_jax) == (0, "", True)
    assert jobs() == before


def test_only_a_worker_that_computes_the_same_is_used(worker: None, monkeypatch) -> None:
    found = elsewhere._found(lambda: None)
    assert found is not None
    with found:
        assert found.ready(runtime.setup(), ["lens_blur"])
        assert not found.ready("other", [])
    monkeypatch.setattr(elsewhere, "version", lambda _: "0.0.1")
    assert elsewhere._found(lambda: None) is None


def test_a_change_of_the_set_up_shows(monkeypatch) -> None:
    before = runtime.setup()
    assert runtime.setup() == before
    monkeypatch.setenv("DIOPTRE_PROGRAM", "dioptre")  # does not matter
    assert runtime.setup() == before
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert runtime.setup() != before
    assert not runtime.is_usual()


def test_an_editor_is_served_first(worker: None) -> None:
    layout = PixelFormat("f32", channels=3)
    before = jobs()
    with Worker("editor") as editor, Worker("command") as command:
        command.connect(may_start=False)
        assert command.ready(runtime.setup(), ["depth"])
        with command.new_buffer(64, 48, layout) as buffer, editor.new_buffer(64, 48, layout) as shown:
            step = {"operation": "depth", "options": {}}
            job = command.follow([step], {"picture": buffer}, {"all_layers": False})
            job.poll(ENOUGH_S)  # it has begun
            photo = editor.store("photo", "picture", shown)
            with pytest.raises(DioptreError) as error:
                job.wait()
            assert error.value.code == "busy"
            assert not command.ready(runtime.setup(), ["depth"])
            editor.forget(photo)
            until(lambda: command.ready(runtime.setup(), ["depth"]))
    until(lambda: jobs("cancelled") >= 1)
    assert jobs() == before


def test_limits_and_films_are_left_to_this_process(monkeypatch) -> None:
    monkeypatch.setenv(elsewhere.VARIABLE, "")
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    assert may_compute(BLUR)
    assert not may_compute(Recipe(steps=(Step(operation="film"),)))
    monkeypatch.setattr(runtime, "is_limited", lambda: True)
    assert not may_compute(BLUR)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_limit_of_the_shell_is_found(monkeypatch) -> None:
    import resource

    assert not runtime.is_limited()
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1 << 40 if kind == resource.RLIMIT_AS else -1, -1))
    assert runtime.is_limited()


@pytest.fixture
def own_home(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for another worker."""
    with tempfile.TemporaryDirectory(prefix="d", ignore_cleanup_errors=True) as name:
        shutil.copytree(checkout / "weights", Path(name) / "data" / "weights")
        monkeypatch.setenv("DIOPTRE_HOME", name)
        yield Path(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_ends_the_command_and_its_job(own_home: Path, scene: Path) -> None:
    line = (*LINE, "--depth", scene / "depth.png", scene / "photo.jpg", "-o", scene / "out.png", "--json")
    with serving(own_home, FAKE.format(waits=True) + SERVE), begun(*line) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["phase"] != "Working":
            pass
        process.send_signal(signal.SIGINT)
        code, out, _, with_jax = ended(process)
        assert (code, with_jax) == (130, False)
        assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
        until(lambda: jobs("cancelled") == 1)
    assert not (scene / "out.png").exists()


def test_a_worker_that_dies_is_replaced_by_this_process(own_home: Path, scene: Path) -> None:
    line = (*LINE, "--depth", scene / "depth.png", scene / "photo.jpg", "-o", scene / "out.png")
    with serving(own_home, FAKE.format(waits=False) + SERVE) as died:
        assert there(*line) == (0, f"{scene / 'out.png'}\n", "", True)
        assert died.wait(ENOUGH_S) == 1
    assert (scene / "out.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot suspend a process")
def test_a_worker_that_hangs_is_not_waited_for(own_home: Path, scene: Path) -> None:
    line = (*LINE, "--depth", scene / "depth.png", scene / "photo.jpg", "-o", scene / "out.png")
    with serving(own_home) as hung:
        hung.send_signal(signal.SIGSTOP)
        assert there(*line, PATIENCE_S=str(elsewhere.BEGIN_S)) == (0, f"{scene / 'out.png'}\n", "", True)


def test_where_no_worker_can_start_this_process_computes(own_home: Path, scene: Path) -> None:
    (own_home / "data" / "worker").write_text("no folder")
    line = (*LINE, "--depth", scene / "depth.png", scene / "photo.jpg", "-o", scene / "out.png")
    assert there(*line) == (0, f"{scene / 'out.png'}\n", "", True)


def test_the_first_command_starts_a_worker_that_waits_for_an_editor_to_warm_up(
    own_home: Path, scene: Path, monkeypatch
) -> None:
    for name in [name for name in os.environ if name.startswith("DIOPTRE_") and name != "DIOPTRE_HOME"]:
        monkeypatch.delenv(name)
    compiled = own_home / "cache" / "compiled"
    compiled.parent.mkdir()
    compiled.mkdir(mode=0o700)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(compiled))
    line = (*LINE, "--depth", scene / "depth.png", scene / "photo.jpg", "-o", scene / "out.png")
    try:
        assert there(*line) == (0, f"{scene / 'out.png'}\n", "", False)
        assert jobs() == 1
        assert "Warming up" not in log_file().read_text(encoding="utf-8")
    finally:
        with Worker("test") as found:
            found.connect(may_start=False)
            found.shut_down()
        until(lambda: not start.is_running())
