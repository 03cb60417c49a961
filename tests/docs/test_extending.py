"""Following docs/dev/extending.md adds a toy option, operation, network and editor to a copy of the core."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

OPTION = """\
    toy_gain: float = option(1.0, 0.0, 2.0, label="Toy gain", help="Multiplies the depth.")
"""
OPERATION = '''\
"""Turn the colours round."""

from dataclasses import dataclass

from ..operation import Input, Memory, Operation, Options, Role, fraction


@dataclass(frozen=True, kw_only=True)
class ToyOptions(Options):
    toy_turn: float = fraction(1.0, label="Turn", help="How far the colours are turned.")


OPERATION = Operation(
    name="toy",
    feature="toy",
    title="Toy",
    help="Turns the colours round.",
    options=ToyOptions,
    inputs=(Input.PICTURE,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=10, bytes_per_pixel=24),
)
'''
PIPELINE = '''\
"""Turn the colours round."""

import numpy as np
from dioptre.contract import Layer, Result
from dioptre.models.loading import load_model
from dioptre_link.operation import Role


def run(inputs, options, progress):
    progress(0.5, "Turning the colours round")
    network = load_model("toy")
    picture = inputs.picture + options.toy_turn * (np.asarray(network(inputs.picture)) - inputs.picture)
    return Result(layers=(Layer(name="Toy", role=Role.RESULT, pixels=picture),), models=network.checksums)
'''
FACE = """\
from dioptre_link.catalogue.toy import ToyOptions

from . import turning

OPERATIONS = {ToyOptions: turning.run}
"""
MODULE = """\
import jax.numpy as jnp
from flax import nnx


class Toy(nnx.Module):
    def __init__(self, config, *, rngs):
        self.white = nnx.Param(jnp.zeros(config.channels))

    def __call__(self, x):
        return self.white[...] - x
"""
ENTRIES = """\
from dataclasses import dataclass

from dioptre.models.entry import Entry, ModelKind


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    channels: int = 3


ENTRIES = (
    Entry(
        id="toy",
        title="Toy",
        kind=ModelKind.WHITE_BALANCE,
        module=f"{__name__}.module:Toy",
        config=ToyConfig,
        checkpoints={"toy": ""},
    ),
)
"""
RUN = """\
import json, os, runpy, sys
from pathlib import Path
import numpy as np
from dioptre.checkpoints.card import Card
from dioptre.checkpoints.storage import save
from dioptre.cli.main import group
from dioptre.contract import Inputs
from dioptre.recipes.apply import apply
from dioptre_link.catalogue import operation
from dioptre_link.recipe import VERSION, Recipe

card = Card(id="toy", title="Toy", architecture="toy", licence="Apache-2.0")
save(Path(os.environ["DIOPTRE_HOME"]) / "data" / "weights", card, {"white": np.ones(3, np.float32)})
picture, disparity = np.full((8, 9, 3), 0.25, np.float32), np.full((8, 9), 0.4, np.float32)
options = {"mode": "shift", "amount": 0.0, "toy_gain": 1.5}
repaired = apply("repair_depth", options, Inputs(picture=picture, disparity=disparity))
turned = apply("toy", {}, Inputs(picture=picture))
pages, schema = runpy.run_path(sys.argv[1]), runpy.run_path(sys.argv[2])["schema"]
flags = {option for parameter in group.commands["repair-depth"].params for option in parameter.opts}
print(json.dumps({
    "option": float(repaired.layers[0].pixels.mean()),
    "flag": "--toy-gain" in flags,
    "command": [parameter.name for parameter in group.commands["toy"].params if parameter.name == "toy_turn"],
    "reference": "## dioptre toy\\n" in pages["commands_page"]() and "--toy-turn" in pages["commands_page"](),
    "schema": [word for word in ("toy_gain", '"toy"', "toy_turn") if word in json.dumps(schema())],
    "operation": float(turned.layers[0].pixels.mean()),
    "network": sorted(turned.models),
    "recipe": Recipe.from_dict({"version": VERSION, "steps": [{"operation": "toy"}]}).steps[0].operation,
}))
"""
GIMP = """\
import json, sys, types
from unittest.mock import MagicMock

gi, repository = types.ModuleType("gi"), MagicMock()
gi.require_version, gi.repository, repository.Gimp.PlugIn = lambda *_: None, repository, object
sys.modules |= {"gi": gi, "gi.repository": repository}
sys.path.append(sys.argv[1])
from dioptre_gimp.plugin import Dioptre

plugin = Dioptre()
procedure = plugin.do_create_procedure("dioptre-toy")
print(json.dumps({
    "menu": "dioptre-toy" in plugin.do_query_procedures(),
    "label": procedure.set_menu_label.call_args.args[0].replace("_", ""),
    "form": "toy-turn" in str(procedure.add_double_argument.mock_calls),
}))
"""
KRITA = """\
import importlib, json, sys, types
from unittest.mock import MagicMock

for name, path in zip(("fakes", "dioptre_in_krita"), sys.argv[1:]):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from fakes import fake_krita

sys.modules["dioptre_in_krita.docker"] = MagicMock()  # the docker, whose widgets need Qt
with fake_krita.installed():
    plugin = importlib.import_module("dioptre_in_krita.plugin")
    added = []
    plugin._add = lambda window, name, title, *_, **__: added.append((name, title))
    plugin.QMenu = MagicMock()
    plugin.DioptreExtension(None).createActions(MagicMock())
