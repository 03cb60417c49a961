"""The architecture page lists the layers that import-linter enforces, and every folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomllib

from tests.tracked import tracked

PAGE = Path("docs/dev/architecture.md")


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / PAGE).read_text(encoding="utf-8")


def test_the_drawn_layers_are_the_checked_ones(page: str, checkout: Path) -> None:
    contracts = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (each["layers"] for each in contracts["contracts"] if each["name"] == "Layers point downwards")
    (drawn,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert drawn.splitlines() == layers


def test_every_folder_is_named_and_every_name_is_there(page: str, checkout: Path) -> None:
    rows = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| `")]
    named = {
        name.rstrip("/"): start.strip().strip("`")
        for row, _, start in rows
        for name in re.findall(r"`([^`]+)`", row)
    }
    for name, start in named.items():
        assert (checkout / name).exists(), name
        if re.fullmatch(r"[\w.]+", start) and start != "card.json":
            assert (checkout / name / start).exists(), f"{name}/{start}"
    files = [path.relative_to(checkout) for path in tracked()]
    tops = {path.parts[0] for path in files if len(path.parts) > 1 and not path.parts[0].startswith(".")}
    packages = {
        path.parent.as_posix()
        for path in files
        if path.parts[:2] in (("core", "dioptre"), ("core", "dioptre_link")) and path.parts[3:] == ("__init__.py",)
    }
    assert (tops - {"core", "plugin"}) | packages <= named.keys()


def test_every_module_it_names_exists(page: str, checkout: Path) -> None:
    core = checkout / "core"
    for name in re.findall(r"`((?:\w+\.)+\w+)`", page):
        path = name.replace(".", "/")
        if name.endswith((".py", ".md", ".svg")) or name == "card.json":
            continue
        roots = (core, core / "dioptre")
        assert any((root / path).with_suffix(".py").exists() or (root / path).is_dir() for root in roots), name


def test_every_question_leads_to_a_file_that_has_the_answer(page: str, checkout: Path) -> None:
    table = page.partition("## Where to look for it")[2].partition("\n## ")[0]
    rows = re.findall(r"\| `(\S+)` \| `(\w+)` \|", table)
    assert len(rows) >= 10
    for file, name in rows:
        assert re.search(rf"\b{name}\b", (checkout / file).read_text(encoding="utf-8")), f"{file}: {name}"
