"""Small fake networks, so that the command line is tested quickly and in isolation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Film, Inputs, Layer, Progress, Result
from dioptre.recipes.apply import runner_of
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import Role


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a private home with log and data folders and the bundled weights."""
    home = tmp_path / "home"
    weights = home / "data" / "weights"
    weights.mkdir(parents=True)
    for card in (checkout / "weights").glob("*/card.json"):
        (weights / card.parent.name).symlink_to(card.parent)
    monkeypatch.setenv("DIOPTRE_HOME", str(home))
    return home


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, Any], Inputs]]:
    """Replace every pipeline with a quick fake that creates the same kinds of layers; return the list of calls."""
    calls: list[tuple[str, Mapping[str, Any], Inputs]] = []

    def depth(inputs: Inputs) -> Layer:
        height, width = inputs.picture.shape[:2]
        ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None].repeat(width, axis=1)
        return Layer(name="Depth", role=Role.DEPTH, pixels=ramp, visible=False)

    def layers(name: str, inputs: Inputs, options: Mapping[str, Any]) -> tuple[Layer, ...]:
        picture = inputs.picture[..., :3]
        result = Layer(name=name, role=Role.RESULT, pixels=picture * np.float32(0.5))
        if name in ("depth", "repair_depth"):
            return (depth(inputs),)
        if name.startswith("select_"):
            mask = Layer(name="Selection", role=Role.SELECTION, pixels=np.ones(picture.shape[:2], np.float32))
            alone = np.concatenate([picture, mask.pixels[..., None]], axis=-1)
            cut = Layer(name="Cut-out", role=Role.SUBJECT, pixels=alone)
            return (cut, mask) if options["result"] == "layer" else (mask,)
        if name == "super_resolution":
            scale = int(options["scale"])
            return (Layer(name=name, role=Role.RESULT, pixels=picture.repeat(scale, 0).repeat(scale, 1)),)
        return (result, depth(inputs)) if name == "portrait" else (result,)

    film = Film(
        count=2,
        fps=10,
        shape=(32, 48),
        frame=lambda number: np.full((32, 48, 3), number, np.uint8),
        mask=lambda number: np.zeros((32, 48), bool),
    )

    def pipeline(name: str) -> Callable[[Inputs, Any, Progress], Result]:
        def run(inputs: Inputs, options: Any, progress: Progress) -> Result:
            calls.append((name, vars(options), inputs))
            progress(0.5, f"Pretending {name}")
            return Result(
                layers=layers(name, inputs, vars(options)),
                values={"steps": len(calls)},
                messages=(f"{name} was pretended.",),
                models={"pretended": "0" * 64},
                film=film if name == "film" else None,
            )

        return run

    for name, operation in OPERATIONS.items():
        face = import_module(f"dioptre.features.{operation.feature}")
        monkeypatch.setitem(face.OPERATIONS, runner_of(name)[0], pipeline(name))
    return calls


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small JPEG."""
    path = tmp_path / "photo.jpg"
    ramp = np.linspace(0, 255, 48 * 32 * 3).reshape(32, 48, 3).astype(np.uint8)
    Image.fromarray(ramp).save(path, quality=95)
    return path


@pytest.fixture
def dioptre(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line in this process and returns exit code, stdout and stderr."""
    from dioptre.cli.main import run

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return call