print(json.dumps(dict(added).get("toy")))
"""
EDITOR = """\
import json, os, struct, sys
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.client import Worker
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat

start = "import sys; sys.path.insert(0, sys.argv.pop()); from dioptre.worker.__main__ import serve; "
start += "serve(warm=False)"
core, python = sys.path[0], sys.argv[1]
worker = Worker("Toy editor 1.0", command=[python, "-c", start, core])
with worker.new_buffer(4, 2, PixelFormat("f32", channels=3)) as picture:
    picture.write_rows(0, struct.pack("<24f", *[0.25] * 24))
    result = worker.submit("toy", {}, {"picture": picture}, colour_format=PixelFormat("f32", channels=3)).wait()
    values = struct.unpack("<24f", result.layers[0].buffer.read_rows(0, 2))
    result.delete()
    try:
        worker.submit("toy", {"size": 3}, {"picture": picture}).wait()
    except DioptreError as error:
        code = error.code
worker.shut_down()
foreign = sorted(name for name in sys.modules if name.split(".")[0] in ("numpy", "jax", "dioptre"))
print(json.dumps({"menu": "toy" in OPERATIONS, "values": sorted(set(values)), "code": code, "foreign": foreign}))
"""


def insert(path: Path, mark: str, text: str, *, instead: bool = False) -> None:
    """Insert `text` before the first occurrence of `mark`, or replace that occurrence if `instead` is true."""
    before = path.read_text(encoding="utf-8")
    assert mark in before, f"{path.name} has no {mark}"
    path.write_text(before.replace(mark, text if instead else text + mark, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A copy of the core with the four additions."""
    core = tmp_path_factory.mktemp("extended") / "core"
    shutil.copytree(checkout / "core", core, ignore=shutil.ignore_patterns("__pycache__"))
    catalogue, features, models = (
        core / name for name in ("dioptre_link/catalogue", "dioptre/features", "dioptre/models")
    )
    insert(catalogue / "repair_depth.py", "    feather: ", OPTION)
    insert(
        features / "depth/repair.py",
        "np.clip(joined, 0, 1)",
        "np.clip(joined * np.float32(options.toy_gain), 0, 1)",
        instead=True,
    )
    (catalogue / "toy.py").write_text(OPERATION, encoding="utf-8")
    insert(catalogue / "__init__.py", "    white_balance,\n)", "    toy,\n    white_balance,\n)", instead=True)
    insert(catalogue / "__init__.py", "film,\n    )", "film,\n        toy,\n    )", instead=True)
    (features / "toy").mkdir()
    (features / "toy" / "turning.py").write_text(PIPELINE, encoding="utf-8")
    (features / "toy" / "__init__.py").write_text(FACE, encoding="utf-8")
    (models / "toy").mkdir()
    for name, text in (("__init__.py", ENTRIES), ("module.py", MODULE)):
        (models / "toy" / name).write_text(text, encoding="utf-8")
    insert(models / "registry.py", ", subject,", ", toy")
    insert(models / "registry.py", "subject, is_net", "toy, ")
    return core


def ran(core: Path, script: str, *arguments: str, home: Path) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(core), "DIOPTRE_HOME": str(home)}
    command = [sys.executable, "-P", "-c", textwrap.dedent(script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def home(extended: Path) -> Path:
    """A home with a short path, because the sockets in it have a limited path length."""
    return extended.parent / "h"


@pytest.fixture(scope="module")
def core_says(extended: Path, home: Path, checkout: Path) -> dict[str, Any]:
    scripts = [str(checkout / "docs" / name) for name in ("_reference.py", "_recipe_schema.py")]
    return ran(extended, RUN, *scripts, home=home)


def test_an_option(core_says: dict[str, Any]) -> None:
    assert core_says["option"] == pytest.approx(0.6)
    assert core_says["flag"]


def test_an_operation(core_says: dict[str, Any]) -> None:
    assert core_says["operation"] == pytest.approx(0.75)
    assert core_says["command"] == ["toy_turn"]
    assert core_says["reference"]
    assert core_says["recipe"] == "toy"
    assert core_says["schema"] == ["toy_gain", '"toy"', "toy_turn"]


def test_an_operation_in_gimp(extended: Path, home: Path, checkout: Path) -> None:
    answer = ran(extended, GIMP, str(checkout / "plugin/gimp/dioptre"), home=home)
    assert answer == {"menu": True, "label": "Toy…", "form": True}


def test_an_operation_in_krita(extended: Path, home: Path, checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout / "plugin/krita/dioptre", tmp_path / "dioptre")
    shutil.copytree(extended / "dioptre_link", tmp_path / "dioptre" / "dioptre_link")
    fakes = checkout / "tests/plugin/krita"
    assert ran(extended, KRITA, str(fakes), str(tmp_path / "dioptre"), home=home) == "Toy…"


def test_a_network(core_says: dict[str, Any]) -> None:
    assert core_says["network"] == ["toy"]


def test_an_editor(extended: Path, core_says: dict[str, Any], home: Path) -> None:
    """The toy editor needs only the standard library and a real worker."""
    answer = ran(extended, EDITOR, sys.executable, home=home)
    assert answer == {"menu": True, "values": [0.75], "code": "usage", "foreign": []}
