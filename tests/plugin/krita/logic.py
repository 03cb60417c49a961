"""The plug-in's modules with a fake Krita, and helpers for testing their logic."""

from __future__ import annotations

import array
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import fake_krita
from .fake_krita import Document, Krita, Node

SRGB = "sRGB-elle-V2-srgbtrc.icc"
WIDTH, HEIGHT = 6, 4
PACKAGE = "dioptre_in_krita"


@pytest.fixture(scope="module")
def plugin(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.SimpleNamespace]:
    """The plug-in's modules, as installed, without its registration in Krita."""
    folder = tmp_path_factory.mktemp("pykrita") / PACKAGE
    from ...editors.host import install_plugin

    install_plugin(checkout / "plugin/krita/dioptre", folder)
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    names = (
        "document",
        "sources",
        "transfer",
        "layers",
        "undo_sync",
        "jobs",
        "updating",
        "enlarge",
        "depth_editing",
    )
    names += ("scripting", "painting", "downloads", "previews", "session")
    with fake_krita.installed():
        loaded = {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}
        for name in ("catalogue", "operation", "errors", "editing.events"):
            loaded[name.split(".")[-1]] = importlib.import_module(f"{PACKAGE}.dioptre_link.{name}")
        yield types.SimpleNamespace(**loaded)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def document() -> Iterator[Document]:
    made = Krita.instance().createDocument(WIDTH, HEIGHT, "", "RGBA", "U8", SRGB, 72.0)
    yield made
    Krita.instance()._documents.clear()


def photo(document: Document, *, alpha: int = 255, rect: tuple[int, int, int, int] = (0, 0, WIDTH, HEIGHT)) -> Node:
    node = document.createNode("Photo", "paintlayer")
    node.setPixelData(bytes((10, 20, 30, alpha)) * (rect[2] * rect[3]), *rect)
    document.rootNode().addChildNode(node, None)
    return node


def refused(plugin: types.SimpleNamespace, name: str, *given: Any, **options: Any) -> str:
    with pytest.raises(plugin.errors.DioptreError) as caught:
        plugin.sources.find(plugin.catalogue.operation(name), *given, **options)
    return str(caught.value.message)


def outcome(plugin: types.SimpleNamespace, *, roles: tuple[str, ...] = ("result", "depth"), scale: int = 1) -> Any:
    role = plugin.operation.Role
    width, height = WIDTH * scale, HEIGHT * scale
    grey = plugin.transfer.with_alpha(array.array("f", [0.25] * (width * height)).tobytes())
    raster = plugin.document.Raster
    data = {
        "result": raster.of(bytes((1, 2, 3, 255)) * (width * height), 4 * width),
        "depth": raster.of(grey, 8 * width),
    }
    return plugin.transfer.Outcome(
        layers=tuple(
            plugin.transfer.Made(
                name=one.title(),
                role=role(one),
                visible=one == "result",
                width=width,
                height=height,
                raster=data[one],
            )
            for one in roles
        ),
        values={"focal_disparity": 0.5},
    )


def made(
    plugin: types.SimpleNamespace,
    name: str,
    document: Document,
    node: Node,
    *,
    said: list[str] | None = None,
    **of: Any,
) -> Node:
    """Return the layer that a run creates from a fake outcome, and add the run's messages to `said`."""
    described = plugin.catalogue.operation(name)
    source = read(plugin, described, document, node)
    undo_sync = plugin.undo_sync.UndoSync(None)
    steps = plugin.jobs.make_layers(described, described.check({}), source, outcome(plugin, **of), undo_sync)
    top: Node
    top, messages = plugin.jobs.finish(steps)
    if said is not None:
        said.extend(messages)
    return top


def read(plugin: types.SimpleNamespace, described: Any, *given: Any) -> Any:
    """Return the inputs that a run has read."""
    return plugin.jobs.finish(plugin.sources.find(described, *given).read())


def names(node: Node) -> list[str]:
    return [child.name() for child in node.childNodes()]


def tasks(plugin: types.SimpleNamespace, document: Document, node: Node) -> Any:
    """Return the results that updating `node` would recompute, with their inputs read."""
    return plugin.jobs.finish(plugin.updating.read(plugin.updating.plan(document, node)))
