"""Kills writers at random moments and checks what they leave: python -m tests.faults.kills FOLDER SEED TRIALS ONLY.

Each trial forks a process, which libvips allows only as long as this one has not used it. Prints a JSON object with
the number of trials by kind and outcome.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np

from dioptre import photo
from dioptre.contract import Film, Layer, Result
from dioptre.photo.encode.films import save_film
from dioptre.photo.outputs import Outputs
from dioptre.photo.publish import Staging
from dioptre.photo.results import files_entry
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, Step

RECIPE = Recipe(steps=(Step(operation="portrait"),))
HEIGHT, WIDTH = 48, 64


def pixels(value: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), value, np.float32)


def run(value: float, out: Path, *, force: bool) -> None:
    """Write all files of a run: layers, depth, sheet, OpenEXR, recipe."""
    depth = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    layers = (
        Layer(name="Result", role=Role.RESULT, pixels=pixels(value)),
        Layer(name="Depth", role=Role.DEPTH, pixels=depth * value, visible=False),
    )
    source = photo.load(out.parent / "photo.tif")
    outputs = Outputs(recipe=RECIPE, source=source.path, folder=out, stem="photo")
    photo.write_result(Result(layers=layers), source, outputs, force=force)


def film_of(value: float) -> Film:
    return Film(
        count=8,
        fps=25,
        shape=(HEIGHT, WIDTH),
        frame=lambda number: np.full((HEIGHT, WIDTH, 3), round(value * 200) + number, np.uint8),
        mask=lambda number: np.full((HEIGHT, WIDTH), (number % 2 == 0) == (value > 0.5)),
        masks=True,
    )


def frames(value: float, out: Path, *, force: bool) -> None:
    save_film(film_of(value), out, force=force)


def animation(value: float, out: Path, *, force: bool) -> None:
    save_film(film_of(value), out / "film.webp", force=force)


def stereo(value: float, out: Path, *, force: bool) -> None:
    photo.save(pixels(value), out / "stereo.mpo", further=[pixels(value / 2)], force=force)


def single(value: float, out: Path, *, force: bool) -> None:
    photo.save(pixels(value), out / "single.png", force=force)


def batch(value: float, out: Path, *, force: bool) -> None:
    """Write what a worker of a batch has returned."""
    files = {f"photo-{name}.bin": str(value).encode() * 100 for name in "abc"}
    listed = {name: (len(content), sha256(content).hexdigest()) for name, content in files.items()}
    recipe = json.dumps({**RECIPE.to_dict(), "files": files_entry(listed)})
    with photo.staged(out, force=force) as staging:
        for name, content in {**files, "photo.json": recipe.encode()}.items():
            staging.open(name).write(content)


KINDS: tuple[Callable[..., None], ...] = (run, frames, animation, stereo, single, batch)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def forked(
    work: Callable[[], object], *, kill_after_s: float | None = None, late: bool = False
) -> tuple[int, float]:
    """Do the work in a process of its own; return its status, and for how long it worked.

    Args:
        work: what it does.
        kill_after_s: when to kill it; None to wait for its end.
        late: count the time from when it begins to publish a set, instead of from its start.
    """
    ready, said = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            single(0.0, Path(os.environ["DIOPTRE_HOME"]) / f"warm-{os.getpid()}", force=False)  # loads libvips
            if late:
                publish = Staging.publish
                Staging.publish = lambda self: (os.write(said, b"1"), publish(self))[1]  # type: ignore[method-assign]
            else:
                os.write(said, b"1")
            work()
            code = 0
        finally:
            os._exit(code)
    os.close(said)
    os.read(ready, 1)
    os.close(ready)
    started = time.perf_counter()
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), time.perf_counter() - started


def trial(number: int, rng: random.Random, folder: Path) -> tuple[str, str]:
    """Kill one writer, let the next one clean up, and return the kind and the outcome."""
    kind, replaces, late = KINDS[number % len(KINDS)], rng.random() < 0.6, rng.random() < 0.5
    out = folder / kind.__name__
    shutil.rmtree(out, ignore_errors=True)
    old: dict[str, bytes] = {}
    if replaces:
        assert forked(lambda: kind(0.25, out, force=False))[0] == 0
        old = contents(out)
    shutil.copytree(out, folder / "reference") if replaces else None
    code, took_s = forked(lambda: kind(0.75, folder / "reference", force=replaces), late=late)
    assert code == 0
    new = contents(folder / "reference")
    shutil.rmtree(folder / "reference")
    code, _ = forked(lambda: kind(0.75, out, force=replaces), kill_after_s=rng.random() * took_s, late=late)
    assert code in (0, -signal.SIGKILL)
    left = sum(name.startswith(".dioptre-") for name in contents(out))
    with photo.staged(out, force=False) as staging:
        staging.open("next")
    there = contents(out)
    assert there.pop("next") == b""
    is_new = there.keys() == new.keys() and all(
        there[name] != old.get(name) or new[name] == old.get(name) for name in new
    )
    assert there == old or is_new, f"{kind.__name__}, replacing {replaces}: {sorted(there)} after {code}"
    if not is_new:
        assert forked(lambda: kind(0.75, out, force=replaces))[0] == 0, "the next run does not succeed"
    assert not list(out.glob(".dioptre-*"))
    outcome = "whole new set" if is_new else "old set" if old else "nothing"
    where = f"{kind.__name__}{', replacing' if replaces else ''}{', publishing' if late else ''}"
    return where, f"{outcome}{', cleaned up' if left else ''}"


def main() -> None:
    folder, seed, numbers = Path(sys.argv[1]), sys.argv[2], range(int(sys.argv[3]), int(sys.argv[4]))
    assert forked(lambda: photo.save(pixels(0.5), folder / "photo.tif"))[0] == 0
    counts: Counter[tuple[str, str]] = Counter()
    for number in numbers:
        try:
            counts[trial(number, random.Random(f"{seed} kills {number}"), folder)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, trial {number}: {error}") from error
    sys.stdout.write(json.dumps([[*what, times] for what, times in counts.items()]))


if __name__ == "__main__":
    main()
