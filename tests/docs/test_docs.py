"""The documentation is correct: its links work, its commands and samples run, and all error codes are explained."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from dioptre.batch import here
from dioptre.cli.main import group, run
from dioptre.contract import Inputs
from dioptre_link.presets import presets
from dioptre_link.recipe import Recipe
from tests.cli.conftest import pipelines as pipelines
from tests.cli.conftest import private_home as private_home
from tests.cli.test_batch import InThisProcess
from tests.tracked import tracked
from translations.collect import collect

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *tracked("docs/**/*.md")]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOREIGN = (
    "blender ",
    "flatpak",
    ".ci/",
    "tests/editors/run",
    "sh install.sh",
    "git ",
    "pip ",
    "pre-commit",
    "dask ",
    "sudo ",
    "apt ",
    "mkdocs ",
    "DIOPTRE_",
    ".venv",
    "python3 -m",
    "cp ",
    "flatpak override ",
    "export ",
    "for ",
    "done",
)
OURS = (
    "install.py",
    "--uninstall",
    "--repair",
    "--exr",
    "--gpu",
    "--mp4",
    "release",
    "test",
    "python",
    "bundle",
    "commands",
    "--gimp-dir",
    "--krita-dir",
)
README = "README.md"  # The commands on this page build on each other.
MOST_WORDS = 1300
Calls = list[tuple[str, Mapping[str, Any], Inputs]]


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match[1] in languages:
            yield match[2]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks(page, "sh", "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                command = line.split(" #")[0].strip()
                if command and not command.startswith("#"):
                    found.append((page.name, command))
    return found


def arguments(command: str) -> list[str] | None:
    """Return the arguments after `dioptre`, or None for commands of other programs or of the installer itself."""
    words = shlex.split(command)
    if words[0] == "dioptre":
        return words[1:]
    if words[:2] == ["python3", "install.py"]:
        return None if len(words) == 2 or words[2] in OURS or "COMMAND" in words else words[2:]
    assert command.startswith(FOREIGN), f"what is {command!r}?"
    return None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documentation mentions."""
    place = tmp_path / "place"
    (place / "photos").mkdir(parents=True)
    (place / "examples").mkdir()
    y, x = np.mgrid[0:48, 0:64]
    photo = Image.fromarray(np.stack([x * 4, y * 5, (x + y) * 2], -1).astype(np.uint8))
    for name in ("photo.jpg", "other.jpg", "portrait.jpg", "photos/a.jpg", "photos/b.jpg", "examples/coffee.jpg"):
        photo.save(place / name)
    for name in ("depth.png", "selected.png"):
        photo.convert("L").save(place / name)
    for name in ("title.png", "sign.png", "word.png"):
        photo.convert("RGBA").save(place / name)
    recipe = Recipe.from_dict({"version": 1, "steps": [{"operation": "portrait"}]})
    for name in ("portrait.json", "photo-portrait.json"):
        (place / name).write_text(recipe.to_json(), encoding="utf-8")
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize(("page", "command"), [each for each in commands() if each[0] != README])
def test_commands_do_what_they_say(
    *,
    page: str,
    command: str,
    folder: Path,
    pipelines: Calls,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Run the command with fake networks and expect exit code 0."""
    words = arguments(command)
    if words is None or words[0] in ("doctor", "worker"):
        return
    if "--scheduler" in words:  # Run without a scheduler; tests/batch covers schedulers.
        at = words.index("--scheduler")
        del words[at : at + 2]
    if words[0] == "inspect" and words[1].startswith("out/"):
        assert run(["run", "photo.jpg", "-o", "out"]) == 0
    if words[-1] == "depth.png":  # The command creates this file.
        (folder / "depth.png").unlink()
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    words = [word.replace("420,310", "20,10") for word in words]
    code = run(words)
    said = capfd.readouterr()
    assert code == 0, f"{page}: {command}: {said.err}"


def test_the_readmes_commands_work_in_the_order_given(
    tmp_path: Path,
    checkout: Path,
    pipelines: Calls,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Run the commands with fake networks, in a folder with the checkout's files."""
    shutil.copytree(checkout / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    ours = [words for page, command in commands() if page == README and (words := arguments(command))]
    effects = {"lens-blur", "light", "haze", "white-balance", "super-resolution"}
    assert {"run", "depth", "batch", "inspect", *effects} == {words[0] for words in ours}
    for words in ours:
        code = run(words)
        assert code == 0, f"{words}: {capfd.readouterr().err}"


def test_commands_were_found() -> None:
    ours = [words for _, command in commands() if (words := arguments(command))]
    assert {"run", "batch", "depth", "lens-blur", "white-balance", "super-resolution", "inspect", "presets"} <= {
        words[0] for words in ours
    }
    assert len(ours) >= 25


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_samples_run(page: str, folder: Path, checkout: Path) -> None:
    """Run each sample with the real networks in a fresh folder."""
    samples = list(blocks(checkout / page, "python"))
    assert samples
    for number, sample in enumerate(samples):
        place = folder / str(number)
        place.mkdir()
        shutil.copy(folder / "photo.jpg", place)
        shutil.copytree(folder / "examples", place / "examples")
        script = f"import os; os.chdir({str(place)!r})\n{sample}"
        # Only our own documentation is executed here.
        exec(compile(script, f"{page}:{number}", "exec"), {"__name__": "sample"})


def test_the_reference_pages_are_current(checkout: Path, load_script: Callable[[str], ModuleType]) -> None:
    reference = load_script("docs/_reference.py")
    for name, page in reference.PAGES.items():
        current = (checkout / "docs" / name).read_text(encoding="utf-8")
        assert page() == current, f"{name}: run python docs/_reference.py"


def test_no_page_is_long(checkout: Path, load_script: Callable[[str], ModuleType]) -> None:
    """Prose and tables are short; samples, targets of links and generated pages do not count."""
    generated = {checkout / "docs" / name for name in load_script("docs/_reference.py").PAGES}
    long = {}
    for page in set(PAGES) - generated:
        text = re.sub(r"(?<=\])\([^)]*\)", "", BLOCK.sub("", page.read_text(encoding="utf-8")))
        words = sum(bool(re.search(r"\w", word)) for word in re.split(r"[\s|]+", text))
        if words > MOST_WORDS:
            long[page.name] = words
    assert not long


def test_recipes_shown_are_recipes(checkout: Path) -> None:
    for block in blocks(checkout / "docs" / "recipes.md", "json"):
        Recipe.from_dict(json.loads(block))


def test_every_preset_and_command_has_its_place(checkout: Path) -> None:
    recipes = (checkout / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert [name for name in presets() if f"`{name}`" not in recipes] == []
    everything = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    hidden = {"worker", "models", "repair-depth"}
    assert [name for name in group.commands if f"{name} " not in everything and name not in hidden] == []


def test_every_network_has_its_row(checkout: Path) -> None:
    page = (checkout / "docs" / "networks.md").read_text(encoding="utf-8")
    cards = [card.parent.name for card in tracked("weights/*/card.json")]
    assert [name for name in cards if f"`{name}`" not in page] == []


def test_every_code_is_explained(checkout: Path) -> None:
    page = (checkout / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    explained = {code.strip() for line in re.findall(r"^### (.+)$", page, re.MULTILINE) for code in line.split(",")}
    codes = {message.code for message in collect() if message.code}
    from dioptre.cli.findings import CHECKS

    codes |= {f"{check.__name__}-failed" for check in CHECKS}
    codes |= {f"{name}-{what}" for name in ("data", "cache", "log") for what in ("folder-read-only", "disk-full")}
    codes |= {
        f"{editor}-plugin-{what}"
        for editor in ("gimp", "krita")
        for what in ("incomplete", "environment", "version")
    }
    codes |= {"gimp-store", "krita-store"}
    assert sorted(codes - explained) == []


def test_the_site_works_from_the_disk(tmp_path: Path, checkout: Path) -> None:
    if importlib.util.find_spec("material") is None:
        pytest.skip("MkDocs Material (the extra 'docs') is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]*src="(?:https?:)?//', text), page.name
        assert not re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="(?:https?:)?//', text), page.name


def test_every_promise_of_security_names_its_test() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promised = text[text.index("## Folders and results") : text.index("## What is not covered")]
    for promise in re.split(r"\n- ", promised)[1:]:
        named = re.findall(r"`(tests/[^`]+)`", promise)
        assert named, promise
        assert all((ROOT / name).is_file() for name in named), named
        for name, tests in re.findall(r"`(tests/[^`]+)`:((?:\s+`test_\w+`,?)+)", promise):
            text = (ROOT / name).read_text(encoding="utf-8")
            for test in re.findall(r"test_\w+", tests):
                assert f"def {test}(" in text, f"{name}::{test}"
        assert " Tests: " in " ".join(promise.split()), promise
